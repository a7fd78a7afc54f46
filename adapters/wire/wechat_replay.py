"""Old callbacks: too old to be let in, or let in before.

A signature covers timestamp and nonce sorted and joined, so it does not say where one ends and the other begins: a
callback is known by the two as they are signed.
"""

from typing import Final

from adapters.wire.wechat_crypto import WechatError

WINDOW_MS: Final = 5 * 60 * 1000


def check_age(timestamp: str, now_ms: int, window_ms: int = WINDOW_MS) -> None:
    """Refuse Unix seconds too long ago or too far ahead; raises ``WechatError`` (``stale_timestamp``)."""
    if abs(int(timestamp) * 1000 - now_ms) > window_ms:
        raise WechatError("stale_timestamp")


class ReplayWindow:
    """Remembers callbacks for as long as they would be let in again: bounded, and handed the time.

    Full, it forgets who came first. A flood of signed callbacks can only come from WeChat, whose messages must not
    be refused; one that then comes twice is still recognised by its ``dedupe_key``.
    """

    def __init__(self, window_ms: int = WINDOW_MS, max_nonces: int = 100_000) -> None:
        self.window_ms = window_ms
        self._max_nonces = max_nonces
        self._expiry_ms: dict[str, int] = {}

    @property
    def known_count(self) -> int:
        """How many are remembered."""
        return len(self._expiry_ms)

    def admit(self, timestamp: str, nonce: str, now_ms: int) -> None:
        """Let a timestamp and nonce in once.

        Raises ``WechatError``: ``stale_timestamp``, ``replayed_nonce``.
        """
        check_age(timestamp, now_ms, self.window_ms)
        self._drop_expired(now_ms)
        key = _join_as_signed(timestamp, nonce)
        if key in self._expiry_ms:
            raise WechatError("replayed_nonce")
        if len(self._expiry_ms) >= self._max_nonces:
            del self._expiry_ms[next(iter(self._expiry_ms))]
        self._expiry_ms[key] = int(timestamp) * 1000 + self.window_ms

    def forget(self, timestamp: str, nonce: str) -> None:
        """Let it in once more: it could not be handled, and WeChat will send it again."""
        self._expiry_ms.pop(_join_as_signed(timestamp, nonce), None)

    def _drop_expired(self, now_ms: int) -> None:
        # In order of arrival, not of expiry: some stay a window longer than they must, which harms nobody.
        while self._expiry_ms:
            oldest = next(iter(self._expiry_ms))
            if self._expiry_ms[oldest] >= now_ms:
                return
            del self._expiry_ms[oldest]


def _join_as_signed(timestamp: str, nonce: str) -> str:
    return "".join(sorted((timestamp, nonce)))
