"""Node numbers and subscriber numbers as SGIP writes them (China Unicom SGIP 1.2, 3.3 and 4.1).

===========  ===========  ======================================================================
node         digits       parts
===========  ===========  ======================================================================
SMG          1AAAAX       area code, X tells gateways of one area apart
SP           3AAAAQQQQQ   area code, corporate id
===========  ===========  ======================================================================

AAAA is the area code with its leading 0, filled with zeros on the right: 010 is 0100, 0311 is 0311. A node of an
SP needs all 32 bits, unsigned. Subscriber numbers carry the country code 86 and no plus sign.
"""

from adapters.wire.errors import WireError

COUNTRY_CODE = "86"
_AREA_DIGITS = 4
_CORP_DIGITS = 5


def make_sp_node(area_code: str, corp_id: str) -> int:
    """Return the node number of an SP; ``area_code`` with its leading 0 ("010"), ``corp_id`` of 5 digits.

    Raises ``WireError`` (``field_out_of_bounds``) for anything else.
    """
    if len(corp_id) != _CORP_DIGITS or not _is_digits(corp_id):
        raise WireError("field_out_of_bounds", "corp_id")
    return int("3" + _fill_area(area_code) + corp_id)


def make_smg_node(area_code: str, index: int) -> int:
    """Return the node number of the SMG with ``index`` (0 to 9) of an area; raises as ``make_sp_node``."""
    if not 0 <= index <= 9:
        raise WireError("field_out_of_bounds", "index")
    return int(f"1{_fill_area(area_code)}{index}")


def has_country_code(number: str) -> bool:
    """Tell whether a subscriber number is one that error 6 would not be answered to: 86, then 11 digits."""
    return len(number) == 13 and number.startswith(COUNTRY_CODE) and _is_digits(number)


def add_country_code(number: str) -> str:
    """Put 86 in front of a national mobile number; leave one that has it, with or without plus, as 86 and digits."""
    bare = number.removeprefix("+")
    return bare if has_country_code(bare) else COUNTRY_CODE + bare


def strip_country_code(number: str) -> str:
    """Return the national number of what a peer wrote, which may lack the 86 or have a plus in front."""
    bare = number.removeprefix("+")
    return bare.removeprefix(COUNTRY_CODE) if has_country_code(bare) else bare


def _fill_area(area_code: str) -> str:
    if not (area_code.startswith("0") and 3 <= len(area_code) <= _AREA_DIGITS and _is_digits(area_code)):
        raise WireError("field_out_of_bounds", "area_code")
    return area_code.ljust(_AREA_DIGITS, "0")


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()
