"""Guardianship decided again.

What an instruction makes of its sender depends on nothing of the other party but the finding that the sender was told;
whether that finding is true the other party's own entry shows, which follows at once. Where it has none, because it was
not changed, the finding is taken as it was told: a registry that refuses a guardian without cause is not caught here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.codec import Map, read_instruction, read_verdict
from gateway.domain.errors import Reason
from gateway.domain.guardians import Finding, Party, lapse_guardians, learn, other_party
from gateway.domain.instruction import ActForWard, AskGuardian, Disposition, EndGuardian, Instruction
from gateway.service.guardians import look_there, read_news, write_cause
from gateway.service.judge.case import Case, Ruling, WrongError
from gateway.service.judge.memory import Memory
from optout.kit.number import PhoneNumber

_ASKED_OTHERS = frozenset({"ask_guardian", "act_for_ward", "end_guardian"})
_NO_GUARDIAN = Finding(Reason.NOT_GUARDIAN)
_NOT_NOW = frozenset({Reason.NOT_GUARDIAN, Reason.CLAIM_CONTESTED, Reason.NOT_OPEN, Reason.UNKNOWN_PRESET})


def findings(instruction: Instruction, verdict: Mapping[str, Any]) -> tuple[Finding | None, ...]:
    """What may have been found at the other party, so that the sender was told this."""
    action = instruction.action
    match action:
        case AskGuardian():
            told = read_verdict(verdict)
            is_theirs = told.disposition is not Disposition.REFUSED or told.reason is Reason.WARD_NOT_ASKABLE
            return (Finding(told.reason, (), told.confirm_by_ms or 0) if is_theirs else Finding(),)
        case ActForWard():
            told = read_verdict(verdict)
            refused = all(item.disposition is Disposition.REFUSED for item in told.items)
            reasons = {None, *_NOT_NOW, *(item.reason for item in told.items[:1])}
            return (Finding(told.reason, told.items) if refused and told.reason in reasons else Finding(),)
        case EndGuardian():
            return (None,) if action.party is None else (_NO_GUARDIAN, Finding())
        case _:
            return (None,)


@dataclass(frozen=True, slots=True)
class Cause:
    """An instruction about somebody else: its index, the instruction and its verdict as written, the sender's epoch."""

    index: int
    written: Map
    verdict: Map
    epoch: int


def heed_cause(case: Case) -> None:
    """Remember an instruction after which an entry about the other party may follow at once."""
    written = case.payload["instruction"]
    if _ASKED_OTHERS.isdisjoint(written["action"]):
        case.memory.cause = None
    else:
        case.memory.cause = case.index, dict(written), dict(case.payload["verdict"]), case.subject.epoch


def overhear_cause(memory: Memory, index: int, payload: Mapping[str, Any], epoch: int) -> None:
    """Remember such an instruction that is judged elsewhere."""
    if payload.get("kind") == "instruction":
        memory.cause = index, dict(payload["instruction"]), dict(payload["verdict"]), epoch


def number_in_state(payload: Mapping[str, Any]) -> PhoneNumber:
    """Whom an entry is about that begins a subject."""
    return PhoneNumber(payload["after"]["number"])


def judge_guardian(case: Case) -> Iterator[Ruling]:
    """What the instruction just before makes of the party that it names."""
    if case.memory.cause is None or case.memory.cause[0] != case.index - 1:
        raise WrongError("no instruction just before is its cause")
    cause = Cause(*case.memory.cause)
    instruction, state, policy = read_instruction(cause.written), case.subject, case.policy
    if other_party(instruction.action) != state.number:
        raise WrongError("the instruction names somebody else")
    told = findings(instruction, cause.verdict)
    for declared in case.memory.declared(state.carrier):
        found, side = look_there(instruction, cause.epoch, Party(state, declared), policy, case.time_ms)
        if side is None:
            continue
        if found not in told:
            raise WrongError("the sender was told something else")
        yield Ruling(write_cause(instruction, cause.index), side.after, policy.actor(instruction.carrier))


def judge_news(case: Case) -> Iterator[Ruling]:
    """What somebody learns whose guardian, or whose ward, an entry before was about."""
    payload, state = case.payload, case.subject
    news = read_news(payload["news"])
    if news.to != state.number or payload["cause"] >= case.index:
        raise WrongError("it is news for somebody else, or of nothing")
    side = learn(state, news)
    if side.after is state and not side.notices:
        raise WrongError("it is no news")
    yield Ruling({"news": payload["news"], "cause": payload["cause"]}, side.after)


def judge_guardians_lapsed(case: Case) -> Iterator[Ruling]:
    """Guardians, or questions, whose time is over."""
    side, _ = lapse_guardians(case.subject, case.time_ms)
    if side.after is case.subject:
        raise WrongError("nobody's time is over")
    yield Ruling({}, side.after)
