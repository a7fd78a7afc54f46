"""Guardianship: one subscriber acts for another, whichever carriers serve them, because the other agreed.

The rules:

* A guardian may do nothing before the ward agreed with a word of the ward's own, over the ward's own carrier; nothing
  beyond the scope; nothing once it is over, by time or by either side's word. Who is guardian stands at the ward alone.
* A guardian is one holder of one number. The next holder is nobody to the ward, and a number given up ends all.
* Asking, agreeing and acting need more than a one-tap login, which can be stolen. Ending never needs more than any
  instruction does, no second word, and is at once.
* At most one question waits for a subscriber's word at any time. A guardian's question is not put while another waits;
  and where a subscriber asks something that itself waits for a second word, the guardian's question yields to it. So a
  word of assent never means what was not asked last.
* Nobody is asked more often a day than the policy says, nor asks more often; so guardians are no new nuisance.
* Where the ward's service is off, the question says that agreeing opens it, and then it does. Nothing else changes by
  agreeing. Opening it later, closing and erasing are the ward's own.
* The guardian hears: done, waits for the ward, or refused, with the refused items of the guardian's own asking. Whether
  something was so before, what stands on lists, and who called is not told; nor why a ward cannot be asked.
* The ward is told of every change as it is made, and of every beginning and end.

What the ward's state makes of an instruction is a `Finding`, which is all that anything of the guardian's depends on:
what the guardian hears, and what stands in the guardian's own state and entries. So neither can tell more of the ward.
"""

from __future__ import annotations

from gateway.domain.capability import Capabilities
from gateway.domain.enrolment import Circumstances, settle
from gateway.domain.errors import Reason
from gateway.domain.guardian_notices import (
    Ending,
    ask_ward,
    tell_changed,
    tell_ended,
    tell_guardian_agreed,
    tell_ward_ended,
)
from gateway.domain.instruction import (
    ActForWard,
    Action,
    ApplyPreset,
    AskGuardian,
    Disposition,
    EndGuardian,
    ItemOutcome,
    WardChange,
)
from gateway.domain.knowledge import begin
from gateway.domain.notice_rules import day_of
from gateway.domain.notices import Notice
from gateway.domain.preferences import Medium, Preferences
from gateway.domain.preset import apply_preset
from gateway.domain.settings import apply_settings
from gateway.domain.subscription import EnrolmentState, Leg, Subscriber
from gateway.domain.ties import Guardian, GuardianScope, GuardianState, Ward
from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Party:
    """A subscriber that an instruction is about, and what the carrier that serves it has declared, if it was heard."""

    state: Subscriber
    capabilities: Capabilities | None = None


@dataclass(frozen=True, slots=True)
class Who:
    """The sender of an instruction, as the other party knows it: one holder of one number."""

    number: PhoneNumber
    epoch: int


@dataclass(frozen=True, slots=True)
class News:
    """What the other side of a tie has to learn that was not at hand when it changed.

    To a guardian (``epoch`` of ``to``) about a ward, whose tie lasts until ``left_ms`` (Unix ms; 0: it is over); or
    with ``to_ward``, to whoever holds ``to``, about a guardian, ``about_epoch`` of ``about``, who is no more.
    """

    to: PhoneNumber
    about: PhoneNumber
    epoch: int = 0
    about_epoch: int = 0
    cause: Ending | None = None
    left_ms: int = 0
    to_ward: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """What becomes of one party: the state (the same object if nothing changed), and what is told.

    ``due_ms`` is when its guardians have to be looked at again, if that is new. None for ``notices`` leaves it to the
    ordinary rules what is told.
    """

    after: Subscriber
    notices: tuple[Notice, ...] | None = ()
    due_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What the other party's state makes of an instruction: why not, refused items, until when a word is awaited."""

    reason: Reason | None = None
    items: tuple[ItemOutcome, ...] = ()
    confirm_by_ms: int = 0


Found = tuple[Finding, Side | None]
"""A finding, and what becomes of the other party if the sender may; None if that changes nothing."""


def other_party(action: Action) -> PhoneNumber | None:
    """The number that an action is about besides the sender's own."""
    match action:
        case AskGuardian() | ActForWard():
            return action.ward
        case EndGuardian():
            return action.party
        case _:
            return None


