"""A lying gateway's table: every lie is named by the index at which it stands, and by its kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.domain.instruction import Channel, Confirm
from gateway.tlog.leaf import LeafType
from gateway.tlog.replay import Fault
from gateway.tlog.walk import Flaw
from tests.audit.call_lies import CALL_LIES
from tests.audit.forgeries import (
    adopt_alone,
    agree_for_her,
    approve_alone,
    back_date,
    claim_it,
    erase_early,
    free_number,
    in_event,
    in_line,
    in_report,
    in_verdict,
    inherit,
    is_first_change,
    is_heirs,
    is_opening_with_wishes,
    is_unicoms_question,
    open_state,
    readdress,
    refuse,
    second_subject,
    serve,
    skip_version,
    swap_heir,
    swap_opening,
    told_otherwise,
    undo_aside,
    wish_for_her,
    withhold,
)
from tests.audit.lies import (
    Lie,
    added,
    changed,
    decided,
    early,
    epoch,
    mended,
    ordered,
    refused,
    with_rules,
)
from tests.audit.registry import replay
from tests.audit.stories import told
from tests.domain.samples import NUISANCE, OWN, PROOFS

OUTCOME = Fault.OUTCOME


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
        "an opening that does not say what it switches on",
        "orders",
        mended("instruction", lambda p: p["verdict"]["items"].pop(), is_opening_with_wishes),
        OUTCOME,
        "verdict",
    ),
    Lie(
        "an effect forecast for a question that nobody declared",
        "orders",
        mended("instruction", in_verdict(expected="degraded"), is_opening_with_wishes),
        OUTCOME,
        "verdict",
    ),
    Lie(
        "a question nobody put",
        "orders",
        mended("instruction", open_state, ordered("open", "needs_confirmation")),
        OUTCOME,
        "state after",
    ),
    Lie("a list over the cap", "rules", decided(refused("LIST_FULL")), OUTCOME, "done where LIST_FULL"),
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
    Lie(
        "a limitation that nobody declared",
        "orders",
        mended("instruction", in_verdict(limitation="x"), is_first_change),
        OUTCOME,
        "verdict",
    ),
    Lie(
        "a list longer than its carrier declared",
        "orders",
        decided(refused("LIST_FULL")),
        OUTCOME,
        "done where LIST_FULL",
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
    Lie(
        "a policy adopted past its signers",
        "rules",
        added("policy-adopted", adopt_alone),
        OUTCOME,
        "would have recorded nothing",
    ),
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
