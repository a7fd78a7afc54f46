"""The lying gateway: honest logs rewritten from one entry on, leaf and opening in step, as a registry could."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from gateway.domain.codec import read_instruction, read_subscriber, write_subscriber, write_verdict
from gateway.domain.instruction import Instruction
from gateway.domain.orders import take_order
from gateway.domain.policy import CarrierRules, Policy
from gateway.domain.porting import begin_unheard
from gateway.domain.subscription import Subscriber
from gateway.tlog.leaf import EpochLeaf, Leaf, LeafType, decode_leaf
from gateway.tlog.opening import Opening, encode_payload
from gateway.tlog.replay import Shown
from tests.audit.registry import FIRST, platform
from tests.audit.shown_log import payload_of, with_epoch

Log = list[Shown]
Payload = dict[str, Any]
Told = tuple[Log, int]
"""A log that lies, and the index at which it does."""


def find(log: Log, kind: str, where: Callable[[Payload], bool] = lambda _: True) -> int:
    """The first entry of a kind."""
    for entry in log:
        if entry.opening is not None:
            payload = payload_of(entry)
            if payload["kind"] == kind and where(payload):
                return entry.index
    raise LookupError(kind)


def refused(reason: str) -> Callable[[Payload], bool]:
    """Instructions that were refused for a reason."""
    return lambda payload: payload["verdict"].get("reason") == reason


def ordered(action: str, disposition: str = "done") -> Callable[[Payload], bool]:
    """Instructions of a kind that came to this."""
    return lambda payload: (
        action in payload["instruction"]["action"] and payload["verdict"]["disposition"] == disposition
    )


def leaf_of(log: Log, index: int) -> Leaf:
    """An entry's leaf."""
    leaf = decode_leaf(log[index].leaf)
    assert isinstance(leaf, Leaf)
    return leaf


def holder_before(log: Log, index: int) -> Subscriber:
    """The state of an entry's subject before it."""
    states = [payload_of(entry) for entry in log[:index] if entry.label == log[index].label and entry.opening]
    known = [state["after"] for state in states if "after" in state]
    return (
        read_subscriber(known[-1])
        if known
        else begin_unheard(read_instruction(payload_of(log[index])["instruction"]).number)
    )


def forge(log: Log, index: int, payload: Payload, **leaf: Any) -> Told:
    """The log up to an entry that is another now, and an EPOCH that fits."""
    opening = Opening(bytes(32), encode_payload(payload))
    forged = replace(leaf_of(log, index), commitment=opening.commitment(), **leaf)
    label = bytes.fromhex(payload["label"]) if isinstance(payload.get("label"), str) else log[index].label
    return with_epoch([*log[:index], Shown(index, forged.encode(), label, opening)]), index


def changed(kind: str, where: Callable[[Payload], bool] = lambda _: True, /, **values: Any) -> Callable[[Log], Told]:
    """A lie that sets fields of an entry."""

    def tell(log: Log) -> Told:
        index = find(log, kind, where)
        return forge(log, index, payload_of(log[index]) | values)

    return tell


def mended(kind: str, mend: Callable[[Payload], Any], where: Callable[[Payload], bool] = lambda _: True, **leaf: Any):
    """A lie that changes an entry's payload in place, or its leaf."""

    def tell(log: Log) -> Told:
        index = find(log, kind, where)
        payload = payload_of(log[index])
        mend(payload)
        return forge(log, index, payload, **leaf)

    return tell


