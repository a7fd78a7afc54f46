"""The ISMG's end: taking SUBMITs, sending DELIVERs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.session.errors import LinkStateError
from adapters.session.events import (
    DeliverAnswered,
    DeliverUnknown,
    DeliverUnsent,
    DuplicateInFlight,
    LinkClosed,
    PduMalformed,
    SubmitReceived,
)
from adapters.wire.cmpp import Cancel, CancelResp, DeliverResp, SubmitResp, Version, encode
from tests.session.wiring import DELIVER, SUBMIT, bound_server, make_server, of_type, send, take_frames, take_pdus

MT = replace(SUBMIT, sequence=5)
MSG_ID = b"\x11" * 8
BOTH = pytest.mark.parametrize("version", list(Version))


@BOTH
def test_submit_when_received_then_answered_only_when_told_to(version: Version) -> None:
    server = bound_server(version)
    (event,) = send(server, MT, version=version)
    assert isinstance(event, SubmitReceived)
    assert event.pdu.dest_terminal_ids == MT.dest_terminal_ids
    assert take_pdus(server) == []
    assert server.answer_submit(5, MSG_ID, 0, 0)
    assert take_pdus(server) == [SubmitResp(5, MSG_ID, 0)]
    assert not server.answer_submit(5, MSG_ID, 0, 0)


def test_submit_when_a_copy_comes_in_flight_then_both_are_answered() -> None:
    server = bound_server()
    send(server, MT)
    assert send(server, MT, 60) == [DuplicateInFlight(5, 5, 2)]
    server.answer_submit(5, MSG_ID, 0, 61)
    assert take_pdus(server) == [SubmitResp(5, MSG_ID, 0)] * 2


def test_submit_when_equal_but_for_its_number_then_it_is_another_message() -> None:
    server = bound_server()
    assert len(of_type(send(server, MT) + send(server, replace(MT, sequence=6)), SubmitReceived)) == 2


def test_submit_when_its_number_is_in_use_for_another_then_result_3() -> None:
    server = bound_server()
    send(server, MT)
    send(server, replace(MT, msg_content=b"other"))
    assert take_pdus(server) == [SubmitResp(5, bytes(8), 3)]
    assert server.in_hand == 1


def test_submit_when_released_or_abandoned_then_the_next_copy_is_new() -> None:
    server = bound_server()
    events = send(server, MT)
    server.release(5, 0)
    assert of_type(send(server, MT, 60), SubmitReceived)
    server.abandon(events, 60)
    assert of_type(send(server, MT, 120), SubmitReceived)
    assert take_frames(server) == []


def test_submit_when_malformed_then_result_1_and_the_link_stays() -> None:
    server = bound_server()
    frame = encode(MT, Version.V30)
    broken = (len(frame) - 5).to_bytes(4, "big") + frame[4:-5]
    (event,) = server.receive(broken, 0)
    assert isinstance(event, PduMalformed)
    assert take_pdus(server) == [SubmitResp(5, bytes(8), 1)]
    assert not server.closed


@BOTH
def test_deliver_when_answered_then_its_token_comes_back(version: Version) -> None:
    server = bound_server(version)
    sequence = server.deliver(DELIVER, "mo", 0)
    (sent,) = take_pdus(server)
    assert sent == replace(DELIVER, sequence=sequence)
    (event,) = send(server, DeliverResp(sequence, DELIVER.msg_id, 0), version=version)
    assert event == DeliverAnswered("mo", sequence, DELIVER.msg_id, 0)


def test_deliver_when_refused_then_the_result_is_told() -> None:
    server = bound_server()
    sequence = server.deliver(DELIVER, "mo", 0)
    (event,) = send(server, DeliverResp(sequence, DELIVER.msg_id, 1))
    assert event.result == 1


def test_deliver_when_unanswered_then_resent_thrice_and_given_up() -> None:
    server = bound_server(request_timeout_s=2, request_attempts=3, keepalive_s=None)
    sequence = server.deliver(DELIVER, "mo", 0)
    first = take_frames(server)
    for now in (2, 4):
        server.tick(now)
        assert take_frames(server) == first
    assert server.tick(6) == [DeliverUnknown("mo", sequence, 3, "no_answer")]


def test_deliver_when_the_window_is_full_then_waits() -> None:
    server = bound_server(window=1)
    server.deliver(DELIVER, "a", 0)
    second = server.deliver(DELIVER, "b", 0)
    assert len(take_frames(server)) == 1
    lost = server.lost("connection_reset", 1)
    assert [(type(event), event.token) for event in lost[:2]] == [(DeliverUnknown, "a"), (DeliverUnsent, "b")]
    assert lost[1].sequence == second
    assert isinstance(lost[2], LinkClosed)


def test_deliver_when_not_bound_then_refused() -> None:
    with pytest.raises(LinkStateError):
        make_server().deliver(DELIVER, "mo", 0)


def test_respond_when_another_request_came_then_answers_it() -> None:
    server = bound_server()
    send(server, Cancel(3, MSG_ID))
    server.respond(CancelResp(3, 1), 0)
    assert take_pdus(server) == [CancelResp(3, 1)]
    server.eof(1)
    with pytest.raises(LinkStateError) as caught:
        server.respond(CancelResp(3, 1), 2)
    assert caught.value.reason == "link_closed"
