"""The platform's history and faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from adapters.simulators.faults import FaultPlan
from adapters.simulators.spelling import spell_number


class PlatformPath(Enum):
    """What the platform is asked; APPLIED and STOPPED are what it did by itself."""

    PROVISION = "provision"
    READ = "read"
    EVENTS = "events"
    APPLIED = "applied"
    STOPPED = "stopped"


STRUCK_PATHS = (PlatformPath.PROVISION, PlatformPath.READ, PlatformPath.EVENTS)


@dataclass(frozen=True, slots=True)
class PlatformFault:
    """What goes wrong with a request; see `FaultPlan` for when, and for the two bits. `path` None strikes any.

    Unheard closes the connection without an answer; refused answers 503.
    """

    plan: FaultPlan
    path: PlatformPath | None = None

    def __post_init__(self) -> None:
        if self.path is not None and self.path not in STRUCK_PATHS:
            raise ValueError("faults strike what the platform is asked")


@dataclass(frozen=True, slots=True)
class PlatformEntry:
    """One request, or one thing the platform did. `status` is the HTTP status, 0 where nothing was answered."""

    index: int
    time: datetime
    path: PlatformPath
    number: str = field(default="", repr=False)
    order: str = ""
    version: int = 0
    on: bool = False
    result: str = ""
    status: int = 0
    fault: str = ""
    violations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlatformFilter:
    """Chooses entries: one has to fit every field that is set."""

    path: PlatformPath | None = None
    number: str = field(default="", repr=False)
    after_index: int = 0
    version: int = 0

    def fits(self, entry: PlatformEntry) -> bool:
        """Tell whether the entry is one of those wanted."""
        return (
            entry.index > self.after_index
            and self.path in (None, entry.path)
            and (not self.number or spell_number(self.number) == entry.number)
            and self.version in (0, entry.version)
        )
