"""China Standard Time as envelopes write it: all digits, no separators, UTC+8 without daylight saving."""

import re
from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{3})?")


def format_seconds(unix_ms: int) -> str:
    """Write Unix milliseconds as 14 digits, ``yyyyMMddHHmmss``; what is below a second is cut off."""
    return format_millis(unix_ms)[:14]


def format_millis(unix_ms: int) -> str:
    """Write Unix milliseconds, 0 to the end of the year 9999, as 17 digits, ``yyyyMMddHHmmssSSS``."""
    # Whole numbers throughout: a float of seconds would round some milliseconds away.
    moment = _EPOCH.astimezone(CHINA) + timedelta(milliseconds=unix_ms)
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03}"


def parse_digits(text: str) -> int:
    """Read 14 or 17 digits as Unix milliseconds; raises ``ValueError`` for other forms and for no real time."""
    match = _DIGITS.fullmatch(text)
    if match is None:
        raise ValueError("neither 14 nor 17 digits")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    moment = datetime(year, month, day, hour, minute, second, int(match[7] or 0) * 1000, tzinfo=CHINA)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
