"""The sheet as a file and as a comparison: rows, and in each row what is asked and what it brings."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from importlib import resources
from importlib.metadata import entry_points
from typing import Final

from adapters.carrier.base import ENTRY_POINTS
from optout.kit.redact import redact

Sheet = Mapping[str, Mapping[str, str]]
"""Lines by row: what is asked, and what it brings."""

FILE: Final = "sheet.toml"
_HEAD: Final = (
    "# What {carrier} declares, takes and says, line by line: what the carrier suite expects of data.toml beside it.\n"
    "# Written by `optout carrier-suite {carrier} --write-sheet`, and read by whoever changes the data.\n"
)
_SHOWN_CHARS: Final = 80


def find_sheet(carrier_id: str) -> Sheet:
    """Return the sheet of an installed carrier; empty if it has none yet. Raises `tomllib.TOMLDecodeError`."""
    for point in entry_points(group=ENTRY_POINTS, name=carrier_id):
        return read_sheet(point.module)
    return {}


def read_sheet(package: str) -> Sheet:
    """Read the sheet of a carrier's package; empty if it has none yet. Raises `tomllib.TOMLDecodeError`."""
    file = resources.files(package) / FILE
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def format_sheet(carrier_id: str, sheet: Sheet) -> str:
    """Write a sheet as `sheet.toml`."""
    parts = [_HEAD.format(carrier=carrier_id)]
    for row, lines in sheet.items():
        parts += ["\n", f"[{_quote(row)}]\n", *(f"{_quote(asked)} = {_quote(said)}\n" for asked, said in lines.items())]
    return "".join(parts)


def compare(expected: Sheet, observed: Sheet) -> dict[str, str]:
    """Return the first difference of each row, empty if there is none; numbers are left out of it."""
    rows = [*expected, *(row for row in observed if row not in expected)]
    return {row: _compare_row(expected.get(row, {}), observed.get(row, {})) for row in rows}


def _compare_row(expected: Mapping[str, str], observed: Mapping[str, str]) -> str:
    for asked in [*expected, *(asked for asked in observed if asked not in expected)]:
        should, did = expected.get(asked), observed.get(asked)
        if should != did:
            return redact(f"{asked!r} should bring {_show(should, did)}, but brings {_show(did, should)}")
    return ""


def _show(text: str | None, other: str | None) -> str:
    """Show a line from a little before the place where it differs from the other."""
    if text is None:
        return "nothing"
    same = next((place for place, (one, two) in enumerate(zip(text, other or "", strict=False)) if one != two), 0)
    begin = max(0, same - _SHOWN_CHARS // 2) if len(text) > _SHOWN_CHARS else 0
    return repr(text[begin : begin + _SHOWN_CHARS])


def _quote(text: str) -> str:
    """Write a string of TOML: as it stands where that can be, else as a basic one, which JSON's is."""
    if text.isprintable() and "'" not in text and ('"' in text or "\\" in text):
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
