"""Packets written down field by field from the specifications, for what no recorder caught.

A row names each field of a body in the order of the wire, its bytes and what is shown of it. Nothing here is read from
the codecs' own tables, so that a wrong width there cannot agree with itself.
"""

from typing import Any, NamedTuple

import pytest

from adapters.wire import cmpp, sgip, smgp
from adapters.wire.describe import describe_cmpp
from adapters.wire.describe_sgip import describe_sgip
from adapters.wire.describe_smgp import describe_smgp
from adapters.wire.errors import WireError

CODECS: dict[str, tuple[Any, Any]] = {
    "cmpp": (cmpp, describe_cmpp),
    "smgp": (smgp, describe_smgp),
    "sgip": (sgip, describe_sgip),
}
RESPONSE = 0x80000000
MSG_ID = bytes.fromhex("bc00f98003e9ebe3")
SMGP_ID = bytes.fromhex("01006101161700012345")
NUMBER, OTHER = "13800138000", "13900139000"
FAR_NUMBER = "8613800138000"


class Field(NamedTuple):
    name: str
    raw: bytes
    shown: object


class Packet(NamedTuple):
    label: str
    protocol: str
    command: str
    command_id: int
    version: str | None
    total_length: int
    fields: tuple[Field, ...]


def text(name: str, width: int, value: str = "") -> Field:
    return Field(name, value.encode().ljust(width, b"\0"), value)


def uint(name: str, width: int, value: int) -> Field:
    return Field(name, value.to_bytes(width, "big"), value)


def octets(name: str, value: bytes) -> Field:
    return Field(name, value, value.hex())


def many(name: str, width: int, *values: str) -> Field:
    return Field(name, b"".join(value.encode().ljust(width, b"\0") for value in values), list(values))


def counters() -> tuple[Field, ...]:
    names = ("mt_tl_msg", "mt_tl_usr", "mt_scs", "mt_wt", "mt_fl", "mo_scs", "mo_wt", "mo_fl")
    return tuple(uint(name, 4, 0x01020300 + place) for place, name in enumerate(names))


def cmpp_submit(wide: bool, content: bytes, *numbers: str) -> tuple[Field, ...]:
    terminal = 32 if wide else 21
    return (
        octets("msg_id", bytes(8)),
        uint("pk_total", 1, 2),
        uint("pk_number", 1, 1),
        uint("registered_delivery", 1, 1),
        uint("msg_level", 1, 9),
        text("service_id", 10, "KTFSR"),
        uint("fee_user_type", 1, 3),
        text("fee_terminal_id", terminal, NUMBER),
        *((uint("fee_terminal_type", 1, 1),) if wide else ()),
        uint("tp_pid", 1, 0),
        uint("tp_udhi", 1, 0),
        uint("msg_fmt", 1, 8),
        text("msg_src", 6, "901783"),
        text("fee_type", 2, "01"),
        text("fee_code", 6, "000000"),
        text("valid_time", 17, "261127235959032+"),
        text("at_time", 17, "261127220000032+"),
        text("src_id", 21, "106581234567890123456"),
        uint("dest_usr_tl", 1, len(numbers)),
        many("dest_terminal_ids", terminal, *numbers),
        *((uint("dest_terminal_type", 1, 0),) if wide else ()),
        uint("msg_length", 1, len(content)),
        octets("msg_content", content),
        text("link_id", 20 if wide else 8, "LINK01"),
    )


def smgp_submit(content: bytes, *numbers: str, fixed_fee: bool) -> tuple[Field, ...]:
    return (
        uint("msg_type", 1, 6),
        uint("need_report", 1, 1),
        uint("priority", 1, 3),
        text("service_id", 10, "KTFSR"),
        text("fee_type", 2, "00"),
        text("fee_code", 6, "000000"),
        *((text("fixed_fee", 6, "000000"),) if fixed_fee else ()),
        uint("msg_format", 1, 15),
        text("valid_time", 17, "261127235959032+"),
        text("at_time", 17),
        text("src_term_id", 21, "11810001"),
        text("charge_term_id", 21, NUMBER),
        uint("dest_term_id_count", 1, len(numbers)),
        many("dest_term_ids", 21, *numbers),
        uint("msg_length", 1, len(content)),
        octets("msg_content", content),
        octets("reserve", bytes(8)),
    )


QUERY_KEY = (uint("query_type", 1, 1), text("query_code", 10, "KTFSR"))
GB = "开通".encode("gb18030")

