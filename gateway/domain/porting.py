"""The life of a number: how an event changes who serves it, and whose it is.

The rules, and under them the table that is the rules:

* Events of one number are ordered by the time from which they hold. A port or a baseline older than the event in force
  is history: it is recorded and changes nothing. An older closing or reassignment would change whose the wishes are,
  so it is a conflict.
* A port moves the wishes with their holder. The carrier that lost the number is told to switch off, and stands among
  ``switch_offs`` until it reports that it did; a carrier for whose time nothing was ever on has nothing to switch off.
* A port reported by the gaining side, by the losing side, or by both in either order is one hand-over: the second
  report within a day of the first says nothing new. If only the losing side has spoken and did not name the other,
  nobody is known to serve the number until somebody speaks; the wishes stay.
* A carrier that gets a number back is to have its holder's wishes on again, so it is no longer waited for.
* Who loses or closes a number must be who is held to serve it. Two carriers cannot gain it at one instant.
* A closed number has no wishes. It is frozen for at least 90 days, cannot be ported, and is given to nobody before.
* A reassigned number begins a new epoch, empty. What the old holder's carriers have not switched off is waited for in
  the new epoch. Where no closing was heard of, the event in force must be as old as a freeze is long, for the number
  was in use then. Only the carrier held to serve it, the one whose prefix it is, or the operator gives it out again.
* Whatever an event decides settles a claim and its contest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from gateway.domain.capability import Capabilities
from gateway.domain.effects import Effects
from gateway.domain.errors import Reason
from gateway.domain.knowledge import begin_anew
from gateway.domain.number_life import Claim, NumberEvent, NumberEventKind, NumberLife, SwitchOff
from gateway.domain.subscription import CLOSED_LEG, EnrolmentState, Leg, ServiceBasis, Subscriber
from gateway.domain.ties import NO_TIES
from optout.kit.number import PhoneNumber, hint_carrier

DAY_MS = 86_400_000
SAME_EVENT_MS = DAY_MS
"""How far apart two sides' times of one hand-over may lie."""
SWITCH_OFF_WITHIN_MS = DAY_MS
"""How long a carrier that lost a number has to report that it switched it off."""


class Phase(Enum):
    """Where a number stands."""

    HINTED = auto()
    """No event has decided: a prefix or a claim alone says who serves it."""
    SERVED = auto()
    """An event says who serves it."""
    ADRIFT = auto()
    """It left its carrier; to which one is not known yet."""
    CLOSED = auto()


class Seen(Enum):
    """What an event means for a number as it stands."""

    STAYS = auto()
    """A port or baseline to the carrier that serves it, holding from later on than what was known."""
    MOVES = auto()
    """A port or baseline to another carrier."""
    LEAVES = auto()
    """Ported out, to nobody named."""
    CLOSES = auto()
    REASSIGNS = auto()
    REASSIGNS_EARLY = auto()
    AGAIN = auto()
    """The other side's report of what is known, or the same said twice."""
    OLDER = auto()
    """A port or baseline from before what is in force."""
    CONTRADICTS = auto()
    """A closing or reassignment from before what is in force, or a word of somebody who has no say."""


class Follows(Enum):
    """What follows from an event."""

    SERVE = "serve"
    HAND_OVER = "hand_over"
    LEAVE = "leave"
    FREEZE = "freeze"
    NEW_EPOCH = "new_epoch"
    NOTHING = "nothing"
    CONFLICT = "conflict"


_P, _S, _F = Phase, Seen, Follows

TABLE: dict[tuple[Phase, Seen], Follows] = {
    (_P.HINTED, _S.STAYS): _F.SERVE,
    (_P.HINTED, _S.MOVES): _F.HAND_OVER,
    (_P.HINTED, _S.LEAVES): _F.LEAVE,
    (_P.HINTED, _S.CLOSES): _F.FREEZE,
    (_P.HINTED, _S.REASSIGNS): _F.NEW_EPOCH,
    (_P.SERVED, _S.STAYS): _F.SERVE,
    (_P.SERVED, _S.MOVES): _F.HAND_OVER,
    (_P.SERVED, _S.LEAVES): _F.LEAVE,
    (_P.SERVED, _S.CLOSES): _F.FREEZE,
    (_P.SERVED, _S.REASSIGNS): _F.NEW_EPOCH,
    (_P.ADRIFT, _S.STAYS): _F.NOTHING,
    (_P.ADRIFT, _S.MOVES): _F.SERVE,
    (_P.ADRIFT, _S.LEAVES): _F.CONFLICT,
    (_P.ADRIFT, _S.CLOSES): _F.FREEZE,
    (_P.ADRIFT, _S.REASSIGNS): _F.NEW_EPOCH,
    (_P.CLOSED, _S.STAYS): _F.CONFLICT,
    (_P.CLOSED, _S.MOVES): _F.CONFLICT,
    (_P.CLOSED, _S.LEAVES): _F.CONFLICT,
    (_P.CLOSED, _S.CLOSES): _F.NOTHING,
    (_P.CLOSED, _S.REASSIGNS): _F.NEW_EPOCH,
    **{(phase, _S.REASSIGNS_EARLY): _F.CONFLICT for phase in Phase},
    **{(phase, _S.AGAIN): _F.NOTHING for phase in Phase},
    **{(phase, _S.OLDER): _F.NOTHING for phase in Phase},
    **{(phase, _S.CONTRADICTS): _F.CONFLICT for phase in Phase},
}
"""Every pair. A number adrift has no carrier, so no event can say that it stays with one."""

