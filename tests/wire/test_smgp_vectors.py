"""Every recorded SMGP packet decodes to the fields its recorder saw and encodes back to the same bytes."""

from typing import Any

import pytest

from adapters.wire import smgp
from adapters.wire.describe_smgp import describe_smgp
from adapters.wire.smgp import MsgId, Version
from adapters.wire.smgp_report import decode_smgp_report
from tests.wire.smgp_packets import VECTORS, small, vector

# The recorder's names for fields, where they are not ours.
NAMES = {
    "seq": "sequence",
    "total": "total_length",
    "client": "client_id",
    "auth": "authenticator_client",
    "mode": "login_mode",
    "ts": "timestamp",
    "auth_server": "authenticator_server",
    "service": "service_id",
    "fmt": "msg_format",
    "valid": "valid_time",
    "at": "at_time",
    "recv": "recv_time",
    "charge": "charge_term_id",
    "src": "src_term_id",
    "msg_len": "msg_length",
}
SUBMIT_NAMES = {"dest": "dest_term_ids"}
DELIVER_NAMES = {"dest": "dest_term_id"}
VERSION_NAMES = {"LOGIN": "client_version", "LOGIN_RESP": "server_version"}
# Facts about the recorder's own decoding, checked apart from the fields.
OF_THE_RECORDER = {"cmd", "name", "length_ok", "left"}
# The recorder knew the layout of 3.0 only and gave this one of 1.3 up.
OF_VERSION_13 = "smgp-035"
OF_VERSION_30 = [item for item in VECTORS if item["id"] != OF_VERSION_13]
# Packets of peers that pad otherwise than with NULs cannot come back the same. None of the recorded ones does.
PADDED_OTHERWISE: set[str] = set()

by_id = pytest.mark.parametrize("item", VECTORS, ids=lambda item: item["id"])


def expected_fields(decoded: dict[str, Any]) -> dict[str, Any]:
    names = NAMES | (SUBMIT_NAMES if decoded["name"] == "SUBMIT" else DELIVER_NAMES)
    names |= {"version": VERSION_NAMES.get(decoded["name"], "version")}
    expected = {names.get(key, key): value for key, value in decoded.items() if key not in OF_THE_RECORDER}
    if "tlv" in expected:
        pairs = expected.pop("tlv")
        expected["junk"] = "".join(value for name, value in pairs if name == "trailing")
        expected["tlvs"] = [tuple(pair) for pair in pairs if pair[0] != "trailing"]
    if "tp_udhi" in expected:
        expected["tp_udhi"] = int(expected["tp_udhi"])
    return expected


@pytest.mark.parametrize("item", OF_VERSION_30, ids=lambda item: item["id"])
def test_describe_smgp_when_packet_was_recorded_then_shows_the_recorded_fields(item: dict[str, Any]) -> None:
    shown: dict[str, Any] = describe_smgp(bytes.fromhex(item["hex"]))
    expected = expected_fields(item["decoded"])
    if "udh" in expected:
        elements = [{"iei": iei, "data": data} for iei, data in expected.pop("udh")]
        assert shown["udh"]["elements"] == elements
    if "report" in expected:
        report = expected.pop("report")
        assert {key: shown["report"][key] for key in report} == report
    if "tlvs" in expected:
        shown["tlvs"] = [(one["name"], one["value"]) for one in shown["tlvs"]]
    assert {key: shown[key] for key in expected} == expected
    assert int(shown["command_id"], 16) == item["decoded"]["cmd"]
    assert shown["command"] == item["decoded"]["name"]


def test_describe_smgp_when_fixed_fee_is_missing_then_reads_the_layout_of_13() -> None:
    shown: dict[str, Any] = describe_smgp(vector(OF_VERSION_13))
    assert (shown["command"], shown["version"]) == ("SUBMIT", "1.3")
    assert "fixed_fee" not in shown
    assert (shown["src_term_id"], shown["dest_term_ids"]) == ("10086", ["13800138000"])
    assert shown["text"] == "dfa8eb6a-ad9f-4654-94fa-f114718ed05a"
    assert shown["junk"] == ""
    assert {"tag": 0x14, "name": None, "value": "01"} in shown["tlvs"]
    assert {"tag": 0x12, "name": "MServiceID", "value": "41424300"} in shown["tlvs"]


