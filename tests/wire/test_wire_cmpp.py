"""CMPP packets: laws over generated ones, and a reason for every kind of malformed one."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire import cmpp, describe
from adapters.wire.cmpp import Command, MsgId, Version
from adapters.wire.describe import describe_cmpp
from adapters.wire.errors import WireError
from tests.wire.packets import VECTORS, packets, vector

SUBMIT_20 = vector("cmpp-101")
SUBMIT_30 = vector("cmpp-091")
DELIVER_20 = vector("cmpp-154")
DELIVER_30 = vector("cmpp-134")
# Where the one-byte counts stand in a frame.
DESTINATIONS_AT = {SUBMIT_20: 128, SUBMIT_30: 140}
CONTENT_LENGTH_AT = {SUBMIT_20: 150, SUBMIT_30: 174, DELIVER_20: 76, DELIVER_30: 88}
# What a longer packet can be cut to and be sound: a response of 2.0, and a DELIVER of 2.0 without content.
SOUND_SIZES = {"CONNECT_RESP": {30, 33}, "SUBMIT_RESP": {21, 24}, "DELIVER_RESP": {21, 24}, "DELIVER": {85}}

versions = st.sampled_from(Version)
versioned_packets = versions.flatmap(lambda version: st.tuples(st.just(version), packets(version)))


def reframed(frame: bytes) -> bytes:
    """The frame with a length field that agrees with its bytes."""
    return len(frame).to_bytes(4, "big") + frame[4:]


def patched(frame: bytes, at: int, value: int) -> bytes:
    return frame[:at] + bytes([value]) + frame[at + 1 :]


def reason_of(frame: bytes, version: Version | None = None) -> str:
    with pytest.raises(WireError) as caught:
        cmpp.decode(frame, version)
    with pytest.raises(WireError) as described:
        describe_cmpp(frame, version)
    assert caught.value.reason == described.value.reason
    return caught.value.reason


@given(versioned_packets)
def test_decode_when_packet_was_encoded_then_gives_it_back(case: tuple[Version, cmpp.Pdu]) -> None:
    version, pdu = case
    frame = cmpp.encode(pdu, version)
    assert int.from_bytes(frame[:4], "big") == len(frame) <= cmpp.MAX_FRAME_BYTES
    assert cmpp.decode(frame, version) == pdu


@given(st.sampled_from(VECTORS), st.data())
def test_decode_when_bytes_are_changed_then_raises_only_wire_error(item: dict[str, Any], data: st.DataObject) -> None:
    frame = bytearray.fromhex(item["hex"])
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(frame)))
    for broken in (bytes(frame), reframed(bytes(frame[:cut]))):
        assert_only_wire_error(broken)


@given(st.binary(max_size=400), st.sampled_from(list(Command)))
def test_decode_when_body_is_arbitrary_then_raises_only_wire_error(body: bytes, command: Command) -> None:
    assert_only_wire_error(body)
    assert_only_wire_error((12 + len(body)).to_bytes(4, "big") + command.to_bytes(4, "big") + bytes(4) + body)


def assert_only_wire_error(frame: bytes) -> None:
    for version in (None, *Version):
        try:
            describe_cmpp(frame, version)
        except WireError as error:
            assert re.fullmatch(r"[a-z_]+", error.reason)  # noqa: PT017


@pytest.mark.parametrize("size", range(12))
def test_decode_when_frame_is_shorter_than_a_header_then_truncated_header(size: int) -> None:
    assert reason_of(SUBMIT_20[:size]) == "truncated_header"


@pytest.mark.parametrize("total", [0, 4, 11, 174, 176, 0x7FFFFFFF, 0xFFFFFFFF])
def test_decode_when_length_field_disagrees_then_length_mismatch(total: int) -> None:
    assert reason_of(total.to_bytes(4, "big") + SUBMIT_20[4:]) == "length_mismatch"


@pytest.mark.parametrize("command", [Command.DELIVER, Command.FWD])
def test_decode_when_frame_is_longer_than_any_link_takes_then_length_out_of_bounds(command: Command) -> None:
    header = bytes(4) + command.to_bytes(4, "big") + bytes(4)
    assert reason_of(reframed(header + bytes(cmpp.MAX_FRAME_BYTES - 11))) == "length_out_of_bounds"
    longest = cmpp.decode(reframed(bytes(4) + Command.FWD.to_bytes(4, "big") + bytes(cmpp.MAX_FRAME_BYTES - 8)))
    assert isinstance(longest, cmpp.Unknown)


@pytest.mark.parametrize("frame", [SUBMIT_20, SUBMIT_30, DELIVER_20, DELIVER_30])
@pytest.mark.parametrize("version", [None, *Version])
def test_decode_when_bytes_follow_the_last_field_then_trailing_bytes(frame: bytes, version: Version | None) -> None:
    own = cmpp.detect_version(frame)
    if version in (None, own):
        assert reason_of(reframed(frame + b"\0"), version) == "trailing_bytes"
    else:
        assert reason_of(reframed(frame + b"\0"), version) in {
            "trailing_bytes",
            "truncated_body",
            "content_past_end",
            "count_out_of_bounds",
        }


@pytest.mark.parametrize("frame", CONTENT_LENGTH_AT)
def test_decode_when_content_length_runs_past_the_frame_then_content_past_end(frame: bytes) -> None:
    version = cmpp.detect_version(frame)
    assert reason_of(patched(frame, CONTENT_LENGTH_AT[frame], 255), version) == "content_past_end"


@pytest.mark.parametrize("frame", CONTENT_LENGTH_AT)
def test_decode_when_content_length_eats_into_the_tail_then_truncated_body(frame: bytes) -> None:
    version = cmpp.detect_version(frame)
    longer = patched(frame, CONTENT_LENGTH_AT[frame], frame[CONTENT_LENGTH_AT[frame]] + 1)
    assert reason_of(longer, version) == "truncated_body"


@pytest.mark.parametrize("frame", DESTINATIONS_AT)
@pytest.mark.parametrize("count", [0, 100, 255])
def test_decode_when_destination_count_is_illegal_then_count_out_of_bounds(frame: bytes, count: int) -> None:
    version = cmpp.detect_version(frame)
    assert reason_of(patched(frame, DESTINATIONS_AT[frame], count), version) == "count_out_of_bounds"


@pytest.mark.parametrize("item", VECTORS, ids=lambda item: item["id"])
def test_decode_when_frame_is_cut_or_extended_anywhere_then_gives_a_reason(item: dict[str, Any]) -> None:
    frame = bytes.fromhex(item["hex"])
    broken = [frame[:size] for size in range(len(frame))] + [frame + bytes(more) for more in range(1, 40)]
    decoded = []
    for changed in broken:
        try:
            describe_cmpp(reframed(changed))
        except WireError:
            continue
        decoded.append(len(changed))
    if "FWD" in item.get("note", ""):
        assert decoded == [size for size in range(12, len(frame) + 40) if size != len(frame)]
    else:
        assert set(decoded) <= SOUND_SIZES.get(item["decoded"]["name"], set())


@pytest.mark.parametrize(("size", "version"), [(30, Version.V20), (33, Version.V30)])
def test_decode_when_connect_resp_has_either_length_then_length_decides(size: int, version: Version) -> None:
    resp = cmpp.ConnectResp(7, 3, bytes(16), version)
    frame = cmpp.encode(resp, version)
    assert len(frame) == size
    assert [cmpp.decode(frame, asked) for asked in (None, *Version)] == [resp] * 3
    assert cmpp.detect_version(frame) is version


def test_decode_when_connect_resp_has_neither_length_then_gives_a_reason() -> None:
    body = bytes(19)
    frame = reframed(bytes(4) + Command.CONNECT_RESP.to_bytes(4, "big") + bytes(4) + body)
    assert reason_of(frame, Version.V20) == "trailing_bytes"
    assert reason_of(frame, Version.V30) == "truncated_body"


def test_decode_when_frame_fits_both_layouts_then_takes_the_one_that_reads_as_text() -> None:
    # The 12th byte of 24 bytes of content is where a 3.0 DELIVER has its length: 0 = 24 - 24 fits both.
    deliver = cmpp.Deliver(
        1, dest_id="10086", src_terminal_id="13800138000", msg_fmt=8, msg_content="一".encode("utf-16-be") * 12
    )
    frame = cmpp.encode(deliver, Version.V20)
    assert cmpp.decode(frame) == deliver
    assert cmpp.decode(frame, Version.V20) == deliver
    assert cmpp.decode(frame, Version.V30) != deliver


@pytest.mark.parametrize("offered", [(0x20, Version.V20), (0x21, Version.V20), (0x30, Version.V30), (0x7F, None)])
def test_detect_version_when_connect_offers_one_then_major_decides(offered: tuple[int, Version | None]) -> None:
    frame = cmpp.encode(cmpp.Connect(1, "900001", bytes(16), offered[0], 0), Version.V30)
    assert cmpp.detect_version(frame) is offered[1]


def test_detect_version_when_frame_is_malformed_then_none() -> None:
    assert cmpp.detect_version(b"GET / HTTP/1.1\r\n\r\n") is None


@pytest.mark.parametrize(
    ("filler", "value"),
    [(b"13800138000 ", "13800138000"), (b"13800138000\0junk", "13800138000"), (b"138\xff\xfe", "138ÿþ")],
)
def test_decode_when_peer_pads_or_fills_oddly_then_reads_up_to_the_padding(filler: bytes, value: str) -> None:
    padding = b" " if filler.endswith(b" ") else b"\0"
    source_at = 12 + 8 + 21 + 10 + 3
    frame = DELIVER_20[:source_at] + filler.ljust(21, padding) + DELIVER_20[source_at + 21 :]
    pdu = cmpp.decode(frame, Version.V20)
    assert isinstance(pdu, cmpp.Deliver)
    assert pdu.src_terminal_id == value
    again = cmpp.encode(pdu, Version.V20)
    assert cmpp.decode(again, Version.V20) == pdu
    # Only what was in place of NUL padding is not given back.
    assert (again == frame) == (len(filler) == len(value))


def test_decode_when_command_is_not_known_then_body_is_kept_and_given_back() -> None:
    frame = bytes.fromhex("00000010 00000063 00000007 deadbeef")
    pdu = cmpp.decode(frame)
    assert pdu == cmpp.Unknown(7, 0x63, bytes.fromhex("deadbeef"))
    assert cmpp.encode(pdu, Version.V20) == frame
    with pytest.raises(WireError, match="unknown_command"):
        describe_cmpp(frame)


NUMBER = cmpp.Submit(1, dest_terminal_ids=("13800138000",))


@pytest.mark.parametrize(
    ("pdu", "reason", "field"),
    [
        (cmpp.ActiveTest(-1), "field_out_of_bounds", "sequence"),
        (cmpp.ActiveTest(2**32), "field_out_of_bounds", "sequence"),
        (cmpp.SubmitResp(1, bytes(8), 256), "field_out_of_bounds", "result"),
        (cmpp.SubmitResp(1, bytes(7), 0), "wrong_width", "msg_id"),
        (cmpp.Submit(1), "count_out_of_bounds", "dest_usr_tl"),
        (cmpp.Submit(1, dest_terminal_ids=("1",) * 100), "count_out_of_bounds", "dest_usr_tl"),
        (cmpp.Submit(1, dest_terminal_ids=("1" * 22,)), "field_too_long", "dest_terminal_ids"),
        (cmpp.Deliver(1, msg_content=bytes(256)), "field_too_long", "msg_content"),
        (cmpp.Deliver(1, link_id=bytes(8) + b"x"), "field_too_long", "link_id"),
        (cmpp.Deliver(1, service_id="骚扰"), "field_not_text", "service_id"),
        (cmpp.Deliver(1, service_id="a\0b"), "field_not_text", "service_id"),
    ],
)
def test_encode_when_a_value_does_not_fit_then_names_the_field(pdu: cmpp.Pdu, reason: str, field: str) -> None:
    with pytest.raises(WireError) as caught:
        cmpp.encode(pdu, Version.V20)
    assert (caught.value.reason, caught.value.field) == (reason, field)


def test_encode_when_version_lacks_the_flags_then_drops_them() -> None:
    deliver = cmpp.Deliver(1, src_terminal_id="13800138000", src_terminal_type=1)
    narrow = cmpp.decode(cmpp.encode(deliver, Version.V20), Version.V20)
    wide = cmpp.decode(cmpp.encode(deliver, Version.V30), Version.V30)
    assert isinstance(narrow, cmpp.Deliver)
    assert narrow.src_terminal_type == 0
    assert wide == deliver


def test_encode_when_submit_has_99_destinations_and_full_content_then_fits_the_frame_limit() -> None:
    pdu = cmpp.Submit(1, dest_terminal_ids=("1" * 32,) * 99, msg_content=bytes(255))
    frame = cmpp.encode(pdu, Version.V30)
    assert len(frame) == 163 + 32 * 99 + 255 <= cmpp.MAX_FRAME_BYTES


def test_connect_authenticator_when_source_is_short_then_padding_is_a_choice() -> None:
    bare = cmpp.connect_authenticator("9001", "secret", 101000000)
    padded = cmpp.connect_authenticator("9001", "secret", 101000000, pad_source=True)
    assert bare != padded
    whole = cmpp.connect_authenticator("900001", "secret", 101000000)
    assert whole == cmpp.connect_authenticator("900001", "secret", 101000000, pad_source=True)


@given(st.binary(min_size=8, max_size=8))
def test_msg_id_when_bytes_are_arbitrary_then_packs_to_the_same(raw: bytes) -> None:
    assert cmpp.format_msg_id(cmpp.parse_msg_id(raw)) == raw


@pytest.mark.parametrize("raw", [b"", bytes(7), bytes(9)])
def test_parse_msg_id_when_not_8_bytes_then_wrong_width(raw: bytes) -> None:
    with pytest.raises(WireError, match="wrong_width"):
        cmpp.parse_msg_id(raw)


@pytest.mark.parametrize("bad", [MsgId(16, 0, 0, 0, 0, 0, 0), MsgId(1, 1, 1, 1, 1, 1 << 22, 0)])
def test_format_msg_id_when_a_part_is_too_wide_then_out_of_bounds(bad: MsgId) -> None:
    with pytest.raises(WireError, match="field_out_of_bounds"):
        cmpp.format_msg_id(bad)


def documented_fields() -> dict[str, list[str]]:
    """The rows of the table in the docstring of ``describe``, by command."""
    rows = re.search(r"command +fields\n=+ +=+\n(.*?)\n=", describe.__doc__ or "", re.DOTALL)
    assert rows
    table: dict[str, str] = {}
    command = ""
    for line in rows[1].splitlines():
        command = line[:19].strip() or command
        table[command] = table.get(command, "") + " " + line[19:]
    return {name: re.findall(r"[a-z]\w+", re.sub(r"\bnone\b|; then.*", "", cells)) for name, cells in table.items()}


CONTENT_KEYS = {"udh", "udh_damaged", "text", "text_damaged", "data", "report"}
HEADER_KEYS = {"command", "command_id", "sequence", "total_length", "version"}


@given(packets(Version.V30))
def test_describe_when_any_packet_then_shows_the_documented_names_in_order(pdu: cmpp.Pdu) -> None:
    frame = cmpp.encode(pdu, Version.V30)
    try:
        shown = describe_cmpp(frame, Version.V30)
    except WireError as error:
        assert error.reason == "report_length"  # noqa: PT017
        return
    name = "FWD, routing" if shown["command"] == "FWD" else str(shown["command"])
    keys = [key for key in shown if key not in CONTENT_KEYS | HEADER_KEYS]
    assert keys == documented_fields()[name]


def test_describe_when_a_text_is_damaged_then_says_so_and_shows_the_rest() -> None:
    lone_surrogate = cmpp.Deliver(1, msg_fmt=8, msg_content=b"\xd8\x00\x00A\x00")
    shown = describe_cmpp(cmpp.encode(lone_surrogate, Version.V20))
    assert shown["text_damaged"] is True
    assert str(shown["text"]).startswith("\ufffdA")


def test_describe_when_the_announced_header_is_malformed_then_says_so_and_shows_all_bytes() -> None:
    deliver = cmpp.Deliver(1, tp_udhi=1, msg_fmt=0, msg_content=b"KTFSR")
    shown = describe_cmpp(cmpp.encode(deliver, Version.V20))
    assert (shown["udh"], shown["udh_damaged"], shown["text"]) == (None, True, "KTFSR")


@pytest.mark.parametrize("size", [0, 59, 61, 70, 72])
def test_describe_when_a_report_has_no_known_length_then_report_length(size: int) -> None:
    frame = cmpp.encode(cmpp.Deliver(1, registered_delivery=1, msg_content=bytes(size)), Version.V30)
    with pytest.raises(WireError, match="report_length"):
        describe_cmpp(frame)


def test_repr_when_packet_holds_numbers_then_shows_none() -> None:
    number, content = "13800138000", b"KTFSR"
    digest = cmpp.connect_authenticator("900001", "secret", 1)
    for pdu in (
        cmpp.Submit(1, dest_terminal_ids=(number,), msg_content=content),
        cmpp.Deliver(1, src_terminal_id=number, msg_content=content),
        cmpp.Unknown(1, 9, number.encode()),
        cmpp.Connect(1, "900001", digest, 0x20, 1),
    ):
        assert number not in repr(pdu)
        assert "KTFSR" not in repr(pdu)
        assert repr(digest) not in repr(pdu)
