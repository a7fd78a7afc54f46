"""The life of a number: every pair of phase and event, in the words of the rules above the table."""

import itertools

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.domain.codec import read_subscriber, write_subscriber
from gateway.domain.errors import Reason
from gateway.domain.number_life import (
    Claim,
    NumberEvent,
    NumberEventKind,
    SwitchOff,
    read_event,
    write_event,
)
from gateway.domain.porting import (
    DAY_MS,
    SWITCH_OFF_WITHIN_MS,
    TABLE,
    Follows,
    Phase,
    Seen,
    begin_unheard,
    claim_for,
    contest,
    overdue_switch_offs,
    phase_of,
    switched_off,
    take_event,
)
from gateway.domain.preferences import Preferences
from gateway.domain.serving import Standing, judge_order
from gateway.domain.subscription import CLOSED_LEG, EnrolmentState, Leg, ServiceBasis, Subscriber, Undo
from tests.domain.samples import NOON_MS, OWN

WISHES = Preferences(refused_categories=("loan",))
ON = Leg(EnrolmentState.OPEN, WISHES, open_ms=NOON_MS - DAY_MS, change_ms=NOON_MS - DAY_MS)
HOLDER = Subscriber(OWN, 1, "mobile", ServiceBasis.PREFIX, 3, ON)
K = NumberEventKind
ids = itertools.count(1)


def event(kind, at_ms=NOON_MS, *, by="", counterpart=""):
    return NumberEvent(f"e{next(ids)}", kind, OWN, at_ms, by, counterpart)


def take(holder, *events, now_ms=NOON_MS):
    """The holder after events, each of which must be taken in."""
    for one in events:
        step = take_event(holder, one, max(now_ms, one.effective_ms), 90)
        assert step.reason is None, (one.kind, step.follows)
        holder = step.successor or step.after
    return holder


def follows(holder, one):
    return take_event(holder, one, max(NOON_MS, one.effective_ms), 90).follows


def test_table_when_any_pair_is_looked_up_then_it_has_a_cell():
    assert TABLE.keys() == set(itertools.product(Phase, Seen))


def test_port_when_the_gaining_side_reports_then_wishes_move_and_the_losing_carrier_is_to_switch_off():
    step = take_event(HOLDER, event(K.PORTED_IN, by="telecom", counterpart="mobile"), NOON_MS, 90)
    after = step.after
    assert (after.carrier, after.basis, after.version, after.epoch) == ("telecom", ServiceBasis.EVENT, 4, 1)
    assert after.voice == ON
    assert step.told_off == after.life.switch_offs == (SwitchOff("mobile", 4, NOON_MS + SWITCH_OFF_WITHIN_MS),)


@pytest.mark.parametrize("named", ["telecom", ""])
@pytest.mark.parametrize("skew_ms", [-300_000, 0, 300_000])
@pytest.mark.parametrize("out_first", [True, False])
def test_port_when_both_sides_report_in_either_order_then_it_is_one_hand_over(named, skew_ms, out_first):
    reports = [
        event(K.PORTED_OUT, by="mobile", counterpart=named),
        event(K.PORTED_IN, NOON_MS + skew_ms, by="telecom", counterpart="mobile"),
    ]
    after = take(HOLDER, *(reports if out_first else reports[::-1]))
    assert (after.carrier, after.basis, after.voice) == ("telecom", ServiceBasis.EVENT, ON)
    assert [one.carrier for one in after.life.switch_offs] == ["mobile"]


def test_port_when_only_the_losing_side_spoke_then_nobody_serves_and_the_wishes_stay():
    adrift = take(HOLDER, event(K.PORTED_OUT, by="mobile"))
    assert (phase_of(adrift), adrift.carrier, adrift.voice) == (Phase.ADRIFT, "", ON)
    assert judge_order(adrift, "mobile").refusal is Reason.NOT_SERVED
    assert judge_order(adrift, "unicom").claims
    assert judge_order(adrift, "unicom", asks=True) == Standing(Reason.NOT_SERVED)
    claimed = claim_for(adrift, "unicom", 9, NOON_MS)
    assert (claimed.basis, claimed.life.claim) == (ServiceBasis.CLAIM, Claim(9, NOON_MS))
    assert claimed.life.switch_offs == adrift.life.switch_offs
    decided = take(claimed, event(K.PORTED_IN, NOON_MS - 60_000, by="unicom"))
    assert (decided.basis, decided.life.claim) == (ServiceBasis.EVENT, None)


def test_port_back_when_the_first_switch_off_is_not_reported_then_the_carrier_is_on_again_and_not_waited_for():
    there = take(HOLDER, event(K.PORTED_IN, by="telecom"))
    back = take(there, event(K.PORTED_IN, NOON_MS + 1000, by="mobile"))
    assert (back.carrier, [one.carrier for one in back.life.switch_offs]) == ("mobile", ["telecom"])
    assert switched_off(back, "mobile", 4) is back
    late = take(back, event(K.PORTED_OUT, NOON_MS, by="mobile", counterpart="telecom"))
    assert late is back
    assert switched_off(back, "telecom", back.version).life.switch_offs == ()


