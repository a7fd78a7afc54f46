"""How fast a link may send: a token bucket, and a growing pause when the peer asks to slow down."""

from __future__ import annotations

import math

_ROUNDING_S = 1e-9


class Throttle:
    """Not more than `rate_per_s` on average and `burst` at once; `None` sets no rate.

    A pause starts at `pause_s`, doubles while the peer keeps refusing, and never exceeds `max_pause_s`.
    """

    def __init__(self, rate_per_s: float | None, burst: int, pause_s: float, max_pause_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._filled_at: float | None = None
        self._first_pause_s = pause_s
        self._max_pause_s = max_pause_s
        self._pause_s = pause_s
        self._paused_until: float | None = None

    def take(self, now: float) -> bool:
        """Take the right to send one message now, if there is one."""
        if self._paused_until is not None:
            if now < self._paused_until:
                return False
            self._paused_until = None
        if self._rate_per_s is None:
            return True
        self._fill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def ready_at(self) -> float:
        """When the next message may go; a time that has passed, if it may at once."""
        ready_at = -math.inf if self._paused_until is None else self._paused_until
        if self._rate_per_s is None or self._filled_at is None or self._tokens >= 1:
            return ready_at
        return max(ready_at, self._filled_at + (1 - self._tokens) / self._rate_per_s + _ROUNDING_S)

    def slow_down(self, now: float) -> float:
        """Pause, and return until when. What a whole window is told at once is one refusal, not sixteen."""
        if self._paused_until is None or now >= self._paused_until:
            self._paused_until = now + self._pause_s
            self._pause_s = min(self._pause_s * 2, self._max_pause_s)
        return self._paused_until

    def recover(self) -> None:
        """Forget how long the pauses had become: the peer took a message."""
        self._pause_s = self._first_pause_s

    def _fill(self, now: float) -> None:
        if self._filled_at is not None and self._rate_per_s is not None:
            gained = max(0.0, now - self._filled_at) * self._rate_per_s
            self._tokens = min(self._burst, self._tokens + gained)
        self._filled_at = now
