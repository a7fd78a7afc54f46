"""Erasure: both media restricted in one version, for good; who holds anything is waited for; an heir knows nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.codec import read_instruction, read_subscriber, write_instruction, write_subscriber
from gateway.domain.enrolment import decide
from gateway.domain.erasure import confirm_erased, decide_erasure, list_holders, may_erase
from gateway.domain.errors import Reason
from gateway.domain.instruction import (
    Cancel,
    Channel,
    ChooseTreatment,
    Confirm,
    Disposition,
    EditList,
    Erase,
    Evidence,
    Instruction,
    Open,
    Proof,
    Query,
    SetRefusedCategories,
    UndoCancel,
)
from gateway.domain.number_life import NumberEvent, NumberEventKind, SwitchOff
from gateway.domain.policy import CarrierRules
from gateway.domain.porting import take_event
from gateway.domain.preferences import NO_PREFERENCES, Medium, Preferences, Treatment
from gateway.domain.subscription import CLOSED_LEG, EnrolmentState, ServiceBasis, Subscriber
from optout.kit.number import PhoneNumber
from tests.domain.samples import NOON_MS, OWN, around, policy_with

DAY_MS = 86_400_000
WISHES = Preferences(refused_categories=("loan",), reject_list=(PhoneNumber("+8613700137000"),))


def holder(state="open"):
    leg = CLOSED_LEG
    if state != "closed":
        leg = decide(leg, Open(WISHES), around(Channel.HOTLINE))[0]
    if state == "cancelled":
        leg = decide(leg, Cancel(), around(Channel.HOTLINE))[0]
    version = 0 if state == "closed" else 1
    return Subscriber(OWN, 1, "mobile", ServiceBasis.EVENT, version, voice=leg)


def erase(subscriber, *, now_ms=NOON_MS, channel=Channel.HALL, **circumstances):
    return decide_erasure(subscriber, around(channel, now_ms=now_ms, **circumstances), None, 8)


@pytest.mark.parametrize("state", ["closed", "open", "cancelled"])
def test_erase_when_proven_then_both_media_are_restricted_and_hold_no_wishes(state):
    before = holder(state)
    after, verdict = erase(before)
    assert verdict.disposition is Disposition.DONE
    assert {after.leg(medium).state for medium in Medium} == {EnrolmentState.RESTRICTED}
    assert all(after.leg(medium).preferences == NO_PREFERENCES for medium in Medium)
    assert all((after.leg(medium).undo, after.leg(medium).pending) == (None, None) for medium in Medium)
    assert after.version == before.version + 1
    assert (after.erasure.revision, after.erasure.restrict_ms) == (8, NOON_MS)
    assert after.erasure.erase_by_ms == NOON_MS + 183 * DAY_MS
    assert after.erasure.unconfirmed == ("mobile",)


def test_erase_when_asked_again_then_it_is_so_already_and_no_date_moves():
    restricted, _ = erase(holder())
    again, verdict = erase(restricted, now_ms=NOON_MS + DAY_MS)
    assert again is restricted
    assert verdict.disposition is Disposition.ALREADY_SO


def test_erase_when_a_one_tap_login_alone_speaks_then_it_is_refused():
    before = holder()
    after, verdict = erase(before, channel=Channel.APP, evidence=Evidence(proofs=(Proof.ONE_TAP_LOGIN,)))
    assert after is before
    assert (verdict.disposition, verdict.reason) == (Disposition.REFUSED, Reason.PROOF_REQUIRED)


def test_erase_when_closing_takes_a_second_word_there_then_it_is_refused():
    rules = CarrierRules("mobile", 2, "中国移动", confirm_cancel=frozenset({Channel.SMS}))
    _, verdict = erase(holder(), channel=Channel.SMS, policy=policy_with(carriers=(rules,)))
    assert verdict.reason is Reason.PROOF_REQUIRED


def test_confirm_erased_when_the_last_carrier_reports_then_nobody_is_waited_for():
    life = replace(holder().life, served=("telecom",), came_from="unicom", switch_offs=(SwitchOff("unicom", 1, 2),))
    before = replace(holder(), life=life)
    assert list_holders(before) == ("mobile", "telecom", "unicom")
    after, _ = erase(before)
    version = after.version
    for carrier in ("telecom", "mobile", "mobile", "unicom", "nobody"):
        after = confirm_erased(after, carrier)
    assert (after.erasure.unconfirmed, after.version) == ((), version + 3)


def test_may_erase_when_the_retention_ends_then_to_the_millisecond():
    after, _ = erase(holder())
    by_ms = after.erasure.erase_by_ms
    assert not may_erase(after, by_ms - 1)
    assert may_erase(after, by_ms)
    assert not may_erase(holder(), by_ms)


def test_codec_when_an_erasure_is_written_then_it_reads_back():
    after, _ = erase(replace(holder(), life=replace(holder().life, served=("telecom",))))
    assert read_subscriber(write_subscriber(after)) == after
    asked = Instruction("i-1", "mobile", Channel.HALL, "a", "r", OWN, Medium.VOICE, NOON_MS, Erase())
    assert read_instruction(write_instruction(asked)) == asked


def test_port_when_restricted_then_it_stays_and_every_former_carrier_is_known():
    ported = take_event(
        holder(), NumberEvent("e-1", NumberEventKind.PORTED_IN, OWN, NOON_MS, "telecom", "mobile"), NOON_MS, 90
    ).after
    again = take_event(
        ported, NumberEvent("e-2", NumberEventKind.PORTED_IN, OWN, NOON_MS + 9, "unicom", "telecom"), NOON_MS + 9, 90
    ).after
    after, _ = decide_erasure(again, around(Channel.HALL, carrier="unicom"), None, 8)
    assert after.erasure.unconfirmed == ("mobile", "telecom", "unicom")
    home = take_event(
        after, NumberEvent("e-3", NumberEventKind.PORTED_IN, OWN, NOON_MS + 99, "mobile", "unicom"), NOON_MS + 99, 90
    ).after
    assert (home.voice.state, home.erasure) == (EnrolmentState.RESTRICTED, after.erasure)


ACTIONS = st.sampled_from([
    Open(WISHES), Open(), Confirm(), Cancel(), UndoCancel(), Query(), SetRefusedCategories(refuse=("loan",)),
    EditList(False, add=(PhoneNumber("+8613700137000"),)), ChooseTreatment(Treatment.ASSISTANT),
])  # fmt: skip


@given(st.lists(st.tuples(ACTIONS, st.sampled_from(Channel), st.sampled_from(Medium), st.integers(0, 400 * DAY_MS))))
def test_law_after_an_erasure_no_instruction_changes_anything(steps):
    state, _ = erase(holder("cancelled"))
    for action, channel, medium, later_ms in steps:
        leg = state.leg(medium)
        after, verdict = decide(leg, action, around(channel, now_ms=NOON_MS + later_ms))
        assert after is leg
        assert verdict.disposition in {Disposition.REFUSED, Disposition.ALREADY_SO}
        assert not after.refusing


@given(st.sampled_from(["closed", "open", "cancelled"]))
def test_law_an_heir_of_the_number_is_free_of_the_erasure(state):
    restricted, _ = erase(holder(state))
    event = NumberEvent("e-1", NumberEventKind.REASSIGNED, OWN, NOON_MS + 400 * DAY_MS, "", "telecom")
    step = take_event(restricted, event, NOON_MS + 400 * DAY_MS, 90)
    assert (step.successor.erasure, step.successor.is_blank) == (None, True)
    assert step.after.erasure == restricted.erasure
    assert step.after.voice.state is EnrolmentState.RESTRICTED