def test_port_on_when_the_first_carrier_has_not_switched_off_then_both_are_waited_for():
    after = take(HOLDER, event(K.PORTED_IN, by="telecom"), event(K.PORTED_IN, NOON_MS + 1, by="unicom"))
    assert [one.carrier for one in after.life.switch_offs] == ["mobile", "telecom"]


def test_port_when_nothing_was_ever_on_then_there_is_nothing_to_switch_off():
    blank = Subscriber(OWN, 1, "mobile", ServiceBasis.EVENT)
    assert take(blank, event(K.PORTED_IN, by="telecom")).life.switch_offs == ()


def test_switch_off_when_reported_for_an_older_order_then_it_is_still_waited_for():
    after = take(HOLDER, event(K.PORTED_IN, by="telecom"))
    assert switched_off(after, "mobile", 3) is after
    assert switched_off(after, "unicom", 9) is after
    done = switched_off(after, "mobile", 4)
    assert (done.life.switch_offs, done.version) == ((), 5)
    assert overdue_switch_offs(after, NOON_MS + SWITCH_OFF_WITHIN_MS) == after.life.switch_offs
    assert overdue_switch_offs(after, NOON_MS + SWITCH_OFF_WITHIN_MS - 1) == ()


def test_closing_when_it_holds_then_nothing_is_on_or_aside_and_it_is_frozen_for_ninety_days():
    leg = Leg(EnrolmentState.CLOSED, undo=Undo(WISHES, NOON_MS + 5), open_ms=1, change_ms=2)
    for voice in (ON, leg):
        step = take_event(
            Subscriber(OWN, 1, "mobile", ServiceBasis.PREFIX, 3, voice), event(K.CLOSED, by="mobile"), NOON_MS, 90
        )
        after = step.after
        assert (after.voice.state, after.voice.preferences, after.voice.undo) == ("closed", Preferences(), None)
        assert after.life.frozen_until_ms == NOON_MS + 90 * DAY_MS
        assert [one.carrier for one in step.told_off] == ["mobile"]
        assert judge_order(after, "mobile").refusal is Reason.NUMBER_FROZEN
        assert take(after, event(K.CLOSED, NOON_MS + 9, by="mobile")) is after


def test_reassignment_when_the_freeze_is_over_to_the_millisecond_then_a_new_epoch_begins_empty():
    closed = take(HOLDER, event(K.CLOSED, by="mobile"))
    free_ms = NOON_MS + 90 * DAY_MS
    assert follows(closed, event(K.REASSIGNED, free_ms - 1, by="mobile")) is Follows.CONFLICT
    step = take_event(closed, event(K.REASSIGNED, free_ms, by="mobile"), free_ms, 90)
    heir = step.successor
    assert (heir.epoch, heir.version, heir.voice, heir.message) == (2, 1, CLOSED_LEG, CLOSED_LEG)
    assert (heir.carrier, step.after.carrier, step.after.life.ended) == ("mobile", "", True)
    assert heir.life.switch_offs == step.told_off == (SwitchOff("mobile", 1, free_ms + SWITCH_OFF_WITHIN_MS),)
    assert take(heir, event(K.REASSIGNED, free_ms + 1000, counterpart="mobile")) is heir


def test_reassignment_when_no_closing_was_heard_of_then_it_needs_a_freeze_since_the_event_in_force():
    heir = take(HOLDER, event(K.REASSIGNED, by="mobile"))
    assert (heir.epoch, heir.voice, [one.carrier for one in heir.life.switch_offs]) == (2, CLOSED_LEG, ["mobile"])
    ported = take(HOLDER, event(K.PORTED_IN, by="telecom"))
    assert follows(ported, event(K.REASSIGNED, NOON_MS + 90 * DAY_MS - 1, by="telecom")) is Follows.CONFLICT
    assert follows(ported, event(K.REASSIGNED, NOON_MS + 90 * DAY_MS, by="telecom")) is Follows.NEW_EPOCH


def test_reassignment_when_a_stranger_reports_it_then_it_is_a_conflict():
    closed = take(HOLDER, event(K.PORTED_IN, by="telecom"), event(K.CLOSED, NOON_MS + 1, by="telecom"))
    later = NOON_MS + 91 * DAY_MS
    assert follows(closed, event(K.REASSIGNED, later, by="unicom")) is Follows.CONFLICT
    for entitled in ("telecom", "mobile"):
        assert follows(closed, event(K.REASSIGNED, later, by=entitled)) is Follows.NEW_EPOCH


