"""Every recorded SGIP packet decodes to the fields its recorder saw and encodes back to the same bytes."""

from typing import Any

import pytest

from adapters.wire import sgip
from adapters.wire.describe_sgip import describe_sgip
from adapters.wire.sgip_address import make_sp_node
from tests.wire.sgip_packets import VECTORS, small, vector

# The recorder's names for fields, where they are not ours.
NAMES = {
    "seq": "sequence",
    "total": "total_length",
    "login": "login_name",
    "password": "login_password",
    "sp": "sp_number",
    "charge": "charge_number",
    "users": "user_numbers",
    "user": "user_number",
    "corp": "corp_id",
    "service": "service_type",
    "given": "given_value",
    "agent": "agent_flag",
    "more_mt": "mo_relate_to_mt_flag",
    "expire": "expire_time",
    "schedule": "schedule_time",
    "fmt": "message_coding",
    "msg_type": "message_type",
    "msg_len": "message_length",
    "submit_seq": "submit_sequence_number",
    "error": "error_code",
}
# Facts about the recorder's own decoding, checked apart from the fields.
OF_THE_RECORDER = {"cmd", "name", "length_ok", "left"}
# Packets of peers that pad otherwise than with NULs cannot come back the same. None of the recorded ones does.
PADDED_OTHERWISE: set[str] = set()

by_id = pytest.mark.parametrize("item", VECTORS, ids=lambda item: item["id"])


@by_id
def test_describe_sgip_when_packet_was_recorded_then_shows_the_recorded_fields(item: dict[str, Any]) -> None:
    shown: dict[str, Any] = describe_sgip(bytes.fromhex(item["hex"]))
    decoded = item["decoded"]
    expected = {NAMES.get(key, key): value for key, value in decoded.items() if key not in OF_THE_RECORDER}
    if "udh" in expected:
        elements = [{"iei": iei, "data": data} for iei, data in expected.pop("udh")]
        assert shown["udh"]["elements"] == elements
    for name in ("sequence", "submit_sequence_number"):
        if name in expected:
            shown[name] = list(shown[name].values())
    assert {key: shown[key] for key in expected} == expected
    assert int(shown["command_id"], 16) == decoded["cmd"]
    assert shown["command"] == decoded["name"]


def test_encode_sgip_when_decoded_from_a_record_then_gives_the_same_bytes_but_for_listed_padding() -> None:
    frames = {item["id"]: bytes.fromhex(item["hex"]) for item in VECTORS}
    differing = {name for name, frame in frames.items() if sgip.encode(sgip.decode(frame)) != frame}
    assert differing == PADDED_OTHERWISE


def test_report_when_recorded_then_names_the_submit_by_its_sequence() -> None:
    submit, report = sgip.decode(vector("sgip-180")), sgip.decode(vector("sgip-182"))
    assert isinstance(report, sgip.Report)
    assert report.submit_sequence_number == submit.sequence


def test_node_when_of_the_specification_then_unsigned_32_bits() -> None:
    for case in small("sgip-node"):
        area_code, corp_id = case["input"].split("/")
        node = make_sp_node(area_code, corp_id)
        assert node == case["node"]
        assert sgip.Sequence(node, 0, 0).to_bytes()[:4].hex() == case["hex"]
        assert node >= 2**31


def test_time_when_of_the_specification_then_decimal_digits() -> None:
    (case,) = small("sgip-time")
    assert f"{case['value']:010}" == "1120203225"
    assert case["meaning"] == "11-20 20:32:25"
