"""The life of a policy: who may do what with it, and which one is in force when."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.policy import CarrierRules
from gateway.domain.policy_form import seal_policy
from gateway.domain.publication import (
    LIFE,
    NO_POLICY,
    Adopted,
    Approved,
    PolicyStatus,
    Proposed,
    Rollback,
    Step,
)
from gateway.domain.publishing import adopt, approve, propose, roll_back
from gateway.domain.rules_codec import read_rule_change, write_rule_change
from gateway.domain.taxonomy import Category, Taxonomy
from gateway.tlog.opening import decode_payload, encode_payload
from tests.domain.samples import NOON_MS, default_policy

FIRST = default_policy()


def version(name, **changes):
    """Another version of the policy that ships."""
    return seal_policy(replace(FIRST, version=name, **changes))


def started():
    return NO_POLICY.apply(Adopted(FIRST), 0, 1)


def proposed(state, policy, by="operator-a", activation_ms=0, now_ms=10):
    event = propose(state.at(now_ms), Proposed(policy, by, activation_ms), now_ms)
    assert event is not None
    return state.apply(event, now_ms, now_ms)


def approved(state, name, by="operator-b", now_ms=20):
    event = approve(state.at(now_ms), Approved(name, by), state.records[name].policy.digest)
    assert event is not None
    return state.apply(event, now_ms, now_ms)


def published(state, name, activation_ms=0, now_ms=20):
    return approved(proposed(state, version(name), activation_ms=activation_ms, now_ms=now_ms), name, now_ms=now_ms)


def rolled_back(state, name, now_ms, by="operator-a"):
    event = roll_back(state.at(now_ms), Rollback(name, by, "worse"))
    assert event is not None
    return state.apply(event, now_ms, now_ms)


def in_force(state, time_ms):
    return state.at(time_ms).current.policy.version


def statuses(state, time_ms=100):
    return {name: record.status for name, record in state.at(time_ms).records.items()}


def refusal(work):
    with pytest.raises(RefusedError) as caught:
        work()
    return caught.value


def test_life_when_every_step_is_tried_from_every_status_then_only_the_table_allows_it():
    record = started().current
    for status in PolicyStatus:
        for step in Step:
            moved = replace(record, status=status)
            if (status, step) in LIFE:
                assert moved.move(step).status is LIFE[status, step]
            else:
                with pytest.raises(KeyError):
                    moved.move(step)


def test_proposal_when_nobody_approves_then_nothing_changes():
    state = proposed(started(), version("2"))
    assert in_force(state, 10**12) == FIRST.version
    assert statuses(state)["2"] is PolicyStatus.PROPOSED
    assert not state.signed


def test_policy_when_a_second_operator_approves_then_it_holds_from_its_activation_on():
    state = published(started(), "2", activation_ms=50)
    assert (in_force(state, 49), in_force(state, 50)) == (FIRST.version, "2")
    assert statuses(state, 49)["2"] is PolicyStatus.APPROVED
    assert statuses(state, 50) == {FIRST.version: PolicyStatus.SUPERSEDED, "2": PolicyStatus.ACTIVE}
    assert [signature.party for signature in state.records["2"].signatures] == ["operator-a", "operator-b"]
    assert state.signed


def test_policy_when_approved_after_its_activation_time_then_it_holds_from_the_approval_on():
    state = published(started(), "2", activation_ms=5, now_ms=20)
    assert state.records["2"].activation_ms == 20
    assert in_force(state, 20) == "2"


def test_approval_when_it_is_the_proposers_own_then_a_second_signer_is_required():
    state = proposed(started(), version("2"))
    digest = version("2").digest
    refused = refusal(lambda: approve(state, Approved("2", "operator-a"), digest))
    assert refused.reason is Reason.SECOND_SIGNER_REQUIRED
    state = approved(state, "2")
    assert refusal(lambda: approve(state, Approved("2", "operator-a"), digest)).reason is Reason.SECOND_SIGNER_REQUIRED
    assert approve(state, Approved("2", "operator-b"), digest) is None
    assert refusal(lambda: approve(state, Approved("2", "operator-c"), digest)).reason is Reason.NOT_FOUND


def test_approval_when_the_digest_is_anothers_then_it_is_refused():
    state = proposed(started(), version("2"))
    refused = refusal(lambda: approve(state, Approved("2", "operator-b"), FIRST.digest))
    assert (refused.reason, refused.field) == (Reason.INVALID_FIELD, "digest")
    for name in ("3", FIRST.version):
        assert refusal(lambda name=name: approve(state, Approved(name, "b"), FIRST.digest)).reason is Reason.NOT_FOUND


def test_version_when_used_again_then_it_is_refused_unless_it_repeats_the_proposal():
    state = proposed(started(), version("2"), activation_ms=50)
    again = Proposed(version("2"), "operator-a", 50)
    assert propose(state, again, 30) is None
    assert propose(approved(state, "2"), again, 30) is None
    for other in (
        replace(again, policy=version("2", list_cap=5)),
        replace(again, party="operator-b"),
        replace(again, activation_ms=51),
        replace(again, policy=FIRST),
    ):
        assert refusal(lambda other=other: propose(state, other, 30)).reason is Reason.ID_REUSED


def test_rollback_when_in_force_then_the_one_before_returns_and_the_version_is_spent():
    state = published(published(started(), "2"), "3", now_ms=30)
    state = rolled_back(state, "3", 40)
    assert in_force(state, 40) == "2"
    assert statuses(state)["3"] is PolicyStatus.ROLLED_BACK
    assert statuses(state)["2"] is PolicyStatus.ACTIVE
    assert (state.records["2"].activation_ms, state.records["2"].revision) == (40, 40)
    state = rolled_back(state, "2", 50)
    assert in_force(state, 50) == FIRST.version
    wanted = Rollback(FIRST.version, "operator-a", "worse")
    assert refusal(lambda: roll_back(state, wanted)).reason is Reason.NOT_FOUND
    assert refusal(lambda: propose(state, Proposed(version("3"), "operator-b", 0), 60)).reason is Reason.ID_REUSED


def test_rollback_when_two_ask_at_once_then_there_is_one_and_a_repetition_changes_nothing():
    state = rolled_back(published(published(started(), "2"), "3", now_ms=30), "3", 40)
    assert roll_back(state, Rollback("3", "operator-a", "worse")) is None
    assert refusal(lambda: roll_back(state, Rollback("3", "operator-b", "worse"))).reason is Reason.NOT_FOUND
    assert refusal(lambda: roll_back(state, Rollback("9", "operator-b", "worse"))).reason is Reason.NOT_FOUND


def test_rollback_when_another_waits_then_that_one_still_comes_and_follows_the_restored():
    state = published(published(started(), "2"), "3", activation_ms=100, now_ms=30)
    state = rolled_back(state, "2", 40)
    assert in_force(state, 99) == FIRST.version
    assert in_force(state, 100) == "3"
    assert in_force(rolled_back(state, "3", 110), 110) == FIRST.version


def test_file_when_adopted_then_it_may_change_until_operators_have_published():
    assert adopt(NO_POLICY, FIRST) is not None
    assert adopt(started(), FIRST) is None
    assert adopt(started(), version("2")) is not None
    assert refusal(lambda: adopt(started(), version(FIRST.version, list_cap=5))).reason is Reason.INVALID_POLICY
    assert adopt(proposed(started(), version("2")), version("3")) is not None
    assert adopt(published(started(), "2"), version("3")) is None


def with_categories(name, *pairs):
    return version(name, taxonomy=Taxonomy(Category(code, index, code, code) for code, index in pairs), presets=())


CODES = [(category.code, category.index) for category in FIRST.taxonomy.categories]


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        (with_categories("2", ("astrology", 0), *CODES[1:]), "categories: index 0 was another category's"),
        (with_categories("2", ("loan", 20), *CODES[1:]), "categories: loan had another index"),
        (version("2", carriers=(CarrierRules("broadnet", 2, "中国广电"),)), "carriers: actor 2 was another carrier's"),
        (version("2", carriers=(CarrierRules("mobile", 9, "中国移动"),)), "carriers: mobile had another actor"),
        (version("2", order=FIRST.order[::-1]), "protected must come first"),
    ],
)
def test_proposal_when_it_contradicts_what_was_in_force_then_it_is_refused(wanted, place):
    refused = refusal(lambda: propose(started(), Proposed(wanted, "operator-a", 0), 10))
    assert refused.reason is Reason.INVALID_POLICY
    assert place in refused.detail


def test_proposals_when_two_give_one_index_to_two_categories_then_the_second_approval_is_refused():
    state = proposed(started(), with_categories("2", *CODES, ("tourism", 9)))
    state = proposed(state, with_categories("3", *CODES, ("lottery", 9)))
    state = approved(state, "2")
    digest = state.records["3"].policy.digest
    assert refusal(lambda: approve(state, Approved("3", "operator-b"), digest)).reason is Reason.INVALID_POLICY


def test_proposal_when_an_entry_expires_before_it_begins_then_it_is_refused():
    (entry,) = FIRST.system_list
    for activation_ms, now_ms in ((entry.expire_ms, 0), (0, entry.expire_ms)):
        wanted = Proposed(version("2"), "operator-a", activation_ms)
        refused = refusal(lambda wanted=wanted, now_ms=now_ms: propose(started(), wanted, now_ms))
        assert "system_list[0]: expires before" in refused.detail
    assert propose(started(), Proposed(version("2"), "operator-a", entry.expire_ms - 1), 0) is not None


@pytest.mark.parametrize(
    "event",
    [
        Adopted(FIRST),
        Proposed(FIRST, "operator-a", NOON_MS, "ab" * 64),
        Approved("2", "operator-b", "cd" * 64),
        Rollback("2", "operator-a", "worse"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_event_when_written_into_an_opening_then_it_reads_back_the_same(event):
    again = read_rule_change(decode_payload(encode_payload(write_rule_change(event))))
    assert write_rule_change(again) == write_rule_change(event)
    assert type(again) is type(event)


def test_entry_when_of_a_kind_that_changes_no_rules_then_it_is_no_change():
    assert read_rule_change({"kind": "policy", "policy": "{}"}) is None


steps = st.lists(
    st.tuples(
        st.sampled_from(["propose", "approve", "roll back"]),
        st.sampled_from("123"),
        st.sampled_from(["a", "b"]),
        st.integers(0, 5),
        st.integers(0, 12),
    ),
    max_size=20,
)


@settings(max_examples=60)
@given(steps)
def test_policies_when_published_at_random_then_nothing_comes_into_force_without_two_signers(given_steps):
    state, now_ms = started(), 0
    for act, name, party, pause_ms, activation_ms in given_steps:
        now_ms += pause_ms
        present = state.at(now_ms)
        policy = VERSIONS[name]
        try:
            if act == "propose":
                event = propose(present, Proposed(policy, party, activation_ms), now_ms)
            elif act == "approve":
                event = approve(present, Approved(name, party), policy.digest)
            else:
                event = roll_back(present, Rollback(name, party, "worse"))
        except RefusedError:
            event = None
        if event is not None:
            state = state.apply(event, now_ms, now_ms)
        seen = state.at(now_ms)
        active = [record for record in seen.records.values() if record.status is PolicyStatus.ACTIVE]
        assert active == [seen.current]
        for record in seen.records.values():
            if record.status is not PolicyStatus.PROPOSED and record.policy is not FIRST:
                assert len({signature.party for signature in record.signatures}) == 2
            if record.status is PolicyStatus.APPROVED:
                assert record.activation_ms > now_ms
    assert state.at(now_ms).at(now_ms + 50).current == state.at(now_ms + 50).current


VERSIONS = {name: version(name) for name in "123"}
