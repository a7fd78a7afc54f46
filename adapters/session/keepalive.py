"""Is the peer still there? Ask after `idle_s` of silence, again every `timeout_s`, `attempts` times in all."""

from __future__ import annotations

from enum import Enum


class Probe(Enum):
    """What `KeepAlive.tick` wants done."""

    NOTHING = "nothing"
    ASK = "ask"
    ASK_AGAIN = "ask_again"
    GIVE_UP = "give_up"


class KeepAlive:
    """C, T and N of CMPP 3.0.0 §7.1 (SMGP 3.0.3 has the same); `idle_s` None never asks (SGIP has no active test)."""

    def __init__(self, idle_s: float | None, timeout_s: float, attempts: int) -> None:
        self._idle_s = idle_s
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._heard_at: float | None = None
        self._asked = 0
        self._deadline = 0.0
        self.sequence: int | None = None
        """Of the question that is open, if one is."""

    def heard(self, now: float) -> None:
        """Note that a frame arrived: silence starts anew."""
        self._heard_at = now

    def wake_at(self) -> float | None:
        """When `tick` has something to do next."""
        if self._idle_s is None or self._heard_at is None:
            return None
        return self._deadline if self._asked else self._heard_at + self._idle_s

    def tick(self, now: float) -> Probe:
        """Say what is due at `now`."""
        due_at = self.wake_at()
        if due_at is None or now < due_at:
            return Probe.NOTHING
        if self._asked >= self._attempts:
            return Probe.GIVE_UP
        self._asked += 1
        self._deadline = now + self._timeout_s
        return Probe.ASK if self._asked == 1 else Probe.ASK_AGAIN

    def settle(self) -> None:
        """Close the open question: the peer has answered."""
        self._asked = 0
        self.sequence = None
