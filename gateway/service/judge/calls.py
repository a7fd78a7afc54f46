"""Calls that switches dealt with, and their summaries: what subscribers hear of them, counted again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.domain.interception import Interception, InterceptionAction
from gateway.domain.notice_rules import close_summary, read_tally, take_call, write_tally
from gateway.domain.policy import DecidingRule
from gateway.domain.preferences import InterceptionNotice, Medium
from gateway.domain.serving import check_served
from gateway.service.judge.case import Case, Ruling, WrongError
from optout.kit.identity import Role
from optout.kit.number import PhoneNumber
from optout.kit.values import by_value

_ABOUT_NOBODY = ("action", "rule", "reporter")
_ABOUT_SUBJECT = ("action", "at", "rule", "category", "revision", "reporter")
_CARRIER = Role.CARRIER.value
_REPORTERS = frozenset({_CARRIER, Role.SCREENER.value})
_ACTIONS, _RULES = by_value(InterceptionAction), by_value(DecidingRule)


def judge_interception(case: Case) -> Iterator[Ruling]:
    """One call: who reports it, whether its caller may be named, and what the subscriber hears of it."""
    told = case.payload["call"]
    role, _, party = told["reporter"].partition("/")
    if role not in _REPORTERS:
        raise WrongError("neither a switch nor a carrier reports it")
    policy = case.policy
    actor = policy.actor(party if role == _CARRIER else "")
    if case.holder is None:
        InterceptionAction(told["action"])
        yield Ruling({"call": {name: told[name] for name in _ABOUT_NOBODY}}, actor=actor)
        return
    if role == _CARRIER:
        check_served(case.holder.carrier, party)
    call = _read_call(told, case.holder.number)
    written = {name: told[name] for name in _ABOUT_SUBJECT}
    content: dict[str, Any] = {"call": written}
    if call.is_stopped:
        if call.withheld:
            written["withheld"] = True
        elif call.caller is not None:
            written["caller"] = call.caller
        before, choice = case.memory.tally(case.label, case.time_ms), case.holder.voice.preferences.notices
        after, fate, _ = take_call(before, call, choice, policy.notices, case.time_ms)
        content["fate"], content["tally"] = fate.value, write_tally(after)
    yield Ruling(content, case.holder, actor)


def _read_call(told: dict[str, Any], called: PhoneNumber) -> Interception:
    caller = PhoneNumber(told["caller"]) if "caller" in told else None
    rule = _RULES[told["rule"]] if told["rule"] else None
    return Interception(
        _ACTIONS[told["action"]], called, caller, told["at"], rule, told["category"], "withheld" in told
    )


def judge_summary(case: Case) -> Iterator[Ruling]:
    """The calls that waited to be told together, at the time set for it."""
    tally, state = case.memory.tally(case.label, case.time_ms), case.subject
    if not 0 < tally.summary_ms <= case.time_ms:
        raise WrongError("no summary is due")
    is_told = state.leg(Medium.VOICE).preferences.notices.interception is not InterceptionNotice.NONE
    content = {"calls": tally.folded, "told": is_told, "tally": write_tally(close_summary(tally))}
    yield Ruling(content, state)


def heed_tally(case: Case) -> None:
    """The tally after it is what the next call begins with."""
    if "tally" in case.payload and case.label:
        case.memory.tallies[case.label] = case.time_ms, read_tally(case.payload["tally"])
