"""``optout numbers`` against a gateway on SQLite and mTLS, and bad input to commands about numbers."""

import time
from dataclasses import replace

import grpc
import pytest

from gateway.cli.connection import GATEWAY
from gateway.domain.instruction import Channel, Instruction, Open, Proof
from gateway.domain.preferences import Medium
from gateway.store.secret_files import make_secrets
from optout.kit.certificates import files_of
from optout.kit.identity import Identity, Role
from optout.kit.number import parse_number
from optout.kit.tls import channel_credentials, channel_options
from optout.v1 import registry_pb2, registry_pb2_grpc
from tests.api.wire import write_instruction
from tests.cli.running import run, running
from tests.domain.samples import CONSENT

HEAD = "event_id,kind,number,effective_time,counterpart\n"
CLAIMED = "13800138000"
EMPTY_LINES = 2
"""Of a list: its head and a rule."""


@pytest.fixture
def folder(tmp_path):
    assert run("certs", str(tmp_path / "certs")).exit_code == 0
    make_secrets(tmp_path / "secrets")
    return tmp_path


def claim(folder, address):
    """China Telecom opens for a number with China Mobile's prefix."""
    identity = Identity(Role.CARRIER, "telecom")
    credentials = channel_credentials(files_of(folder / "certs", identity))
    with grpc.secure_channel(address, credentials, channel_options(GATEWAY)) as channel:
        order = Instruction(
            "i1",
            "telecom",
            Channel.HOTLINE,
            "crm",
            "i1",
            parse_number(CLAIMED),
            Medium.VOICE,
            time.time_ns() // 1_000_000,
            Open(),
            replace(CONSENT, proofs=(Proof.AGENT,), booked_by="agent-1", mandate="order-1"),
        )
        request = registry_pb2.SubmitRequest(instruction=write_instruction(order))
        registry_pb2_grpc.RegistryServiceStub(channel).Submit(request, timeout=20)


def test_numbers_when_a_file_is_reported_then_bad_lines_are_told_and_good_ones_taken_once(folder):
    with running(folder) as address:
        there = ("--gateway", address, "--certs", str(folder / "certs"), "--as", "operator/operator-a")
        file = folder / "baseline.csv"
        good = "b1,baseline,13912345678,2026-11-01T00:00:00+08:00,telecom\n"
        file.write_text(HEAD + good + "b2,baseline,12,2026-11-01T00:00:00+08:00,telecom\nb3,swapped,13912345678,,\n")
        for _ in range(2):
            reported = run("numbers", "report", str(file), *there)
            assert (reported.exit_code, reported.output.splitlines()[-1]) == (1, "1 taken in, 2 refused")
            assert [line.split(": ")[:2] for line in reported.output.splitlines()[:-1]] == [
                ["line 3", "INVALID_NUMBER"],
                ["line 4", "INVALID_FIELD"],
            ]
        file.write_text(HEAD + good)
        assert run("numbers", "report", str(file), *there).exit_code == 0
        file.write_text("event,kind\n")
        assert run("numbers", "report", str(file), *there).exit_code == 2


def test_numbers_when_a_claim_is_contested_by_command_then_the_list_says_so(folder):
    with running(folder) as address:
        there = ("--gateway", address, "--certs", str(folder / "certs"), "--as", "carrier/mobile")
        assert len(run("numbers", "claims", *there).output.splitlines()) == EMPTY_LINES
        claim(folder, address)
        line = run("numbers", "claims", *there).output.splitlines()[-1].split()
        assert line[:2] == [f"+86{CLAIMED}", "telecom"]
        contested = run("numbers", "contest", line[3], "--ground", "our contract goes on", *there)
        assert contested.output.startswith("contested; logged at revision "), contested.output
        assert run("numbers", "claims", *there).output.splitlines()[-1].split()[-1] == "contested"
        missing = run("numbers", "contest", "999", *there)
        assert (missing.exit_code, "NOT_FOUND" in missing.output) == (1, True)


@pytest.mark.parametrize(
    "arguments", [("simulate", "text", "abc", "KTFSR"), ("simulate", "inbox", "12"), ("certs", "x", "--days", "-5")]
)
def test_command_when_an_argument_is_out_of_bounds_then_code_2_and_nothing_is_done(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments).exit_code == 2
    assert not list(tmp_path.iterdir())