@by_id
def test_decode_smgp_when_the_other_version_is_expected_then_what_fits_wins(item: dict[str, Any]) -> None:
    frame = bytes.fromhex(item["hex"])
    assert smgp.decode(frame, Version.V13) == smgp.decode(frame, Version.V30) == smgp.decode(frame)


def test_encode_smgp_when_decoded_from_a_record_then_gives_the_same_bytes_but_for_listed_padding() -> None:
    differing = set()
    for item in VECTORS:
        frame = bytes.fromhex(item["hex"])
        decoded = smgp.decode_with_version(frame)
        if smgp.encode(decoded.pdu, decoded.version or Version.V30) != frame:
            differing.add(item["id"])
    assert differing == PADDED_OTHERWISE


def test_junk_when_a_packet_of_the_field_has_some_then_tolerated_and_counted() -> None:
    assert smgp.count_junk(smgp.decode(vector("smgp-036"))) == 2
    assert smgp.count_junk(smgp.decode(vector(OF_VERSION_13))) == 0
    assert smgp.count_junk(smgp.decode(vector("smgp-075"))) == 0


def test_header_when_it_is_not_announced_then_shown_as_likely_but_not_believed() -> None:
    shown: dict[str, Any] = describe_smgp(vector("smgp-036"))
    assert (shown["tp_udhi"], shown["udh"], shown["udh_unannounced"]) == (0, None, True)
    assert describe_smgp(vector("smgp-170"))["udh_unannounced"] is False


def test_client_authenticator_when_inputs_are_recorded_then_matches() -> None:
    for case in small("smgp-auth"):
        digest = smgp.client_authenticator(case["client"], case["secret"], case["timestamp"])
        assert digest.hex() == case["auth"]
        login = smgp.decode(vector("smgp-login"))
        assert isinstance(login, smgp.Login)
        assert login.authenticator_client == digest


def test_server_authenticator_when_recorded_then_matches_the_specification() -> None:
    (case,) = small("smgp-auth-server")
    asked = smgp.client_authenticator(case["client"], case["secret"], case["timestamp"])
    value = smgp.server_authenticator(bytes.fromhex(case["status"]), asked, case["secret"])
    assert value.hex() == case["value"]
    answer = smgp.decode(vector("smgp-165"))
    assert isinstance(answer, smgp.LoginResp)
    assert answer.authenticator_server == value


def test_timestamp_when_of_the_specification_then_the_digits_are_one_number() -> None:
    (case,) = small("smgp-timestamp")
    assert int(case["text"]).to_bytes(4, "big").hex() == case["value"]


def test_msg_id_when_recorded_then_breaks_out_and_packs_again() -> None:
    (case,) = small("smgp-msgid")
    raw = bytes.fromhex(case["hex"])
    fields = case["fields"]
    msg_id = MsgId(fields["gateway"], fields["time"], fields["seq"])
    assert smgp.parse_msg_id(raw) == msg_id
    assert smgp.format_msg_id(msg_id) == raw


def test_report_when_of_the_field_without_space_after_the_id_then_read() -> None:
    (case,) = small("smgp-report-body")
    content = bytes.fromhex(case["hex"])
    assert len(content) == case["length"]
    report = decode_smgp_report(content)
    assert report.msg_id.hex() == "6495c36ac4ea6b00000b"
    assert (report.sub, report.dlvrd, report.stat, report.err) == ("001", "001", "DELIVRD", "000")
    assert (report.submit_date, report.done_date) == ("1807052207", "1807052207")
    assert report.text.startswith("中国".encode("gbk"))
    assert smgp.parse_msg_id(report.msg_id) is None
