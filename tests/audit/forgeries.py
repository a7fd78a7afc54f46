"""What lies forge: conditions by which an entry is found, and what is done to what it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gateway.domain.codec import read_subscriber, write_subscriber
from gateway.domain.policy_form import seal_policy, write_policy
from gateway.domain.subscription import EnrolmentState
from gateway.tlog.leaf import Leaf, LeafType, decode_leaf
from gateway.tlog.opening import Opening, encode_payload
from gateway.tlog.replay import Shown
from tests.audit.lies import (
    Log,
    Payload,
    Told,
    find,
    forge,
    leaf_of,
    ordered,
    refused,
)
from tests.audit.registry import FIRST
from tests.audit.shown_log import payload_of
from tests.domain.samples import NUISANCE


def is_first_change(payload: Payload) -> bool:
    return payload["version"] == 2 and "after" in payload


def skip_version(payload: Payload) -> None:
    payload["version"] += 1
    payload["after"]["version"] += 1


def withhold(log: Log) -> Told:
    index = find(log, "instruction")
    return [replace(entry, opening=None) if entry.index == index else entry for entry in log[: index + 1]], index


def swap_opening(log: Log) -> Told:
    index = find(log, "instruction")
    other = log[find(log, "capabilities")].opening
    return [*log[:index], replace(log[index], opening=other)], index


def back_date(log: Log) -> Told:
    index = find(log, "instruction", refused("CONFIRMATION_EXPIRED"))
    return forge(log, index, payload_of(log[index]), accept_time_ms=decode_leaf(log[index - 1].leaf).accept_time_ms - 1)


def erase_early(log: Log) -> Told:
    """An ERASE entry a month after the wish, behind everything that the log holds."""
    asked = log[find(log, "instruction", ordered("erase"))]
    opening = Opening(bytes(32), encode_payload({"v": 1, "kind": "erase", "label": asked.label.hex()}))
    index, time_ms = len(log) - 1, leaf_of(log, len(log) - 2).accept_time_ms
    leaf = Leaf(LeafType.ERASE, 0, 0, time_ms, opening.commitment())
    return [*log[:index], Shown(index, leaf.encode(), b"", opening)], index


def serve(carrier: str) -> Callable[[Any], Any]:
    return lambda holder: replace(holder, carrier=carrier)


def second_subject(log: Log) -> Told:
    """Another chain for a number that has one: the same beginning again, under another label."""
    first = find(log, "instruction")
    payload, index = payload_of(log[first]), len(log) - 1
    entry = replace(log[first], index=index)
    return forge([*log[:index], entry], index, payload | {"label": "ab" * 32}, accept_time_ms=last_ms(log))


def last_ms(log: Log) -> int:
    return decode_leaf(log[-1].leaf).accept_time_ms


def approve_alone(payload: Payload) -> None:
    payload["party"] = "operator-a"


def adopt_alone(payload: Payload) -> None:
    policy = seal_policy(replace(FIRST, version="own", list_cap=5000))
    payload |= {"policy": write_policy(policy), "digest": policy.digest}


def swap_heir(log: Log) -> Told:
    """The new holder's entry is left out, and something else stands there."""
    index = find(log, "number_event", lambda payload: payload["follows"] == "new_epoch") + 1
    payload = payload_of(log[find(log, "capabilities")])
    taken = [*log[:index], replace(log[find(log, "capabilities")], index=index)]
    return forge(taken, index, payload, accept_time_ms=leaf_of(log, index).accept_time_ms)


def is_heirs(payload: Payload) -> bool:
    return payload["follows"] == "new_epoch" and payload["after"]["epoch"] > 1


def inherit(payload: Payload) -> None:
    payload["after"]["voice"] = {"state": "open", "changed": 5, "effect": "accepted", "opened": 5}


def open_state(payload: Payload) -> None:
    state = read_subscriber(payload["after"])
    payload["after"] = write_subscriber(replace(state, voice=replace(state.voice, state=EnrolmentState.OPEN)))


def in_report(**values: Any) -> Callable[[Payload], None]:
    return lambda payload: payload["report"].update(values)


def in_event(**values: Any) -> Callable[[Payload], None]:
    return lambda payload: payload["event"].update(values)


def in_line(**values: Any) -> Callable[[Payload], None]:
    return lambda payload: payload["line"].update(values)


def in_verdict(**values: Any) -> Callable[[Payload], None]:
    def mend(payload: Payload) -> None:
        for item in payload["verdict"]["items"]:
            item.update(values)

    return mend


def claim_it(payload: Payload) -> None:
    payload["after"] = payload.get("after", {}) | {"carrier": "unicom", "basis": "claim"}


def is_opening_with_wishes(payload: Payload) -> bool:
    return bool(payload["instruction"]["action"].get("open", {}).get("defaults"))


def is_unicoms_question(payload: Payload) -> bool:
    return ordered("query", "already_so")(payload) and payload["instruction"]["carrier"] == "unicom"


def refuse(payload: Payload) -> None:
    payload["verdict"] = {"disposition": "refused", "items": [], "reason": "NOT_OPEN"}
    payload["version"] -= 1
    del payload["after"]


def free_number(holder: Any) -> Any:
    return replace(holder, life=replace(holder.life, frozen_until_ms=None))


def undo_aside(holder: Any) -> Any:
    return replace(holder, voice=replace(holder.voice, undo=None))


def agree_for_her(payload: Payload) -> None:
    payload["after"]["ties"]["guardians"][0][3] = "active"


def wish_for_her(payload: Payload) -> None:
    payload["after"]["voice"]["preferences"] = {"categories": ["loan"]}


def readdress(payload: Payload) -> None:
    payload["news"]["to"] = NUISANCE


def told_otherwise(log: Log) -> Told:
    """The asker is told of a later deadline than the ward; it shows at the ward's own entry."""
    index = find(log, "instruction", ordered("ask_guardian", "needs_confirmation"))
    payload = payload_of(log[index])
    payload["verdict"]["confirm_by"] += 60_000
    payload["after"]["ties"]["wards"][0][1] += 60_000
    forged = forge(log, index, payload)[0][index]
    return forge([*log[:index], forged, *log[index + 1 :]], index + 1, payload_of(log[index + 1]))
