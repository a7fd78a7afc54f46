"""Enrolment: how an instruction changes a leg.

The rules, and under them the table that is the rules:

* Nothing is refused to callers before the service is open, and nothing can be set before that.
* Opening needs the subscriber's second word on the channels that the carrier's rules name. Until it comes, within its
  time, the leg is PENDING_OPEN; asking again renews the time and what would be on; cancelling drops it.
* Closing needs a second word on the channels that the carrier's rules name, and wherever only a one-tap login speaks
  for the subscriber, since that login can be stolen (SIMulation, DSN 2022). Until it comes the service stays on. That
  word, too, needs more than such a login.
* A second word answers one question. Where it says which, and another one is open by then, it is refused and changes
  nothing: who agreed to an opening has not agreed to a closing.
* A second word that comes too late is refused and leaves things as if the question had never been put. They are so
  from the moment its time is over; an entry of the log says it soon after.
* A closed leg holds no preferences. What a cancellation ended is put aside, where nobody carries it out, and comes back
  with one word while the carrier's time for that lasts; no second word is asked, for it restores what was agreed to.
  Opening anew drops it, a further cancellation of a closed service changes nothing, and so does its time running on
  while an opening is pending. A port takes it along; closing or reassigning the number drops it.
* To take back a cancellation that still waits for its second word is to stay.
* Opening rests on a notice that the subscriber was shown. Where a second word is asked, the question is that moment.
  Where none is, the evidence names the version of the notice, and on the channels that have a moment to ask for it the
  separate consent was given; without these nothing opens. A text has no such moment: that nobody asked is recorded as
  that. Consent that was asked for and withheld refuses the opening on any channel.
* A restricted leg is kept for proof alone: it can be asked about and not changed. What brings it about concerns the
  whole subscriber, not one leg: `gateway.domain.erasure`.
"""

from __future__ import annotations

from enum import Enum, auto

from gateway.domain.capability import Capabilities
from gateway.domain.errors import Reason
from gateway.domain.instruction import (
    Action,
    Cancel,
    Channel,
    Confirm,
    Consent,
    Disposition,
    Evidence,
    Item,
    ItemKind,
    ItemOutcome,
    Open,
    Proof,
    Query,
    UndoCancel,
    Verdict,
)
from gateway.domain.policy import CarrierRules, Policy
from gateway.domain.preferences import NO_PREFERENCES, Preferences
from gateway.domain.settings import apply_defaults, apply_settings, list_wishes
from gateway.domain.subscription import EnrolmentState, Leg, Pending, Undo
from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass, replace


class Event(Enum):
    """What an instruction means to the state machine."""

    OPEN = auto()
    OPEN_UNPROVEN = auto()
    OPEN_UNTOLD = auto()
    CONFIRM = auto()
    CONFIRM_UNPROVEN = auto()
    CONFIRM_LATE = auto()
    CONFIRM_OTHER = auto()
    CANCEL = auto()
    CANCEL_UNPROVEN = auto()
    UNDO = auto()
    UNDO_NOTHING = auto()
    SET = auto()
    QUERY = auto()


@dataclass(frozen=True, slots=True)
class Move:
    """One cell of the table: what the subscriber is told, and the state that follows (None: as it was)."""

    disposition: Disposition
    to: EnrolmentState | None = None
    reason: Reason | None = None


_S, _E, _D = EnrolmentState, Event, Disposition


def _refuse(reason: Reason) -> Move:
    return Move(_D.REFUSED, None, reason)


_ASK_OPEN = Move(_D.NEEDS_CONFIRMATION, _S.PENDING_OPEN)
_ASK_CANCEL = Move(_D.NEEDS_CONFIRMATION, _S.PENDING_CANCEL)
_OPENED = Move(_D.DONE, _S.OPEN)
_CLOSED = Move(_D.DONE, _S.CLOSED)
_SAME = Move(_D.ALREADY_SO)

