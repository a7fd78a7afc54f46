"""Guardianship on the sender's side: what an instruction makes of who sent it, given what was found at the other party.

The rules stand in `gateway.domain.guardians`.
"""

from __future__ import annotations

from gateway.domain.enrolment import Circumstances, is_only_one_tap, missing_proof, settle
from gateway.domain.errors import Reason
from gateway.domain.guardian_notices import (
    Ending,
    answer_asker,
    answer_guardian,
    tell_agreed,
    tell_ended,
    tell_ward_ended,
)
from gateway.domain.guardians import Finding, News, Party, Side, news_of_end, news_to_guardian, once_each
from gateway.domain.instruction import (
    ActForWard,
    Action,
    AskGuardian,
    Channel,
    Confirm,
    Disposition,
    EndGuardian,
    Item,
    ItemKind,
    ItemOutcome,
    Verdict,
)
from gateway.domain.knowledge import begin
from gateway.domain.notice_rules import DAY_MS, day_of
from gateway.domain.notices import Notice
from gateway.domain.preferences import NO_PREFERENCES, Medium
from gateway.domain.subscription import EnrolmentState, Leg, Subscriber
from gateway.domain.ties import Guardian, GuardianState, Ward
from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Step:
    """What an instruction leads to for its sender. ``reaches`` if what was found at the other party comes about.

    ``news`` reaches those who are not at hand.
    """

    verdict: Verdict
    own: Side
    reaches: bool = False
    news: tuple[News, ...] = ()


def take(action: Action, sender: Party, finding: Finding | None, around: Circumstances, medium: Medium) -> Step | None:
    """What an instruction about guardians leads to; None if it is about none.

    ``finding`` is what was found at `other_party`, and missing where there is no such number.
    """
    match action:
        case AskGuardian():
            return _ask(action, sender.state, finding or Finding(Reason.WARD_NOT_ASKABLE), around, medium)
        case ActForWard():
            return _act(action, sender.state, finding or Finding(Reason.NOT_GUARDIAN), around, medium)
        case EndGuardian():
            return _end(action, sender.state, finding or Finding(Reason.NOT_GUARDIAN), around)
        case Confirm():
            question = answered(action, sender.state, around.now_ms, medium)
            return None if question is None else _agree(question, sender, around, medium)
        case _:
            return None


def answered(action: Confirm, ward: Subscriber, now_ms: int, medium: Medium) -> Guardian | None:
    """The guardian's question that a word of assent answers: none while the ward's own waits, or is named by it."""
    leg, _ = settle(ward.leg(medium), now_ms)
    is_other = leg.pending is not None or action.opens is not None
    return None if is_other else ward.ties.question(now_ms)


def _refused(state: Subscriber, reason: Reason, items: tuple[ItemOutcome, ...] = ()) -> Step:
    return Step(Verdict(Disposition.REFUSED, reason, items), Side(state, None))


def _lack(sender: Subscriber, around: Circumstances, medium: Medium) -> Reason | None:
    """Why the sender may neither ask, nor agree, nor act."""
    lack = missing_proof(around.channel, around.evidence)
    if lack is None and is_only_one_tap(around):
        lack = Reason.PROOF_REQUIRED
    if lack is None and sender.leg(medium).state is EnrolmentState.RESTRICTED:
        lack = Reason.RESTRICTED
    return lack


def _ask(action: AskGuardian, sender: Subscriber, found: Finding, around: Circumstances, medium: Medium) -> Step:
    now_ms, rules = around.now_ms, around.policy.guardians
    lack = _lack(sender, around, medium)
    if lack is None and action.until_ms is not None and not 0 < action.until_ms - now_ms <= rules.last_days * DAY_MS:
        lack = Reason.INVALID_FIELD
    lack = lack or _asks_too_much(action.ward, sender, around) or found.reason
    if lack is not None:
        return _refused(sender, lack)
    current = next((one.expire_ms for one in sender.ties.wards if one.number == action.ward), 0)
    row = Ward(action.ward, max(current, found.confirm_by_ms))
    asks = replace(sender.ties.with_ward(row), asks=sender.ties.asks.add(day_of(now_ms)))
    told = (answer_asker(action.ward, found.confirm_by_ms),)
    verdict = Verdict(Disposition.NEEDS_CONFIRMATION, confirm_by_ms=found.confirm_by_ms)
    return Step(verdict, Side(sender.with_ties(asks), told), reaches=True)