_PORTS = frozenset({NumberEventKind.BASELINE, NumberEventKind.PORTED_IN, NumberEventKind.PORTED_OUT})
_LOSSES = frozenset({NumberEventKind.PORTED_OUT, NumberEventKind.CLOSED})
_NO_EVENT = frozenset({ServiceBasis.PREFIX, ServiceBasis.CLAIM})


@dataclass(frozen=True, slots=True)
class Step:
    """What an event leads to.

    ``after`` is the holder it found, the same object if nothing changed; ``successor`` is the new holder, if the
    number changed hands. ``told_off`` are the carriers to be told to switch off.
    """

    follows: Follows
    after: Subscriber
    successor: Subscriber | None = None
    told_off: tuple[SwitchOff, ...] = ()

    @property
    def reason(self) -> Reason | None:
        """Why the event was not taken in, if it was not."""
        return Reason.EVENT_CONFLICT if self.follows is Follows.CONFLICT else None

    @property
    def epoch(self) -> int:
        """The number's epoch after the event."""
        return (self.successor or self.after).epoch


def begin_unheard(number: PhoneNumber) -> Subscriber:
    """The first holder of a number never heard of, as its prefix alone has it."""
    return Subscriber(number, 1, hint_carrier(number) or "", ServiceBasis.PREFIX)


def gaining_carrier(event: NumberEvent) -> str:
    """Who serves the number after a port, a baseline or a reassignment; empty if the event does not say."""
    gains = event.kind in {NumberEventKind.PORTED_IN, NumberEventKind.REASSIGNED}
    return event.reporter if gains and event.reporter else event.counterpart


def phase_of(holder: Subscriber) -> Phase:
    """Where a number stands."""
    if holder.life.frozen_until_ms is not None:
        return Phase.CLOSED
    if holder.basis in _NO_EVENT:
        return Phase.HINTED
    return Phase.SERVED if holder.carrier else Phase.ADRIFT


def take_event(holder: Subscriber, event: NumberEvent, now_ms: int, frozen_days: int, *, unheard: bool = False) -> Step:
    """What an event that holds by now makes of a number. ``holder`` is whose it is; `begin_unheard` if ``unheard``.

    A number reassigned before it was ever heard of has no old holder to part with.
    """
    follows = TABLE[phase_of(holder), classify(holder, event, frozen_days)]
    if unheard and follows is Follows.NEW_EPOCH:
        follows = Follows.SERVE
    match follows:
        case Follows.SERVE | Follows.HAND_OVER | Follows.LEAVE:
            return _move(holder, event, follows, now_ms)
        case Follows.FREEZE:
            return _freeze(holder, event, now_ms, frozen_days)
        case Follows.NEW_EPOCH:
            return _reassign(holder, event, now_ms)
        case _:
            return Step(follows, holder)


def classify(holder: Subscriber, event: NumberEvent, frozen_days: int) -> Seen:
    """What an event means for a number as it stands."""
    if event.kind is NumberEventKind.REASSIGNED:
        return _classify_reassigned(holder, event, frozen_days)
    if event.kind is NumberEventKind.CLOSED:
        return _classify_closed(holder, event)
    return _classify_port(holder, event)


def _classify_port(holder: Subscriber, event: NumberEvent) -> Seen:
    life, to = holder.life, gaining_carrier(event)
    if _is_other_half(holder, event, to):
        return Seen.AGAIN
    if event.effective_ms < life.since_ms - _slack_ms(holder):
        return Seen.OLDER
    if to and to == holder.carrier:
        known = holder.basis is ServiceBasis.EVENT and event.effective_ms == life.since_ms
        return Seen.AGAIN if known else Seen.STAYS
    if _has_no_say(holder, event):
        return Seen.CONTRADICTS
    if holder.basis is ServiceBasis.EVENT and holder.carrier and event.effective_ms == life.since_ms:
        return Seen.CONTRADICTS
    return Seen.MOVES if to else Seen.LEAVES