@pytest.mark.parametrize(
    ("kind", "by", "counterpart", "at_ms", "expected"),
    [
        (K.PORTED_IN, "unicom", "", NOON_MS - 1, Follows.NOTHING),
        (K.BASELINE, "", "unicom", NOON_MS - 1, Follows.NOTHING),
        (K.CLOSED, "telecom", "", NOON_MS - 1, Follows.CONFLICT),
        (K.REASSIGNED, "telecom", "", NOON_MS - 1, Follows.CONFLICT),
        (K.PORTED_IN, "unicom", "", NOON_MS, Follows.CONFLICT),
        (K.PORTED_OUT, "unicom", "mobile", NOON_MS + 1, Follows.CONFLICT),
        (K.PORTED_OUT, "mobile", "unicom", NOON_MS + 1, Follows.CONFLICT),
        (K.PORTED_OUT, "mobile", "", NOON_MS + 2 * DAY_MS, Follows.CONFLICT),
        (K.CLOSED, "mobile", "", NOON_MS + 1, Follows.CONFLICT),
        (K.CLOSED, "", "", NOON_MS + 1, Follows.FREEZE),
        (K.BASELINE, "", "telecom", NOON_MS, Follows.NOTHING),
        (K.BASELINE, "", "telecom", NOON_MS + 1, Follows.SERVE),
        (K.BASELINE, "", "unicom", NOON_MS + 1, Follows.HAND_OVER),
    ],
)  # fmt: skip
def test_event_when_telecom_got_the_number_at_noon_then_time_and_say_decide(kind, by, counterpart, at_ms, expected):
    served = take(HOLDER, event(K.PORTED_IN, by="telecom"))
    assert follows(served, event(kind, at_ms, by=by, counterpart=counterpart)) is expected


@pytest.mark.parametrize("kind", [K.BASELINE, K.PORTED_IN, K.PORTED_OUT])
def test_port_when_the_number_is_closed_then_it_is_a_conflict(kind):
    closed = take(HOLDER, event(K.CLOSED, by="mobile"))
    assert follows(closed, event(kind, NOON_MS + 1, counterpart="telecom")) is Follows.CONFLICT


def test_event_when_heard_in_the_wrong_order_then_the_newest_stands():
    reports = [event(K.PORTED_IN, NOON_MS, by="telecom"), event(K.PORTED_IN, NOON_MS + 9, by="mobile")]
    for order in itertools.permutations(reports):
        assert take(HOLDER, *order).carrier == "mobile"


def test_unheard_number_when_any_event_comes_then_it_has_a_first_holder_without_wishes():
    for kind in NumberEventKind:
        for by in ("", "mobile", "telecom"):
            unheard = begin_unheard(OWN)
            step = take_event(
                unheard, event(kind, by=by, counterpart="" if by else "telecom"), NOON_MS, 90, unheard=True
            )
            assert (step.epoch, step.successor, step.told_off) == (1, None, ())
    assert follows(begin_unheard(OWN), event(K.CLOSED, by="telecom")) is Follows.CONFLICT


def test_claim_when_contested_then_nobody_orders_until_an_event_decides():
    claimed = claim_for(begin_unheard(OWN), "telecom", 7, NOON_MS)
    assert judge_order(claimed, "telecom") == judge_order(HOLDER, "mobile")
    assert judge_order(claimed, "mobile").refusal is Reason.NOT_SERVED
    contested = contest(claimed)
    assert contest(contested) is contested
    for carrier in ("telecom", "mobile", "unicom"):
        assert judge_order(contested, carrier).refusal is Reason.CLAIM_CONTESTED
    won = take(contested, event(K.PORTED_OUT, by="mobile", counterpart="telecom"))
    assert (judge_order(won, "telecom").refusal, won.life.claim) == (None, None)
    lost = take(contested, event(K.BASELINE, counterpart="mobile"))
    assert (judge_order(lost, "mobile").refusal, judge_order(lost, "telecom").refusal) == (None, Reason.NOT_SERVED)


CARRIERS = ("mobile", "telecom", "unicom")
events = st.builds(
    NumberEvent,
    st.just("e"),
    st.sampled_from(NumberEventKind),
    st.just(OWN),
    st.integers(0, 200 * DAY_MS).map(lambda ms: NOON_MS + ms),
    st.sampled_from(("", *CARRIERS)),
    st.sampled_from(CARRIERS),
)


@hypothesis_settings(max_examples=400)
@given(st.lists(st.one_of(events, st.sampled_from(CARRIERS)), max_size=12))
def test_any_life_when_folded_then_its_invariants_hold(history):
    """Events, and now and then a carrier's report that it switched off."""
    holder, switched_on = HOLDER, {"mobile"}
    for one in history:
        if isinstance(one, str):
            told = max((entry.version for entry in holder.life.switch_offs if entry.carrier == one), default=None)
            if told is not None:
                switched_on -= {one}
                holder = switched_off(holder, one, told)
            continue
        step = take_event(holder, one, one.effective_ms, 90)
        found = step.after
        if step.follows in {Follows.NOTHING, Follows.CONFLICT}:
            assert found is holder
        else:
            assert found.version == holder.version + 1
        if step.successor is not None:
            assert (step.successor.voice, step.successor.epoch) == (CLOSED_LEG, holder.epoch + 1)
            assert not found.refusing
        elif step.follows is not Follows.FREEZE:
            assert found.voice == holder.voice
        holder = step.successor or found
        if holder.refusing:
            switched_on |= {holder.carrier} - {""}
        assert switched_on <= {holder.carrier, *(waiting.carrier for waiting in holder.life.switch_offs)}
        assert read_subscriber(write_subscriber(holder)) == holder
        assert read_event(write_event(one)) == one
