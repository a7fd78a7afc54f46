"""Numbers as different parties spell them."""

from optout.kit.number import NumberError, parse_number


def spell_number(text: str) -> str:
    """Return the canonical spelling, or the text itself where it is no number; empty stays empty."""
    try:
        return parse_number(text)
    except NumberError:
        return text