def _slack_ms(holder: Subscriber) -> int:
    """The gaining side may date a hand-over before the losing side, which spoke first and named nobody, does."""
    left = phase_of(holder) is Phase.ADRIFT or holder.basis in _NO_EVENT
    return SAME_EVENT_MS if left and holder.life.kind is NumberEventKind.PORTED_OUT else 0


def _is_other_half(holder: Subscriber, event: NumberEvent, to: str) -> bool:
    """Whether the losing side reports, within a day, what the gaining side has reported; or twice the same loss."""
    if event.kind is not NumberEventKind.PORTED_OUT or not event.reporter or event.reporter != holder.life.came_from:
        return False
    near = abs(event.effective_ms - holder.life.since_ms) <= SAME_EVENT_MS
    return near and (not to or (to == holder.carrier and holder.basis is ServiceBasis.EVENT))


def _classify_closed(holder: Subscriber, event: NumberEvent) -> Seen:
    if phase_of(holder) is Phase.CLOSED:
        return Seen.CLOSES
    if event.effective_ms < holder.life.since_ms or _has_no_say(holder, event):
        return Seen.CONTRADICTS
    return Seen.CLOSES


def _classify_reassigned(holder: Subscriber, event: NumberEvent, frozen_days: int) -> Seen:
    life, to = holder.life, gaining_carrier(event)
    near = abs(event.effective_ms - life.since_ms) <= SAME_EVENT_MS
    if phase_of(holder) is Phase.SERVED and life.kind is NumberEventKind.REASSIGNED and to == holder.carrier and near:
        return Seen.AGAIN
    if event.reporter and holder.carrier and event.reporter not in {holder.carrier, hint_carrier(holder.number)}:
        return Seen.CONTRADICTS
    free_ms = life.frozen_until_ms
    if free_ms is None and life.kind is not None:
        free_ms = life.since_ms + frozen_days * DAY_MS
    return Seen.REASSIGNS_EARLY if event.effective_ms < (free_ms or 0) else Seen.REASSIGNS


def _has_no_say(holder: Subscriber, event: NumberEvent) -> bool:
    """A carrier that reports a loss and is not held to serve the number."""
    loses = event.kind in _LOSSES and bool(event.reporter)
    return loses and bool(holder.carrier) and event.reporter != holder.carrier


def _move(holder: Subscriber, event: NumberEvent, follows: Follows, now_ms: int) -> Step:
    to, life = gaining_carrier(event), holder.life
    lost = follows in {Follows.HAND_OVER, Follows.LEAVE}
    version = holder.version + 1
    told = _told_off(holder, now_ms) if lost else ()
    after = replace(
        holder,
        carrier=to,
        basis=ServiceBasis.EVENT,
        version=version,
        life=NumberLife(
            since_ms=max(event.effective_ms, life.since_ms),
            kind=event.kind,
            came_from=_loser(holder, event, to) if lost else life.came_from,
            switch_offs=_waited_for(holder, told, back_on=to),
            served=_served(holder, lost=lost),
        ),
    )
    return Step(follows, after, told_off=told)


def _served(holder: Subscriber, *, lost: bool) -> tuple[str, ...]:
    """Who served this holder before and may have kept something: whoever is to erase it one day."""
    before = holder.life.served
    if not lost or not holder.carrier or holder.is_blank:
        return before
    return tuple(sorted({*before, holder.carrier}))


def _loser(holder: Subscriber, event: NumberEvent, to: str) -> str:
    return holder.carrier or (event.reporter if event.reporter != to else "")


def _told_off(holder: Subscriber, now_ms: int) -> tuple[SwitchOff, ...]:
    if not holder.carrier or not holder.ever_on:
        return ()
    return (SwitchOff(holder.carrier, holder.version + 1, now_ms + SWITCH_OFF_WITHIN_MS),)


def _waited_for(holder: Subscriber, told: tuple[SwitchOff, ...], *, back_on: str = "") -> tuple[SwitchOff, ...]:
    """Who has still to switch off: those of before, and those told now in place of what they were told before.

    ``back_on`` carries this holder's wishes again; what it holds of an earlier holder is waited for all the same.
    """
    gone = {one.carrier for one in told} | ({back_on} if holder.ever_on else set())
    return tuple(one for one in holder.life.switch_offs if one.carrier not in gone) + told