def added(
    kind: str,
    mend: Callable[[Payload], Any],
    where: Callable[[Payload], bool] = lambda _: True,
    behind: Callable[[Payload], bool] | None = None,
):
    """A lie that adds an entry modelled on one of a kind, tied to where the chain that it belongs to ends.

    It stands at the end, or behind the model's subject's first instruction of some sort.
    """

    def tell(log: Log) -> Told:
        model, index = log[find(log, kind, where)], len(log) - 1
        if behind is not None:
            index = find([entry for entry in log if entry.label == model.label], "instruction", behind) + 1
        payload = {name: value for name, value in payload_of(model).items() if name != "after"}
        log = [*log[:index], replace(model, index=index)]
        own = [payload_of(entry) | {"index": entry.index} for entry in log[:index] if is_tied(model, entry)]
        payload["prev"] = own[-1]["index"]
        if model.label:
            state = holder_before(log, index)
            written = encode_payload(write_subscriber(state))
            payload |= {"version": state.version, "before": sha256(written).hexdigest()}
        mend(payload)
        time_ms = decode_leaf(log[index - 1].leaf).accept_time_ms
        changes = {"type": LeafType.CHANGE} if "after" in payload else {}
        return forge(log, index, payload, accept_time_ms=time_ms, **changes)

    return tell


def is_tied(model: Shown, entry: Shown) -> bool:
    """Whether an entry stands in the same chain: the subject's, or that of the rules."""
    if entry.opening is None:
        return False
    if model.label:
        return entry.label == model.label
    return decode_leaf(entry.leaf).type is LeafType.POLICY


def decided(
    where: Callable[[Payload], bool],
    *,
    policy: Callable[[Policy], Policy] = lambda policy: policy,
    holder: Callable[[Subscriber], Subscriber] = lambda holder: holder,
    instruction: Callable[[Instruction], Instruction] = lambda instruction: instruction,
    earlier_ms: int = 0,
) -> Callable[[Log], Told]:
    """A lie that decides an instruction otherwise: under other rules, another state, other evidence, or too late."""

    def tell(log: Log) -> Told:
        index = find(log, "instruction", where)
        payload, leaf = payload_of(log[index]), leaf_of(log, index)
        order = instruction(read_instruction(payload["instruction"]))
        before = holder(holder_before(log, index))
        step = take_order(before, order, policy(FIRST), platform("mobile"), index + 1, leaf.accept_time_ms - earlier_ms)
        after = step.own.after
        payload |= {"verdict": write_verdict(step.verdict), "version": after.version}
        payload.pop("after", None)
        if after is before:
            return forge(log, index, payload, type=LeafType.STATEMENT)
        return forge(log, index, payload | {"after": write_subscriber(after)}, type=LeafType.CHANGE)

    return tell


def with_rules(policy: Policy, **changes: Any) -> Policy:
    """A policy with other rules for every carrier."""

    def change(rules: CarrierRules) -> CarrierRules:
        return replace(rules, **changes)

    return replace(policy, carriers=tuple(map(change, policy.carriers)))


def epoch(**changes: Any) -> Callable[[Log], Told]:
    """A lie in the last EPOCH."""

    def tell(log: Log) -> Told:
        leaf = decode_leaf(log[-1].leaf)
        assert isinstance(leaf, EpochLeaf)
        return [*log[:-1], replace(log[-1], leaf=replace(leaf, **changes).encode())], len(log) - 1

    return tell


@dataclass(frozen=True)
class Lie:
    """One lie: in which story's log, how it is told, and what the replay has to say of its index."""

    name: str
    story: str
    tell: Callable[[Log], Told]
    flaw: str
    says: str = ""


def early(kind: str, by_ms: int) -> Callable[[Log], Told]:
    """The same entry before its time has come, right behind the entry before it."""

    def tell(log: Log) -> Told:
        index = find(log, kind)
        time_ms = leaf_of(log, index).accept_time_ms - by_ms
        before = [replace(entry, leaf=at_most(entry, time_ms)) for entry in log[:index]]
        return forge([*before, log[index]], index, payload_of(log[index]), accept_time_ms=time_ms)

    return tell


def at_most(entry: Shown, time_ms: int) -> bytes:
    assert decode_leaf(entry.leaf).accept_time_ms <= time_ms, "the entry before is too late for this lie"
    return entry.leaf