def find(action: Action, sender: Who, other: Party, around: Circumstances, medium: Medium) -> Found:
    """What the holder of `other_party` makes of an instruction of somebody else's. TypeError for one about nobody."""
    match action:
        case AskGuardian():
            return _put_question(action, sender, other, around, medium)
        case ActForWard():
            return _act(action.change, sender, other, around, medium)
        case EndGuardian():
            return _release(sender, other.state)
        case _:
            raise TypeError(f"not about guardians: {type(action).__name__}")


# ------------------------------------------------------------------------------------------------ asking


def _put_question(action: AskGuardian, sender: Who, other: Party, around: Circumstances, medium: Medium) -> Found:
    if action.ward == sender.number or not can_be_asked(other, sender, around):
        return Finding(Reason.WARD_NOT_ASKABLE), None
    ward, now_ms = other.state, around.now_ms
    leg, _ = settle(ward.leg(medium), now_ms)
    last_ms = now_ms + around.policy.rules_for(ward.carrier).confirm_within_s * 1000
    confirm_by_ms = min(last_ms, action.until_ms or last_ms)
    question = Guardian(
        sender.number,
        sender.epoch,
        action.scope,
        GuardianState.PENDING,
        confirm_by_ms,
        action.until_ms or 0,
        opens=leg.state is EnrolmentState.CLOSED,
    )
    lasting = tuple(one for one in ward.ties.guardians if not _is_stale(one, now_ms))
    ties = replace(ward.ties, guardians=(*lasting, question), asked=ward.ties.asked.add(day_of(now_ms)))
    side = Side(ward.with_ties(ties), (ask_ward(question),), confirm_by_ms)
    return Finding(confirm_by_ms=confirm_by_ms), side


def _is_stale(one: Guardian, now_ms: int) -> bool:
    return one.state is GuardianState.PENDING and one.expire_ms <= now_ms


def can_be_asked(ward: Party, sender: Who, around: Circumstances) -> bool:
    """Whether a question of the sender's may be put to a subscriber now."""
    state, now_ms, rules = ward.state, around.now_ms, around.policy.guardians
    if not around.policy.knows_carrier(state.carrier) or state.life.frozen_until_ms is not None:
        return False
    if state.life.claim is not None and state.life.claim.contested:
        return False
    if ward.capabilities is not None and "guardian_asked" not in ward.capabilities.templates:
        return False
    legs = [settle(leg, now_ms)[0] for leg in (state.voice, state.message)]
    if any(leg.pending is not None or leg.state is EnrolmentState.RESTRICTED for leg in legs):
        return False
    in_force = [one for one in state.ties.guardians if one.expire_ms > now_ms and one.number != sender.number]
    return (
        state.ties.question(now_ms) is None
        and len(in_force) < rules.guardians_per_ward
        and state.ties.asked.on(day_of(now_ms)) < rules.asks_per_day
    )


# ------------------------------------------------------------------------------------------------ acting


def _act(change: WardChange, sender: Who, other: Party, around: Circumstances, medium: Medium) -> Found:
    ward, now_ms = other.state, around.now_ms
    guardian = ward.ties.guardian(sender.number, sender.epoch, now_ms)
    if ward.number == sender.number or guardian is None or not is_within(guardian.scope, change):
        return Finding(Reason.NOT_GUARDIAN), None
    leg, _ = settle(ward.leg(medium), now_ms)
    lack = _not_now(ward, leg)
    if lack is not None:
        return Finding(lack), None
    wishes, items = _apply(change, leg.preferences, other, around)
    if items is None:
        return Finding(Reason.UNKNOWN_PRESET), None
    refused = tuple(item for item in items if item.disposition is Disposition.REFUSED)
    if items and len(refused) == len(items):
        return Finding(refused[0].reason, refused), None
    if wishes == leg.preferences:
        return Finding(None, refused), None
    after = replace(leg, preferences=wishes, change_ms=now_ms)
    after = begin(ward.leg(medium), after, ward.version + 1, other.capabilities, now_ms)
    preset = change.name if isinstance(change, ApplyPreset) else ""
    alert = tell_changed(sender.number, preset, items, after)
    return Finding(None, refused), Side(ward.with_leg(medium, after), (alert,))


def is_within(scope: GuardianScope, change: WardChange) -> bool:
    """Whether a scope covers a change: presets always, single settings only where the ward agreed to those."""
    return scope is GuardianScope.SETTINGS or isinstance(change, ApplyPreset)


