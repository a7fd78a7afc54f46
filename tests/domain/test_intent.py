"""Channels that act on one subscriber: the rules of `docs/intent.md`, held against the model written from that page."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.domain.enrolment import decide, settle
from gateway.domain.errors import Reason
from gateway.domain.instruction import (
    Cancel,
    Channel,
    Confirm,
    Disposition,
    Open,
    Proof,
    Query,
    SetRefusedCategories,
    UndoCancel,
)
from gateway.domain.policy import CarrierRules
from gateway.domain.preferences import Preferences
from gateway.domain.subscription import CLOSED_LEG, EnrolmentState, Leg
from tests.domain.intent_look import look
from tests.domain.intent_model import DAY_MS, Intent, Said, hear
from tests.domain.samples import CONSENT, NOON_MS, PROOFS, around, categories, policy_with

ONE_TAP = replace(CONSENT, proofs=(Proof.ONE_TAP_LOGIN,))
CAUTIOUS = CarrierRules("mobile", 2, "中国移动", frozenset({Channel.SMS}), frozenset({Channel.HALL}))
LIGHT = CarrierRules("telecom", 1, "中国电信")
POLICY = policy_with(carriers=(LIGHT, CAUTIOUS))
MAKE = {
    "open": lambda said: Open(Preferences(refused_categories=tuple(sorted(said.wishes)))),
    "confirm": lambda said: Confirm(said.opens),
    "cancel": lambda said: Cancel(),
    "undo": lambda said: UndoCancel(),
    "refuse": lambda said: SetRefusedCategories(refuse=tuple(sorted(said.wishes))),
    "query": lambda said: Query(),
}
wishes = st.frozensets(categories, min_size=1, max_size=2)
words = st.builds(Said, st.sampled_from(sorted(MAKE)), wishes, opens=st.none() | st.booleans())
steps = st.tuples(
    words,
    st.sampled_from(Channel),
    st.booleans(),
    st.sampled_from(["mobile", "mobile", "mobile", "telecom"]),
    st.sampled_from([-DAY_MS, 0, 1, 1000, DAY_MS - 1, DAY_MS, 3 * DAY_MS]),
    st.sampled_from([True, True, True, False]),
)


def say(said: Said, channel: Channel, carrier: str, *, one_tap: bool, told: bool) -> Said:
    """Put a word into a channel: whether it is weak, whether the carrier asks back, and what was shown before."""
    weak = channel is Channel.APP and one_tap
    rules = CAUTIOUS if carrier == "mobile" else LIGHT
    asks = channel in (rules.confirm_open if said.verb == "open" else rules.confirm_cancel)
    return replace(said, weak=weak, asks=asks, told=told)


@hypothesis_settings(max_examples=600)
@given(st.lists(steps, max_size=14))
def test_any_channels_when_they_act_in_any_order_then_state_and_answers_are_those_of_the_page(history):
    leg, model, wall_ms, log_ms = CLOSED_LEG, Intent(), NOON_MS, NOON_MS
    for word, channel, one_tap, carrier, step_ms, told in history:
        wall_ms += step_ms
        log_ms = max(log_ms, wall_ms)  # the log's time never goes back, whatever the clock does
        said = say(word, channel, carrier, one_tap=one_tap, told=told)
        evidence = ONE_TAP if said.weak else PROOFS[channel]
        if not told:
            evidence = replace(evidence, notice_version="")
        around_it = around(channel, carrier=carrier, now_ms=log_ms, evidence=evidence, policy=POLICY)
        leg, verdict = decide(leg, MAKE[said.verb](said), around_it)
        model, answer = hear(model, said, log_ms)
        assert (verdict.reason or verdict.disposition) == answer
        assert look(leg, log_ms) == model.at(log_ms)
        assert settle(leg, log_ms)[0].state == model.at(log_ms).state


def asked_to_close() -> Leg:
    leg, _ = decide(CLOSED_LEG, Open(Preferences(refused_categories=("loan",))), around(Channel.HOTLINE))
    return decide(leg, Cancel(), around(Channel.APP, evidence=ONE_TAP))[0]


def test_confirm_when_it_answers_an_opening_and_a_closing_is_pending_by_now_then_it_changes_nothing():
    leg = asked_to_close()
    after, verdict = decide(leg, Confirm(opens=True), around())
    assert after is leg
    assert (verdict.disposition, verdict.reason) == (Disposition.REFUSED, Reason.NOTHING_PENDING)
    assert decide(leg, Confirm(opens=False), around())[0].state is EnrolmentState.CLOSED
    assert decide(leg, Confirm(), around())[0].state is EnrolmentState.CLOSED


def test_confirm_when_it_answers_a_closing_and_an_opening_is_pending_by_now_then_it_changes_nothing():
    leg, _ = decide(CLOSED_LEG, Open(), around())
    after, verdict = decide(leg, Confirm(opens=False), around())
    assert (after is leg, verdict.reason) == (True, Reason.NOTHING_PENDING)


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.HOTLINE])
def test_opening_when_another_one_is_pending_then_the_later_one_says_what_is_on(channel):
    first, _ = decide(CLOSED_LEG, Open(Preferences(refused_categories=("loan",))), around())
    second, _ = decide(first, Open(Preferences(refused_categories=("insurance",))), around(channel))
    opened = second if second.refusing else decide(second, Confirm(), around())[0]
    assert (opened.state, opened.preferences.refused_categories) == (EnrolmentState.OPEN, ("insurance",))
