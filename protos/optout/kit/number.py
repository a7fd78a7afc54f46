"""Telephone numbers: the one place where they are parsed, classified and written.

A number is carried as *canonical text* (`PhoneNumber`), which parses to itself:

=====================  ==================================================  ==================
kind                   written as                                          example
=====================  ==================================================  ==================
mobile                 E.164                                               ``+8613800138000``
landline               E.164, area code without its trunk prefix 0         ``+861012345678``
400 and 800            E.164                                               ``+864001234567``
overseas, HK, MO, TW   E.164                                               ``+85212345678``
service and SMS codes  bare digits, the same from everywhere in China      ``95588``, ``106…``
local 96 codes         E.164 with the area they belong to, if it is known  ``+861096123``
=====================  ==================================================  ==================

Accepted on input besides: ``+86``, ``0086``, ``86`` or nothing before a national number, the trunk prefix 0
before area codes and mobiles, spaces, hyphens and brackets anywhere, full-width characters. Where ``+86``
makes a number ambiguous (``+86 10 6571 2345`` against the SMS port 1065712345) the landline wins: ports and
codes are not written with a country code.

Numbers are personal data. No error raised here carries the text it refuses.
"""

import re
from enum import Enum
from typing import NewType

from optout.kit.plan import PLAN, Span

PhoneNumber = NewType("PhoneNumber", str)
"""Canonical text of one number, as `parse_number` returns it."""

NumberPrefix = NewType("NumberPrefix", str)
"""Canonical text of a prefix: it covers exactly the canonical numbers that start with it."""


class NumberKind(Enum):
    """What sort of number it is, told from its shape alone."""

    MOBILE = "MOBILE"
    LANDLINE = "LANDLINE"
    FREEPHONE_400 = "FREEPHONE_400"
    """400 numbers and the older 800 numbers."""
    SERVICE_95 = "SERVICE_95"
    """95xxx and what grows from it, with 950 and 951."""
    SHORT_CODE = "SHORT_CODE"
    """110, 10086, 12345, 96xxx and the like."""
    SMS_PORT = "SMS_PORT"
    """106…: access codes of message senders. No call comes from one."""
    HK_MACAO_TAIWAN = "HK_MACAO_TAIWAN"
    OVERSEAS = "OVERSEAS"


class NumberReason(Enum):
    """Why a text is not the number that was asked for."""

    EMPTY = "EMPTY"
    NOT_DIGITS = "NOT_DIGITS"
    TOO_SHORT = "TOO_SHORT"
    TOO_LONG = "TOO_LONG"
    NOT_IN_PLAN = "NOT_IN_PLAN"
    NOT_A_SUBSCRIBER = "NOT_A_SUBSCRIBER"
    """A number, but not one that can hold a subscription (neither mobile nor landline)."""


