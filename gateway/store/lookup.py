"""Finding many rows by their keys with few statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

_LENGTHS = (4, 8, 16, 32, 64, 128, 256, 512)


def select_in(connection: sqlite3.Connection, select: str, keys: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Run ``select``, which ends before its ``IN (...)``, for all keys.

    Lists are padded to a few lengths by repeating a key, so that the statements stay prepared.
    """
    if len(keys) == 1:
        yield from connection.execute(f"{select} = ?", keys).fetchall()
        return
    for start in range(0, len(keys), _LENGTHS[-1]):
        part = tuple(keys[start : start + _LENGTHS[-1]])
        length = next(length for length in _LENGTHS if length >= len(part))
        marks = ", ".join("?" * length)
        yield from connection.execute(f"{select} IN ({marks})", part + part[-1:] * (length - len(part))).fetchall()
