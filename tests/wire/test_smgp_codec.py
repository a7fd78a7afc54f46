"""Laws of the SMGP codec, its answers to malformed frames, and what it shows."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire import describe_smgp as describe_module
from adapters.wire import smgp
from adapters.wire.buffer import Framer
from adapters.wire.describe_smgp import describe_smgp
from adapters.wire.errors import WireError
from adapters.wire.longmessage import split_message
from adapters.wire.smgp import Command, MsgId, Version
from adapters.wire.tlv import PARAMETERS, VARIABLE, Tag, Tlvs, make_tlvs, parse_tlvs
from adapters.wire.udh import starts_like_concat
from tests.wire.smgp_packets import VECTORS, packets, tlvs, vector

SUBMIT = vector("smgp-069")
DELIVER = vector("smgp-073")


def framed(frame: bytes) -> bytes:
    """Put the true length in front."""
    return len(frame).to_bytes(4, "big") + frame[4:]


def reason_of(frame: bytes) -> str:
    with pytest.raises(WireError) as caught:
        smgp.decode(frame)
    return caught.value.reason


# Laws


@given(st.sampled_from(Version).flatmap(lambda version: st.tuples(st.just(version), packets(version))))
def test_decode_smgp_when_packet_was_encoded_then_gives_it_back(case: tuple[Version, smgp.Pdu]) -> None:
    version, pdu = case
    frame = smgp.encode(pdu, version)
    assert len(frame) <= smgp.MAX_FRAME_BYTES
    assert smgp.decode(frame, version) == pdu
    assert smgp.encode(smgp.decode(frame, version), version) == frame


@given(st.sampled_from(VECTORS), st.data())
def test_decode_smgp_when_bytes_are_changed_then_raises_only_wire_error(
    item: dict[str, Any], data: st.DataObject
) -> None:
    frame = bytearray.fromhex(item["hex"])
    for _ in range(data.draw(st.integers(1, 5))):
        frame[data.draw(st.integers(4, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = smgp.decode_with_version(bytes(frame))
    except WireError:
        return
    again = smgp.encode(decoded.pdu, decoded.version or Version.V30)
    assert smgp.decode(again, decoded.version) == decoded.pdu


@given(st.binary(max_size=400), st.sampled_from(Command))
def test_decode_smgp_when_body_is_arbitrary_then_raises_only_wire_error(body: bytes, command: Command) -> None:
    frame = framed(bytes(4) + command.to_bytes(4, "big") + bytes(4) + body)
    for version in (None, *Version):
        try:
            pdu = smgp.decode(frame, version)
        except WireError:
            continue
        assert smgp.command_of(pdu) == command


@given(st.lists(packets(Version.V30), max_size=4), st.lists(st.integers(0, 5000), max_size=6))
def test_frames_smgp_when_the_stream_is_cut_anyhow_then_the_same(pdus: list[smgp.Pdu], places: list[int]) -> None:
    stream = b"".join(smgp.encode(pdu) for pdu in pdus)
    edges = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    framer = Framer(smgp.HEADER_BYTES, smgp.MIN_FRAME_BYTES, smgp.MAX_FRAME_BYTES)
    frames = [frame for start, end in pairwise(edges) for frame in framer.feed(stream[start:end])]
    assert [smgp.decode(frame, Version.V30) for frame in frames] == pdus


# Malformed frames


def test_decode_smgp_when_the_header_is_wrong_then_gives_a_reason() -> None:
    assert reason_of(SUBMIT[:11]) == "truncated_header"
    assert reason_of(SUBMIT[:-1]) == "length_mismatch"
    assert reason_of(framed(DELIVER + bytes(smgp.MAX_FRAME_BYTES))) == "length_out_of_bounds"


def test_decode_smgp_when_cut_before_its_parameters_then_gives_a_reason() -> None:
    fixed = 126 + 21 + 8
    for size in range(12, fixed):
        assert reason_of(framed(SUBMIT[:size])) in {"truncated_body", "content_past_end", "count_out_of_bounds"}
    pdu = smgp.decode(framed(SUBMIT[:fixed]))
    assert isinstance(pdu, smgp.Submit)
    assert pdu.tlvs == Tlvs()


@pytest.mark.parametrize("count", [0, 101, 255])
def test_decode_smgp_when_destination_count_is_illegal_then_count_out_of_bounds(count: int) -> None:
    at = 12 + 114 - 10  # DestTermIDCount, in front of one destination, MsgLength, content and Reserve
    assert SUBMIT[at] == 1
    frame = SUBMIT[:at] + bytes([count]) + SUBMIT[at + 1 :]
    with pytest.raises(WireError, match="count_out_of_bounds"):
        smgp.decode(frame, Version.V30)


def test_decode_smgp_when_a_response_is_longer_or_shorter_then_gives_a_reason() -> None:
    answer = vector("smgp-070")
    assert reason_of(framed(answer + b"\0")) == "trailing_bytes"
    assert reason_of(framed(answer[:-1])) == "truncated_body"


def test_decode_smgp_when_command_is_not_known_then_body_is_kept_and_given_back() -> None:
    frame = framed(bytes(4) + (0x99).to_bytes(4, "big") + bytes(4) + b"what")
    pdu = smgp.decode(frame)
    assert pdu == smgp.Unknown(0, 0x99, b"what")
    assert smgp.encode(pdu) == frame
    with pytest.raises(WireError, match="unknown_command"):
        describe_smgp(frame)


@pytest.mark.parametrize(
    ("pdu", "reason", "field"),
    [
        (smgp.Submit(1), "count_out_of_bounds", "dest_term_id_count"),
        (smgp.Submit(1, dest_term_ids=("1",) * 101), "count_out_of_bounds", "dest_term_id_count"),
        (smgp.Submit(1, dest_term_ids=("1" * 22,)), "field_too_long", "dest_term_ids"),
        (smgp.Submit(1, dest_term_ids=("1",), msg_content=bytes(256)), "field_too_long", "msg_content"),
        (smgp.Submit(1, dest_term_ids=("1",), service_id="测试"), "field_not_text", "service_id"),
        (smgp.SubmitResp(1, bytes(9), 0), "wrong_width", "msg_id"),
        (smgp.SubmitResp(1, bytes(10), 2**32), "field_out_of_bounds", "status"),
        (smgp.ActiveTest(2**32), "field_out_of_bounds", "sequence"),
        (smgp.Deliver(1, tlvs=Tlvs(((1, bytes(9000)),))), "length_out_of_bounds", "total_length"),
        (smgp.Deliver(1, tlvs=Tlvs(((1, bytes(70000)),))), "field_too_long", "TP_pid"),
        (smgp.Deliver(1, tlvs=Tlvs(((70000, b""),))), "field_out_of_bounds", "tag"),
    ],
)
def test_encode_smgp_when_a_value_does_not_fit_then_names_the_field(pdu: smgp.Pdu, reason: str, field: str) -> None:
    with pytest.raises(WireError) as caught:
        smgp.encode(pdu)
    assert (caught.value.reason, caught.value.field) == (reason, field)


# Editions


def test_encode_smgp_when_version_lacks_fixed_fee_then_drops_it() -> None:
    submit = smgp.Submit(1, fixed_fee="000000", dest_term_ids=("13800138000",), msg_content=b"hello")
    old, new = smgp.encode(submit, Version.V13), smgp.encode(submit, Version.V30)
    assert (len(old), len(new)) == (120 + 21 + 5, 126 + 21 + 5)
    assert smgp.decode_with_version(old).version is Version.V13
    assert smgp.decode_with_version(new).version is Version.V30
    for frame, version in ((old, Version.V30), (new, Version.V13)):
        decoded = smgp.decode_with_version(frame, version)
        assert isinstance(decoded.pdu, smgp.Submit)
        assert decoded.version is not version
        assert decoded.pdu.dest_term_ids == submit.dest_term_ids


@pytest.mark.parametrize(("offered", "version"), [(0x13, Version.V13), (0x30, Version.V30), (0x20, None)])
def test_decode_smgp_when_login_offers_a_version_then_its_major_decides(offered: int, version: Version | None) -> None:
    login = smgp.Login(1, "333", bytes(16), smgp.LoginMode.BOTH, 0, offered)
    assert smgp.decode_with_version(smgp.encode(login)).version is version


def test_client_authenticator_when_id_is_short_then_padding_is_a_choice() -> None:
    assert smgp.client_authenticator("333", "0555", 1) != smgp.client_authenticator(
        "333", "0555", 1, pad_client_id=True
    )
    full = "12345678"
    assert smgp.client_authenticator(full, "s", 1) == smgp.client_authenticator(full, "s", 1, pad_client_id=True)


@pytest.mark.parametrize("raw", [bytes.fromhex("0000ff06121423277475"), bytes(9), bytes(11)])
def test_parse_msg_id_when_not_bcd_or_not_10_bytes_then_opaque(raw: bytes) -> None:
    assert smgp.parse_msg_id(raw) is None


@pytest.mark.parametrize(
    "bad", [MsgId("01006", "01161700", "012345"), MsgId("01006a", "01161700", "012345"), MsgId("010061", "", "012345")]
)
def test_format_msg_id_when_a_part_is_no_digits_then_out_of_bounds(bad: MsgId) -> None:
    with pytest.raises(WireError, match="field_out_of_bounds"):
        smgp.format_msg_id(bad)


# Optional parameters


@given(tlvs())
def test_tlvs_when_encoded_then_read_back_with_their_junk(given_tlvs: Tlvs) -> None:
    deliver = smgp.Deliver(1, tlvs=given_tlvs)
    again = smgp.decode(smgp.encode(deliver))
    assert again == deliver
    assert smgp.count_junk(again) == len(given_tlvs.junk)


def test_tlvs_when_a_length_runs_past_the_packet_then_parsing_ends_there() -> None:
    raw = bytes.fromhex("0002000101") + bytes.fromhex("0009ffff0203")
    parsed = parse_tlvs(raw)
    assert parsed == Tlvs(((Tag.TP_UDHI, b"\1"),), bytes.fromhex("0009ffff0203"))
    frame = framed(DELIVER[:94] + raw)
    pdu = smgp.decode(frame)
    assert isinstance(pdu, smgp.Deliver)
    assert (pdu.tp_udhi, pdu.msg_content, smgp.count_junk(pdu)) == (1, b"KTFSR", 6)
    assert smgp.encode(pdu) == frame


def test_tlvs_when_a_tag_is_unknown_then_skipped_and_the_next_is_found() -> None:
    parsed = parse_tlvs(bytes.fromhex("0014000101" + "7777000512345678ab" + "0009000102"))
    assert parsed.number(Tag.PK_TOTAL) == 2
    assert parsed.find(Tag.TP_UDHI) is None
    assert parsed.number(Tag.TP_UDHI) == 0


def test_tlvs_when_a_tag_repeats_then_the_first_counts() -> None:
    assert parse_tlvs(bytes.fromhex("0002000101" + "0002000100")).number(Tag.TP_UDHI) == 1


def test_tlvs_when_made_then_have_the_widths_of_the_specification() -> None:
    values: dict[Tag, int | str | bytes] = {
        tag: 1 if width == 1 else "13800138000" if width == VARIABLE else "9" * 8
        for tag, (_, width) in PARAMETERS.items()
    }
    made = make_tlvs(values)
    for tag, (_, width) in PARAMETERS.items():
        raw = made.find(tag)
        assert raw is not None
        assert len(raw) == (11 if width == VARIABLE else width)
    assert made.text(Tag.MSG_SRC) == "99999999"
    assert made.text(Tag.M_SERVICE_ID) == "99999999"
    assert made.text(Tag.LINK_ID) == "99999999"
    assert "13800138000" not in repr(made)


@pytest.mark.parametrize(
    ("tag", "value", "reason"),
    [
        (Tag.TP_UDHI, 256, "field_out_of_bounds"),
        (Tag.TP_UDHI, -1, "field_out_of_bounds"),
        (Tag.MSG_SRC, "9" * 9, "field_too_long"),
        (Tag.MSG_SRC, "测", "field_not_text"),
    ],
)
def test_tlvs_when_a_value_does_not_fit_then_refused(tag: Tag, value: int | str, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        make_tlvs({tag: value})


# Long messages


def test_split_message_when_ascii_has_140_bytes_only_then_longer_ones_are_segmented() -> None:
    assert len(split_message("x" * 140, 1, ascii_bytes=140)) == 1
    assert len(split_message("x" * 141, 1, ascii_bytes=140)) == 2
    assert len(split_message("x" * 141, 1)) == 1


@pytest.mark.parametrize(
    ("content", "likely"),
    [
        ("0500033401013010", True),
        ("060804003402010041", True),
        ("050003340100", False),
        ("050003340201", True),
        ("050003340102", False),
        ("0500033402", False),
        ("0500030000ff41", False),
        ("027000", False),
        ("4b54465352", False),
        ("", False),
    ],
)
def test_header_when_unannounced_then_believed_only_if_it_makes_sense(content: str, likely: bool) -> None:
    assert starts_like_concat(bytes.fromhex(content)) is likely


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
    return {name: re.findall(r"[a-z]\w+", re.sub(r"\bnone\b|; then.*", "", cells)) for name, cells in table.items()}


CONTENT_KEYS = {"tp_udhi", "udh_unannounced", "udh", "udh_damaged", "text", "text_damaged", "data", "report"}
HEADER_KEYS = {"command", "command_id", "sequence", "total_length", "version"}


@given(packets(Version.V30))
def test_describe_smgp_when_any_packet_then_shows_the_documented_names_in_order(pdu: smgp.Pdu) -> None:
    try:
        shown = describe_smgp(smgp.encode(pdu), Version.V30)
    except WireError as error:
        assert error.reason in {"report_length", "report_without_stat"}  # noqa: PT017
        return
    name = "all others" if shown["command"] == "FORWARD" else str(shown["command"])
    keys = [key for key in shown if key not in CONTENT_KEYS | HEADER_KEYS]
    assert keys == documented_fields()[name]


def test_repr_smgp_when_packet_holds_numbers_then_shows_none() -> None:
    number, content = "13800138000", b"KTFSR"
    digest = smgp.client_authenticator("333", "secret", 1)
    for pdu in (
        smgp.Submit(1, dest_term_ids=(number,), msg_content=content),
        smgp.Deliver(1, src_term_id=number, msg_content=content, tlvs=make_tlvs({Tag.SRC_TERM_PSEUDO: number})),
        smgp.Unknown(1, 5, number.encode()),
        smgp.Login(1, "333", digest, 2, 1, 0x30),
        smgp.LoginResp(1, 0, digest, 0x30),
    ):
        assert number not in repr(pdu)
        assert "KTFSR" not in repr(pdu)
        assert repr(digest) not in repr(pdu)
