"""Laws of the SGIP codec, its answers to malformed frames, addresses, and what is shown."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire import describe_sgip as describe_module
from adapters.wire import sgip
from adapters.wire.buffer import Framer, FramingError
from adapters.wire.describe_sgip import describe_sgip
from adapters.wire.errors import WireError
from adapters.wire.report import Outcome
from adapters.wire.sgip import Command, Sequence
from adapters.wire.sgip_address import (
    add_country_code,
    has_country_code,
    make_smg_node,
    make_sp_node,
    strip_country_code,
)
from tests.wire.sgip_packets import VECTORS, packets, sequences, vector

SUBMIT = vector("sgip-081")
SEQUENCE = Sequence(3010099999, 1124004011, 1)


def framed(frame: bytes) -> bytes:
    """Put the true length in front."""
    return len(frame).to_bytes(4, "big") + frame[4:]


def reason_of(frame: bytes) -> str:
    with pytest.raises(WireError) as caught:
        sgip.decode(frame)
    return caught.value.reason


# Laws


@given(packets())
def test_decode_sgip_when_packet_was_encoded_then_gives_it_back(pdu: sgip.Pdu) -> None:
    frame = sgip.encode(pdu)
    assert len(frame) <= sgip.MAX_FRAME_BYTES
    assert sgip.decode(frame) == pdu


@given(st.sampled_from(VECTORS), st.data())
def test_decode_sgip_when_bytes_are_changed_then_raises_only_wire_error(
    item: dict[str, Any], data: st.DataObject
) -> None:
    frame = bytearray.fromhex(item["hex"])
    for _ in range(data.draw(st.integers(1, 5))):
        frame[data.draw(st.integers(4, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        pdu = sgip.decode(bytes(frame))
    except WireError:
        return
    assert sgip.decode(sgip.encode(pdu)) == pdu


@given(st.binary(max_size=400), st.sampled_from(Command))
def test_decode_sgip_when_body_is_arbitrary_then_raises_only_wire_error(body: bytes, command: Command) -> None:
    try:
        pdu = sgip.decode(framed(bytes(4) + command.to_bytes(4, "big") + bytes(12) + body))
    except WireError:
        return
    assert sgip.command_of(pdu) == command


@given(st.lists(packets(), max_size=4), st.lists(st.integers(0, 5000), max_size=6))
def test_frames_sgip_when_the_stream_is_cut_anyhow_then_the_same(pdus: list[sgip.Pdu], places: list[int]) -> None:
    stream = b"".join(sgip.encode(pdu) for pdu in pdus)
    edges = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    framer = Framer(sgip.HEADER_BYTES, sgip.MIN_FRAME_BYTES, sgip.MAX_FRAME_BYTES)
    frames = [frame for start, end in pairwise(edges) for frame in framer.feed(stream[start:end])]
    assert [sgip.decode(frame) for frame in frames] == pdus


@given(sequences(), sequences())
def test_sequence_when_turned_into_a_number_then_keeps_value_and_order(one: Sequence, other: Sequence) -> None:
    assert Sequence.from_int(int(one)) == Sequence.from_bytes(one.to_bytes()) == one
    assert (int(one) < int(other)) == (one < other)


# Malformed frames


def test_decode_sgip_when_the_header_is_wrong_then_gives_a_reason() -> None:
    assert reason_of(SUBMIT[:19]) == "truncated_header"
    assert reason_of(SUBMIT[:-1]) == "length_mismatch"
    assert reason_of(framed(SUBMIT + bytes(sgip.MAX_FRAME_BYTES))) == "length_out_of_bounds"
    with pytest.raises(FramingError):
        Framer(sgip.HEADER_BYTES, sgip.MIN_FRAME_BYTES, sgip.MAX_FRAME_BYTES).feed(b"\0\0\0\x13")


def test_decode_sgip_when_cut_or_extended_anywhere_then_gives_a_reason() -> None:
    for item in VECTORS:
        frame = bytes.fromhex(item["hex"])
        for size in range(sgip.HEADER_BYTES, len(frame)):
            assert reason_of(framed(frame[:size])) in {"truncated_body", "content_past_end"}
        assert reason_of(framed(frame + b"\0")) == "trailing_bytes"


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF, 0x100])
def test_decode_sgip_when_content_length_runs_past_the_frame_then_content_past_end(length: int) -> None:
    at = len(SUBMIT) - 8 - 8 - 4
    assert reason_of(SUBMIT[:at] + length.to_bytes(4, "big") + SUBMIT[at + 4 :]) == "content_past_end"


@pytest.mark.parametrize("count", [0, 101, 255])
def test_decode_sgip_when_user_count_is_illegal_then_count_out_of_bounds(count: int) -> None:
    at = 20 + 42
    assert SUBMIT[at] == 1
    assert reason_of(SUBMIT[:at] + bytes([count]) + SUBMIT[at + 1 :]) == "count_out_of_bounds"


def test_unbind_resp_when_it_has_nine_body_bytes_then_tolerated_and_given_back() -> None:
    frame = framed(bytes(4) + Command.UNBIND_RESP.to_bytes(4, "big") + SEQUENCE.to_bytes() + bytes(9))
    pdu = sgip.decode(frame)
    assert pdu == sgip.UnbindResp(SEQUENCE, bytes(9))
    assert sgip.encode(pdu) == frame
    assert describe_sgip(frame)["surplus"] == "00" * 9
    assert len(sgip.encode(sgip.UnbindResp(SEQUENCE))) == 20


@pytest.mark.parametrize(
    ("pdu", "size"),
    [
        (sgip.Bind(SEQUENCE, 1, "name", "word"), 61),
        (sgip.BindResp(SEQUENCE, 0), 29),
        (sgip.Unbind(SEQUENCE), 20),
        (sgip.Submit(SEQUENCE, user_numbers=("8613800138000",), message_content=b"hello"), 143 + 21 + 5),
        (sgip.Submit(SEQUENCE, user_numbers=("8613800138000",) * 100), 143 + 2100),
        (sgip.Deliver(SEQUENCE, message_content=b"KTFSR"), 77 + 5),
        (sgip.Report(SEQUENCE, SEQUENCE), 64),
        (sgip.UserRpt(SEQUENCE), 71),
    ],
)
def test_encode_sgip_when_done_then_has_the_length_of_the_specification(pdu: sgip.Pdu, size: int) -> None:
    assert len(sgip.encode(pdu)) == size


@pytest.mark.parametrize(
    ("pdu", "reason", "field"),
    [
        (sgip.Submit(SEQUENCE), "count_out_of_bounds", "user_count"),
        (sgip.Submit(SEQUENCE, user_numbers=("1" * 22,)), "field_too_long", "user_numbers"),
        (sgip.Bind(SEQUENCE, 1, "n" * 17, "p"), "field_too_long", "login_name"),
        (sgip.Bind(SEQUENCE, 1, "n", "密"), "field_not_text", "login_password"),
        (sgip.BindResp(SEQUENCE, 256), "field_out_of_bounds", "result"),
        (sgip.Report(SEQUENCE, Sequence(2**32, 0, 0)), "field_out_of_bounds", "sequence"),
        (sgip.Unbind(Sequence(0, 0, 2**32)), "field_out_of_bounds", "sequence"),
        (sgip.Deliver(SEQUENCE, message_content=bytes(9000)), "length_out_of_bounds", "total_length"),
    ],
)
def test_encode_sgip_when_a_value_does_not_fit_then_names_the_field(pdu: sgip.Pdu, reason: str, field: str) -> None:
    with pytest.raises(WireError) as caught:
        sgip.encode(pdu)
    assert (caught.value.reason, caught.value.field) == (reason, field)


def test_decode_sgip_when_command_is_not_known_then_body_is_kept_and_given_back() -> None:
    frame = framed(bytes(4) + (0x99).to_bytes(4, "big") + SEQUENCE.to_bytes() + b"what")
    assert sgip.decode(frame) == sgip.Unknown(SEQUENCE, 0x99, b"what")
    assert sgip.encode(sgip.decode(frame)) == frame
    with pytest.raises(WireError, match="unknown_command"):
        describe_sgip(frame)


@pytest.mark.parametrize("raw", [b"", bytes(11), bytes(13)])
def test_sequence_when_not_12_bytes_then_wrong_width(raw: bytes) -> None:
    with pytest.raises(WireError, match="wrong_width"):
        Sequence.from_bytes(raw)


@pytest.mark.parametrize(
    ("state", "outcome"),
    [(0, Outcome.DELIVERED), (1, Outcome.ACCEPTED), (2, Outcome.FAILED), (3, Outcome.FAILED), (255, Outcome.FAILED)],
)
def test_sgip_report_when_judged_then_only_state_0_is_delivered(state: int, outcome: Outcome) -> None:
    assert sgip.Report(SEQUENCE, SEQUENCE, state=state).outcome is outcome


# Addresses


def test_node_when_an_area_code_is_none_then_refused() -> None:
    for area_code, corp_id in (("10", "92008"), ("01000", "92008"), ("0", "92008"), ("01x", "92008"), ("010", "9200")):
        with pytest.raises(WireError, match="field_out_of_bounds"):
            make_sp_node(area_code, corp_id)


def test_smg_node_when_made_then_area_and_index() -> None:
    assert make_smg_node("010", 1) == 101001
    assert make_smg_node("0311", 9) == 103119
    with pytest.raises(WireError, match="index"):
        make_smg_node("010", 10)


@pytest.mark.parametrize("written", ["13800138000", "8613800138000", "+8613800138000"])
def test_number_when_sent_then_has_86_once(written: str) -> None:
    assert add_country_code(written) == "8613800138000"
    assert strip_country_code(written) == "13800138000"


@pytest.mark.parametrize("number", ["13800138000", "86138001380", "86138001380001", "861380013800x", ""])
def test_number_when_86_is_missing_then_told(number: str) -> None:
    assert not has_country_code(number)
    assert has_country_code("8613800138000")


# What is shown


def documented_fields() -> dict[str, list[str]]:
    """The rows of the table in the docstring, by command."""
    rows = re.search(r"command +fields\n=+ +=+\n(.*?)\n=", describe_module.__doc__ or "", re.DOTALL)
    assert rows
    table: dict[str, str] = {}
    command = ""
    for line in rows[1].splitlines():
        command = line[:19].strip() or command
        table[command] = table.get(command, "") + " " + line[19:]
    pruned = {name: re.sub(r"\bnone\b|; then.*|\([^)]*\)", "", cells) for name, cells in table.items()}
    return {name: re.findall(r"[a-z]\w+", cells) for name, cells in pruned.items()}


CONTENT_KEYS = {"udh", "udh_damaged", "text", "text_damaged", "data"}
HEADER_KEYS = {"command", "command_id", "sequence", "total_length", "version"}


@given(packets())
def test_describe_sgip_when_any_packet_then_shows_the_documented_names_in_order(pdu: sgip.Pdu) -> None:
    shown = describe_sgip(sgip.encode(pdu))
    name = "all others" if shown["command"] == "TRACE" else str(shown["command"])
    keys = [key for key in shown if key not in CONTENT_KEYS | HEADER_KEYS]
    assert keys == documented_fields()[name]


def test_repr_sgip_when_packet_holds_numbers_or_the_password_then_shows_none() -> None:
    number, content, password = "8613800138000", b"KTFSR", "s3cr3t-w0rd"
    for pdu in (
        sgip.Bind(SEQUENCE, 1, "name", password),
        sgip.Submit(SEQUENCE, user_numbers=(number,), message_content=content),
        sgip.Deliver(SEQUENCE, user_number=number, message_content=content),
        sgip.Report(SEQUENCE, SEQUENCE, user_number=number),
        sgip.UserRpt(SEQUENCE, user_number=number),
        sgip.Unknown(SEQUENCE, 0x1000, number.encode()),
    ):
        assert number not in repr(pdu)
        assert "KTFSR" not in repr(pdu)
        assert password not in repr(pdu)
