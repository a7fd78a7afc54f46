"""``optout policy`` and ``optout lines`` against a gateway on SQLite and mTLS, in a thread of its own."""

import importlib.resources
import json
import time

import pytest

from gateway.store.secret_files import make_secrets
from tests.cli.running import run, running

SHIPPED = importlib.resources.files("gateway.data").joinpath("policy.toml").read_text(encoding="utf-8")
FIRST = "2026.11-2"


@pytest.fixture
def folder(tmp_path):
    assert run("certs", str(tmp_path / "certs")).exit_code == 0
    make_secrets(tmp_path / "secrets")
    order = ",".join(f'"{rule}"' for rule in ("protected", "personal_allow", "personal_reject", "system_reject"))
    start, end = SHIPPED.index("order = ["), SHIPPED.index("]", SHIPPED.index("order = [")) + 1
    text = f"{SHIPPED[:start]}order = [{order}]{SHIPPED[end:]}".replace(FIRST, "2026.12-1")
    (tmp_path / "next.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_policy_when_published_and_rolled_back_by_commands_then_a_running_gateway_follows(folder):
    with running(folder) as address:
        there = ("--gateway", address, "--certs", str(folder / "certs"))
        file = str(folder / "next.toml")
        proposed = run("policy", "propose", file, "--activate", "+1s", *there)
        assert "status: proposed" in proposed.output, proposed.output
        assert (
            "SECOND_SIGNER_REQUIRED"
            in run("policy", "approve", "2026.12-1", "--file", file, "--as", "operator/operator-a", *there).output
        )
        assert "not what was checked" in run("policy", "approve", "2026.12-1", "--digest", "00" * 32, *there).output
        looked = run("policy", "approve", "2026.12-1", *there, input="n\n")
        assert looked.exit_code == 1
        assert run("policy", "digest", file).output.strip() in looked.output
        approved = run("policy", "approve", "2026.12-1", "--file", file, *there)
        assert approved.exit_code == 0, approved.output
        deadline = time.monotonic() + 5
        while json.loads(run("policy", "show", *there).output)["policy"]["version"] != "2026.12-1":
            assert time.monotonic() < deadline
        rolled = run("policy", "rollback", "2026.12-1", "--reason", "too mild", *there)
        assert f"version: {FIRST}\nstatus: active" in rolled.output
    with running(folder) as address:
        there = ("--gateway", address, "--certs", str(folder / "certs"))
        listed = run("policy", "list", *there).output.splitlines()
        assert [line.split()[:2] for line in listed[2:]] == [["2026.12-1", "rolled_back"], [FIRST, "active"]]
        sample = folder / "sample.jsonl"
        sample.write_text('{"called": "13800138000", "caller": "01059990000"}\n')
        assert "0 of 1 answers would change" in run("policy", "preview", "2026.12-1", str(sample), *there).output
        sample.write_text("13800138000\n[]\n")
        assert "sample.jsonl:1: not the JSON" in run("policy", "preview", "2026.12-1", str(sample), *there).output


def test_lines_when_declared_by_command_then_they_are_listed_and_conflicts_told(folder):
    with running(folder) as address:
        there = ("--gateway", address, "--certs", str(folder / "certs"))
        wanted = ("95188001", "--holder", "harbour-voice", "--category", "loan")
        declared = run("lines", "declare", *wanted, *there)
        assert declared.output.startswith("revision "), declared.output
        rival = run("lines", "declare", *wanted, "--as", "carrier/unicom", *there)
        assert (rival.exit_code, "LINE_CONFLICT" in rival.output) == (1, True)
        assert "95188001" in run("lines", "list", "--holder", "harbour-voice", *there).output
        assert run("lines", "declare", *wanted, "--withdraw", *there).exit_code == 0
        assert "95188001" not in run("lines", "list", *there).output


def test_propose_when_the_file_or_the_time_is_wrong_then_nothing_is_sent(folder):
    broken = folder / "broken.toml"
    broken.write_text(SHIPPED.replace('"protected",', "", 1))
    result = run("policy", "propose", str(broken))
    assert (result.exit_code, "protected must come first" in result.output) == (1, True)
    result = run("policy", "propose", str(folder / "next.toml"), "--activate", "soon")
    assert (result.exit_code, "must be like" in result.output) == (2, True)
