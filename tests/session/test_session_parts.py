"""The parts of a link, each on its own."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.session.errors import BacklogFullError, LinkStateError
from adapters.session.inbox import Admission, Inbox
from adapters.session.keepalive import KeepAlive, Probe
from adapters.session.sequence import MAX_SEQUENCE, SequenceNumbers
from adapters.session.settings import LinkSettings
from adapters.session.state import TRANSITIONS, LinkState, Step, advance
from adapters.session.throttle import Throttle
from adapters.session.window import Request, Window


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (1, [1, 2, 3]),
        (2**31 - 1, [2**31 - 1, 2**31, 2**31 + 1]),
        (MAX_SEQUENCE - 1, [MAX_SEQUENCE - 1, MAX_SEQUENCE, 1]),
        (MAX_SEQUENCE, [MAX_SEQUENCE, 1, 2]),
    ],
)
def test_sequence_when_it_wraps_then_goes_round(first: int, expected: list[int]) -> None:
    numbers = SequenceNumbers(first)
    assert [numbers.take() for _ in range(3)] == expected


def test_sequence_when_numbers_are_outstanding_then_skips_them_across_the_wrap() -> None:
    numbers = SequenceNumbers(MAX_SEQUENCE - 1)
    in_use = {MAX_SEQUENCE, 1, 2}
    assert [numbers.take(in_use) for _ in range(3)] == [MAX_SEQUENCE - 1, 3, 4]


def test_sequence_when_lowest_is_zero_then_zero_is_used() -> None:
    assert SequenceNumbers(MAX_SEQUENCE, lowest=0).take() == MAX_SEQUENCE
    numbers = SequenceNumbers(0, lowest=0)
    assert [numbers.take(), numbers.take()] == [0, 1]


@given(first=st.integers(1, MAX_SEQUENCE), in_use=st.sets(st.integers(0, MAX_SEQUENCE)))
def test_sequence_when_taken_then_never_in_use_and_in_range(first: int, in_use: set[int]) -> None:
    numbers = SequenceNumbers(first)
    taken = [numbers.take(in_use) for _ in range(20)]
    assert len(set(taken)) == 20
    assert not in_use & set(taken)
    assert all(1 <= number <= MAX_SEQUENCE for number in taken)


@pytest.mark.parametrize("first", [-1, 0, 2**32])
def test_sequence_when_first_is_out_of_range_then_refused(first: int) -> None:
    with pytest.raises(ValueError, match="sequence"):
        SequenceNumbers(first)


def test_keepalive_when_silent_then_asks_n_times_and_gives_up() -> None:
    keepalive = KeepAlive(idle_s=30, timeout_s=60, attempts=3)
    keepalive.heard(0)
    seen = []
    now = 0.0
    while not seen or seen[-1][1] is not Probe.GIVE_UP:
        now = keepalive.wake_at() or 0.0
        seen.append((now, keepalive.tick(now)))
    assert seen == [
        (30, Probe.ASK),
        (90, Probe.ASK_AGAIN),
        (150, Probe.ASK_AGAIN),
        (210, Probe.GIVE_UP),
    ]


def test_keepalive_when_something_is_heard_then_silence_starts_anew() -> None:
    keepalive = KeepAlive(idle_s=30, timeout_s=60, attempts=3)
    keepalive.heard(0)
    keepalive.heard(29)
    assert keepalive.tick(30) is Probe.NOTHING
    assert keepalive.wake_at() == 59


def test_keepalive_when_settled_then_counts_tries_from_zero() -> None:
    keepalive = KeepAlive(idle_s=30, timeout_s=60, attempts=2)
    keepalive.heard(0)
    assert keepalive.tick(30) is Probe.ASK
    keepalive.settle()
    keepalive.heard(31)
    assert keepalive.tick(61) is Probe.ASK
    assert keepalive.tick(121) is Probe.ASK_AGAIN


def test_keepalive_when_off_then_never_wakes() -> None:
    keepalive = KeepAlive(idle_s=None, timeout_s=60, attempts=3)
    keepalive.heard(0)
    assert keepalive.wake_at() is None
    assert keepalive.tick(10_000) is Probe.NOTHING


def test_throttle_when_no_rate_then_always_ready() -> None:
    throttle = Throttle(None, burst=1, pause_s=1, max_pause_s=8)
    assert all(throttle.take(0) for _ in range(100))


def test_throttle_when_burst_is_used_then_the_rate_rules() -> None:
    throttle = Throttle(10, burst=2, pause_s=1, max_pause_s=8)
    assert [throttle.take(0) for _ in range(3)] == [True, True, False]
    assert throttle.ready_at() == pytest.approx(0.1)
    assert throttle.take(throttle.ready_at())
    assert not throttle.take(0.11)


@given(
    rate=st.floats(0.1, 1000),
    burst=st.integers(1, 50),
    steps=st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_throttle_when_asked_at_any_times_then_never_above_rate_plus_burst(
    rate: float, burst: int, steps: list[float]
) -> None:
    throttle = Throttle(rate, burst, pause_s=1, max_pause_s=8)
    taken = 0
    for now in itertools.accumulate(steps, initial=0.0):
        while throttle.take(now):
            taken += 1
            assert taken <= burst + rate * now + 1e-6
        # What it names as its next time is enough: nobody has to ask twice.
        assert throttle.ready_at() > now


def test_throttle_when_told_to_slow_down_then_pauses_longer_each_time_up_to_the_cap() -> None:
    throttle = Throttle(None, burst=1, pause_s=1, max_pause_s=5)
    now = 0.0
    pauses = []
    for _ in range(5):
        until = throttle.slow_down(now)
        assert not throttle.take(until - 0.01)
        pauses.append(until - now)
        now = until
    assert pauses == [1, 2, 4, 5, 5]
    throttle.recover()
    assert throttle.slow_down(now) == now + 1


def test_throttle_when_a_whole_window_is_refused_at_once_then_pauses_once() -> None:
    throttle = Throttle(None, burst=1, pause_s=1, max_pause_s=60)
    assert {throttle.slow_down(0) for _ in range(16)} == {1}
    assert throttle.slow_down(1) == 3


def filled_window(capacity: int, count: int) -> Window:
    window = Window(capacity, backlog_limit=100, timeout_s=60, attempts=3)
    for sequence in range(1, count + 1):
        window.queue(Request(sequence, f"t{sequence}", b"f"))
    return window


def test_window_when_full_then_keeps_order() -> None:
    window = filled_window(2, 4)
    assert [window.send_next(0).sequence, window.send_next(1).sequence] == [1, 2]
    assert not window.has_room
    assert window.answer(1)
    assert window.send_next(2).sequence == 3


def test_window_when_unanswered_then_resends_with_the_same_number_and_gives_up_after_n() -> None:
    window = filled_window(2, 1)
    first = window.send_next(0)
    assert window.wake_at() == 60
    assert window.expire(59.9) == ([], [])
    assert window.expire(60) == ([first], [])
    assert window.expire(120) == ([first], [])
    assert window.expire(180) == ([], [first])
    assert first.sends == 3
    assert window.outstanding == 0
    assert window.wake_at() is None


def test_window_when_time_jumps_then_sends_once_not_thrice() -> None:
    window = filled_window(1, 1)
    window.send_next(0)
    again, given_up = window.expire(10_000)
    assert len(again) == 1
    assert not given_up
    assert window.wake_at() == 10_060


def test_window_when_a_request_is_queued_again_then_it_goes_before_new_ones() -> None:
    window = filled_window(1, 2)
    refused = window.send_next(0)
    window.answer(refused.sequence)
    window.queue_again(Request(9, refused.token, b"f"))
    assert window.send_next(0).sequence == 9


def test_window_when_backlog_is_full_then_refuses() -> None:
    window = Window(1, backlog_limit=1, timeout_s=60, attempts=3)
    window.queue(Request(1, None, b""))
    with pytest.raises(BacklogFullError) as caught:
        window.queue(Request(2, None, b""))
    assert caught.value.reason == "backlog_full"


def test_window_when_asked_for_a_number_then_knows_outstanding_and_queued() -> None:
    window = filled_window(1, 2)
    window.send_next(0)
    window.queue_again(Request(7, None, b""))
    assert [number in window for number in (1, 2, 7, 8)] == [True, True, True, False]
    assert [request.sequence for request in window.clear_queue()] == [7, 2]
    assert [request.sequence for request in window.clear_outstanding()] == [1]


def test_inbox_when_a_copy_comes_then_one_answer_settles_all() -> None:
    inbox = Inbox(10)
    assert inbox.admit("a", "message", 1) is Admission.NEW
    assert inbox.admit("a", "message", 1) is Admission.COPY
    assert inbox.admit("b", "message", 2) is Admission.COPY
    assert len(inbox) == 1
    assert inbox.settle("b") == [1, 1, 2]
    assert inbox.settle("a") == []
    assert len(inbox) == 0


def test_inbox_when_a_handle_is_used_for_another_message_then_clashes() -> None:
    inbox = Inbox(10)
    inbox.admit("a", "message", 1)
    assert inbox.admit("a", "other", 1) is Admission.CLASH
    assert inbox.settle("a") == [1]
    assert inbox.admit("a", "other", 1) is Admission.NEW


def test_inbox_when_full_then_turns_away_copies_too() -> None:
    inbox = Inbox(2)
    inbox.admit("a", "message", 1)
    inbox.admit("a", "message", 1)
    assert inbox.is_full
    assert inbox.admit("a", "message", 1) is Admission.FULL
    assert inbox.admit("b", "other", 2) is Admission.FULL
    inbox.settle("a")
    assert [inbox.admit(name, name, 2) for name in "bcd"] == [Admission.NEW, Admission.NEW, Admission.FULL]


def test_state_when_a_step_is_not_in_the_table_then_refused() -> None:
    for state, step in itertools.product(LinkState, Step):
        if (state, step) in TRANSITIONS:
            assert advance(state, step) is TRANSITIONS[state, step]
        else:
            with pytest.raises(LinkStateError) as caught:
                advance(state, step)
            assert caught.value.reason == "illegal_step"


def test_state_when_closed_then_nothing_leads_out() -> None:
    assert not [state for state, _ in TRANSITIONS if state is LinkState.CLOSED]
    assert {state for (state, step), target in TRANSITIONS.items() if target is LinkState.CLOSED} == set(LinkState) - {
        LinkState.CLOSED
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 0},
        {"request_attempts": 0},
        {"request_timeout_s": 0},
        {"keepalive_s": 181},
        {"keepalive_s": 0},
        {"settle_s": -1},
        {"rate_per_s": 0},
        {"flow_pause_s": 2, "flow_pause_max_s": 1},
        {"first_sequence": 0},
        {"first_sequence": 2**32},
    ],
)
def test_settings_when_no_link_can_keep_them_then_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"at least|positive|above 0|lies between"):
        LinkSettings(**wrong)  # type: ignore[arg-type]
