"""The counters a QUERY asks for: per day and service code, messages both ways (QB-GF-028-2003 §8.4.4)."""

from __future__ import annotations

from collections import Counter

COUNTERS = ("mt_tl_msg", "mt_tl_usr", "mt_scs", "mt_wt", "mt_fl", "mo_scs", "mo_wt", "mo_fl")
BY_SERVICE = 1
"""The query type that asks for one service; any other asks for all."""


class Tally:
    """Counts by day (YYYYMMDD), account, service and name. What waits is taken back when it waits no more."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str, str]] = Counter()

    def count(self, day: str, account: str, service_id: str, name: str, step: int = 1) -> None:
        """Add to a counter, one of `COUNTERS`."""
        self._counts[day, account, service_id, name] += step

    def add_up(self, day: str, account: str, service_id: str | None) -> dict[str, int]:
        """Return an account's counters of one day: of one service, or with None of all."""
        return {
            name: sum(
                amount
                for (counted_day, owner, service, counter), amount in self._counts.items()
                if (counted_day, owner, counter) == (day, account, name) and service_id in (None, service)
            )
            for name in COUNTERS
        }

    def clear(self) -> None:
        """Start from zero."""
        self._counts.clear()