TABLE: dict[tuple[EnrolmentState, Event], Move] = {
    (_S.CLOSED, _E.OPEN): _OPENED,
    (_S.CLOSED, _E.OPEN_UNPROVEN): _ASK_OPEN,
    (_S.CLOSED, _E.OPEN_UNTOLD): _refuse(Reason.PROOF_REQUIRED),
    (_S.CLOSED, _E.CONFIRM): _refuse(Reason.NOTHING_PENDING),
    (_S.CLOSED, _E.CONFIRM_UNPROVEN): _refuse(Reason.NOTHING_PENDING),
    (_S.CLOSED, _E.CONFIRM_LATE): _refuse(Reason.CONFIRMATION_EXPIRED),
    (_S.CLOSED, _E.CANCEL): _SAME,
    (_S.CLOSED, _E.CANCEL_UNPROVEN): _SAME,
    (_S.CLOSED, _E.UNDO): _OPENED,
    (_S.CLOSED, _E.UNDO_NOTHING): _refuse(Reason.NOTHING_TO_UNDO),
    (_S.CLOSED, _E.SET): _refuse(Reason.NOT_OPEN),
    (_S.PENDING_OPEN, _E.OPEN): _OPENED,
    (_S.PENDING_OPEN, _E.OPEN_UNPROVEN): _ASK_OPEN,
    (_S.PENDING_OPEN, _E.OPEN_UNTOLD): _refuse(Reason.PROOF_REQUIRED),
    (_S.PENDING_OPEN, _E.CONFIRM): _OPENED,
    (_S.PENDING_OPEN, _E.CONFIRM_UNPROVEN): _OPENED,
    (_S.PENDING_OPEN, _E.CONFIRM_OTHER): _refuse(Reason.NOTHING_PENDING),
    (_S.PENDING_OPEN, _E.CANCEL): _CLOSED,
    (_S.PENDING_OPEN, _E.CANCEL_UNPROVEN): _CLOSED,
    (_S.PENDING_OPEN, _E.UNDO): _OPENED,
    (_S.PENDING_OPEN, _E.UNDO_NOTHING): _refuse(Reason.NOTHING_TO_UNDO),
    (_S.PENDING_OPEN, _E.SET): _refuse(Reason.NOT_OPEN),
    (_S.OPEN, _E.OPEN): _SAME,
    (_S.OPEN, _E.OPEN_UNPROVEN): _SAME,
    (_S.OPEN, _E.OPEN_UNTOLD): _SAME,
    (_S.OPEN, _E.CONFIRM): _refuse(Reason.NOTHING_PENDING),
    (_S.OPEN, _E.CONFIRM_UNPROVEN): _refuse(Reason.NOTHING_PENDING),
    (_S.OPEN, _E.CONFIRM_LATE): _refuse(Reason.CONFIRMATION_EXPIRED),
    (_S.OPEN, _E.CANCEL): _CLOSED,
    (_S.OPEN, _E.CANCEL_UNPROVEN): _ASK_CANCEL,
    (_S.OPEN, _E.UNDO_NOTHING): _refuse(Reason.NOTHING_TO_UNDO),
    (_S.OPEN, _E.SET): Move(_D.DONE, _S.OPEN),
    (_S.PENDING_CANCEL, _E.OPEN): _OPENED,
    (_S.PENDING_CANCEL, _E.OPEN_UNPROVEN): _OPENED,
    (_S.PENDING_CANCEL, _E.OPEN_UNTOLD): _OPENED,
    (_S.PENDING_CANCEL, _E.CONFIRM): _CLOSED,
    (_S.PENDING_CANCEL, _E.CONFIRM_UNPROVEN): _refuse(Reason.PROOF_REQUIRED),
    (_S.PENDING_CANCEL, _E.CONFIRM_OTHER): _refuse(Reason.NOTHING_PENDING),
    (_S.PENDING_CANCEL, _E.CANCEL): _CLOSED,
    (_S.PENDING_CANCEL, _E.CANCEL_UNPROVEN): _ASK_CANCEL,
    (_S.PENDING_CANCEL, _E.UNDO_NOTHING): _OPENED,
    (_S.PENDING_CANCEL, _E.SET): Move(_D.DONE, _S.PENDING_CANCEL),
    **{(_S.RESTRICTED, event): _refuse(Reason.RESTRICTED) for event in Event if event is not _E.QUERY},
    **{(state, _E.QUERY): _SAME for state in EnrolmentState},
}
"""Every pair that can occur. CONFIRM_LATE never meets a pending state: what is late is pending no more. CONFIRM_OTHER
meets pending states alone. UNDO never meets a leg that is on, for what is on has nothing aside."""

_BEFORE_PENDING = {_S.PENDING_OPEN: _S.CLOSED, _S.PENDING_CANCEL: _S.OPEN}

