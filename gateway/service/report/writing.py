"""A report as files: one CSV for each table, and one page to read and print, in Chinese and English."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.service.report.stock import ALL
from gateway.service.report.table import Row, Table
from gateway.service.report.words import BOTH, name_both

_BOM = "\ufeff"
"""Spreadsheet programs take UTF-8 for something else without it."""

_PAGES = Environment(
    loader=PackageLoader("gateway.service.report", "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Heading:
    """Which log the page is about and how far: origin, size and root (hex) of the checkpoint, and the time it spans."""

    origin: str
    size: int
    root: str
    since: str
    until: str
    made: str
    is_verified: bool


@dataclass(frozen=True, slots=True)
class _Grid:
    """One table of the page: two axes, and numbers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]


def write_csv(table: Table) -> bytes:
    """One table as CSV (RFC 4180), UTF-8 with a byte order mark; the first line names the columns by their codes."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return (_BOM + out.getvalue()).encode()


def write_page(heading: Heading, tables: Iterable[Table], names: Mapping[str, str]) -> str:
    """The page as HTML, complete in itself. ``names`` are the parties' and categories' own names by code."""
    found = {table.name: table for table in tables}
    words = {**BOTH, **names}
    last = _last_day(found["subscriptions"])
    grids = (
        _cross(found["subscriptions"], "carrier", "channel", words, "by_channel", day=last, category=ALL),
        _categories(found["subscriptions"], last, words),
        _days(found["subscriptions"], found["movements"]),
        _cross(found["requests"], "action", "carrier", words, "done", disposition="done"),
        _cross(found["requests"], "action", "carrier", words, "needs_confirmation", disposition="needs_confirmation"),
        _cross(found["requests"], "reason", "carrier", words, "refused_by_reason", disposition="refused"),
        _plain(found["times"], words),
        _cross(found["effects"], "effect", "carrier", words, "effects"),
        _cross(found["calls"], "action", "fate", words, "calls"),
        _cross(found["notices"], "state", "state", words, "notices"),
        _plain(found["balance"], words),
    )
    return _PAGES.get_template("report.html").render(heading=heading, grids=[grid for grid in grids if grid.rows])


def _last_day(subscriptions: Table) -> str:
    return max((str(row[0]) for row in subscriptions.rows), default="")


def _cross(table: Table, down: str, across: str, words: Mapping[str, str], title: str, **where: str) -> _Grid:
    """Numbers by two columns, with the sum of each row."""
    if down == across:
        sums = table.total(down, **where)
        rows: tuple[Row, ...] = tuple((name_both(str(key[0]), words), number) for key, number in sums.items())
        return _Grid(name_both(title, words), ("", name_both("sum", words)), rows)
    sums = table.total(down, across, **where)
    columns = sorted({str(key[1]) for key in sums})
    lines: list[Row] = []
    for line in sorted({str(key[0]) for key in sums}):
        numbers = [sums.get((line, column), 0) for column in columns]
        lines.append((name_both(line, words), *numbers, sum(numbers)))
    head = ("", *(name_both(column, words) for column in columns), name_both("sum", words))
    return _Grid(name_both(title, words), head, tuple(lines))


def _categories(subscriptions: Table, day: str, words: Mapping[str, str]) -> _Grid:
    grid = _cross(subscriptions, "category", "carrier", words, "by_category", day=day)
    return _Grid(grid.title, grid.head, tuple(row for row in grid.rows if row[0] != name_both(ALL, words)))


def _days(subscriptions: Table, movements: Table) -> _Grid:
    on = subscriptions.total("day", category=ALL)
    came, went = (movements.total("day", direction=direction) for direction in ("came", "went"))
    days = sorted({*on, *came, *went})
    rows: tuple[Row, ...] = tuple((str(day[0]), came.get(day, 0), went.get(day, 0), on.get(day, 0)) for day in days)
    return _Grid(BOTH["by_day"], tuple(BOTH[code] for code in ("day", "came", "went", "on")), rows)


def _plain(table: Table, words: Mapping[str, str]) -> _Grid:
    rows = tuple(tuple(name_both(cell, words) if isinstance(cell, str) else cell for cell in row) for row in table.rows)
    return _Grid(name_both(table.name, words), tuple(name_both(column, words) for column in table.columns), rows)
