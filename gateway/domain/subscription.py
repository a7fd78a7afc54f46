"""One subscriber's state: the fold of that subscriber's entries.

A subscriber is one holder of one number (number and epoch). Each medium has a leg of its own, with its own
enrolment and preferences.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.domain.effects import NOTHING_KNOWN, Effects
from gateway.domain.instruction import Channel
from gateway.domain.number_life import NEW_LIFE, NumberLife
from gateway.domain.preferences import NO_PREFERENCES, Medium, Preferences
from gateway.domain.ties import NO_TIES, Ties
from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass, replace


class EnrolmentState(StrEnum):
    """Where a leg stands."""

    CLOSED = "closed"
    PENDING_OPEN = "pending_open"
    OPEN = "open"
    PENDING_CANCEL = "pending_cancel"
    RESTRICTED = "restricted"


REFUSING = frozenset({EnrolmentState.OPEN, EnrolmentState.PENDING_CANCEL})
"""The states in which wishes are carried out."""


class ServiceBasis(StrEnum):
    """On what ground a carrier is held to serve a number."""

    PREFIX = "prefix"
    CLAIM = "claim"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Pending:
    """A change of state that waits for the subscriber until ``expire_ms`` (Unix ms, exclusive)."""

    target: EnrolmentState
    expire_ms: int
    channel: Channel


@dataclass(frozen=True, slots=True)
class Undo:
    """What a cancellation put aside: the wishes, to be in force again if it is taken back before ``until_ms``.

    They are nobody's to carry out meanwhile, and are dropped when the time is over.
    """

    preferences: Preferences
    until_ms: int


@dataclass(frozen=True, slots=True)
class Leg:
    """One medium of one subscriber. Times are Unix ms; ``effects`` are what is known of them in the network.

    ``unanswered`` says that the last question ended without a word: one that comes now is too late, not uncalled for.
    """

    state: EnrolmentState = EnrolmentState.CLOSED
    preferences: Preferences = NO_PREFERENCES
    pending: Pending | None = None
    open_ms: int | None = None
    change_ms: int = 0
    effects: Effects = NOTHING_KNOWN
    undo: Undo | None = None
    unanswered: bool = False

    @property
    def refusing(self) -> bool:
        """True if the subscriber's wishes are to be carried out."""
        return self.state in REFUSING


CLOSED_LEG = Leg()
RESTRICTED_LEG = Leg(EnrolmentState.RESTRICTED)


@dataclass(frozen=True, slots=True)
class Erasure:
    """The two stages of an erasure, Unix ms: use stopped at ``restrict_ms``, the key goes at ``erase_by_ms`` or later.

    ``revision`` is that of the entry that stopped it: what comes from before is nobody's to use. ``unconfirmed`` are
    the carriers that have not yet reported that they erased what they held, sorted.
    """

    revision: int
    restrict_ms: int
    erase_by_ms: int
    unconfirmed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One holder of one number. ``version`` counts the changes of this epoch, from 1; 0 means none yet."""

    number: PhoneNumber
    epoch: int
    carrier: str
    basis: ServiceBasis
    version: int = 0
    voice: Leg = CLOSED_LEG
    message: Leg = CLOSED_LEG
    life: NumberLife = NEW_LIFE
    ties: Ties = NO_TIES
    erasure: Erasure | None = None

    @property
    def ever_on(self) -> bool:
        """True if the service was ever on for this holder, so that a carrier may have something to switch off."""
        return self.voice.open_ms is not None or self.message.open_ms is not None

    @property
    def refusing(self) -> bool:
        """True if any wishes are to be carried out."""
        return self.voice.refusing or self.message.refusing

    @property
    def is_blank(self) -> bool:
        """True if nothing was ever wished."""
        return self.voice == CLOSED_LEG and self.message == CLOSED_LEG

    def leg(self, medium: Medium) -> Leg:
        """The leg of one medium."""
        return self.voice if medium is Medium.VOICE else self.message

    def with_leg(self, medium: Medium, leg: Leg) -> Subscriber:
        """The subscriber after a change to one leg: the version grows by one."""
        if medium is Medium.VOICE:
            return replace(self, voice=leg, version=self.version + 1)
        return replace(self, message=leg, version=self.version + 1)

    def without_wishes(self) -> Subscriber:
        """The subscriber for a carrier that does not serve the number: who serves it now, and nothing else.

        That use is restricted is everybody's to know who may still hold something.
        """
        leg = CLOSED_LEG if self.erasure is None else RESTRICTED_LEG
        return replace(self, voice=leg, message=leg, ties=NO_TIES)

    def with_ties(self, ties: Ties) -> Subscriber:
        """The subscriber after a change to the ties: the wishes, and so the version, are the same."""
        return self if ties == self.ties else replace(self, ties=ties)

    def with_learned(self, medium: Medium, leg: Leg) -> Subscriber:
        """The subscriber after something was learned of the network: the leg differs in its effects alone.

        The wishes, and so the version, are the same.
        """
        return replace(self, voice=leg) if medium is Medium.VOICE else replace(self, message=leg)
