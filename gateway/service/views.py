"""What the services tell their callers."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from gateway.domain.instruction import Verdict
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.preferences import Medium
from gateway.domain.subscription import Subscriber
from gateway.domain.ties import NO_TIES
from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """One subscriber for one medium; ``revision`` is that of the subscriber's latest entry."""

    subscriber: Subscriber
    medium: Medium
    revision: int

    def for_screening(self) -> SubscriptionView:
        """Without who acts for whom, which is the serving carrier's alone."""
        return replace(self, subscriber=self.subscriber.with_ties(NO_TIES))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an instruction."""

    instruction_id: str
    verdict: Verdict
    view: SubscriptionView
    revision: int
    replayed: bool = False


class DeliveryState(StrEnum):
    """What became of a notice."""

    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A carrier's report about a notice. ``report_ms`` is Unix time in ms; ``parts`` counts messages."""

    id: str
    notice_id: str
    state: DeliveryState
    code: str
    report_ms: int
    parts: int


@dataclass(frozen=True, slots=True)
class AppliedReport:
    """What a carrier's network carried out of one version of a subscriber. ``report_ms`` is Unix time in ms.

    ``order`` names the order that it is the immediate answer to; a report of its own has an ``id`` instead. ``epoch``
    says which holder it is about; 0 is a carrier that does not say.
    """

    id: str
    number: PhoneNumber
    medium: Medium
    version: int
    effects: tuple[ReportedEffect, ...]
    report_ms: int
    switched_off: bool = False
    erased: bool = False
    order: str = ""
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """A page of subscribers; the token is empty at the end."""

    views: tuple[SubscriptionView, ...]
    next_page_token: str
    revision: int


@dataclass(frozen=True, slots=True)
class ClaimView:
    """An order for a number whose prefix is another carrier's. ``revision`` is that of the order's entry."""

    number: PhoneNumber
    claimant: str
    prefix_carrier: str
    claim_ms: int
    revision: int
    contested: bool


@dataclass(frozen=True, slots=True)
class ErasedRow:
    """A subscriber who was erased.

    ``row_revision`` is that of the last row, ``restrict_revision`` that of the first one that said that use stopped.
    """

    row_revision: int
    restrict_revision: int


@dataclass(frozen=True, slots=True)
class FeedRange:
    """The changes after one revision up to another: full rows as they stand at ``revision``.

    ``claims`` are those that arose or were contested in the range and may be contested by the reader; ``touches_rules``
    tells that policies or lines changed, too.
    """

    after_revision: int
    revision: int
    views: tuple[SubscriptionView, ...]
    time_ms: int
    claims: tuple[ClaimView, ...] = ()
    touches_rules: bool = False
    erased: tuple[ErasedRow, ...] = ()

    def for_screening(self) -> FeedRange:
        """As screeners see it: nobody's ties, and no claims, which are the prefixes' carriers' to contest."""
        return replace(self, views=tuple(view.for_screening() for view in self.views), claims=())


@dataclass(frozen=True, slots=True)
class ClaimPage:
    """A page of claims, newest first; the token is empty at the end."""

    claims: tuple[ClaimView, ...]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """Some of the rows as they stood at ``revision``."""

    revision: int
    views: tuple[SubscriptionView, ...]

    def for_screening(self) -> SnapshotPart:
        """As screeners see it: nobody's ties."""
        return replace(self, views=tuple(view.for_screening() for view in self.views))
