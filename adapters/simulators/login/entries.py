"""The login simulator's history."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class Happening(Enum):
    """What an entry tells; `optout.sim.v1.LoginEvent` has the words."""

    ISSUED = "issued"
    EXCHANGED = "exchanged"
    REFUSED = "refused"
    FAULT = "fault"
    VIOLATION = "violation"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. The number stays out of its `repr`; tokens are in no entry."""

    index: int
    time: datetime
    happening: Happening
    carrier: str = ""
    number: str = field(default="", repr=False)
    code: str = ""
    detail: str = ""
    violation: str = ""


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Chooses entries: one has to fit every field that is set."""

    happening: Happening | None = None
    carrier: str = ""
    code: str = ""
    after_index: int = 0

    def fits(self, entry: Entry) -> bool:
        """Tell whether the entry is one of those wanted."""
        return (
            entry.index > self.after_index
            and self.happening in (None, entry.happening)
            and self.carrier in ("", entry.carrier)
            and self.code in ("", entry.code)
        )
