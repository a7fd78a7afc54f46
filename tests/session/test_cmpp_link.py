"""Keep-alive, termination, hostile bytes: what both ends do alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.session.cmpp.peer import CmppPeer
from adapters.session.events import (
    DeliverReceived,
    Draining,
    Fault,
    LinkClosed,
    PduIgnored,
    PduMalformed,
    RequestReceived,
    Retry,
    SubmitAccepted,
    SubmitUnknown,
    SubmitUnsent,
    UnexpectedResponse,
)
from adapters.session.state import LinkState
from adapters.wire.cmpp import (
    ActiveTest,
    ActiveTestResp,
    Cancel,
    DeliverResp,
    SubmitResp,
    Terminate,
    TerminateResp,
    Unknown,
    Version,
    encode,
)
from tests.session.wiring import (
    DELIVER,
    SUBMIT,
    WALL,
    bound_client,
    bound_server,
    make_client,
    make_server,
    of_type,
    send,
    take_frames,
    take_pdus,
)

MO = replace(DELIVER, sequence=7)
BOTH_ENDS = pytest.mark.parametrize("bound", [bound_client, bound_server])
HTTP = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"
TLS = bytes.fromhex("160301020001") + bytes(60)

# Keep-alive


@BOTH_ENDS
def test_keepalive_when_the_peer_is_silent_then_asked_thrice_with_one_number_and_closed(bound: object) -> None:
    peer: CmppPeer = bound(keepalive_s=30)  # type: ignore[operator]
    asked = []
    for now in (30, 90, 150):
        assert peer.wake_at() == now
        assert peer.tick(now) == []
        asked += take_pdus(peer)
    assert asked == [ActiveTest(asked[0].sequence)] * 3
    assert peer.tick(210) == [LinkClosed("keepalive_timeout", Fault.REMOTE, Retry.BACKOFF)]


@BOTH_ENDS
def test_keepalive_when_answered_then_silence_starts_anew(bound: object) -> None:
    peer: CmppPeer = bound(keepalive_s=30)  # type: ignore[operator]
    peer.tick(30)
    (question,) = take_pdus(peer)
    assert send(peer, ActiveTestResp(question.sequence), 31) == []
    assert peer.wake_at() == 61


def test_keepalive_when_answered_with_a_question_then_that_counts_and_is_answered() -> None:
    client = bound_client(keepalive_s=30)
    client.tick(30)
    (question,) = take_pdus(client)
    send(client, ActiveTest(question.sequence), 31)
    assert take_pdus(client) == [ActiveTestResp(question.sequence)]
    assert client.wake_at() == 61


def test_keepalive_when_the_answer_is_for_something_else_then_it_is_an_oddity() -> None:
    client = bound_client(keepalive_s=30)
    client.tick(30)
    (question,) = take_pdus(client)
    (oddity,) = send(client, ActiveTestResp(question.sequence + 5), 31)
    assert isinstance(oddity, UnexpectedResponse)
    assert client.wake_at() == 90


@pytest.mark.parametrize("body", [b"", b"\x00", b"\x00" * 9])
def test_keepalive_when_the_answer_has_an_odd_body_then_it_counts_all_the_same(body: bytes) -> None:
    client = bound_client(keepalive_s=30)
    client.tick(30)
    (question,) = take_pdus(client)
    frame = (12 + len(body)).to_bytes(4, "big") + b"\x80\x00\x00\x08" + question.sequence.to_bytes(4, "big") + body
    client.receive(frame, 31)
    assert client.wake_at() == 61


def test_active_test_when_paused_for_flow_control_then_answered() -> None:
    client = bound_client(flow_pause_s=30, flow_pause_max_s=30)
    sequence = client.submit(SUBMIT, "t", 0)
    take_pdus(client)
    send(client, SubmitResp(sequence, bytes(8), 8))
    send(client, ActiveTest(5))
    assert take_pdus(client) == [ActiveTestResp(5)]


def test_active_test_when_much_waits_to_be_written_then_its_answer_goes_first() -> None:
    client = bound_client()
    client.submit(SUBMIT, "t", 0)
    send(client, MO)
    client.acknowledge(7, MO.msg_id, 0, 0)
    send(client, ActiveTest(5))
    assert isinstance(take_pdus(client)[0], ActiveTestResp)


def test_active_test_when_draining_then_answered() -> None:
    client = bound_client()
    client.submit(SUBMIT, "t", 0)
    client.drain(0)
    take_pdus(client)
    send(client, ActiveTest(5))
    assert take_pdus(client) == [ActiveTestResp(5)]


def test_active_test_when_nobody_is_logged_in_then_answered() -> None:
    server = make_server()
    server.opened(0, WALL)
    send(server, ActiveTest(5))
    assert take_pdus(server) == [ActiveTestResp(5)]


def test_active_test_when_it_has_a_body_then_answered_and_counted() -> None:
    client = bound_client()
    (event,) = client.receive(b"\x00\x00\x00\x0d\x00\x00\x00\x08\x00\x00\x00\x05\x00", 0)
    assert event == PduMalformed(8, 5, "trailing_bytes")
    assert take_pdus(client) == [ActiveTestResp(5)]


# Termination, by us


@BOTH_ENDS
def test_drain_when_nothing_is_outstanding_then_terminates_at_once(bound: object) -> None:
    peer: CmppPeer = bound()  # type: ignore[operator]
    assert peer.drain(0) == [Draining(Fault.LOCAL)]
    (terminate,) = take_pdus(peer)
    assert isinstance(terminate, Terminate)
    assert send(peer, TerminateResp(terminate.sequence)) == [LinkClosed("drained", Fault.LOCAL, Retry.NO)]


def test_drain_when_answers_are_outstanding_on_both_sides_then_waits_for_both() -> None:
    client = bound_client(window=1)
    sequence = client.submit(SUBMIT, "sent", 0)
    client.submit(SUBMIT, "queued", 0)
    send(client, MO)
    take_pdus(client)
    draining, unsent = client.drain(1)
    assert draining == Draining(Fault.LOCAL)
    assert (type(unsent), unsent.token, unsent.reason) == (SubmitUnsent, "queued", "draining")
    assert of_type(send(client, SubmitResp(sequence, b"\x11" * 8, 0), 2), SubmitAccepted)
    assert take_pdus(client) == []
    client.acknowledge(7, MO.msg_id, 0, 3)
    assert [type(pdu) for pdu in take_pdus(client)] == [DeliverResp, Terminate]
    assert client.state is LinkState.DRAINING


def test_drain_when_new_messages_come_then_they_are_left_for_the_next_link() -> None:
    client = bound_client()
    send(client, MO)
    client.drain(0)
    assert send(client, replace(MO, sequence=8, msg_id=b"\x02" * 8)) == [PduIgnored(5, 8, "draining")]
    assert len(send(client, MO)) == 1  # a copy of one in hand still joins it
    client.acknowledge(7, MO.msg_id, 0, 0)
    assert [type(pdu) for pdu in take_pdus(client)] == [DeliverResp, DeliverResp, Terminate]


def test_drain_when_answers_do_not_come_then_terminates_at_the_deadline_and_reports_them_unknown() -> None:
    client = bound_client(drain_timeout_s=10, terminate_timeout_s=5)
    client.submit(SUBMIT, "t", 0)
    client.drain(0)
    take_pdus(client)
    assert client.wake_at() == 10
    client.tick(10)
    assert [type(pdu) for pdu in take_pdus(client)] == [Terminate]
    unknown, closed = client.tick(15)
    assert isinstance(unknown, SubmitUnknown)
    assert closed == LinkClosed("terminate_unanswered", Fault.LOCAL, Retry.NO)


def test_drain_when_terminate_is_answered_with_an_active_test_response_then_closed() -> None:
    client = bound_client()
    client.drain(0)
    (terminate,) = take_pdus(client)
    assert send(client, ActiveTestResp(terminate.sequence)) == [LinkClosed("drained", Fault.LOCAL, Retry.NO)]


def test_drain_when_the_peer_hangs_up_instead_of_answering_then_drained() -> None:
    client = bound_client()
    client.drain(0)
    assert client.eof(1) == [LinkClosed("drained", Fault.LOCAL, Retry.NO)]


def test_drain_when_both_ends_terminate_then_both_are_done() -> None:
    client, server = bound_client(), bound_server()
    client.drain(0)
    server.drain(0)
    from_client, from_server = client.data_to_send(), server.data_to_send()
    assert client.receive(from_server, 0)[-1] == LinkClosed("drained", Fault.LOCAL, Retry.NO)
    assert server.receive(from_client, 0)[-1] == LinkClosed("drained", Fault.LOCAL, Retry.NO)
    assert [type(pdu) for pdu in take_pdus(client)] == [TerminateResp]


def test_drain_when_not_bound_yet_then_closed_at_once() -> None:
    client = make_client()
    client.opened(0, WALL)
    assert client.drain(0) == [LinkClosed("stopped", Fault.LOCAL, Retry.NO)]
    assert client.drain(1) == []


@BOTH_ENDS
def test_drain_when_asked_twice_then_once(bound: object) -> None:
    peer: CmppPeer = bound()  # type: ignore[operator]
    peer.drain(0)
    take_pdus(peer)
    assert peer.drain(1) == []
    assert take_pdus(peer) == []


# Termination, by the peer


def test_terminate_when_nothing_is_outstanding_then_answered_and_closed() -> None:
    client = bound_client()
    events = send(client, Terminate(9))
    assert events == [Draining(Fault.REMOTE), LinkClosed("terminated_by_peer", Fault.REMOTE, Retry.BACKOFF)]
    assert take_pdus(client) == [TerminateResp(9)]


def test_terminate_when_messages_are_in_hand_then_answered_after_them() -> None:
    client = bound_client()
    send(client, MO)
    assert send(client, Terminate(9)) == [Draining(Fault.REMOTE)]
    assert send(client, Terminate(9)) == []
    assert take_pdus(client) == []
    client.acknowledge(7, MO.msg_id, 0, 1)
    assert take_pdus(client) == [DeliverResp(7, MO.msg_id, 0), TerminateResp(9)]
    assert client.take_events() == [LinkClosed("terminated_by_peer", Fault.REMOTE, Retry.BACKOFF)]


def test_terminate_when_the_last_answer_arrives_then_its_token_comes_before_the_end() -> None:
    client = bound_client()
    sequence = client.submit(SUBMIT, "t", 0)
    send(client, Terminate(9))
    accepted, closed = send(client, SubmitResp(sequence, b"\x11" * 8, 0))
    assert isinstance(accepted, SubmitAccepted)
    assert isinstance(closed, LinkClosed)


def test_terminate_when_answers_do_not_come_then_answered_at_the_deadline() -> None:
    client = bound_client(drain_timeout_s=10)
    client.submit(SUBMIT, "t", 0)
    send(client, Terminate(9))
    take_pdus(client)
    unknown, closed = client.tick(10)
    assert isinstance(unknown, SubmitUnknown)
    assert isinstance(closed, LinkClosed)
    assert take_pdus(client) == [TerminateResp(9)]


def test_terminate_when_nobody_is_logged_in_then_answered_and_closed() -> None:
    server = make_server()
    server.opened(0, WALL)
    assert send(server, Terminate(9))[-1].reason == "terminated_by_peer"
    assert take_pdus(server) == [TerminateResp(9)]


# Hostile bytes


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (HTTP, "http_on_port"),
        (b"HTTP/1.1 400 Bad Request\r\n", "http_on_port"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http_on_port"),
        (TLS, "tls_on_port"),
        (b"\x7f\xff\xff\xff" + bytes(8), "length_out_of_bounds"),
        (b"\x00\x00\x00\x04", "length_out_of_bounds"),
        (b"\x00\x00\x00\x00", "length_out_of_bounds"),
        (b"\x00\x00\x10\x01", "length_out_of_bounds"),
    ],
)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_bytes_when_no_cmpp_then_closed_and_counted(data: bytes, reason: str, step: int) -> None:
    server = make_server()
    server.opened(0, WALL)
    events = [event for at in range(0, len(data), step) for event in server.receive(data[at : at + step], 0)]
    assert events == [LinkClosed(reason, Fault.REMOTE, Retry.BACKOFF)]
    assert server.counters[reason] == 1
    assert server.data_to_send() == b""


def test_bytes_when_a_length_is_absurd_after_good_frames_then_those_are_handled_first() -> None:
    client = bound_client()
    sequence = client.submit(SUBMIT, "t", 0)
    good = encode(SubmitResp(sequence, b"\x11" * 8, 0), Version.V30)
    accepted, closed = client.receive(good + b"\xff\xff\xff\xff", 0)
    assert isinstance(accepted, SubmitAccepted)
    assert closed.reason == "length_out_of_bounds"


def test_bytes_when_the_stream_ends_inside_a_frame_then_counted() -> None:
    client = bound_client()
    client.receive(b"\x00\x00\x00\x20\x00", 0)
    client.eof(0)
    assert client.counters["lost_inside_frame"] == 1


def test_command_when_unknown_then_the_client_counts_it_and_goes_on() -> None:
    client = bound_client()
    assert send(client, Unknown(3, 9, b"x" * 20)) == [PduIgnored(9, 3, "unexpected_command")]
    (oddity,) = send(client, Unknown(3, 0x80000099, b""))
    assert isinstance(oddity, UnexpectedResponse)
    assert client.state is LinkState.BOUND
    assert of_type(send(client, MO), DeliverReceived)


def test_command_when_unknown_then_the_server_hands_it_over() -> None:
    server = bound_server()
    (event,) = send(server, Cancel(3, b"\x11" * 8))
    assert isinstance(event, RequestReceived)
    assert event.pdu == Cancel(3, b"\x11" * 8)


def test_response_when_nobody_asked_then_counted_and_the_link_goes_on() -> None:
    client = bound_client()
    for pdu in (SubmitResp(5, bytes(8), 0), ActiveTestResp(5), TerminateResp(5), DeliverResp(5, bytes(8), 0)):
        (oddity,) = send(client, pdu)
        assert isinstance(oddity, UnexpectedResponse)
    assert client.counters["unexpected_response"] == 4
    assert client.state is LinkState.BOUND


def test_peer_when_told_to_ignore_a_kind_then_drops_it_unread() -> None:
    server = bound_server()
    server.ignore(ActiveTest)
    send(server, ActiveTest(1))
    assert take_frames(server) == []
    assert server.counters["muted"] == 1


def test_peer_when_bytes_are_injected_then_they_are_written_as_they_are() -> None:
    server = bound_server()
    server.inject(b"junk")
    assert server.unsent_bytes == 4
    assert server.data_to_send() == b"junk"
