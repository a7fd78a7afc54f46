"""Changes of the rules: who may publish and declare what, asked again, and both signers' signatures verified again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.domain import publishing
from gateway.domain.lines import LineChange, declare, withdraw
from gateway.domain.policy import GATEWAY_ACTOR
from gateway.domain.policy_check import check_policy
from gateway.domain.publication import Adopted, Approved, Proposed, Publications, Rollback
from gateway.domain.rules import RuleChange
from gateway.domain.rules_codec import read_rule_change, write_rule_change
from gateway.service.judge.case import Case, Ruling, WrongError
from gateway.service.operator_keys import OperatorKeys
from gateway.tlog.opening import NO_PREVIOUS


def judge_rules(keys: OperatorKeys) -> Callable[[Case], Iterator[Ruling]]:
    """The rule for every kind of change; ``keys`` are those with which operators sign what they publish."""

    def judge(case: Case) -> Iterator[Ruling]:
        change = read_rule_change(case.payload)
        if change is None:
            raise WrongError("it changes no rules")
        if _choose(case, change, keys) != change:
            raise WrongError("the registry would have recorded nothing, or something else")
        prev = case.memory.rules.last_index
        content = write_rule_change(change) | {"prev": NO_PREVIOUS if prev < 0 else prev}
        del content["kind"]
        if isinstance(change, LineChange):
            yield Ruling(content, actor=case.policy.actor(change.line.carrier))
        if not isinstance(change, LineChange) or _is_adopted(case):
            yield Ruling(content, actor=GATEWAY_ACTOR)

    return judge


def heed_rules(case: Case) -> None:
    """From now on it is in force, or waits to be."""
    change = read_rule_change(case.payload)
    if isinstance(change, Adopted) or (isinstance(change, LineChange) and _is_adopted(case)):
        case.memory.adopted = case.index, case.time_ms
    case.memory.take_rules(case.index, case.time_ms, case.payload)


def _is_adopted(case: Case) -> bool:
    """The lines of a file are adopted with its policy: in the same moment, right behind it."""
    return case.memory.adopted == (case.index - 1, case.time_ms)


def _choose(case: Case, change: RuleChange, keys: OperatorKeys) -> RuleChange | None:
    """What the registry would have recorded for the same wish; None for nothing. Raises RefusedError."""
    state = case.memory.rules.publications.at(case.time_ms)
    match change:
        case Adopted(policy):
            check_policy(policy)
            return publishing.adopt(state, policy)
        case Proposed(policy, party, _, signature):
            keys.check(party, policy.digest, signature)
            return publishing.propose(state, change, case.time_ms)
        case Approved(version, party, signature):
            digest = _digest_of(state, version)
            keys.check(party, digest, signature)
            return publishing.approve(state, change, digest)
        case Rollback():
            return publishing.roll_back(state, change)
        case LineChange(line, withdraws):
            directory = case.memory.rules.directory
            if withdraws:
                return withdraw(line, directory, case.time_ms)
            return declare(line, directory, case.policy, case.time_ms)


def _digest_of(state: Publications, version: str) -> str:
    record = state.records.get(version)
    return "" if record is None else record.policy.digest
