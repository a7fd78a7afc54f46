"""The SMS gateway simulator's book: what happened, and which rules were broken."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from adapters.simulators.history import History, ViolationsError, read_wall
from adapters.simulators.smsc.entries import Entry, Happening
from optout.kit.clock import Clock

CHINA_TIME = timezone(timedelta(hours=8))


class Ledger:
    """Writes entries with the time they were written at; keeps every violation."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self.history: History[Entry] = History(limit)
        self.violations: list[Entry] = []
        self._clock = clock

    def record(self, happening: Happening, **details: Any) -> Entry:
        """Write an entry; `details` are the other fields of `Entry`."""
        return self.history.append(lambda index: Entry(index, read_wall(self._clock), happening, **details))

    def violate(self, rule: str, detail: str, **details: Any) -> None:
        """Write down that a rule was broken, and how; `detail` holds no number and no text."""
        self.violations.append(self.record(Happening.VIOLATION, violation=rule, detail=detail, **details))

    def local_time(self) -> datetime:
        """Return the gateway's time of day."""
        return read_wall(self._clock).astimezone(CHINA_TIME)

    def today(self) -> str:
        """Return the gateway's day as YYYYMMDD."""
        return self.local_time().strftime("%Y%m%d")

    def clear(self) -> None:
        """Forget everything."""
        self.violations.clear()
        self.history.clear()

    def assert_clean(self) -> None:
        """Raise `ViolationsError` if any rule was broken."""
        if self.violations:
            raise ViolationsError([(entry.index, entry.violation) for entry in self.violations])
