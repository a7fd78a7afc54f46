"""Laws that hold for every stream and every story, in every protocol."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from adapters.session.events import (
    DeliverAnswered,
    DeliverUnknown,
    DeliverUnsent,
    Event,
    LinkClosed,
    SubmitAccepted,
    SubmitRejected,
    SubmitUnknown,
    SubmitUnsent,
)
from adapters.session.settings import LinkSettings
from adapters.session.state import LinkState
from tests.session.pairs import FLOW_IDS, FLOWS, PAIRS, Flow, Pair
from tests.session.wiring import WALL


def feed(peer: Any, chunks: list[bytes]) -> tuple[list[Event], bytes, Counter[str], LinkState]:
    events = [event for chunk in chunks for event in peer.receive(chunk, 1.0)]
    return events, peer.data_to_send(), peer.counters, peer.state


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def draw_stream(data: st.DataObject, pair: Pair) -> bytes:
    frames = pair.pdus.map(pair.encode)
    truncated = frames.filter(lambda frame: len(frame) > pair.header_bytes + 1).map(
        lambda frame: (len(frame) - 1).to_bytes(4, "big") + frame[4:-1]
    )
    parts = st.lists(st.one_of(frames, frames, frames, truncated, st.binary(max_size=20)), max_size=12)
    return b"".join(data.draw(parts))


def make_end(pair: Pair, which: int) -> Any:
    """Return a bound end; every other one has requests outstanding and queued."""
    ends = pair.bound(window=2)
    peer = ends[which % 2]
    for flow in pair.flows:
        if which > 1 and flow.from_dialler is (which % 2 == 0):
            for number in range(4):
                flow.send(peer, number, number, 0)
    peer.data_to_send()
    return peer


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@settings(max_examples=60, deadline=None)
@given(data=st.data(), places=st.lists(st.integers(0, 4000), max_size=20), which=st.integers(0, 3))
def test_stream_when_cut_anyhow_then_the_same_events_bytes_and_counters(
    pair: Pair, data: st.DataObject, places: list[int], which: int
) -> None:
    stream = draw_stream(data, pair)
    whole = feed(make_end(pair, which), [stream])
    assert feed(make_end(pair, which), cut(stream, places)) == whole
    assert feed(make_end(pair, which), [stream[at : at + 1] for at in range(len(stream))]) == whole


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300), logged_in=st.booleans())
def test_stream_when_random_then_no_exception_and_one_end_at_most(pair: Pair, data: bytes, logged_in: bool) -> None:
    bound = pair.bound()
    fresh = pair.make_dialler(LinkSettings(settle_s=0)), pair.make_listener(LinkSettings(settle_s=0))
    for peer in bound if logged_in else fresh:
        if not logged_in:
            peer.opened(0, WALL)
        events = peer.receive(data, 0) + peer.eof(1)
        assert [type(event) for event in events].count(LinkClosed) == 1
        assert isinstance(events[-1], LinkClosed)


HOSTILE = [
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http_on_port"),
    (b"HTTP/1.1 400 Bad Request\r\n", "http_on_port"),
    (bytes.fromhex("16030102000100") + bytes(100), "tls_on_port"),
    (bytes.fromhex("7fffffff") + bytes(60), "length_out_of_bounds"),
    (bytes.fromhex("00000004") + bytes(60), "length_out_of_bounds"),
]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize(("data", "reason"), HOSTILE)
@pytest.mark.parametrize("piece_bytes", [1, 1000])
def test_port_when_bytes_are_hostile_then_closed_for_the_reason(
    pair: Pair, data: bytes, reason: str, piece_bytes: int
) -> None:
    for make in (pair.make_dialler, pair.make_listener):
        peer = make(LinkSettings())
        peer.opened(0, WALL)
        events = [
            event for at in range(0, len(data), piece_bytes) for event in peer.receive(data[at : at + piece_bytes], 0)
        ]
        assert peer.closed
        assert events[-1].reason == reason
        assert peer.counters[reason] == 1


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_request_when_nobody_is_logged_in_then_the_link_is_closed_without_an_answer(pair: Pair) -> None:
    [flow] = [flow for flow in pair.flows if flow.from_dialler]
    listener = pair.make_listener(LinkSettings())
    listener.opened(0, WALL)
    events = listener.receive(pair.encode(flow.make(1)), 0)
    assert events[-1].reason == "not_logged_in"
    assert listener.data_to_send() == b""


FINAL = (
    SubmitAccepted,
    SubmitRejected,
    SubmitUnknown,
    SubmitUnsent,
    DeliverAnswered,
    DeliverUnknown,
    DeliverUnsent,
)
LINK = LinkSettings(window=3, backlog=5, settle_s=0, keepalive_s=30, max_in_hand=4, flow_attempts=3, rate_per_s=5)
RESTING = replace(LINK, idle_close_s=150)
"""Without an active test, silence is what ends a link whose other end is gone."""


class TwoEnds(RuleBasedStateMachine):
    """Two ends on a line that loses frames; both callers answer late, wrongly or not at all."""

    pair: Pair

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.tokens = 0
        self.handed_in: set[object] = set()
        self.resolved: Counter[object] = Counter()
        self.acknowledged: set[bytes] = set()
        self.confirmed: list[bytes] = []
        self.in_hand: dict[str, list[Any]] = {flow.name: [] for flow in self.pair.flows}
        self.ends: Counter[str] = Counter()

    @initialize(start=st.sampled_from([1, 2**31 - 3, 2**32 - 3]))
    def connect(self, start: int) -> None:
        link = replace(LINK if self.pair.keeps_alive else RESTING, first_sequence=start)
        self.dialler, self.listener = self.pair.make_dialler(link), self.pair.make_listener(link)
        self.listener.opened(0, WALL)
        self.dialler.opened(0, WALL)
        self.pass_frames(0, 0)

    def note(self, events: list[Event], end: str) -> None:
        for event in events:
            assert not self.ends[end], "nothing after the end"
            for flow in self.pair.flows:
                if isinstance(event, flow.received):
                    self.in_hand[flow.name].append(event)
            if isinstance(event, LinkClosed):
                self.ends[end] += 1
            if isinstance(event, DeliverAnswered) and event.result == 0:
                self.confirmed.append(event.msg_id)
            if isinstance(event, FINAL):
                self.resolved[event.token] += 1

    def sides(self, flow: Flow) -> tuple[Any, Any, str]:
        """Return the sending end, the receiving end and the latter's name."""
        if flow.from_dialler:
            return self.dialler, self.listener, "listener"
        return self.listener, self.dialler, "dialler"

    @rule(lost_up=st.integers(0, 255), lost_down=st.integers(0, 255))
    def pass_frames(self, lost_up: int, lost_down: int) -> None:
        """Carry what waits on both sides; each bit loses the frame of that index."""
        up, down = self.pair.take_frames(self.dialler), self.pair.take_frames(self.listener)
        for index, frame in enumerate(up):
            if not lost_up >> index & 1:
                self.note(self.listener.receive(frame, self.now), "listener")
        for index, frame in enumerate(down):
            if not lost_down >> index & 1:
                self.note(self.dialler.receive(frame, self.now), "dialler")

    @rule(seconds=st.sampled_from([0.01, 0.5, 1, 7, 31, 61]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for peer, name in ((self.dialler, "dialler"), (self.listener, "listener")):
            self.note(peer.tick(self.now), name)
            wake_at = peer.wake_at()
            assert wake_at is None or wake_at > self.now, "a timer that is due again at once would spin"

    @rule(which=st.integers(0, 1))
    def send(self, which: int) -> None:
        flow = self.pair.flows[which % len(self.pair.flows)]
        sender, _, _ = self.sides(flow)
        if sender.state is LinkState.BOUND and sender.queued < LINK.backlog:
            self.tokens += 1
            self.handed_in.add((flow.name, self.tokens))
            flow.send(sender, self.tokens, (flow.name, self.tokens), self.now)

    @rule(flow=st.integers(0, 1), which=st.integers(0, 9), result=st.integers(-2, 3), answers=st.booleans())
    def answer(self, flow: int, which: int, result: int, answers: bool) -> None:
        chosen = self.pair.flows[flow % len(self.pair.flows)]
        waiting = self.in_hand[chosen.name]
        if not waiting:
            return
        event = waiting.pop(which % len(waiting))
        _, receiver, name = self.sides(chosen)
        if answers:
            code = chosen.results[max(result, 0)]
            if code == 0:
                self.acknowledged.add(chosen.name_message(receiver, event))
            chosen.answer(receiver, event, code, self.now)
        else:
            chosen.release(receiver, event, self.now)
        self.note(receiver.take_events(), name)

    @rule(end=st.sampled_from(["dialler", "listener"]), often=st.integers(0, 5))
    def drain_seldom(self, end: str, often: int) -> None:
        if not often:
            self.note(getattr(self, end).drain(self.now), end)

    @invariant()
    def keeps_to_the_rules(self) -> None:
        for peer in (self.dialler, self.listener):
            assert peer.outstanding <= LINK.window
            assert peer.in_hand <= LINK.max_in_hand
            assert peer.closed or (peer.wake_at() is not None)
        assert max(self.resolved.values(), default=0) <= 1
        assert set(self.confirmed) <= self.acknowledged

    def teardown(self) -> None:
        if not hasattr(self, "dialler"):
            return
        # Nobody answers any more, and time goes by: everything comes to an end by itself.
        for _ in range(200):
            self.pass_time(31)
            self.dialler.data_to_send()
            self.listener.data_to_send()
            if self.dialler.closed and self.listener.closed:
                break
        assert self.ends == {"dialler": 1, "listener": 1}
        assert set(self.resolved) == self.handed_in
        assert set(self.resolved.values()) <= {1}


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_two_ends_when_anything_happens_in_any_order_then_every_token_resolves_once(pair: Pair) -> None:
    machine = type("TwoEndsOf", (TwoEnds,), {"pair": pair})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )


@pytest.mark.parametrize(("pair", "flow"), FLOWS, ids=FLOW_IDS)
@settings(max_examples=20, deadline=None)
@given(results=st.lists(st.integers(0, 3), min_size=1, max_size=60), window=st.integers(1, 20))
def test_two_ends_when_nothing_is_lost_then_every_token_resolves_without_a_resend(
    pair: Pair, flow: Flow, results: list[int], window: int
) -> None:
    sender, receiver = pair.ends(flow, window=window, keepalive_s=None, flow_attempts=100, flow_pause_max_s=1)
    tokens = list(range(len(results)))
    for token in tokens:
        flow.send(sender, token, token, 0)
    resolved: list[Any] = []
    now = 0.0
    answers = iter(results)
    while len(resolved) < len(tokens):
        for event in receiver.receive(sender.data_to_send(), now):
            assert isinstance(event, flow.received)
            flow.answer(receiver, event, flow.results[next(answers, 0)], now)
        events = sender.receive(receiver.data_to_send(), now)
        resolved += [event.token for event in events if isinstance(event, FINAL)]
        if not sender.outstanding and sender.queued:
            now = sender.wake_at() or now
            sender.tick(now)
    assert sorted(resolved) == tokens
    assert sender.counters["request_resent"] == 0


@pytest.mark.parametrize(("pair", "flow"), FLOWS, ids=FLOW_IDS)
def test_request_when_unanswered_then_sent_again_under_the_same_number_and_given_up(pair: Pair, flow: Flow) -> None:
    sender, _ = pair.ends(flow, keepalive_s=None, request_timeout_s=30, request_attempts=3)
    flow.send(sender, 1, "token", 0)
    first = sender.data_to_send()
    for now in (30.0, 60.0):
        sender.tick(now)
        assert sender.data_to_send() == first
    [event] = sender.tick(90.0)
    assert isinstance(event, SubmitUnknown | DeliverUnknown)
    assert (event.token, event.attempts, event.reason) == ("token", 3, "no_answer")


@pytest.mark.parametrize(("pair", "flow"), FLOWS, ids=FLOW_IDS)
def test_request_when_copied_in_flight_then_handed_over_once_and_every_copy_answered(pair: Pair, flow: Flow) -> None:
    sender, receiver = pair.ends(flow)
    flow.send(sender, 1, "token", 0)
    frame = sender.data_to_send()
    [event] = receiver.receive(frame, 0)
    receiver.receive(frame, 1)
    assert receiver.data_to_send() == b""
    assert flow.answer(receiver, event, 0, 2)
    answers = pair.take_pdus(receiver)
    assert [int(answer.sequence) for answer in answers] == [event.sequence] * 2
    assert receiver.counters["duplicate_in_flight"] == 1


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("drains", ["dialler", "listener"])
def test_link_when_drained_by_either_end_then_both_part_in_good_order(pair: Pair, drains: str) -> None:
    dialler, listener = pair.bound()
    (dialler if drains == "dialler" else listener).drain(1)
    for _ in range(3):
        listener.receive(dialler.data_to_send(), 1)
        dialler.receive(listener.data_to_send(), 1)
    reasons = {"dialler": dialler.closing.reason, "listener": listener.closing.reason}
    assert reasons.pop(drains) == "drained"
    assert set(reasons.values()) == {"terminated_by_peer"}
