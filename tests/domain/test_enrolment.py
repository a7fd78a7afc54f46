"""The state table: every pair of state and event, in the words of the rules above it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.domain.enrolment import TABLE, Event, decide, settle
from gateway.domain.errors import Reason
from gateway.domain.instruction import (
    Cancel,
    Channel,
    Confirm,
    Consent,
    Disposition,
    Evidence,
    Open,
    Proof,
    Query,
    SetRefusedCategories,
)
from gateway.domain.policy import CarrierRules
from gateway.domain.preferences import NO_PREFERENCES, Preferences, Segment, SegmentKind, Treatment
from gateway.domain.subscription import CLOSED_LEG, EnrolmentState, Leg, Pending
from optout.kit.number import parse_number
from tests.domain.samples import FRIEND, NOON_MS, NUISANCE, PROOFS, actions, around, default_policy, policy_with

DEFAULTS = Preferences(refused_categories=("loan",))
DAY_MS = 86_400_000


def opened(**circumstances: object) -> Leg:
    leg, _ = decide(CLOSED_LEG, Open(DEFAULTS), around(Channel.HOTLINE, **circumstances))  # type: ignore[arg-type]
    assert leg.state is EnrolmentState.OPEN
    return leg


def pending_open() -> Leg:
    leg, _ = decide(CLOSED_LEG, Open(DEFAULTS), around())
    assert leg.state is EnrolmentState.PENDING_OPEN
    return leg


def test_table_when_any_pair_can_occur_then_it_has_a_cell():
    pending = {EnrolmentState.PENDING_OPEN, EnrolmentState.PENDING_CANCEL}
    on = {EnrolmentState.OPEN, EnrolmentState.PENDING_CANCEL}
    for state in EnrolmentState:
        for event in Event:
            impossible = (
                (event is Event.CONFIRM_LATE and state in pending)
                or (event is Event.CONFIRM_OTHER and state not in pending | {EnrolmentState.RESTRICTED})
                or (event is Event.UNDO and state in on)
            )
            assert ((state, event) in TABLE) is not impossible, (state, event)


def test_open_when_the_channel_needs_a_second_word_then_nothing_is_on_until_it_comes():
    leg, verdict = decide(CLOSED_LEG, Open(DEFAULTS), around())
    assert (leg.state, leg.refusing) == (EnrolmentState.PENDING_OPEN, False)
    assert verdict.disposition is Disposition.NEEDS_CONFIRMATION
    assert verdict.confirm_by_ms == NOON_MS + DAY_MS
    confirmed, verdict = decide(leg, Confirm(), around(now_ms=NOON_MS + DAY_MS - 1))
    assert (confirmed.state, confirmed.preferences) == (EnrolmentState.OPEN, DEFAULTS)
    assert (verdict.disposition, confirmed.pending) == (Disposition.DONE, None)


def test_confirm_when_the_time_is_up_to_the_millisecond_then_it_is_refused_and_nothing_opens():
    leg = pending_open()
    after, verdict = decide(leg, Confirm(), around(now_ms=NOON_MS + DAY_MS))
    assert after is leg
    assert (verdict.disposition, verdict.reason) == (Disposition.REFUSED, Reason.CONFIRMATION_EXPIRED)
    settled, expired = settle(leg, NOON_MS + DAY_MS)
    assert (settled.state, settled.preferences, expired) == (EnrolmentState.CLOSED, NO_PREFERENCES, True)


def test_open_when_asked_again_while_pending_then_the_time_is_renewed():
    leg, verdict = decide(pending_open(), Open(DEFAULTS), around(now_ms=NOON_MS + 1000))
    assert leg.pending is not None
    assert leg.pending.expire_ms == verdict.confirm_by_ms == NOON_MS + 1000 + DAY_MS


def test_open_when_the_channel_brings_its_own_proof_then_it_is_open_at_once():
    for channel in (Channel.HOTLINE, Channel.APP, Channel.HALL):
        leg, verdict = decide(CLOSED_LEG, Open(DEFAULTS), around(channel))
        assert (leg.state, verdict.disposition) == (EnrolmentState.OPEN, Disposition.DONE), channel


UNTOLD = [
    *((channel, {"notice_version": ""}) for channel in (Channel.HOTLINE, Channel.HALL, Channel.APP)),
    *((channel, {"separate_consent": Consent.NOT_ASKED}) for channel in (Channel.HOTLINE, Channel.HALL, Channel.APP)),
    *((channel, {"separate_consent": Consent.WITHHELD}) for channel in Channel),
    (Channel.SMS, {"notice_version": ""}),
]


@pytest.mark.parametrize(("channel", "lack"), UNTOLD)
def test_open_when_no_second_word_is_asked_and_notice_or_consent_is_missing_then_it_is_refused(channel, lack):
    evidence = replace(PROOFS[channel], **lack)
    for leg in (CLOSED_LEG, pending_open()):
        after, verdict = decide(leg, Open(DEFAULTS), around(channel, carrier="telecom", evidence=evidence))
        assert after is leg
        assert (verdict.disposition, verdict.reason) == (Disposition.REFUSED, Reason.PROOF_REQUIRED)


def test_open_when_a_text_opens_at_once_under_published_terms_then_consent_that_nobody_asked_for_is_no_obstacle():
    evidence = replace(PROOFS[Channel.SMS], separate_consent=Consent.NOT_ASKED)
    leg, verdict = decide(CLOSED_LEG, Open(DEFAULTS), around(carrier="telecom", evidence=evidence))
    assert (leg.state, verdict.disposition) == (EnrolmentState.OPEN, Disposition.DONE)


def test_open_when_a_second_word_is_asked_then_the_question_is_the_notice():
    leg, verdict = decide(CLOSED_LEG, Open(DEFAULTS), around(evidence=Evidence(proofs=(Proof.SIM,))))
    assert verdict.disposition is Disposition.NEEDS_CONFIRMATION
    assert decide(leg, Confirm(), around())[0].state is EnrolmentState.OPEN


def test_open_when_a_closing_waits_then_staying_needs_no_new_notice():
    one_tap = Evidence(proofs=(Proof.ONE_TAP_LOGIN,))
    leg, _ = decide(opened(), Cancel(), around(Channel.APP, evidence=one_tap))
    kept, verdict = decide(leg, Open(DEFAULTS), around(Channel.APP, evidence=one_tap))
    assert (kept.state, verdict.disposition) == (EnrolmentState.OPEN, Disposition.DONE)
    assert decide(kept, Open(), around(Channel.APP, evidence=one_tap))[1].disposition is Disposition.ALREADY_SO


def test_open_when_it_is_open_then_preferences_stay():
    leg = opened()
    after, verdict = decide(leg, Open(Preferences()), around())
    assert after is leg
    assert verdict.disposition is Disposition.ALREADY_SO


def test_cancel_when_open_then_preferences_are_gone_and_a_new_opening_begins_afresh():
    closed, verdict = decide(opened(), Cancel(), around())
    assert (closed.state, closed.preferences) == (EnrolmentState.CLOSED, NO_PREFERENCES)
    assert verdict.disposition is Disposition.DONE
    again, _ = decide(closed, Open(None), around(Channel.HOTLINE))
    assert again.preferences == NO_PREFERENCES


def test_cancel_when_only_a_one_tap_login_speaks_then_it_needs_a_second_word_and_the_service_stays_on():
    one_tap = around(Channel.APP, evidence=Evidence(proofs=(Proof.ONE_TAP_LOGIN,)))
    leg, verdict = decide(opened(), Cancel(), one_tap)
    assert (leg.state, leg.refusing, leg.preferences) == (EnrolmentState.PENDING_CANCEL, True, DEFAULTS)
    assert verdict.disposition is Disposition.NEEDS_CONFIRMATION
    closed, _ = decide(leg, Confirm(), around())
    assert closed.state is EnrolmentState.CLOSED
    late, verdict = decide(leg, Confirm(), around(now_ms=NOON_MS + DAY_MS))
    assert (late.refusing, verdict.reason) == (True, Reason.CONFIRMATION_EXPIRED)


def test_confirm_when_it_would_close_and_only_a_one_tap_login_speaks_then_it_is_refused():
    one_tap = around(Channel.APP, evidence=Evidence(proofs=(Proof.ONE_TAP_LOGIN,)))
    leg, _ = decide(opened(), Cancel(), one_tap)
    after, verdict = decide(leg, Confirm(), one_tap)
    assert after is leg
    assert (verdict.disposition, verdict.reason) == (Disposition.REFUSED, Reason.PROOF_REQUIRED)
    assert decide(leg, Confirm(), around(Channel.APP))[0].state is EnrolmentState.CLOSED
    assert decide(pending_open(), Confirm(), one_tap)[0].state is EnrolmentState.OPEN


def test_cancel_when_pending_and_then_opened_again_then_the_wish_to_leave_is_withdrawn():
    one_tap = around(Channel.APP, evidence=Evidence(proofs=(Proof.ONE_TAP_LOGIN,)))
    before = opened()
    leg, _ = decide(before, Cancel(), one_tap)
    kept, verdict = decide(leg, Open(Preferences()), around())
    assert (kept.state, kept.preferences, kept.open_ms) == (EnrolmentState.OPEN, DEFAULTS, before.open_ms)
    assert verdict.disposition is Disposition.DONE


def test_cancel_when_the_rules_ask_for_it_then_a_text_needs_a_second_word_too():
    rules = CarrierRules("mobile", 2, "中国移动", confirm_cancel=frozenset({Channel.SMS}))
    leg, verdict = decide(opened(), Cancel(), around(policy=policy_with(carriers=(rules,))))
    assert (leg.state, verdict.disposition) == (EnrolmentState.PENDING_CANCEL, Disposition.NEEDS_CONFIRMATION)


def test_settings_when_not_open_then_they_are_refused():
    for leg in (CLOSED_LEG, pending_open()):
        after, verdict = decide(leg, SetRefusedCategories(refuse=("loan",)), around())
        assert after is leg
        assert verdict.reason is Reason.NOT_OPEN


def test_confirm_when_nothing_is_pending_then_it_is_refused():
    for leg in (CLOSED_LEG, opened()):
        assert decide(leg, Confirm(), around())[1].reason is Reason.NOTHING_PENDING


@pytest.mark.parametrize(
    ("channel", "evidence", "reason"),
    [
        (Channel.SMS, Evidence(), Reason.PROOF_REQUIRED),
        (Channel.APP, Evidence(proofs=(Proof.SIM,)), Reason.PROOF_REQUIRED),
        (Channel.HOTLINE, Evidence(proofs=(Proof.AGENT,)), Reason.MANDATE_REQUIRED),
        (Channel.HOTLINE, Evidence(proofs=(Proof.AGENT,), booked_by="agent-1"), Reason.MANDATE_REQUIRED),
        (Channel.HALL, Evidence(proofs=(Proof.IDENTITY_DOCUMENT,), mandate="m"), Reason.MANDATE_REQUIRED),
    ],
)
def test_any_action_when_proof_is_lacking_then_it_is_refused(channel, evidence, reason):
    after, verdict = decide(CLOSED_LEG, Open(), around(channel, evidence=evidence))
    assert after is CLOSED_LEG
    assert verdict.reason is reason


def test_restricted_when_anything_but_a_query_comes_then_it_is_refused():
    leg = Leg(state=EnrolmentState.RESTRICTED)
    assert decide(leg, Open(), around())[1].reason is Reason.RESTRICTED
    assert decide(leg, Query(), around())[1].disposition is Disposition.ALREADY_SO


@hypothesis_settings(max_examples=300)
@given(st.lists(st.tuples(actions, st.sampled_from(Channel), st.integers(0, 2 * DAY_MS)), max_size=8))
def test_any_history_when_folded_then_a_leg_keeps_its_invariants(history):
    leg, now_ms = CLOSED_LEG, NOON_MS
    for action, channel, step_ms in history:
        now_ms += step_ms
        after, verdict = decide(leg, action, around(channel, now_ms=now_ms))
        assert (after.pending is not None) == (after.state in {"pending_open", "pending_cancel"})
        if verdict.disposition in {Disposition.REFUSED, Disposition.ALREADY_SO}:
            assert after is leg
        else:
            assert after.change_ms == now_ms
        if after.state is EnrolmentState.CLOSED:
            assert after.preferences == NO_PREFERENCES
        if after.refusing:
            assert after.undo is None
        assert not set(after.preferences.reject_list) & set(after.preferences.allow_list)
        assert not default_policy().protected_numbers.keys() & set(after.preferences.reject_list)
        leg = after


def test_settle_when_nothing_is_due_then_it_is_the_same_leg():
    leg = Leg(state=EnrolmentState.PENDING_OPEN, pending=Pending(EnrolmentState.OPEN, NOON_MS + 1, Channel.SMS))
    assert settle(leg, NOON_MS) == (leg, False)


def test_opening_defaults_when_they_break_the_rules_then_those_items_are_refused_and_the_rest_is_on():
    defaults = Preferences(
        refused_categories=("astrology", "loan"),
        reject_list=(parse_number("110"), FRIEND, NUISANCE),
        allow_list=(NUISANCE,),
        refused_segments=(Segment(SegmentKind.CUSTOM, "nonsense"), Segment(SegmentKind.S400)),
        treatment=Treatment.ASSISTANT,
    )
    leg, verdict = decide(CLOSED_LEG, Open(defaults), around(Channel.HOTLINE))
    wishes = leg.preferences
    assert (wishes.refused_categories, wishes.reject_list, wishes.allow_list) == (("loan",), (FRIEND,), (NUISANCE,))
    assert (wishes.refused_segments, wishes.treatment) == ((Segment(SegmentKind.S400),), Treatment.ASSISTANT)
    refused = {item.item.key: item.reason for item in verdict.items if item.disposition is Disposition.REFUSED}
    assert refused == {
        "category:astrology": Reason.UNKNOWN_CATEGORY,
        "reject_number:110": Reason.NOT_REFUSABLE,
        "segment:nonsense": Reason.INVALID_SEGMENT,
    }
