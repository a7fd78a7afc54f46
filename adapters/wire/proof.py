"""How an envelope proves whose it is: tokens compared in constant time, and times that must be of now."""

import hmac

from adapters.wire.errors import WireError


def check_token(given: str, expected: str, error: type[WireError]) -> None:
    """Raise ``error``, ``wrong_token``, unless both are the same; how far they agree does not show in the time."""
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise error("wrong_token")


def check_fresh(time_ms: int, now_ms: int, window_ms: int, error: type[WireError]) -> None:
    """Raise ``error``, ``stale_timestamp``, for a time further than ``window_ms`` from now, before or after."""
    if abs(now_ms - time_ms) > window_ms:
        raise error("stale_timestamp")
