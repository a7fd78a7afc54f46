"""Sending messages: window, timers, results, pace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.session.cmpp import classify_result
from adapters.session.cmpp.results import SUBMIT_RESULTS
from adapters.session.errors import BacklogFullError, LinkStateError
from adapters.session.events import (
    Fault,
    LinkClosed,
    PduMalformed,
    Retry,
    RetryClass,
    SubmitAccepted,
    SubmitRejected,
    SubmitThrottled,
    SubmitUnknown,
    SubmitUnsent,
    UnexpectedResponse,
)
from adapters.session.sequence import MAX_SEQUENCE
from adapters.wire.cmpp import DeliverResp, SubmitResp, Version
from adapters.wire.errors import WireError
from tests.session.wiring import SUBMIT, bound_client, make_client, of_type, send, take_frames, take_pdus

MSG_ID = b"\x11" * 8
BOTH = pytest.mark.parametrize("version", list(Version))


@BOTH
def test_submit_when_answered_then_the_token_comes_back_with_the_message_id(version: Version) -> None:
    client = bound_client(version)
    token = object()
    sequence = client.submit(SUBMIT, token, 0)
    (sent,) = take_pdus(client)
    assert sent.sequence == sequence
    assert sent.msg_content == SUBMIT.msg_content
    (event,) = send(client, SubmitResp(sequence, MSG_ID, 0), version=version)
    assert event == SubmitAccepted(token, sequence, MSG_ID)
    assert client.outstanding == 0


@BOTH
def test_submit_when_answered_in_the_layout_of_the_other_version_then_accepted_all_the_same(version: Version) -> None:
    client = bound_client(version)
    sequence = client.submit(SUBMIT, "t", 0)
    other = Version.V20 if version is Version.V30 else Version.V30
    assert of_type(send(client, SubmitResp(sequence, MSG_ID, 0), version=other), SubmitAccepted)


def test_submit_when_not_bound_then_refused() -> None:
    with pytest.raises(LinkStateError) as caught:
        make_client().submit(SUBMIT, "t", 0)
    assert caught.value.reason == "link_connecting"


def test_submit_when_it_does_not_encode_then_nothing_is_queued_and_no_number_lost() -> None:
    client = bound_client()
    with pytest.raises(WireError):
        client.submit(replace(SUBMIT, src_id="1" * 22), "t", 0)
    assert client.queued == client.outstanding == 0
    first = client.submit(SUBMIT, "a", 0)
    assert client.submit(SUBMIT, "b", 0) == first + 1


def test_submit_when_the_window_is_full_then_waits_for_an_answer() -> None:
    client = bound_client(window=2)
    numbers = [client.submit(SUBMIT, token, 0) for token in "abc"]
    assert [pdu.sequence for pdu in take_pdus(client)] == numbers[:2]
    assert (client.outstanding, client.queued) == (2, 1)
    send(client, SubmitResp(numbers[0], MSG_ID, 0))
    assert [pdu.sequence for pdu in take_pdus(client)] == numbers[2:]


def test_submit_when_the_backlog_is_full_then_refused_and_the_rest_unharmed() -> None:
    client = bound_client(window=1, backlog=1)
    client.submit(SUBMIT, "a", 0)
    client.submit(SUBMIT, "b", 0)
    with pytest.raises(BacklogFullError):
        client.submit(SUBMIT, "c", 0)
    assert (client.outstanding, client.queued) == (1, 1)


def test_submit_when_unanswered_then_resent_with_the_same_number_and_given_up_after_three() -> None:
    client = bound_client(keepalive_s=None)
    sequence = client.submit(SUBMIT, "t", 0)
    first = take_frames(client)
    for now in (60, 120):
        assert client.wake_at() == now
        assert client.tick(now - 0.1) == []
        assert client.tick(now) == []
        assert take_frames(client) == first
    assert client.tick(180) == [SubmitUnknown("t", sequence, 3, "no_answer")]
    assert client.counters["request_resent"] == 2
    assert client.counters["request_given_up"] == 1
    assert client.closed is False


def test_submit_when_given_up_then_its_late_answer_is_an_oddity_and_the_next_goes_out() -> None:
    client = bound_client(window=1, keepalive_s=None, request_attempts=1)
    sequence = client.submit(SUBMIT, "a", 0)
    client.submit(SUBMIT, "b", 0)
    take_frames(client)
    client.tick(60)
    assert len(take_frames(client)) == 1
    (oddity,) = send(client, SubmitResp(sequence, MSG_ID, 0), 61)
    assert isinstance(oddity, UnexpectedResponse)
    assert oddity.pdu.msg_id == MSG_ID
    assert client.counters["unexpected_response"] == 1


def test_submit_when_resent_and_both_copies_are_answered_then_resolved_once() -> None:
    client = bound_client()
    sequence = client.submit(SUBMIT, "t", 0)
    client.tick(60)
    events = send(client, SubmitResp(sequence, MSG_ID, 0), 61) + send(client, SubmitResp(sequence, MSG_ID, 3), 61)
    assert [type(event) for event in events] == [SubmitAccepted, UnexpectedResponse]


def test_submit_when_the_answer_came_before_the_timer_was_run_then_not_resent() -> None:
    client = bound_client(keepalive_s=None)
    sequence = client.submit(SUBMIT, "t", 0)
    take_frames(client)
    # The loop stood still until long after the deadline; the answer is read first.
    send(client, SubmitResp(sequence, MSG_ID, 0), 100)
    assert client.tick(100) == []
    assert take_frames(client) == []


@pytest.mark.parametrize(("result", "retry_class"), [*list(SUBMIT_RESULTS.items())[1:8], (9, RetryClass.PERMANENT)])
def test_submit_when_rejected_then_the_table_says_whether_to_retry(result: int, retry_class: RetryClass) -> None:
    client = bound_client()
    sequence = client.submit(SUBMIT, "t", 0)
    (event,) = send(client, SubmitResp(sequence, bytes(8), result))
    assert event == SubmitRejected("t", sequence, result, retry_class)
    assert client.counters[f"submit_result_{result}"] == 1


def test_result_table_when_read_then_as_the_specification_says() -> None:
    assert [code for code, kind in SUBMIT_RESULTS.items() if kind is RetryClass.TRANSIENT] == [8]
    assert [code for code, kind in SUBMIT_RESULTS.items() if kind is RetryClass.DUPLICATE] == [3]
    assert sorted(SUBMIT_RESULTS) == list(range(14))
    assert classify_result(100) is classify_result(2**32 - 1) is RetryClass.PERMANENT


def test_submit_when_a_peer_invents_results_then_counters_stay_few() -> None:
    client = bound_client()
    for result in (14, 100, 2**32 - 1):
        send(client, SubmitResp(client.submit(SUBMIT, "t", 0), bytes(8), result))
    assert client.counters["submit_result_other"] == 3


def test_submit_when_a_response_of_another_kind_bears_its_number_then_not_resolved() -> None:
    client = bound_client()
    sequence = client.submit(SUBMIT, "t", 0)
    (oddity,) = send(client, DeliverResp(sequence, MSG_ID, 0))
    assert isinstance(oddity, UnexpectedResponse)
    assert client.outstanding == 1


def test_submit_when_its_answer_is_malformed_then_it_stays_outstanding_and_is_resent() -> None:
    client = bound_client(keepalive_s=None)
    sequence = client.submit(SUBMIT, "t", 0)
    sent = take_frames(client)
    events = client.receive(b"\x00\x00\x00\x0d\x80\x00\x00\x04" + sequence.to_bytes(4, "big") + b"\x00", 1)
    assert events == [PduMalformed(0x80000004, sequence, "truncated_body")]
    client.tick(60)
    assert take_frames(client) == sent


# Sequence numbers


def test_submit_when_numbers_wrap_then_those_outstanding_are_skipped() -> None:
    client = bound_client(first_sequence=MAX_SEQUENCE - 1, keepalive_s=None)  # the login takes that one
    last = client.submit(SUBMIT, "a", 0)
    one = client.submit(SUBMIT, "b", 0)
    assert (last, one) == (MAX_SEQUENCE, 1)
    client.link._numbering._next = MAX_SEQUENCE
    assert client.submit(SUBMIT, "c", 0) == 2
    assert [pdu.sequence for pdu in take_pdus(client)] == [MAX_SEQUENCE, 1, 2]


@pytest.mark.parametrize("start", [2**31 - 2, MAX_SEQUENCE - 2])
def test_submit_when_numbers_cross_an_edge_then_every_answer_finds_its_token(start: int) -> None:
    client = bound_client(first_sequence=start)
    for token in range(6):
        sequence = client.submit(SUBMIT, token, 0)
        (sent,) = take_pdus(client)
        assert sent.sequence == sequence
        assert send(client, SubmitResp(sequence, MSG_ID, 0)) == [SubmitAccepted(token, sequence, MSG_ID)]


# Pace


def test_submit_when_throttled_then_pauses_and_goes_out_as_a_new_request_before_the_others() -> None:
    client = bound_client(window=2, flow_pause_s=1, keepalive_s=None)
    first, second, third = (client.submit(SUBMIT, token, 0) for token in "abc")
    take_frames(client)
    (event,) = send(client, SubmitResp(first, bytes(8), 8), 0)
    assert event == SubmitThrottled("a", first, third + 1, 1, 1.0)
    assert take_frames(client) == []
    assert client.wake_at() == 1
    client.tick(0.9)
    assert take_frames(client) == []
    client.tick(1)
    assert [pdu.sequence for pdu in take_pdus(client)] == [third + 1]
    send(client, SubmitResp(second, MSG_ID, 0), 1)
    assert [pdu.sequence for pdu in take_pdus(client)] == [third]
    (accepted,) = send(client, SubmitResp(third + 1, MSG_ID, 0), 1)
    assert accepted == SubmitAccepted("a", third + 1, MSG_ID)


def test_submit_when_throttled_again_and_again_then_rejected_as_transient_in_the_end() -> None:
    client = bound_client(flow_attempts=3, flow_pause_s=1, keepalive_s=None)
    client.submit(SUBMIT, "t", 0)
    now = 0.0
    seen = []
    while not of_type(seen, SubmitRejected):
        client.tick(now)
        (pdu,) = take_pdus(client)
        seen += send(client, SubmitResp(pdu.sequence, bytes(8), 8), now)
        now = client.wake_at() or now
    assert [type(event) for event in seen] == [SubmitThrottled, SubmitThrottled, SubmitRejected]
    assert seen[-1].retry_class is RetryClass.TRANSIENT
    assert now == 1 + 2
    assert client.counters["submit_result_8"] == 3


def test_submit_when_a_message_was_taken_in_between_then_the_next_pause_is_short_again() -> None:
    client = bound_client(flow_pause_s=1, keepalive_s=None)
    retry_at = []
    for now, result in ((0.0, 8), (1.0, 8), (3.0, 0), (3.0, 8)):
        if not client.queued:
            client.submit(SUBMIT, "t", now)
        client.tick(now)
        (pdu,) = take_pdus(client)
        events = send(client, SubmitResp(pdu.sequence, MSG_ID, result), now)
        retry_at += [event.retry_at for event in of_type(events, SubmitThrottled)]
    assert retry_at == [1, 3, 4]


def test_submit_when_a_rate_is_set_then_it_is_kept() -> None:
    client = bound_client(window=2, rate_per_s=10, keepalive_s=None)
    sent_at: list[float] = []
    for token in range(6):
        client.submit(SUBMIT, token, 0)
    now = 0.0
    while len(sent_at) < 6:
        for pdu in take_pdus(client):
            sent_at.append(now)
            send(client, SubmitResp(pdu.sequence, MSG_ID, 0), now)
        if not client.queued:
            sent_at += [now] * len(take_pdus(client))
            break
        now = client.wake_at() or now
        client.tick(now)
    assert sent_at == pytest.approx([0, 0, 0.1, 0.2, 0.3, 0.4])


# Loss of the link


def test_submit_when_the_link_is_lost_then_every_token_comes_back_before_the_end() -> None:
    client = bound_client(window=3, keepalive_s=None)
    numbers = {token: client.submit(SUBMIT, token, 0) for token in "abcde"}
    throttled = send(client, SubmitResp(numbers["a"], bytes(8), 8), 0)[0].new_sequence
    client.tick(60)  # resends b and c, and lets the refused one and d go
    send(client, SubmitResp(throttled, bytes(8), 8), 60)
    events = client.eof(61)
    assert {(type(event), event.token) for event in events[:-1]} == {
        (SubmitUnknown, "b"),
        (SubmitUnknown, "c"),
        (SubmitUnsent, "a"),
        (SubmitUnsent, "d"),
        (SubmitUnsent, "e"),
    }
    assert {event.reason for event in events[:-1]} == {"link_lost"}
    assert {event.attempts for event in of_type(events, SubmitUnknown)} == {2}
    assert events[-1] == LinkClosed("closed_by_peer", Fault.REMOTE, Retry.BACKOFF)
    assert client.eof(62) == []


def test_submit_when_closed_then_refused() -> None:
    client = bound_client()
    client.lost("connection_reset", 0)
    with pytest.raises(LinkStateError) as caught:
        client.submit(SUBMIT, "t", 0)
    assert caught.value.reason == "link_closed"
    assert client.receive(b"\xff" * 100, 1) == []
    assert client.tick(1000) == []
    assert client.wake_at() is None
