"""Taking a cancellation back: one word within a day brings back what was, and nothing lies aside for longer."""

import pytest

from gateway.domain.codec import read_subscriber, write_subscriber
from gateway.domain.enrolment import decide, drop_aside
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
    SetRefusedCategories,
    UndoCancel,
)
from gateway.domain.notices import choose_notices
from gateway.domain.policy import CarrierRules
from gateway.domain.preferences import NO_PREFERENCES, Preferences
from gateway.domain.subscription import CLOSED_LEG, EnrolmentState, ServiceBasis, Subscriber
from tests.domain.samples import NOON_MS, OWN, PROOFS, around, policy_with

WISHES = Preferences(refused_categories=("loan",))
DAY_MS = 86_400_000


def opened():
    return decide(CLOSED_LEG, Open(WISHES), around(Channel.HOTLINE))[0]


def cancelled(now_ms=NOON_MS):
    return decide(opened(), Cancel(), around(now_ms=now_ms))[0]


def test_undo_when_within_its_time_then_the_wishes_are_back_and_the_opening_is_the_old_one():
    leg = cancelled(NOON_MS + 5)
    assert (leg.preferences, leg.undo.preferences, leg.open_ms) == (NO_PREFERENCES, WISHES, NOON_MS)
    back, verdict = decide(leg, UndoCancel(), around(now_ms=NOON_MS + 4 + DAY_MS))
    assert (back.state, back.preferences, back.undo, back.open_ms) == (EnrolmentState.OPEN, WISHES, None, NOON_MS)
    assert verdict.disposition is Disposition.DONE
    assert [notice.template for notice in choose_notices(UndoCancel(), verdict, back, Channel.SMS)] == ["opened"]


def test_undo_when_its_time_is_over_to_the_millisecond_then_there_is_nothing_to_undo():
    leg = cancelled()
    after, verdict = decide(leg, UndoCancel(), around(now_ms=NOON_MS + DAY_MS))
    assert after is leg
    assert (verdict.disposition, verdict.reason) == (Disposition.REFUSED, Reason.NOTHING_TO_UNDO)


def test_undo_when_the_carrier_grants_another_time_then_that_one_counts():
    rules = CarrierRules("mobile", 2, "中国移动", undo_within_s=60)
    leg, _ = decide(opened(), Cancel(), around(policy=policy_with(carriers=(rules,))))
    assert leg.undo.until_ms == NOON_MS + 60_000


@pytest.mark.parametrize("leg", [CLOSED_LEG, opened()], ids=["never open", "open"])
def test_undo_when_nothing_was_cancelled_then_there_is_nothing_to_undo(leg):
    assert decide(leg, UndoCancel(), around())[1].reason is Reason.NOTHING_TO_UNDO


def test_undo_when_opened_anew_in_between_then_the_old_wishes_are_gone():
    again, _ = decide(cancelled(), Open(None), around(Channel.HOTLINE))
    assert (again.preferences, again.undo) == (NO_PREFERENCES, None)
    assert decide(again, UndoCancel(), around())[1].reason is Reason.NOTHING_TO_UNDO


def test_undo_when_a_new_opening_waits_for_its_second_word_then_the_old_wishes_come_back_without_it():
    pending, _ = decide(cancelled(), Open(Preferences(refused_categories=("insurance",))), around())
    assert pending.state is EnrolmentState.PENDING_OPEN
    back, _ = decide(pending, UndoCancel(), around())
    assert (back.state, back.preferences, back.pending) == (EnrolmentState.OPEN, WISHES, None)
    confirmed, _ = decide(pending, Confirm(), around())
    assert (confirmed.preferences.refused_categories, confirmed.undo) == (("insurance",), None)
    dropped, _ = decide(pending, Cancel(), around())
    assert (dropped.state, dropped.undo) == (EnrolmentState.CLOSED, pending.undo)


def test_undo_when_cancelled_twice_then_the_time_runs_from_the_first():
    leg = cancelled()
    again, verdict = decide(leg, Cancel(), around(now_ms=NOON_MS + 1000))
    assert again is leg
    (notice,) = choose_notices(Cancel(), verdict, again, Channel.SMS)
    assert notice.parameters == {"undo_until": "2026-09-22 12:00"}


def test_undo_when_the_cancellation_still_waits_for_its_word_then_the_service_stays():
    one_tap = around(Channel.APP, evidence=Evidence(proofs=(Proof.ONE_TAP_LOGIN,)))
    pending, _ = decide(opened(), Cancel(), one_tap)
    kept, verdict = decide(pending, UndoCancel(), around())
    assert (kept.state, kept.preferences, verdict.disposition) == (EnrolmentState.OPEN, WISHES, Disposition.DONE)


def test_undo_when_an_opening_was_never_confirmed_then_its_cancellation_leaves_nothing_aside():
    pending, _ = decide(CLOSED_LEG, Open(WISHES), around())
    leg, _ = decide(pending, Cancel(), around())
    assert (leg.undo, leg.open_ms) == (None, None)


def test_aside_when_its_time_is_over_then_the_next_write_or_the_sweep_drops_it():
    leg = cancelled()
    assert drop_aside(leg, NOON_MS + DAY_MS - 1) is leg
    assert drop_aside(leg, NOON_MS + DAY_MS).undo is None
    pending, _ = decide(leg, Open(None), around(now_ms=NOON_MS + DAY_MS))
    assert pending.undo is None


def test_cancelled_when_told_over_any_channel_then_it_says_until_when_one_word_brings_it_back():
    for channel in Channel:
        leg, verdict = decide(opened(), Cancel(), around(channel))
        (notice,) = choose_notices(Cancel(), verdict, leg, channel)
        assert (notice.template, notice.parameters) == ("cancelled", {"undo_until": "2026-09-22 12:00"}), channel


def test_aside_when_written_and_read_then_it_is_the_same():
    subscriber = Subscriber(OWN, 1, "mobile", ServiceBasis.PREFIX, 3, cancelled())
    assert read_subscriber(write_subscriber(subscriber)) == subscriber


@pytest.mark.parametrize("channel", [Channel.HOTLINE, Channel.APP, Channel.HALL])
@pytest.mark.parametrize("change", [{"separate_consent": Consent.WITHHELD}], ids=str)
def test_opening_in_one_step_when_consent_was_withheld_then_it_is_refused(channel, change):
    evidence = Evidence(**{name: getattr(PROOFS[channel], name) for name in Evidence.__slots__} | change)
    leg, verdict = decide(CLOSED_LEG, Open(), around(channel, evidence=evidence))
    assert leg is CLOSED_LEG
    assert verdict.reason is Reason.PROOF_REQUIRED
    other = decide(opened(), SetRefusedCategories(refuse=("insurance",)), around(channel, evidence=evidence))
    assert other[1].disposition is Disposition.DONE