_SUFFICIENT_PROOFS: dict[Channel, frozenset[Proof]] = {
    Channel.SMS: frozenset({Proof.SIM}),
    Channel.HOTLINE: frozenset({Proof.AGENT}),
    Channel.APP: frozenset({Proof.ONE_TAP_LOGIN, Proof.SMS_CODE}),
    Channel.HALL: frozenset({Proof.AGENT, Proof.IDENTITY_DOCUMENT}),
}
_BOOKED_CHANNELS = frozenset({Channel.HOTLINE, Channel.HALL})
_CANNOT_ASK = frozenset({Channel.SMS})
"""Where one text is the whole dialogue, there is no moment at which separate consent could be asked for."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that a decision depends on besides leg and action.

    ``now_ms`` is the log's accept time, ``capabilities`` are what the carrier has declared by then.
    """

    number: PhoneNumber
    channel: Channel
    evidence: Evidence
    policy: Policy
    carrier: str
    now_ms: int
    capabilities: Capabilities | None = None

    @property
    def rules(self) -> CarrierRules:
        """The rules of the carrier that serves the number."""
        return self.policy.rules_for(self.carrier)


def decide(leg: Leg, action: Action, around: Circumstances) -> tuple[Leg, Verdict]:
    """Decide one instruction: the leg after it, and what the subscriber is told.

    The returned leg is the one given, the same object, if nothing changed.
    """
    lack = missing_proof(around.channel, around.evidence) or _withheld_consent(action, around)
    if lack is not None:
        return leg, Verdict(Disposition.REFUSED, lack)
    current, expired = settle(leg, around.now_ms)
    event = classify(current, action, expired, around)
    move = TABLE[current.state, event]
    if move.disposition is Disposition.REFUSED or event is Event.QUERY:
        return leg, Verdict(move.disposition, move.reason)
    if event is Event.SET:
        return _set(leg, current, action, around)
    return _move(leg, current, move, action, around)


def missing_proof(channel: Channel, evidence: Evidence) -> Reason | None:
    """Tell what the evidence lacks for this channel, if anything."""
    if _SUFFICIENT_PROOFS[channel].isdisjoint(evidence.proofs):
        return Reason.PROOF_REQUIRED
    if channel in _BOOKED_CHANNELS and not (evidence.booked_by and evidence.mandate):
        return Reason.MANDATE_REQUIRED
    return None


def _withheld_consent(action: Action, around: Circumstances) -> Reason | None:
    withheld = isinstance(action, Open) and around.evidence.separate_consent is Consent.WITHHELD
    return Reason.PROOF_REQUIRED if withheld else None


def settle(leg: Leg, now_ms: int) -> tuple[Leg, bool]:
    """The leg as it stands once its times are up, and whether the time for a second word was."""
    leg = end_question(drop_aside(leg, now_ms), now_ms)
    return (replace(leg, unanswered=False), True) if leg.unanswered else (leg, False)


def end_question(leg: Leg, now_ms: int) -> Leg:
    """The leg once the time for a second word is over, as if it had not been asked; the same object if it is not."""
    if leg.pending is None or now_ms < leg.pending.expire_ms:
        return leg
    before = _BEFORE_PENDING[leg.state]
    kept = leg.preferences if before is _S.OPEN else NO_PREFERENCES
    return replace(leg, state=before, pending=None, preferences=kept, unanswered=True)


def drop_aside(leg: Leg, now_ms: int) -> Leg:
    """The leg without what can no longer be taken back; the same object if there is nothing to drop."""
    return replace(leg, undo=None) if leg.undo is not None and leg.undo.until_ms <= now_ms else leg


def classify(current: Leg, action: Action, expired: bool, around: Circumstances) -> Event:
    """What an action means to the state machine, under the carrier's rules."""
    match action:
        case Open():
            if around.channel in around.rules.confirm_open:
                return Event.OPEN_UNPROVEN
            return Event.OPEN if _is_told(around) else Event.OPEN_UNTOLD
        case Confirm():
            if expired:
                return Event.CONFIRM_LATE
            if _answers_other(current, action):
                return Event.CONFIRM_OTHER
            return Event.CONFIRM_UNPROVEN if is_only_one_tap(around) else Event.CONFIRM
        case Cancel():
            return Event.CANCEL_UNPROVEN if cancel_needs_word(around) else Event.CANCEL
        case UndoCancel():
            return Event.UNDO if current.undo is not None else Event.UNDO_NOTHING
        case Query():
            return Event.QUERY
        case _:
            return Event.SET


def _is_told(around: Circumstances) -> bool:
    """Whether the subscriber was shown a notice and, where the channel can ask, gave separate consent to it."""
    evidence = around.evidence
    consented = around.channel in _CANNOT_ASK or evidence.separate_consent is Consent.GIVEN
    return bool(evidence.notice_version) and consented


