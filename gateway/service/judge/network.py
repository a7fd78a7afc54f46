"""What becomes known of carriers' networks: declarations, reports, and what the time alone tells."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.domain.capability_codec import read_capabilities, write_capabilities
from gateway.domain.effects import EffectState
from gateway.domain.enrolment import drop_aside, end_question
from gateway.domain.knowledge import hear, lapse, list_news
from gateway.domain.preferences import Medium
from gateway.service.judge.case import Case, Ruling, WrongError
from gateway.service.reports import read_report, take_report, write_report


def judge_capabilities(case: Case) -> Iterator[Ruling]:
    """A declaration, in the gateway's own words."""
    yield Ruling(write_capabilities(read_capabilities(case.payload)))


def heed_capabilities(case: Case) -> None:
    """From now on decisions may be made by it."""
    case.memory.declare(read_capabilities(case.payload))


def judge_applied(case: Case) -> Iterator[Ruling]:
    """What a carrier's report teaches of the state."""
    payload, state = case.payload, case.subject
    told = read_report(state.number, payload["report"])
    after = take_report(state, payload["carrier"], told, case.memory.since.get(case.label, 0))
    content = {"carrier": payload["carrier"], "report": write_report(told)}
    yield Ruling(content, after, case.policy.actor(payload["carrier"]))


def judge_lapsed(case: Case) -> Iterator[Ruling]:
    """What is overdue, or asked at last of a carrier that was heard meanwhile."""
    medium, state = Medium(case.payload["medium"]), case.subject
    leg = state.leg(medium)
    for declared in case.memory.declared(state.carrier):
        after = lapse(leg if declared is None else hear(leg, declared, case.time_ms), case.time_ms)
        if after is leg:
            continue
        late = [item.key for item, known in list_news(leg, after) if known.state is EffectState.OVERDUE]
        content = {"medium": medium.value, "overdue": late}
        yield Ruling(content, state.with_learned(medium, after))


def judge_aside(case: Case) -> Iterator[Ruling]:
    """What a cancellation put aside, dropped once its time is over."""
    medium, state = Medium(case.payload["medium"]), case.subject
    leg = state.leg(medium)
    after = drop_aside(leg, case.time_ms)
    if after is leg:
        raise WrongError("nothing lies aside whose time is over")
    yield Ruling({"medium": medium.value}, state.with_leg(medium, after))


def judge_question(case: Case) -> Iterator[Ruling]:
    """A question that nobody answered, over with its time."""
    medium, state = Medium(case.payload["medium"]), case.subject
    leg = state.leg(medium)
    after = end_question(leg, case.time_ms)
    if after is leg:
        raise WrongError("no question is open whose time is over")
    yield Ruling({"medium": medium.value}, state.with_leg(medium, after))


def judge_overdue_switch_off(case: Case) -> Iterator[Ruling]:
    """A carrier that is waited for, and its time is over."""
    payload, state = case.payload, case.subject
    named = payload["carrier"], payload["told_at_version"]
    waited = [one for one in state.life.switch_offs if (one.carrier, one.version) == named]
    if not any(one.due_ms <= case.time_ms for one in waited):
        raise WrongError("no switch-off of this carrier is overdue")
    yield Ruling({"carrier": named[0], "told_at_version": named[1]}, state)