class NumberError(ValueError):
    """A text was refused; only `reason` says why, never the text."""

    def __init__(self, reason: NumberReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


_MAX_TEXT_CHARS = 64
_MOBILE = re.compile(r"(?:\+86|0086|86|0)?(1[3-9]\d{9})", re.ASCII)
_DIGITS = re.compile(r"\+?\d+", re.ASCII)
_FULL_WIDTH = {0xFF10 + digit: ord("0") + digit for digit in range(10)} | {ord("＋"): "+"}
_SEPARATORS = dict.fromkeys(map(ord, " \t\u00a0\u2009\u202f\u3000-\u2010\u2011\u2012\u2013\uff0d()（）"))
_CLEAN = {**_FULL_WIDTH, **_SEPARATORS}

_FREEPHONE = Span(10, 10)
_MOBILE_SPAN = Span(11, 11)
_LOCAL = Span(7, 8)
_METROPOLITAN_LOCAL = Span(8, 8)  # areas with two-digit codes
_LOCAL_CODE = Span(5, 6)
_E164 = Span(7, 15)
_CHINA = "+86"
_CHINA_E164_DIGITS = 11
_SHORTEST_WITH_BARE_86 = 11
_BARE_BASE = 10**18

_Parsed = PhoneNumber | NumberReason


def parse_number(text: str) -> PhoneNumber:
    """Read one number of any kind.

    Raises `NumberError` with EMPTY, NOT_DIGITS, TOO_SHORT, TOO_LONG or NOT_IN_PLAN.
    """
    if mobile := _MOBILE.fullmatch(text):
        return PhoneNumber(_CHINA + mobile[1])
    digits = _clean(text)
    if digits.startswith("+"):
        parsed = _read_international(digits[1:])
    elif digits.startswith("00"):
        parsed = _read_international(digits[2:])
    elif digits.startswith("0"):
        parsed = _read_trunk(digits[1:])
    else:
        parsed = _read_bare(digits)
    if isinstance(parsed, NumberReason):
        raise NumberError(parsed)
    return parsed


def parse_subscriber(text: str) -> PhoneNumber:
    """Read a number that can hold a subscription: a mobile or a landline.

    Raises `NumberError` as `parse_number` does, and with NOT_A_SUBSCRIBER for every other kind.
    """
    number = parse_number(text)
    if kind_of(number) not in {NumberKind.MOBILE, NumberKind.LANDLINE}:
        raise NumberError(NumberReason.NOT_A_SUBSCRIBER)
    return number


def parse_prefix(text: str) -> NumberPrefix:
    """Read the beginning of numbers: a segment such as ``400``, ``0571``, ``170``, ``95``, ``+852``.

    A Chinese prefix has at least two national digits, since one digit mixes mobiles with Beijing. Raises
    `NumberError` with EMPTY, NOT_DIGITS, TOO_SHORT, TOO_LONG or NOT_IN_PLAN.
    """
    digits = _clean(text)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    elif digits.startswith("0") or (digits.startswith("86") and len(digits) > 3):
        digits = _CHINA + digits.removeprefix("86")
    elif re.match(r"1[3-9]", digits) or digits.startswith(PLAN.freephone):
        digits = _CHINA + digits
    if digits.startswith(_CHINA):
        parsed = _read_national_prefix(digits.removeprefix(_CHINA).removeprefix("0"))
    elif digits.startswith("+0"):
        parsed = NumberReason.NOT_IN_PLAN
    elif digits.startswith("+"):
        parsed = _check_span(digits, len(digits) - 1, Span(1, _E164.max_digits))
    else:
        parsed = _read_code_prefix(digits)
    if isinstance(parsed, NumberReason):
        raise NumberError(parsed)
    return NumberPrefix(parsed)


def kind_of(number: PhoneNumber) -> NumberKind:
    """Classify canonical text."""
    if number.startswith(_CHINA):
        national = number[3:]
        if len(national) == 11 and national[0] == "1" and national[1] >= "3":
            return NumberKind.MOBILE
        if national.startswith(PLAN.freephone):
            return NumberKind.FREEPHONE_400
        local = national[_area_digits(national) :]
        return NumberKind.LANDLINE if len(local) >= _LOCAL.min_digits else NumberKind.SHORT_CODE
    if number.startswith("+"):
        return NumberKind.HK_MACAO_TAIWAN if number[1:4] in PLAN.regions else NumberKind.OVERSEAS
    if number.startswith("95"):
        return NumberKind.SERVICE_95
    is_port = number.startswith("106") and len(number) >= PLAN.series["106"].span.min_digits
    return NumberKind.SMS_PORT if is_port else NumberKind.SHORT_CODE


def to_u64(number: PhoneNumber) -> int:
    """Map canonical text to one unsigned 64-bit integer, no two numbers to the same.

    E.164 numbers are their digits (below 10^15, so ``+8613800138000`` is 8613800138000); bare codes are their
    digits (at most 20, starting 106) above 10^18.
    """
    return int(number) if number[0] == "+" else _BARE_BASE + int(number)


def from_u64(value: int) -> PhoneNumber:
    """Undo `to_u64`."""
    return PhoneNumber(str(value - _BARE_BASE) if value >= _BARE_BASE else f"+{value}")


def mask(number: PhoneNumber) -> str:
    """Write a number for a screen others can see: ``+86138******00``, ``+86571******78``.

    At most three leading and two trailing national digits remain; of landlines the area code. Codes of up to
    five digits are public and stay whole.
    """
    head, digits = (_CHINA, number[3:]) if number.startswith(_CHINA) else ("", number)
    if number.startswith("+") and not head:
        head, digits = "+", number[1:]
    lead = _area_digits(digits) if kind_of(number) is NumberKind.LANDLINE else 3
    hidden = len(digits) - lead - 2
    return f"{head}{digits[:lead]}{'*' * hidden}{digits[-2:]}" if hidden > 0 else number


def national_form(number: PhoneNumber) -> str:
    """Write as dialled within China: ``13800138000``, ``01012345678``, ``4001234567``, ``0085212345678``."""
    if not number.startswith(_CHINA):
        return f"00{number[1:]}" if number.startswith("+") else number
    national = number[3:]
    has_area = kind_of(number) in {NumberKind.LANDLINE, NumberKind.SHORT_CODE}
    return f"0{national}" if has_area else national


def sms_form(number: PhoneNumber) -> str:
    """Write with country code and without plus (``8613800138000``), codes as they are (``10086``).

    SGIP demands it and CMPP gateways take it; where a gateway wants the bare mobile, use `national_form`.
    """
    return number.removeprefix("+")


def hint_carrier(number: PhoneNumber) -> str | None:
    """Tell to whom a mobile's range was allocated: ``telecom``, ``mobile``, ``unicom``, ``broadnet``.

    None for everything else and for virtual operators' ranges. A hint only: numbers are ported.
    """
    if len(number) != 14 or not number.startswith("+861"):
        return None
    return PLAN.carriers.get(number[3:7]) or PLAN.carriers.get(number[3:6])


def _clean(text: str) -> str:
    if len(text) > _MAX_TEXT_CHARS:
        raise NumberError(NumberReason.TOO_LONG)
    digits = text.strip().translate(_CLEAN)
    if not digits:
        raise NumberError(NumberReason.EMPTY)
    if not _DIGITS.fullmatch(digits):
        raise NumberError(NumberReason.NOT_DIGITS)
    return digits


def _check_span(canonical: str, digits: int, span: Span) -> _Parsed:
    if digits < span.min_digits:
        return NumberReason.TOO_SHORT
    return PhoneNumber(canonical) if digits <= span.max_digits else NumberReason.TOO_LONG


def _read_international(digits: str) -> _Parsed:
    if digits.startswith("86"):
        return _read_china(digits[2:])
    if digits.startswith("0"):
        return NumberReason.NOT_IN_PLAN
    if span := PLAN.regions.get(digits[:3]):
        return _check_span(f"+{digits}", len(digits) - 3, span)
    return _check_span(f"+{digits}", len(digits), _E164)


def _read_china(digits: str) -> _Parsed:
    """Read what follows the country code 86."""
    if digits.startswith("0"):
        return _read_trunk(digits[1:])
    if (parsed := _read_mobile_or_freephone(digits)) is not None:
        return parsed
    # The area codes 951 to 955 also begin short 95 codes, which are at most eight digits long.
    if digits.startswith("95") and len(digits) <= 8:
        return _read_service(digits)
    landline = _read_landline(digits)
    if isinstance(landline, NumberReason):
        service = _read_service(digits)
        return landline if isinstance(service, NumberReason) else service
    return landline


def _read_trunk(digits: str) -> _Parsed:
    """Read what follows the trunk prefix 0: an area code, or a mobile dialled from another area."""
    if re.match(r"1[3-9]", digits):
        return _check_span(_CHINA + digits, len(digits), _MOBILE_SPAN)
    return _read_landline(digits)


def _read_bare(digits: str) -> _Parsed:
    """Read digits with neither country code nor trunk prefix."""
    if (parsed := _read_mobile_or_freephone(digits)) is not None:
        return parsed
    if digits.startswith("86") and len(digits) >= _SHORTEST_WITH_BARE_86:
        return _read_china(digits[2:])
    return _read_service(digits)


def _read_mobile_or_freephone(digits: str) -> _Parsed | None:
    if re.match(r"1[3-9]", digits):
        return _check_span(_CHINA + digits, len(digits), _MOBILE_SPAN)
    if digits.startswith(PLAN.freephone):
        return _check_span(_CHINA + digits, len(digits), _FREEPHONE)
    return None


def _area_digits(national: str) -> int:
    return 2 if national[:1] in {"1", "2"} else 3


def _read_landline(digits: str) -> _Parsed:
    """Read area code and local number, or area code and a code dialled in that area."""
    length = _area_digits(digits)
    area, local = digits[:length], digits[length:]
    if area not in PLAN.areas:
        return NumberReason.TOO_SHORT if len(digits) < length else NumberReason.NOT_IN_PLAN
    if local in PLAN.national:
        return PhoneNumber(local)
    if local.startswith("0"):
        return NumberReason.NOT_IN_PLAN
    is_code = _LOCAL_CODE.min_digits <= len(local) <= _LOCAL_CODE.max_digits
    if is_code and local.startswith("95"):
        return PhoneNumber(local)
    if is_code and local.startswith("96"):
        return PhoneNumber(_CHINA + digits)
    return _check_span(_CHINA + digits, len(local), _METROPOLITAN_LOCAL if length == 2 else _LOCAL)


def _read_service(digits: str) -> _Parsed:
    series = PLAN.series.get(digits[:3]) or PLAN.series.get(digits[:2])
    if digits.startswith("106") and len(digits) < PLAN.series["106"].span.min_digits:
        series = PLAN.series["10"]
    if series is None:
        return NumberReason.TOO_SHORT if len(digits) < 3 else NumberReason.NOT_IN_PLAN
    return _check_span(digits, len(digits), series.span)


def _read_national_prefix(digits: str) -> _Parsed:
    if re.match(r"0|1[12]", digits):
        return NumberReason.NOT_IN_PLAN
    return _check_span(_CHINA + digits, len(digits), Span(2, _CHINA_E164_DIGITS))


def _read_code_prefix(digits: str) -> _Parsed:
    if len(digits) < 2:
        return NumberReason.TOO_SHORT
    if digits[:2] not in PLAN.series:
        return NumberReason.NOT_IN_PLAN
    longest = max(series.span.max_digits for key, series in PLAN.series.items() if key[:2] == digits[:2])
    return _check_span(digits, len(digits), Span(2, longest))