def _not_now(ward: Subscriber, leg: Leg) -> Reason | None:
    if ward.life.claim is not None and ward.life.claim.contested:
        return Reason.CLAIM_CONTESTED
    if leg.state is EnrolmentState.RESTRICTED:
        # Who asked to be erased has no guardian, and nobody is told of that.
        return Reason.NOT_GUARDIAN
    return None if leg.refusing else Reason.NOT_OPEN


def _apply(
    change: WardChange, wishes: Preferences, other: Party, around: Circumstances
) -> tuple[Preferences, tuple[ItemOutcome, ...] | None]:
    ward = other.state
    if not isinstance(change, ApplyPreset):
        return apply_settings(wishes, change, around.policy, around.carrier, ward.number, other.capabilities)
    preset = around.policy.preset(change.name)
    return (wishes, None) if preset is None else apply_preset(wishes, preset, around.policy, ward.carrier, ward.number)


# ------------------------------------------------------------------------------------------------ ending


def _release(guardian: Who, ward: Subscriber) -> Found:
    released = tuple(one for one in ward.ties.guardians if one.is_of(guardian.number, guardian.epoch))
    if not released or ward.number == guardian.number:
        return Finding(Reason.NOT_GUARDIAN), None
    active = any(one.state is GuardianState.ACTIVE for one in released)
    told = (tell_ended(guardian.number, Ending.RESIGNED),) if active else ()
    return Finding(), Side(ward.with_ties(ward.ties.without(released)), told)


def lapse_guardians(ward: Subscriber, now_ms: int) -> tuple[Side, tuple[News, ...]]:
    """The ward once guardians and questions whose time is over are gone; the same object if there are none."""
    gone = tuple(one for one in ward.ties.guardians if one.expire_ms <= now_ms)
    after = ward.with_ties(ward.ties.without(gone))
    ended = [one for one in gone if one.state is GuardianState.ACTIVE]
    notices = tuple(tell_ended(one.number, Ending.EXPIRED) for one in ended)
    news = tuple(
        news_of_end(one, after, Ending.EXPIRED if one.state is GuardianState.ACTIVE else Ending.UNANSWERED, now_ms)
        for one in once_each(gone)
    )
    return Side(after, notices), news


def news_of_end(gone: Guardian, ward: Subscriber, cause: Ending, now_ms: int) -> News:
    """The news for a guardian of whose rows one is gone; what was agreed to earlier may still last."""
    left = ward.ties.guardian(gone.number, gone.epoch, now_ms)
    return news_to_guardian(gone, ward, cause, 0 if left is None else left.expire_ms)


def news_to_guardian(one: Guardian, ward: Subscriber, cause: Ending | None = None, left_ms: int = 0) -> News:
    """The news for a guardian."""
    return News(one.number, ward.number, epoch=one.epoch, cause=cause, left_ms=left_ms)


def once_each(gone: tuple[Guardian, ...]) -> tuple[Guardian, ...]:
    """One of the rows of each guardian."""
    return tuple({(one.number, one.epoch): one for one in gone}.values())


def part_with(holder: Subscriber) -> tuple[News, ...]:
    """The news for everybody tied to a holder who gives the number up."""
    return (
        *(news_to_guardian(one, holder, Ending.GONE) for one in once_each(holder.ties.guardians)),
        *(
            News(ward.number, holder.number, about_epoch=holder.epoch, cause=Ending.GONE, to_ward=True)
            for ward in holder.ties.wards
        ),
    )


def learn(holder: Subscriber, news: News) -> Side:
    """What news makes of the one whom it is for; the same object if it teaches nothing."""
    if news.to_ward:
        gone = tuple(one for one in holder.ties.guardians if one.is_of(news.about, news.about_epoch))
        told = any(one.state is GuardianState.ACTIVE for one in gone)
        after = holder.with_ties(holder.ties.without(gone))
        return Side(after, (tell_ended(news.about, Ending.GONE),) if told else ())
    if news.epoch != holder.epoch:
        return Side(holder)
    after = holder.with_ties(holder.ties.with_ward(Ward(news.about, news.left_ms)))
    if news.cause is None:
        return Side(after, (tell_guardian_agreed(news.about, news.left_ms),))
    return Side(after, (tell_ward_ended(news.about, news.cause),))
