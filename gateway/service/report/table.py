"""Tables of a report: plain values, the same whether they become CSV or a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

Cell = str | int
Row = tuple[Cell, ...]

CHINA = timezone(timedelta(hours=8))
"""Days are China's, which has one time and no summer time."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table. ``name`` and ``columns`` are codes; rows are sorted; a cell is a code, a day or a whole number."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @classmethod
    def count(cls, name: str, columns: tuple[str, ...], counts: Mapping[Row, int]) -> Table:
        """A table of how often each combination was seen; combinations never seen are left out."""
        return cls(name, (*columns, "count"), tuple((*key, counts[key]) for key in sorted(counts) if counts[key]))

    def total(self, *columns: str, of: str = "count", **where: Cell) -> dict[Row, int]:
        """Add up column ``of`` by some others, over the rows that hold what ``where`` says; sorted."""
        places = [self.columns.index(column) for column in columns]
        wanted = [(self.columns.index(column), value) for column, value in where.items()]
        number_at, sums = self.columns.index(of), dict[Row, int]()
        for row in self.rows:
            if all(row[place] == value for place, value in wanted):
                key, number = tuple(row[place] for place in places), row[number_at]
                sums[key] = sums.get(key, 0) + int(number)
        return dict(sorted(sums.items()))


def day_of(time_ms: int) -> str:
    """The day of a time in China, such as 2026-09-01. ``time_ms`` is Unix time in ms."""
    return datetime.fromtimestamp(time_ms / 1000, CHINA).date().isoformat()


def days_between(first: str, last: str) -> list[str]:
    """All days from the first to the last, both included."""
    day, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
    days = []
    while day <= end:
        days.append(day.date().isoformat())
        day += timedelta(days=1)
    return days
