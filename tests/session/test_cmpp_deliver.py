"""Receiving messages: nothing is acknowledged but what the caller acknowledges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.session.events import DeliverReceived, DuplicateInFlight, PduIgnored, PduMalformed
from adapters.session.state import LinkState
from adapters.wire.cmpp import ActiveTest, ActiveTestResp, DeliverResp, SubmitResp, Version, encode
from tests.session.wiring import DELIVER, SUBMIT, bound_client, of_type, send, take_pdus

BOTH = pytest.mark.parametrize("version", list(Version))
MO = replace(DELIVER, sequence=7)


@BOTH
def test_deliver_when_received_then_answered_only_on_acknowledgement(version: Version) -> None:
    client = bound_client(version)
    (event,) = send(client, MO, version=version)
    assert isinstance(event, DeliverReceived)
    assert event.pdu.msg_content == MO.msg_content
    assert take_pdus(client) == []
    assert (client.in_hand, client.wants_read) == (1, True)
    assert client.acknowledge(7, MO.msg_id, 0, 5)
    assert take_pdus(client) == [DeliverResp(7, MO.msg_id, 0)]
    assert client.in_hand == 0


def test_deliver_when_acknowledged_twice_then_answered_once() -> None:
    client = bound_client()
    send(client, MO)
    assert client.acknowledge(7, MO.msg_id, 0, 0)
    assert not client.acknowledge(7, MO.msg_id, 0, 0)
    assert len(take_pdus(client)) == 1
    assert client.counters["answer_too_late"] == 1


def test_deliver_when_a_copy_comes_in_flight_then_all_copies_are_answered_with_the_first() -> None:
    client = bound_client()
    send(client, MO)
    assert send(client, MO, 60) == [DuplicateInFlight(7, 7, 2)]
    assert send(client, replace(MO, sequence=99), 61) == [DuplicateInFlight(99, 7, 3)]
    assert take_pdus(client) == []
    assert client.in_hand == 1
    assert client.counters["duplicate_in_flight"] == 2
    client.acknowledge(7, MO.msg_id, 0, 62)
    assert [pdu.sequence for pdu in take_pdus(client)] == [7, 7, 99]


def test_deliver_when_a_copy_comes_after_the_acknowledgement_then_it_is_handed_over_again() -> None:
    client = bound_client()
    send(client, MO)
    client.acknowledge(7, MO.msg_id, 0, 0)
    assert of_type(send(client, MO, 60), DeliverReceived)


def test_deliver_when_released_then_unanswered_and_the_next_copy_is_new() -> None:
    client = bound_client()
    send(client, MO)
    client.release(7, MO.msg_id, 0)
    assert take_pdus(client) == []
    assert of_type(send(client, MO, 60), DeliverReceived)
    assert client.counters["released"] == 1


def test_deliver_when_its_handler_fails_then_abandoned_ones_come_again() -> None:
    client = bound_client()
    events = send(client, MO) + send(client, replace(MO, sequence=8, msg_id=b"\x02" * 8))
    client.abandon(events, 0)
    assert client.in_hand == 0
    assert of_type(send(client, MO, 60), DeliverReceived)


def test_deliver_when_another_message_has_the_same_id_then_it_is_its_own() -> None:
    client = bound_client()
    send(client, MO)
    assert of_type(send(client, replace(MO, sequence=8, msg_content=b"0000")), DeliverReceived)
    client.acknowledge(8, MO.msg_id, 0, 0)
    assert [pdu.sequence for pdu in take_pdus(client)] == [8]
    assert client.in_hand == 1


def test_deliver_when_all_share_one_number_then_told_apart_by_id() -> None:
    client = bound_client()
    other = replace(MO, msg_id=b"\x02" * 8, msg_content=b"QXFSR")
    assert len(of_type(send(client, MO) + send(client, other), DeliverReceived)) == 2
    client.acknowledge(7, other.msg_id, 0, 0)
    assert take_pdus(client) == [DeliverResp(7, other.msg_id, 0)]


def test_deliver_when_ids_are_zero_then_equal_texts_under_two_numbers_are_two() -> None:
    client = bound_client()
    nameless = replace(MO, msg_id=bytes(8))
    events = send(client, nameless) + send(client, replace(nameless, sequence=8))
    assert len(of_type(events, DeliverReceived)) == 2


def test_deliver_when_number_and_id_are_reused_for_another_text_then_left_unanswered_until_the_first_is_done() -> None:
    client = bound_client()
    clash = replace(MO, msg_content=b"0000")
    send(client, MO)
    assert send(client, clash) == [PduIgnored(5, 7, "sequence_reused")]
    client.acknowledge(7, MO.msg_id, 0, 0)
    assert len(take_pdus(client)) == 1
    assert of_type(send(client, clash, 60), DeliverReceived)


def test_deliver_when_the_caller_holds_too_many_then_more_are_left_unanswered_but_the_rest_works() -> None:
    client = bound_client(max_in_hand=2, keepalive_s=30)
    token_sequence = client.submit(SUBMIT, "t", 0)
    for number in (1, 2):
        send(client, replace(MO, sequence=number, msg_id=bytes([number] * 8)))
    assert not client.wants_read
    take_pdus(client)
    third = replace(MO, sequence=3, msg_id=b"\x03" * 8)
    assert send(client, third) == [PduIgnored(5, 3, "in_hand_full")]
    assert client.counters["ignored_in_hand_full"] == 1
    # Answers and active tests come in the same stream, and go on.
    assert len(send(client, SubmitResp(token_sequence, b"\x11" * 8, 0))) == 1
    send(client, ActiveTest(50))
    assert take_pdus(client) == [ActiveTestResp(50)]
    client.acknowledge(1, b"\x01" * 8, 0, 0)
    assert client.wants_read
    assert of_type(send(client, third, 60), DeliverReceived)


def test_deliver_when_malformed_then_refused_with_result_1_and_the_link_stays() -> None:
    client = bound_client()
    frame = encode(MO, Version.V30)
    broken = (len(frame) - 7).to_bytes(4, "big") + frame[4:-7]
    (event,) = client.receive(broken, 0)
    assert isinstance(event, PduMalformed)
    assert (event.command_id, event.sequence) == (5, 7)
    assert take_pdus(client) == [DeliverResp(7, MO.msg_id, 1)]
    assert client.state is LinkState.BOUND
    assert client.in_hand == 0
    assert of_type(send(client, MO), DeliverReceived)


def test_deliver_when_malformed_before_its_id_then_refused_with_a_padded_id() -> None:
    client = bound_client()
    client.receive(b"\x00\x00\x00\x0f\x00\x00\x00\x05\x00\x00\x00\x09abc", 0)
    assert take_pdus(client) == [DeliverResp(9, b"abc".ljust(8, b"\0"), 1)]


def test_deliver_when_the_link_is_lost_then_acknowledging_does_nothing() -> None:
    client = bound_client()
    send(client, MO)
    client.eof(1)
    assert not client.acknowledge(7, MO.msg_id, 0, 2)
    assert client.data_to_send() == b""


def test_events_when_printed_then_show_neither_number_nor_text() -> None:
    client = bound_client()
    printed = repr(send(client, MO))
    assert "13800138000" not in printed
    assert "KTFSR" not in printed
