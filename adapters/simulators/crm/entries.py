"""A CRM's history, what it is told to book, and what may go wrong on its side."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from adapters.simulators.faults import FaultPlan
from adapters.simulators.spelling import spell_number
from adapters.wire.answer import Answer, Result
from adapters.wire.order import Desk, Order, Verb


class Event(Enum):
    """What an entry tells."""

    SENT = "sent"
    """A request went out, as far as its fault let it."""
    HEARD = "heard"
    """A reply was read."""
    UNHEARD = "unheard"
    """No reply was read; `detail` says why."""
    GIVEN_UP = "given_up"
    """An order was sent as often as allowed and never answered for good."""


class Spoil(Enum):
    """How a request is wrong, on purpose."""

    NOTHING = "nothing"
    SIGNATURE = "signature"
    """Signed with another secret; where the envelope has no signature, from another source."""
    STALE = "stale"
    """A time of yesterday."""
    SERVICE = "service"
    """Another service's codes."""
    BODY = "body"
    """The order is no order."""


@dataclass(frozen=True, slots=True)
class Booking:
    """An order to book. `serial` empty makes one; `copies` of the request are sent at once."""

    order: Order = field(repr=False)
    serial: str = ""
    copies: int = 1
    spoil: Spoil = Spoil.NOTHING

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise ValueError("at least one copy")


@dataclass(frozen=True, slots=True)
class Booked:
    """What became of a booking: its serial, the answer that holds (None if none came), how often it was sent."""

    serial: str
    answer: Answer | None
    attempts: int


@dataclass(frozen=True, slots=True)
class CrmFault:
    """What goes wrong with a request; see `FaultPlan` for when, and for the two bits.

    Not applied: the request is cut in the middle of its body. Not heard: the connection is cut before the reply. The
    delay is spread over the body. Raises `ValueError` for a plan that refuses.
    """

    plan: FaultPlan

    def __post_init__(self) -> None:
        if self.plan.refused:
            raise ValueError("a CRM's own request is not refused on its way")


@dataclass(frozen=True, slots=True)
class CrmEntry:
    """One thing that happened. The number stays out of the `repr`; `result` is None unless a reply was read."""

    index: int
    time: datetime
    event: Event
    serial: str
    number: str = field(repr=False)
    verb: Verb
    attempt: int
    result: Result | None = None
    answer: Answer | None = None
    detail: str = ""
    fault: str = ""
    violations: tuple[str, ...] = ()
    desk: Desk = Desk.HOTLINE


@dataclass(frozen=True, slots=True)
class CrmFilter:
    """Chooses entries: one has to fit every field that is set."""

    event: Event | None = None
    number: str = field(default="", repr=False)
    serial: str = ""
    result: Result | None = None
    after_index: int = 0
    violating: bool = False
    desk: Desk | None = None

    def fits(self, entry: CrmEntry) -> bool:
        """Tell whether the entry is one of those wanted."""
        return (
            entry.index > self.after_index
            and self.event in (None, entry.event)
            and (not self.number or spell_number(self.number) == spell_number(entry.number))
            and self.serial in ("", entry.serial)
            and self.result in (None, entry.result)
            and (bool(entry.violations) or not self.violating)
            and self.desk in (None, entry.desk)
        )
