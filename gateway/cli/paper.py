"""Printing for a terminal in which Chinese characters are two columns wide."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest

PHONE_COLUMNS = 52
REGISTRY_COLUMNS = 56
GUTTER = "  │  "


def width(text: str) -> int:
    """Columns that a text takes on the screen."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def pad(text: str, columns: int) -> str:
    """The text, filled with spaces to a width in columns."""
    return text + " " * max(columns - width(text), 0)


def wrap(text: str, columns: int) -> Iterator[str]:
    """Break a text into lines of at most ``columns``, indented like it; Chinese may break anywhere."""
    indent = " " * (len(text) - len(text.lstrip(" ")))
    line = indent
    for piece in _pieces(text.lstrip(" ")):
        if line != indent and width(line) + width(piece) > columns:
            yield line.rstrip()
            line = indent
        line += piece if line != indent or piece != " " else ""
    yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    piece = ""
    for character in text:
        wide = width(character) > 1
        if wide or character == " ":
            yield from ([piece] if piece else [])
            yield character
            piece = ""
        else:
            piece += character
    if piece:
        yield piece


def two_columns(phone: Sequence[str], registry: Sequence[str]) -> Iterator[str]:
    """Set the subscriber's phone beside the registry."""
    return columns([phone, registry], (PHONE_COLUMNS, REGISTRY_COLUMNS))


def columns(texts: Sequence[Sequence[str]], widths: Sequence[int] = (36, 36, 36)) -> Iterator[str]:
    """Set texts beside each other, each wrapped to its width."""
    wrapped = [
        [line for text in column for line in wrap(text, size)] for column, size in zip(texts, widths, strict=True)
    ]
    for cells in zip_longest(*wrapped, fillvalue=""):
        yield GUTTER.join(pad(cell, size) for cell, size in zip(cells, widths, strict=True)).rstrip()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Set rows under a head, each column as wide as its widest cell."""
    columns = [max(width(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    yield "  ".join(pad(cell, size) for cell, size in zip(head, columns, strict=True)).rstrip()
    yield "  ".join("─" * size for size in columns)
    for row in rows:
        yield "  ".join(pad(cell, size) for cell, size in zip(row, columns, strict=True)).rstrip()