def _asks_too_much(ward: PhoneNumber, sender: Subscriber, around: Circumstances) -> Reason | None:
    rules, now_ms = around.policy.guardians, around.now_ms
    others = [one for one in sender.ties.wards if one.number != ward and one.expire_ms > now_ms]
    too_often = sender.ties.asks.on(day_of(now_ms)) >= rules.asks_per_day
    return Reason.GUARDIAN_LIMIT if too_often or len(others) >= rules.wards_per_guardian else None


def _act(action: ActForWard, sender: Subscriber, found: Finding, around: Circumstances, medium: Medium) -> Step:
    lack = _lack(sender, around, medium)
    if lack is not None or found.reason is not None:
        return _refused(sender, lack or found.reason or Reason.INTERNAL, () if lack else found.items)
    told = (answer_guardian(action.ward),) if around.channel is Channel.SMS else ()
    return Step(Verdict(Disposition.DONE, None, found.items), Side(sender, told), reaches=True)


# ------------------------------------------------------------------------------------------------ the ward's words


def _agree(question: Guardian, sender: Party, around: Circumstances, medium: Medium) -> Step:
    ward, now_ms = sender.state, around.now_ms
    lack = _lack(ward, around, medium)
    if lack is not None:
        return _refused(ward, lack)
    until_ms = question.until_ms or now_ms + around.policy.guardians.last_days * DAY_MS
    agreed = replace(question, state=GuardianState.ACTIVE, expire_ms=until_ms, until_ms=until_ms, opens=False)
    others = tuple(one for one in ward.ties.guardians if one.number != question.number)
    after = ward.with_ties(replace(ward.ties, guardians=(*others, agreed)))
    leg = ward.leg(medium)
    current, _ = settle(leg, now_ms)
    opened = question.opens and current.state is EnrolmentState.CLOSED
    items: tuple[ItemOutcome, ...] = ()
    if opened:
        after_leg = begin(leg, _open(current, now_ms), ward.version + 1, sender.capabilities, now_ms)
        after = after.with_leg(medium, after_leg)
        items = (ItemOutcome(Item(ItemKind.SERVICE), Disposition.DONE),)
    own = Side(after, (tell_agreed(agreed, opened=opened),), until_ms)
    return Step(Verdict(Disposition.DONE, None, items), own, news=(news_to_guardian(agreed, ward, left_ms=until_ms),))


def _open(leg: Leg, now_ms: int) -> Leg:
    return replace(
        leg,
        state=EnrolmentState.OPEN,
        preferences=NO_PREFERENCES,
        pending=None,
        open_ms=now_ms,
        change_ms=now_ms,
        undo=None,
    )


def _end(action: EndGuardian, sender: Subscriber, found: Finding, around: Circumstances) -> Step:
    lack = missing_proof(around.channel, around.evidence)
    if lack is not None:
        return _refused(sender, lack)
    gone = tuple(one for one in sender.ties.guardians if action.party in {None, one.number})
    after = sender.with_ties(sender.ties.without(gone))
    news = tuple(news_of_end(one, after, Ending.REVOKED, around.now_ms) for one in once_each(gone))
    told = _tell_revoked(gone)
    resigned = found.reason is None and action.party is not None
    if resigned and action.party is not None:
        after = after.with_ties(after.ties.with_ward(Ward(action.party, 0)))
        told = (tell_ward_ended(action.party, Ending.RESIGNED), *told)
    if resigned or gone:
        return Step(Verdict(Disposition.DONE), Side(after, told), resigned, news)
    told = (tell_ended(action.party, Ending.NONE),) if around.channel is Channel.SMS else ()
    return Step(Verdict(Disposition.ALREADY_SO), Side(sender, told))


def _tell_revoked(gone: tuple[Guardian, ...]) -> tuple[Notice, ...]:
    numbers = {one.number for one in gone}
    if not numbers:
        return ()
    return (tell_ended(numbers.pop() if len(numbers) == 1 else None, Ending.REVOKED),)


def yield_question(before: Subscriber, after: Subscriber, now_ms: int) -> tuple[Subscriber, tuple[News, ...]]:
    """Drop a guardian's question where an instruction of the subscriber's own now waits for a second word."""
    question = after.ties.question(now_ms)
    if question is None:
        return after, ()
    put = any(
        ours.pending is not None and ours.pending != theirs.pending
        for ours, theirs in ((after.voice, before.voice), (after.message, before.message))
    )
    if not put:
        return after, ()
    left = after.with_ties(after.ties.without((question,)))
    return left, (news_of_end(question, left, Ending.UNANSWERED, now_ms),)