def _freeze(holder: Subscriber, event: NumberEvent, now_ms: int, frozen_days: int) -> Step:
    told, life = _told_off(holder, now_ms), holder.life
    after = replace(
        _without_service(holder, now_ms),
        basis=ServiceBasis.EVENT,
        version=holder.version + 1,
        life=NumberLife(
            since_ms=event.effective_ms,
            kind=event.kind,
            came_from=life.came_from,
            switch_offs=_waited_for(holder, told),
            frozen_until_ms=event.effective_ms + frozen_days * DAY_MS,
            served=life.served,
        ),
    )
    return Step(Follows.FREEZE, after, told_off=told)


def _reassign(holder: Subscriber, event: NumberEvent, now_ms: int) -> Step:
    due_ms = now_ms + SWITCH_OFF_WITHIN_MS
    waiting = dict.fromkeys(one.carrier for one in (*holder.life.switch_offs, *_told_off_unless_closed(holder, now_ms)))
    told = tuple(SwitchOff(carrier, 1, due_ms) for carrier in waiting)
    ended = replace(
        _without_service(holder, now_ms),
        carrier="",
        basis=ServiceBasis.EVENT,
        version=holder.version + 1,
        life=replace(holder.life, switch_offs=(), claim=None, ended=True),
    )
    life = NumberLife(since_ms=event.effective_ms, kind=event.kind, switch_offs=told)
    to = gaining_carrier(event)
    successor = Subscriber(holder.number, holder.epoch + 1, to, ServiceBasis.EVENT, version=1, life=life)
    return Step(Follows.NEW_EPOCH, ended, successor, told)


def _told_off_unless_closed(holder: Subscriber, now_ms: int) -> tuple[SwitchOff, ...]:
    """A closing has told already; a number given out without one has its carrier to be told now."""
    return () if phase_of(holder) is Phase.CLOSED else _told_off(holder, now_ms)


def _without_service(holder: Subscriber, now_ms: int) -> Subscriber:
    """The holder with nothing on, nothing pending, nothing aside and no ties; when it was on is kept."""
    voice, message = (_ended_leg(leg, now_ms) for leg in (holder.voice, holder.message))
    return replace(holder, voice=voice, message=message, ties=NO_TIES)


def _ended_leg(leg: Leg, now_ms: int) -> Leg:
    """A restriction outlasts the service: it is kept for proof."""
    if leg == CLOSED_LEG:
        return leg
    state = leg.state if leg.state is EnrolmentState.RESTRICTED else EnrolmentState.CLOSED
    return Leg(state, open_ms=leg.open_ms, change_ms=now_ms, effects=Effects(leg.effects.service))


def contest(holder: Subscriber) -> Subscriber:
    """The holder of a claimed number once the claim is contested; the same object if it was contested before."""
    claim = holder.life.claim
    if claim is None or claim.contested:
        return holder
    life = replace(holder.life, claim=replace(claim, contested=True))
    return replace(holder, version=holder.version + 1, life=life)


def carried_by(state: Subscriber, capabilities: Capabilities | None, now_ms: int) -> Subscriber:
    """The state of a number that came to another carrier: what is known of its effect begins anew there."""
    leg = state.voice
    if not leg.refusing:
        return state
    return replace(state, voice=begin_anew(leg, state.version, capabilities, now_ms))


def take_on(before: Subscriber, step: Step, gaining: Capabilities | None, now_ms: int) -> Step:
    """The step with what the gaining carrier makes of it."""
    if step.after.carrier in {"", before.carrier}:
        return step
    return replace(step, after=carried_by(step.after, gaining, now_ms))


def claim_for(holder: Subscriber, carrier: str, revision: int, now_ms: int) -> Subscriber:
    """The number as claimed by an order of ``carrier``, whose entry has ``revision``; the wishes stay."""
    on_its_prefix = hint_carrier(holder.number) == carrier
    claim = None if on_its_prefix else Claim(revision, now_ms)
    return replace(
        holder,
        carrier=carrier,
        basis=ServiceBasis.PREFIX if on_its_prefix else ServiceBasis.CLAIM,
        version=holder.version + (phase_of(holder) is Phase.ADRIFT),
        life=replace(holder.life, claim=claim, switch_offs=_waited_for(holder, (), back_on=carrier)),
    )


def switched_off(holder: Subscriber, carrier: str, version: int) -> Subscriber:
    """The holder once ``carrier`` reported that it carried out the switch-off of ``version``.

    The same object if the report is about an older order than the one that is waited for, or about none.
    """
    left = tuple(one for one in holder.life.switch_offs if one.carrier != carrier or version < one.version)
    if left == holder.life.switch_offs:
        return holder
    return replace(holder, version=holder.version + 1, life=replace(holder.life, switch_offs=left))


def overdue_switch_offs(holder: Subscriber, now_ms: int) -> tuple[SwitchOff, ...]:
    """Those whose time is up."""
    return tuple(one for one in holder.life.switch_offs if one.due_ms <= now_ms)