PACKETS = [
    Packet("submit", "cmpp", "SUBMIT", 4, "2.0", 138 + 42 + 255, cmpp_submit(False, b"\x5f" * 255, NUMBER, OTHER)),
    Packet("submit", "cmpp", "SUBMIT", 4, "3.0", 163 + 64 + 140, cmpp_submit(True, b"\x5f" * 140, NUMBER, OTHER)),
    Packet("submit-empty", "cmpp", "SUBMIT", 4, "2.0", 138 + 21, cmpp_submit(False, b"", NUMBER)),
    Packet("query", "cmpp", "QUERY", 6, None, 39, (text("time", 8, "20261127"), *QUERY_KEY, text("reserve", 8, "R"))),
    Packet(
        "query",
        "cmpp",
        "QUERY_RESP",
        RESPONSE | 6,
        None,
        63,
        (text("time", 8, "20261127"), *QUERY_KEY, *counters()),
    ),
    Packet("cancel", "cmpp", "CANCEL", 7, None, 20, (octets("msg_id", MSG_ID),)),
    Packet("cancel", "cmpp", "CANCEL_RESP", RESPONSE | 7, "2.0", 13, (uint("success_id", 1, 1),)),
    Packet("cancel", "cmpp", "CANCEL_RESP", RESPONSE | 7, "3.0", 16, (uint("success_id", 4, 1),)),
    Packet("report", "cmpp", "DELIVER_RESP", RESPONSE | 5, "3.0", 24, (octets("msg_id", MSG_ID), uint("result", 4, 9))),
    Packet("end", "cmpp", "TERMINATE_RESP", RESPONSE | 2, None, 12, ()),
    Packet("submit", "smgp", "SUBMIT", 2, "3.0", 126 + 42 + 4, smgp_submit(GB, NUMBER, OTHER, fixed_fee=True)),
    Packet("submit", "smgp", "SUBMIT", 2, "1.3", 120 + 42 + 4, smgp_submit(GB, NUMBER, OTHER, fixed_fee=False)),
    Packet("query", "smgp", "QUERY", 7, "3.0", 31, (text("query_time", 8, "20261127"), *QUERY_KEY)),
    Packet(
        "query",
        "smgp",
        "QUERY_RESP",
        RESPONSE | 7,
        "3.0",
        71,
        (text("query_time", 8, "20261127"), *QUERY_KEY, *counters(), octets("reserve", b"reserved")),
    ),
    Packet("end", "smgp", "EXIT", 6, "3.0", 12, ()),
    Packet("end", "smgp", "EXIT_RESP", RESPONSE | 6, "3.0", 12, ()),
    Packet(
        "answer",
        "smgp",
        "DELIVER_RESP",
        RESPONSE | 3,
        "3.0",
        26,
        (octets("msg_id", SMGP_ID), uint("status", 4, 255)),
    ),
    Packet(
        "submit",
        "sgip",
        "SUBMIT",
        3,
        "1.2",
        143 + 42 + 4,
        (
            text("sp_number", 21, "10010"),
            text("charge_number", 21, "0" * 21),
            uint("user_count", 1, 2),
            many("user_numbers", 21, FAR_NUMBER, "86" + OTHER),
            text("corp_id", 5, "99999"),
            text("service_type", 10, "KTFSR"),
            uint("fee_type", 1, 1),
            text("fee_value", 6, "000000"),
            text("given_value", 6, "0"),
            uint("agent_flag", 1, 1),
            uint("mo_relate_to_mt_flag", 1, 2),
            uint("priority", 1, 9),
            text("expire_time", 16, "261127235959032+"),
            text("schedule_time", 16, "261127220000032+"),
            uint("report_flag", 1, 1),
            uint("tp_pid", 1, 0),
            uint("tp_udhi", 1, 0),
            uint("message_coding", 1, 15),
            uint("message_type", 1, 0),
            uint("message_length", 4, len(GB)),
            octets("message_content", GB),
            text("reserve", 8, "LINKID"),
        ),
    ),
    Packet("end", "sgip", "UNBIND_RESP", RESPONSE | 2, "1.2", 20, (octets("surplus", b""),)),
    Packet(
        "standing",
        "sgip",
        "USERRPT",
        0x11,
        "1.2",
        71,
        (
            text("sp_number", 21, "10010"),
            text("user_number", 21, FAR_NUMBER),
            uint("user_condition", 1, 3),
            text("reserve", 8),
        ),
    ),
    Packet("standing", "sgip", "USERRPT_RESP", RESPONSE | 0x11, "1.2", 29, (uint("result", 1, 34), text("reserve", 8))),
]

by_hand = pytest.mark.parametrize(
    "packet", PACKETS, ids=lambda packet: f"{packet.protocol}-{packet.version}-{packet.command}-{packet.label}"
)


def frame_of(packet: Packet) -> bytes:
    sequence = bytes.fromhex("b36a7b1f42fef0abffffffff" if packet.protocol == "sgip" else "ffffffff")
    body = b"".join(field.raw for field in packet.fields)
    total = 8 + len(sequence) + len(body)
    return total.to_bytes(4, "big") + packet.command_id.to_bytes(4, "big") + sequence + body


@by_hand
def test_packet_when_written_from_the_specification_then_each_field_is_shown(packet: Packet) -> None:
    frame = frame_of(packet)
    assert len(frame) == packet.total_length
    _, describe = CODECS[packet.protocol]
    shown = describe(frame)
    assert (shown["command"], shown["version"]) == (packet.command, packet.version)
    expected = {field.name: field.shown for field in packet.fields}
    assert {name: shown[name] for name in expected} == expected
    assert [name for name in shown if name in expected] == list(expected)


@pytest.mark.parametrize(
    ("protocol", "asked", "shown"),
    [
        ("cmpp", None, None),
        ("cmpp", cmpp.Version.V20, "2.0"),
        ("cmpp", cmpp.Version.V30, "3.0"),
        ("smgp", None, "3.0"),
        ("smgp", smgp.Version.V13, "1.3"),
    ],
)
def test_version_when_a_layout_is_shared_then_the_one_asked_for(protocol: str, asked: Any, shown: str | None) -> None:
    _, describe = CODECS[protocol]
    shared = next(packet for packet in PACKETS if packet.protocol == protocol and packet.command == "QUERY")
    assert describe(frame_of(shared), asked)["version"] == shown


@by_hand
def test_packet_when_decoded_then_encodes_to_the_same_bytes(packet: Packet) -> None:
    frame = frame_of(packet)
    codec, _ = CODECS[packet.protocol]
    if packet.protocol == "sgip":
        assert codec.encode(codec.decode(frame)) == frame
        return
    decoded = codec.decode_with_version(frame)
    assert codec.encode(decoded.pdu, decoded.version or codec.Version.V30) == frame


@by_hand
def test_packet_when_two_stand_in_one_text_then_the_length_disagrees(packet: Packet) -> None:
    _, describe = CODECS[packet.protocol]
    with pytest.raises(WireError, match="length_mismatch"):
        describe(frame_of(packet) * 2)
