"""Choosing between the editions of one packet table by what a frame fits.

Gateways answer in the edition they are configured for, whatever was offered, so the edition expected only
decides where both fit.
"""

from typing import Any

from adapters.wire.errors import WireError
from adapters.wire.fields import Layout


def decode_edition(
    body: bytes, likely: Layout, other: Layout, *, accepts_worse: bool = False
) -> tuple[Layout, dict[str, Any]]:
    """Decode with the likely layout, else the other one; return the layout taken and the values by name.

    A damaged frame may fit the other layout by accident, so one that must read as worse text to fit is malformed,
    unless ``accepts_worse``: layouts that hardly ever fit by accident need no such doubt.

    Raises ``WireError`` as ``Layout.decode``; if neither layout fits, with the reason of the likelier one.
    """
    try:
        return likely, likely.decode(body)
    except WireError as error:
        if not accepts_worse and other.count_irregular(body) > likely.count_irregular(body):
            raise
        try:
            return other, other.decode(body)
        except WireError:
            raise error from None
