"""``optout pdu decode``: every recorded packet of SMGP and SGIP, and what is none."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from adapters.wire import sgip, smgp
from gateway.cli.main import main

VECTORS = Path(__file__).parents[1] / "wire" / "vectors"
RECORDED = [
    pytest.param(protocol, item["hex"], id=item["id"])
    for protocol in ("smgp", "sgip")
    for item in json.loads((VECTORS / f"{protocol}-pdus.json").read_text())["pdus"]
]
LOGIN = smgp.encode(smgp.Login(7, "333", bytes(16), 2, 1124004007, 0x30)).hex()
REPORT = sgip.encode(sgip.Report(sgip.Sequence(1, 2, 3), sgip.Sequence(4, 5, 6), state=2, error_code=33)).hex()


def run(*arguments):
    return CliRunner().invoke(main, ("pdu", "decode", *arguments))


@pytest.mark.parametrize(("protocol", "packet"), RECORDED)
def test_pdu_when_recorded_then_printed_as_json_and_no_byte_is_lost(protocol, packet):
    result = run(protocol, packet)
    assert result.exit_code == 0, result.output
    fields = json.loads(result.output)
    codec = {"smgp": smgp, "sgip": sgip}[protocol]
    pdu = codec.decode(bytes.fromhex(packet))
    assert int(fields["command_id"], 16) == codec.command_of(pdu)
    assert fields["total_length"] == len(packet) // 2


@pytest.mark.parametrize(
    ("protocol", "packet", "reason"),
    [
        ("smgp", "nonsense", "not_hexadecimal"),
        ("smgp", "", "truncated_header"),
        ("smgp", LOGIN[:-2], "length_mismatch"),
        ("smgp", "0000000c" + "00000099" + "00000001", "unknown_command"),
        ("smgp", "00000010" + "80000002" + "00000001" + "00000000", "truncated_body"),
        ("sgip", "abc", "not_hexadecimal"),
        ("sgip", "0000000c" + "00000002" + "00000001", "truncated_header"),
        ("sgip", REPORT + "00", "length_mismatch"),
        ("sgip", "00000014" + "00000099" + "00" * 12, "unknown_command"),
        ("sgip", "00000015" + "00000003" + "00" * 13, "truncated_body"),
    ],
)
def test_pdu_when_malformed_then_it_ends_with_2_and_the_reason(protocol, packet, reason):
    result = run(protocol, packet)
    assert result.exit_code == 2
    assert f"malformed: {reason}" in result.output


@pytest.mark.parametrize("protocol", ["cmpp", "smgp", "sgip"])
def test_pdu_when_asked_for_its_fields_then_tells_of_every_packet_and_of_content(protocol):
    result = CliRunner().invoke(main, ("pdu", "fields", protocol))
    assert result.exit_code == 0
    for name in ("SUBMIT", "DELIVER_RESP", "udh_damaged", f"pdu decode {protocol}"):
        assert name in result.output


def test_pdu_when_a_packet_ends_inside_a_field_then_names_the_field():
    assert "malformed: truncated_body: result" in run("cmpp", "00000014" + "80000004" + "00" * 12).output


def test_pdu_when_a_report_names_its_submit_then_broken_out():
    fields = json.loads(run("sgip", REPORT).output)
    assert fields["submit_sequence_number"] == {"node": 4, "time": 5, "serial": 6}
    assert (fields["outcome"], fields["error_code"]) == ("failed", 33)


@pytest.mark.parametrize(
    ("protocol", "version", "code"), [("smgp", "1.3", 0), ("smgp", "3.0", 0), ("smgp", "2.0", 2), ("sgip", "1.2", 2)]
)
def test_pdu_when_a_version_is_named_then_only_one_of_the_protocols(protocol, version, code):
    packet = {"smgp": LOGIN, "sgip": REPORT}[protocol]
    assert run(protocol, packet, "--version", version).exit_code == code