def _answers_other(current: Leg, action: Confirm) -> bool:
    if current.pending is None or (action.opens is None and not action.guardian):
        return False
    return action.opens is not (current.pending.target is _S.OPEN)


def cancel_needs_word(around: Circumstances) -> bool:
    """Whether closing takes the subscriber's second word here."""
    return is_only_one_tap(around) or around.channel in around.rules.confirm_cancel


def is_only_one_tap(around: Circumstances) -> bool:
    """True where nothing but a one-tap login, which can be stolen, speaks for the subscriber."""
    return around.channel is Channel.APP and Proof.SMS_CODE not in around.evidence.proofs


def _move(leg: Leg, current: Leg, move: Move, action: Action, around: Circumstances) -> tuple[Leg, Verdict]:
    target = move.to
    if target is None:
        return leg, Verdict(move.disposition, None, (_service_item(move.disposition),))
    preferences, refused = _opening_preferences(current, action, around)
    if move.disposition is Disposition.NEEDS_CONFIRMATION:
        expire_ms = around.now_ms + around.rules.confirm_within_s * 1000
        wish = _S.OPEN if target is _S.PENDING_OPEN else _S.CLOSED
        pending = Pending(wish, expire_ms, around.channel)
        after = replace(current, state=target, preferences=preferences, pending=pending, change_ms=around.now_ms)
        asked = _service_item(move.disposition, on=wish is _S.OPEN)
        listed = _list_opened(current, action, preferences, move.disposition)
        return after, Verdict(move.disposition, None, (asked, *listed, *refused), expire_ms)
    on = target is not _S.CLOSED
    after = replace(
        current,
        state=target,
        preferences=preferences if on else NO_PREFERENCES,
        pending=None,
        open_ms=_open_ms(current, action, around.now_ms),
        change_ms=around.now_ms,
        undo=None if on else _put_aside(current, around),
    )
    listed = _list_opened(current, action, preferences, Disposition.DONE) if on else ()
    return after, Verdict(Disposition.DONE, None, (_service_item(Disposition.DONE, on=on), *listed, *refused))


def _list_opened(
    current: Leg, action: Action, opened: Preferences, disposition: Disposition
) -> tuple[ItemOutcome, ...]:
    """What an opening switches on, or will, besides the service; what is on or comes back is not told again."""
    if current.refusing or not isinstance(action, Open | Confirm):
        return ()
    return tuple(ItemOutcome(item, disposition) for item in list_wishes(opened))


def _open_ms(current: Leg, action: Action, now_ms: int) -> int | None:
    """When it was last opened: what never ended, or is taken up again, was opened before."""
    kept = current.refusing or isinstance(action, Cancel | UndoCancel)
    return current.open_ms if kept else now_ms


def _put_aside(current: Leg, around: Circumstances) -> Undo | None:
    """What a cancellation leaves to be taken back: the wishes in force, or what lies aside already."""
    if not current.refusing:
        return current.undo
    return Undo(current.preferences, around.now_ms + around.rules.undo_within_s * 1000)


def _opening_preferences(
    current: Leg, action: Action, around: Circumstances
) -> tuple[Preferences, tuple[ItemOutcome, ...]]:
    """What is on from the first moment: the defaults of the opening that counts, which is the last one asked for."""
    if isinstance(action, UndoCancel) and current.undo is not None:
        return current.undo.preferences, ()
    if isinstance(action, Open) and not current.refusing:
        if action.defaults is None:
            return NO_PREFERENCES, ()
        return apply_defaults(action.defaults, around.policy, around.carrier, around.number, around.capabilities)
    return current.preferences, ()


def _set(leg: Leg, current: Leg, action: Action, around: Circumstances) -> tuple[Leg, Verdict]:
    after, items = apply_settings(
        current.preferences, action, around.policy, around.carrier, around.number, around.capabilities
    )
    dispositions = {item.disposition for item in items}
    if Disposition.DONE in dispositions:
        changed = replace(current, preferences=after, change_ms=around.now_ms)
        return changed, Verdict(Disposition.DONE, None, items)
    if dispositions == {Disposition.REFUSED}:
        return leg, Verdict(Disposition.REFUSED, items[0].reason, items)
    return leg, Verdict(Disposition.ALREADY_SO, None, items)


def _service_item(disposition: Disposition, *, on: bool = True) -> ItemOutcome:
    return ItemOutcome(Item(ItemKind.SERVICE), disposition, switched_on=on)
