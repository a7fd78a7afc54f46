"""A lying gateway's table: every lie is named by the index at which it stands, and by its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain.codec import read_subscriber, write_subscriber
from gateway.domain.instruction import Channel, Confirm
from gateway.domain.policy_form import seal_policy, write_policy
from gateway.domain.subscription import EnrolmentState
from gateway.tlog.leaf import Leaf, LeafType, decode_leaf
from gateway.tlog.opening import Opening, encode_payload
from gateway.tlog.replay import Fault, Shown
from gateway.tlog.walk import Flaw
from tests.audit.call_lies import CALL_LIES
from tests.audit.lies import (
    Lie,
    Log,
    Payload,
    Told,
    added,
    changed,
    decided,
    early,
    epoch,
    find,
    forge,
    leaf_of,
    mended,
    ordered,
    refused,
    with_rules,
)
from tests.audit.registry import FIRST, replay
from tests.audit.shown_log import payload_of
from tests.audit.stories import told
from tests.domain.samples import NUISANCE, OWN, PROOFS

OUTCOME = Fault.OUTCOME


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


def adopt_first(log: Log) -> Told:
    return added("policy-adopted", adopt_alone)(log)


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


ASKED_TO_OPEN = ordered("open", "needs_confirmation")
LIES = (
    # Chains, versions, the map and the clock
    Lie("a wrong back-pointer", "orders", changed("instruction", is_first_change, prev=1), Fault.BACK_POINTER),
    Lie("a skipped version", "orders", mended("instruction", skip_version, is_first_change), Fault.VERSION),
    Lie("another state before", "orders", changed("instruction", is_first_change, before="00" * 32), Fault.BEFORE),
    Lie("a wrong map root", "orders", epoch(map_root=bytes(32)), Fault.MAP_ROOT),
    Lie("a map of the wrong size", "orders", epoch(flags=7), Fault.MAP_ROOT),
    Lie("an EPOCH that covers less", "orders", epoch(covers=3), Fault.COVERS),
    Lie("a back-dated time", "orders", back_date, Flaw.TIME_BACKWARDS),
    Lie("a withheld opening", "orders", withhold, Fault.WITHHELD),
    Lie("an opening of something else", "orders", swap_opening, Fault.COMMITMENT),
    Lie(
        "a change under a statement", "orders", mended("instruction", skip_version, type=LeafType.STATEMENT), Fault.TYPE
    ),
    Lie("a kind nobody knows", "orders", changed("instruction", kind="favour"), OUTCOME, "nobody knows"),
    Lie("a field nobody knows", "orders", changed("instruction", favour=1), OUTCOME, "field"),
    Lie("another carrier's name under it", "orders", mended("instruction", bool, actor=3), OUTCOME, "actor 3 where 2"),
    # Orders
    Lie(
        "a confirmation accepted after its time",
        "orders",
        decided(refused("CONFIRMATION_EXPIRED"), earlier_ms=10_000_000),
        OUTCOME,
        "done where CONFIRMATION_EXPIRED",
    ),
    Lie(
        "an opening without a second word",
        "orders",
        decided(ordered("open", "needs_confirmation"), policy=lambda p: with_rules(p, confirm_open=frozenset())),
        OUTCOME,
        "done where needs_confirmation",
    ),
    Lie(
        "an opening without separate consent",
        "orders",
        decided(
            refused("PROOF_REQUIRED"),
            instruction=lambda order: replace(order, evidence=PROOFS[Channel.HOTLINE]),
        ),
        OUTCOME,
        "done where PROOF_REQUIRED",
    ),
    Lie(
        "a question nobody put",
        "orders",
        mended("instruction", open_state, ordered("open", "needs_confirmation")),
        OUTCOME,
        "state after",
    ),
    Lie(
        "a list over the cap",
        "rules",
        decided(refused("LIST_FULL")),
        OUTCOME,
        "done where LIST_FULL",
    ),
    Lie(
        "an order of a carrier that does not serve",
        "numbers",
        decided(refused("NOT_SERVED"), holder=serve("mobile")),
        OUTCOME,
        "where NOT_SERVED",
    ),
    Lie(
        "an order for a closed number",
        "numbers",
        decided(refused("NUMBER_FROZEN"), holder=free_number),
        OUTCOME,
        "where NUMBER_FROZEN",
    ),
    Lie(
        "a number taken by an order that was refused",
        "numbers",
        mended("instruction", claim_it, lambda p: refused("NOT_OPEN")(p) and p["instruction"]["carrier"] == "unicom"),
        OUTCOME,
        "state after",
    ),
    Lie(
        "a number taken by a question",
        "numbers",
        mended("instruction", claim_it, is_unicoms_question, type=LeafType.CHANGE),
        OUTCOME,
        "a state that stays",
    ),
    Lie(
        "an order refused without a reason",
        "orders",
        mended("instruction", refuse, ordered("cancel"), type=LeafType.STATEMENT),
        OUTCOME,
        "where done",
    ),
    Lie(
        "wishes not taken back that lay aside",
        "orders",
        decided(ordered("undo_cancel"), holder=undo_aside),
        OUTCOME,
        "NOTHING_TO_UNDO where done",
    ),
    Lie(
        "a protected or own number refused",
        "orders",
        mended("instruction", in_verdict(disposition="done"), ordered("edit_list")),
        OUTCOME,
        "verdict",
    ),
    Lie(
        "an effect promised that nobody declared",
        "orders",
        mended("instruction", in_verdict(expected="degraded"), is_first_change),
        OUTCOME,
        "verdict",
    ),
    Lie("an instruction with another digest", "orders", changed("instruction", digest="00" * 32), OUTCOME, "digest"),
    Lie(
        "an instruction of another number",
        "orders",
        mended("instruction", lambda p: p["instruction"].update(number=NUISANCE), ordered("query", "already_so")),
        OUTCOME,
        "another number's",
    ),
    Lie(
        "a policy before it is in force",
        "rules",
        changed("instruction", refused("LIST_FULL"), policy="3"),
        OUTCOME,
        "policy",
    ),
    # Guardians
    Lie(
        "a guardian nobody agreed to",
        "guardians",
        mended("guardian", agree_for_her),
        OUTCOME,
        "state after",
    ),
    Lie(
        "a ward's change without its guardian's order",
        "guardians",
        added("guardian", lambda p: p.update(after={"version": p["version"]})),
        OUTCOME,
        "no instruction just before",
    ),
    Lie(
        "a guardian told of another deadline",
        "guardians",
        told_otherwise,
        OUTCOME,
        "told something else",
    ),
    Lie(
        "a word that named another question taken for hers",
        "guardians",
        decided(refused("NOTHING_PENDING"), instruction=lambda order: replace(order, action=Confirm(guardian=True))),
        OUTCOME,
        "done where NOTHING_PENDING",
    ),
    Lie(
        "wishes that came with her word",
        "guardians",
        mended("instruction", wish_for_her, ordered("confirm")),
        OUTCOME,
        "state after",
    ),
    Lie("news for somebody else", "guardians", mended("guardian_news", readdress), OUTCOME, "somebody else"),
    Lie("news that is none", "guardians", added("guardian_news", bool), OUTCOME, "the state after"),
    Lie("a guardianship over before its time", "guardians", early("guardians_lapsed", 3_600_000), OUTCOME, "time"),
    # Numbers
    Lie("a second chain for one number", "orders", second_subject, OUTCOME, "has a holder already"),
    Lie(
        "a port that its reporter cannot report",
        "numbers",
        mended("number_event", in_event(reporter="", counterpart="")),
        OUTCOME,
        "MISSING_FIELD",
    ),
    Lie(
        "a port decided otherwise",
        "numbers",
        changed("number_event", follows="nothing"),
        OUTCOME,
        "nothing where serve",
    ),
    Lie("a port by somebody else", "numbers", mended("number_event", bool, actor=1), OUTCOME, "actor 1 where 0"),
    Lie("a new holder with old wishes", "numbers", mended("number_event", inherit, is_heirs), OUTCOME, "state after"),
    Lie("a new holder left out", "numbers", swap_heir, OUTCOME, "should be followed by another"),
    Lie("a claim contested that is none", "numbers", changed("contest", claim=1), OUTCOME, "no such claim"),
    Lie("an overdue switch-off before its time", "numbers", early("switch_off_overdue", 3_600_000), OUTCOME, "overdue"),
    # Networks
    Lie(
        "an effect of a carrier that does not serve",
        "effects",
        mended("applied", lambda p: p.update(carrier="telecom"), actor=1),
        OUTCOME,
        "NOT_SERVED",
    ),
    Lie("an effect of another actor", "effects", mended("applied", bool, actor=1), OUTCOME, "actor 1 where 2"),
    Lie("an effect that nobody reported", "effects", mended("applied", in_report(effects=[])), OUTCOME, "that stays"),
    Lie(
        "an effect of a version that is not yet",
        "effects",
        mended("applied", in_report(version=9)),
        OUTCOME,
        "INVALID_FIELD",
    ),
    Lie("something overdue before its time", "effects", early("lapsed", 60_000), OUTCOME, "state after"),
    Lie(
        "a report about a notice of nothing",
        "effects",
        changed("delivery", notice="n-00000000000000ff-0"),
        OUTCOME,
        "notice",
    ),
    Lie(
        "wishes dropped before their time",
        "orders",
        added("aside_dropped", lambda p: p.update(after={"version": p["version"]}), behind=ordered("cancel")),
        OUTCOME,
        "nothing lies aside",
    ),
    Lie(
        "a question ended before its time",
        "orders",
        added("question_ended", lambda p: p.update(after={"version": p["version"]}), behind=ASKED_TO_OPEN),
        OUTCOME,
        "no question is open",
    ),
    *CALL_LIES,
    # Rules
    Lie(
        "a policy adopted with one signer",
        "rules",
        mended("policy-approved", approve_alone),
        OUTCOME,
        "SECOND_SIGNER_REQUIRED",
    ),
    Lie("a policy adopted past its signers", "rules", adopt_first, OUTCOME, "would have recorded nothing"),
    Lie("a policy with another digest", "rules", changed("policy-proposed", digest="00" * 32), OUTCOME, "digest"),
    Lie(
        "a policy rolled back that is not in force",
        "rules",
        changed("policy-rolled-back", version="2"),
        OUTCOME,
        "NOT_FOUND",
    ),
    Lie("the rules' chain cut", "rules", changed("policy-proposed", prev=0), OUTCOME, "prev"),
    Lie("a line of another carrier", "rules", mended("line-withdrawn", bool, actor=1), OUTCOME, "actor 1 where 2"),
    Lie(
        "a line in another holder's place",
        "rules",
        added("line-declared", in_line(holder="other-voice"), lambda p: p["line"]["carrier"] == "mobile"),
        OUTCOME,
        "LINE_CONFLICT",
    ),
    Lie("an erasure before its time", "erasures", erase_early, OUTCOME, "retention"),
    Lie("a look without a case", "hands", changed("look", case=""), OUTCOME, "for a case"),
    Lie("an order put back by nobody", "hands", changed("replay", orders=[]), OUTCOME, "no order"),
    Lie(
        "a statement that changes a state",
        "hands",
        added("look", lambda p: p.update(after={}), lambda p: p["label"]),
        OUTCOME,
        "state that stays",
    ),
)


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
async def test_replay_when_the_gateway_lies_then_index_and_kind_are_named(lie: Lie, record_property: Any) -> None:
    async with told(lie.story) as log:
        assert replay(log) == []
        lied, index = lie.tell(log)
        findings = replay(lied)
        at = [each for each in findings if each.index == index and each.flaw == lie.flaw and lie.says in each.detail]
        assert at, findings
        assert min(each.index for each in findings) == index, "the first that is wrong is another"
        record_property("lie", (lie.story, lie.name, str(index), str(lie.flaw), at[0].detail))
        assert OWN not in at[0].detail
