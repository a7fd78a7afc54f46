"""Every recorded packet decodes to the fields its recorder saw and encodes back to the same bytes."""

from typing import Any

import pytest

from adapters.wire import cmpp
from adapters.wire.cmpp import MsgId, Version
from adapters.wire.describe import describe_cmpp
from adapters.wire.report import decode_cmpp_report, encode_cmpp_report
from tests.wire.packets import VECTORS, small

# The recorder's names for fields, where they are not ours; "dest" and "src" differ by packet.
NAMES = {
    "seq": "sequence",
    "total": "total_length",
    "source": "source_addr",
    "auth": "authenticator",
    "auth_ismg": "authenticator_ismg",
    "version": "offered_version",
    "ts": "timestamp",
    "level": "msg_level",
    "service": "service_id",
    "fee_terminal": "fee_terminal_id",
    "fmt": "msg_fmt",
    "valid": "valid_time",
    "at": "at_time",
    "registered": "registered_delivery",
    "tail": "link_id",
    "msg_len": "msg_length",
}
SUBMIT_NAMES = {"src": "src_id", "dest": "dest_terminal_ids"}
DELIVER_NAMES = {"src": "src_terminal_id", "src_type": "src_terminal_type", "dest": "dest_id"}
REPORT_NAMES = {
    "submit": "submit_time",
    "done": "done_time",
    "dest": "dest_terminal_id",
    "smsc_seq": "smsc_sequence",
}
# Facts about the recorder's own decoding, checked apart from the fields.
OF_THE_RECORDER = {"cmd", "name", "length_ok", "left"}
# Packets of peers that pad otherwise than with NULs cannot come back the same. None of the recorded ones does.
PADDED_OTHERWISE: dict[str, str] = {}

by_id = pytest.mark.parametrize("item", VECTORS, ids=lambda item: item["id"])


def version_of(item: dict[str, Any]) -> Version:
    return Version.V20 if item["version"] == "2.0" else Version.V30


def expected_fields(item: dict[str, Any]) -> dict[str, Any]:
    decoded = item["decoded"]
    names = NAMES | (SUBMIT_NAMES if decoded["name"] == "SUBMIT" else DELIVER_NAMES)
    expected = {names.get(key, key): value for key, value in decoded.items() if key not in OF_THE_RECORDER}
    if "report" in decoded:
        expected["report"] = {REPORT_NAMES.get(key, key): value for key, value in decoded["report"].items()}
    return expected


@by_id
def test_describe_when_packet_was_recorded_then_shows_the_recorded_fields(item: dict[str, Any]) -> None:
    shown: dict[str, Any] = describe_cmpp(bytes.fromhex(item["hex"]), version_of(item))
    expected = expected_fields(item)
    if "text" in expected and shown["text"] is None:
        expected["data"] = expected.pop("text")
    if "udh" in expected:
        elements = [{"iei": iei, "data": data} for iei, data in expected.pop("udh")]
        assert shown["udh"]["elements"] == elements
    if "report" in expected:
        report = expected.pop("report")
        assert {key: shown["report"][key] for key in report} == report
    assert {key: shown[key] for key in expected} == expected
    assert int(shown["command_id"], 16) == item["decoded"]["cmd"]


@by_id
def test_describe_when_packet_was_recorded_then_names_its_command(item: dict[str, Any]) -> None:
    shown: dict[str, Any] = describe_cmpp(bytes.fromhex(item["hex"]))
    name = item["decoded"]["name"]
    assert shown["command"] == name.replace("?", "FWD")
    assert len(shown.get("body", "")) == 2 * item["decoded"]["left"]


@by_id
def test_detect_version_when_layouts_differ_then_finds_the_recorded_one(item: dict[str, Any]) -> None:
    frame = bytes.fromhex(item["hex"])
    detected = cmpp.detect_version(frame)
    same_in_both = {"ACTIVE_TEST", "ACTIVE_TEST_RESP", "TERMINATE", "TERMINATE_RESP", "?", "?_RESP"}
    expected = None if item["decoded"]["name"] in same_in_both else version_of(item)
    assert detected is expected


@by_id
def test_decode_when_the_other_version_is_expected_then_length_wins(item: dict[str, Any]) -> None:
    frame = bytes.fromhex(item["hex"])
    right = version_of(item)
    wrong = Version.V30 if right is Version.V20 else Version.V20
    assert cmpp.decode(frame, wrong) == cmpp.decode(frame, right) == cmpp.decode(frame)


def test_encode_when_decoded_from_a_record_then_gives_the_same_bytes_but_for_listed_padding() -> None:
    differing = set()
    for item in VECTORS:
        frame = bytes.fromhex(item["hex"])
        if cmpp.encode(cmpp.decode(frame), version_of(item)) != frame:
            differing.add(item["id"])
    assert differing == set(PADDED_OTHERWISE)


def test_connect_authenticator_when_inputs_are_recorded_then_matches() -> None:
    for case in small("cmpp-auth"):
        digest = cmpp.connect_authenticator(case["source"], case["secret"], case["timestamp"])
        assert digest.hex() == case["auth"]


def test_ismg_authenticator_when_status_has_either_width_then_matches() -> None:
    cases = small("cmpp-auth-ismg")
    assert {case["width"] for case in cases} == {1, 4}
    for case in cases:
        asked = bytes.fromhex(case["auth"])
        assert cmpp.ismg_authenticator(case["status"], asked, case["secret"], case["width"]).hex() == case["value"]


def test_msg_id_when_recorded_then_breaks_out_and_packs_again() -> None:
    for case in small("cmpp-msgid"):
        raw = bytes.fromhex(case["hex"])
        parts = case["fields"]
        msg_id = MsgId(gateway=parts.pop("gate"), sequence=parts.pop("seq"), **parts)
        assert cmpp.parse_msg_id(raw) == msg_id
        assert cmpp.format_msg_id(msg_id) == raw


def test_report_when_body_was_recorded_then_decodes_and_encodes_back() -> None:
    for case, version in zip(small("cmpp-report-body"), (Version.V20, Version.V30), strict=True):
        content = bytes.fromhex(case["hex"])
        report = decode_cmpp_report(content)
        assert (report.stat, report.dest_terminal_id, report.layout) == (
            "DELIVRD",
            "13800138000",
            version.label,
        )
        assert encode_cmpp_report(report, version) == content
