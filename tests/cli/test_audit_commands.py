"""``optout audit``: exit codes, and what is said of a log that was spoiled in any way."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cli.main import main
from gateway.domain.instruction import Channel, Open, SetRefusedCategories
from gateway.service.export import ExportFile, ExportWriter
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.cosignature import Cosigner
from gateway.tlog.note import Ed25519Secret
from gateway.tlog.shown import Shown
from optout.kit.redact import find_numbers
from tests.audit.made_log import SIGNER, MadeLog, make_leaves
from tests.audit.registry import open_registry
from tests.audit.shown_log import payload_of, rewrite, show, with_epoch
from tests.audit.test_replaying import erase
from tests.domain.samples import FRIEND, OWN

KEY = ("--key", SIGNER.verifier().encode())


def run(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(main, ["audit", *arguments], input=given)


def fields(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def put(log: MadeLog, folder: Path) -> Path:
    """A log as files."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, content in {**log.files, "checkpoint": log.note}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def verify(folder: Path, *more: str) -> Result:
    return run("verify", "--folder", str(folder), *KEY, "--processes", "1", *more)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return put(MadeLog(make_leaves(700)), tmp_path / "copy")


def test_verify_when_the_log_holds_then_code_0_and_what_was_seen(copy: Path) -> None:
    result = verify(copy)
    assert result.exit_code == 0
    assert "size: 700" in result.stdout
    assert result.stdout.endswith("the log holds\n")
    told = fields(verify(copy, "--json"))
    assert (told["holds"], told["entries_read"], told["findings"]) == (True, 700, [])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_verify_when_any_bit_of_any_file_is_flipped_then_it_never_holds(copy: Path, data: st.DataObject) -> None:
    paths = sorted(path for path in copy.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(paths))
    content = path.read_bytes()
    at, bit = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 7))
    path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
    try:
        result = verify(copy, "--json")
    finally:
        path.write_bytes(content)
    told = fields(result)
    if path.name == "checkpoint":
        assert (result.exit_code, told["reason"]) in {(2, "NOTE"), (2, "ORIGIN")} or told["findings"]
    else:
        assert result.exit_code == 1
        assert told["findings"]


def test_verify_when_a_file_is_missing_then_that_is_a_finding_and_when_nothing_answers_then_it_cannot_say(
    copy: Path,
) -> None:
    (copy / "tile/entries/001").unlink()
    result = verify(copy)
    assert (result.exit_code, result.stdout.splitlines()[0].split()[:2]) == (1, ["256", "missing"])
    for address in ("http://127.0.0.1:1", "https://127.0.0.1:1"):
        result = run("verify", "--url", address, *KEY, "--json")
        assert (result.exit_code, fields(result)["reason"], fields(result)["holds"]) == (2, "UNREACHABLE", None)


def test_verify_when_the_log_shrank_or_forked_or_an_old_backup_came_back_then_code_1(
    copy: Path, tmp_path: Path
) -> None:
    state = ("--state", str(tmp_path / "seen"), "--json")
    assert verify(copy, *state).exit_code == 0
    for leaves, kind in (
        (make_leaves(650), "smaller"),
        (make_leaves(5), "smaller"),
        ([*make_leaves(699), make_leaves(1, 9000)[0]], "forked"),
        ([*make_leaves(600), *make_leaves(400, 9000)], "forked"),
    ):
        result = verify(put(MadeLog(leaves), tmp_path / "other"), *state)
        assert (result.exit_code, fields(result)["findings"][0]["kind"]) == (1, kind)
    grown = verify(put(MadeLog(make_leaves(900)), tmp_path / "other"), *state)
    assert (grown.exit_code, fields(grown)["entries_read"]) == (0, 200)


def test_verify_when_its_own_memory_is_torn_then_it_says_so_and_begins_not_anew(copy: Path, tmp_path: Path) -> None:
    path = tmp_path / "seen"
    assert verify(copy, "--state", str(path)).exit_code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    result = verify(copy, "--state", str(path), "--json")
    assert (result.exit_code, fields(result)["reason"]) == (2, "STATE")
    assert "damaged" in fields(result)["summary"]
    assert path.read_bytes() == content[: len(content) // 2]


def test_verify_when_too_few_witnesses_cosigned_then_it_cannot_say(copy: Path, tmp_path: Path) -> None:
    witnesses = [Cosigner(f"witness.example/{n}", Ed25519Secret(bytes([n] * 32))) for n in (1, 2)]
    policy = tmp_path / "policy"
    lines = [f"log {KEY[1]}", *(f"witness w{n} {w.verifier().encode()}" for n, w in enumerate(witnesses))]
    policy.write_text("\n".join([*lines, "group all all w0 w1", "quorum all", ""]))
    result = verify(copy, "--policy", str(policy), "--json")
    assert (result.exit_code, fields(result)["reason"]) == (2, "POLICY")
    log = MadeLog(make_leaves(700))
    text = Checkpoint(SIGNER.name, log.size, log.root).text()
    stamps = [witness.cosign(text, 1_800_000_000).encode() for witness in witnesses]
    (copy / "checkpoint").write_bytes(log.note + "".join(stamps).encode())
    honest = verify(copy, "--policy", str(policy), "--json")
    assert (honest.exit_code, fields(honest)["times"]) == (0, "bounded by 1 of 1 checkpoints")
    # The witnesses say that they saw it half an hour before its last entries.
    stamps = [witness.cosign(text, 1_799_998_000).encode() for witness in witnesses]
    (copy / "checkpoint").write_bytes(log.note + "".join(stamps).encode())
    result = verify(copy, "--policy", str(policy))
    assert (result.exit_code, result.stdout.splitlines()[0].split()[:2]) == (1, ["0", "post_dated"])


async def make_shown() -> list[Shown]:
    """Two subscribers of a registry whose rules stand in its log."""
    async with open_registry() as registry:
        house = registry.house
        await house.submit(Open(), channel=Channel.HOTLINE)
        await house.submit(Open(), number=FRIEND, channel=Channel.HOTLINE)
        await house.submit(SetRefusedCategories(refuse=("loan",)), channel=Channel.HOTLINE)
        await house.submit(SetRefusedCategories(refuse=("astrology",)), number=FRIEND)
        return with_epoch(await show(house))


@pytest.fixture(scope="module")
def shown() -> list[Shown]:
    return asyncio.run(make_shown())


def write_export(path: Path, log: list[Shown], tiles: Path | None = None) -> tuple[str, ...]:
    """An export of a log that its key signed, and where its tiles are; gives the options that name them."""
    path.unlink(missing_ok=True)
    made = MadeLog([entry.leaf for entry in log])
    with ExportWriter(path) as writer:
        writer.append(log)
        writer.add_note(made.note.decode())
        writer.finish()
    folder = () if tiles is None else ("--folder", str(put(made, tiles)))
    return "--export", str(path), *KEY, "--processes", "1", *folder


def test_replay_when_the_log_holds_then_code_0_with_or_without_tiles(shown: list[Shown], tmp_path: Path) -> None:
    for tiles in (None, tmp_path / "tiles"):
        result = run("replay", *write_export(tmp_path / "export", shown, tiles))
        assert result.exit_code == 0, result.stdout
        assert f"size: {len(shown)}" in result.stdout
        assert "covered by erasure: none" in result.stdout


def test_replay_when_an_outcome_does_not_follow_then_its_index_and_what_is_wrong_are_named(
    shown: list[Shown], tmp_path: Path
) -> None:
    at = next(entry.index for entry in shown if entry.opening and payload_of(entry).get("kind") == "instruction")
    payload = payload_of(shown[at])
    payload["verdict"]["disposition"] = "refused"
    lied = [*shown[:at], rewrite(shown[at], payload), *shown[at + 1 :]]
    result = run("replay", *write_export(tmp_path / "export", lied))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith(f"{at} outcome instruction: ")
    assert f"first at entry {at}, outcome" in result.stdout
    assert find_numbers(result.stdout) == []


def test_replay_when_an_operator_keeps_a_key_then_its_file_must_hold_one(shown: list[Shown], tmp_path: Path) -> None:
    pem, options = tmp_path / "operator.pem", write_export(tmp_path / "export", shown)
    pem.write_bytes(
        Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    assert run("replay", *options, "--operator-key", "operator-a", str(pem)).exit_code == 0
    pem.write_text("no key")
    result = run("replay", *options, "--operator-key", "operator-a", str(pem))
    assert (result.exit_code, "NO_OPERATOR_KEY" in result.output) == (2, True)


def test_replay_when_an_opening_or_an_entry_is_another_then_named(shown: list[Shown], tmp_path: Path) -> None:
    at = next(entry.index for entry in shown if entry.label)
    opening = shown[at].opening
    assert opening is not None
    spoiled = replace(opening, payload=opening.payload.replace(b"hotline", b"hotlime"))
    options = write_export(tmp_path / "export", [*shown[:at], replace(shown[at], opening=spoiled), *shown[at + 1 :]])
    assert fields(run("replay", *options, "--json"))["findings"][0] == {"index": at, "kind": "commitment", "detail": ""}
    lied = [*shown[:at], rewrite(shown[at], payload_of(shown[at]) | {"v": 2}), *shown[at + 1 :]]
    write_export(tmp_path / "export", shown, tmp_path / "tiles")
    honest_note = ExportFile(tmp_path / "export").notes()[-1]
    (tmp_path / "export").unlink()
    with ExportWriter(tmp_path / "export") as writer:
        writer.append(lied)
        writer.add_note(honest_note)
        writer.finish()
    options = ("--export", str(tmp_path / "export"), *KEY, "--processes", "1", "--json")
    found = fields(run("replay", *options, "--folder", str(tmp_path / "tiles")))["findings"]
    assert (at, "entry") in {(each["index"], each["kind"]) for each in found}


def test_replay_when_its_files_are_torn_then_it_cannot_say(shown: list[Shown], tmp_path: Path) -> None:
    options = (*write_export(tmp_path / "export", shown), "--json", "--state", str(tmp_path / "memory"))
    assert run("replay", *options).exit_code == 0
    memory, export = (tmp_path / name for name in ("memory", "export"))
    for path in (memory, export):
        content = path.read_bytes()
        for spoiled in (content[:-9], content[:200] + b"\x00" + content[201:]):
            path.write_bytes(spoiled)
            result = run("replay", *options)
            assert (result.exit_code, fields(result)["reason"]) == (2, "STATE")
        path.write_bytes(content)
    again = fields(run("replay", *options))
    assert (again["entries_read"], again["size"]) == (0, len(shown))


def test_replay_when_an_erasure_covers_epochs_then_said_so_and_vouched_for_by_whoever_replayed_in_time(
    shown: list[Shown], tmp_path: Path
) -> None:
    key, note = tmp_path / "vouch.key", tmp_path / "vouched"
    vkey = run("key", str(key), "--name", "institute.example/replayed").stdout.strip()
    tiles = tmp_path / "tiles"
    options = write_export(tmp_path / "export", shown, tiles)
    assert run("replay", *options, "--vouched", str(note), "--vouch", str(key)).exit_code == 0
    signed = note.read_bytes()

    erased = erase(shown, next(entry.label for entry in shown if entry.label))
    options = (*write_export(tmp_path / "export", erased, tiles), "--json")
    plain = run("replay", *options)
    assert (plain.exit_code, fields(plain)["covered_by_erasure"]) == (0, [len(shown) - 1])
    assert "covered by erasure, not verified" in fields(plain)["summary"]
    vouched = fields(run("replay", *options, "--vouched", str(note), "--vouch-key", vkey))
    assert (vouched["covered_by_erasure"], vouched["vouched_for"]) == ([], [len(shown) - 1])

    # Who did not see it in time vouches for nothing, and a note under another key counts for nothing.
    other = tmp_path / "other.key"
    run("key", str(other), "--name", "institute.example/replayed")
    assert run("replay", *options, "--vouched", str(tmp_path / "new"), "--vouch", str(other)).exit_code == 0
    assert not (tmp_path / "new").exists()
    refused = run("replay", *options, "--vouched", str(note), "--vouch", str(other))
    assert (refused.exit_code, fields(refused)["reason"]) == (2, "VOUCH")
    assert note.read_bytes() == signed


def test_report_when_made_offline_then_a_spoiled_log_is_said_to_prove_nothing(
    shown: list[Shown], tmp_path: Path
) -> None:
    options = (*write_export(tmp_path / "export", shown), "-o", str(tmp_path / "report"))
    assert run("report", *options).exit_code == 0
    page = tmp_path / "report" / "report.html"
    assert "prove nothing" not in page.read_text("utf-8")
    at = next(entry.index for entry in shown if entry.label)
    lied = [*shown[:at], rewrite(shown[at], payload_of(shown[at]) | {"prev": 1}), *shown[at + 1 :]]
    write_export(tmp_path / "export", lied)
    assert run("report", *options).exit_code == 1
    assert "prove nothing" in page.read_text("utf-8")
    assert OWN not in page.read_text("utf-8")


def test_number_when_it_is_none_then_it_is_not_repeated(tmp_path: Path) -> None:
    for number, typed in (("-", "1380013800012\n"), ("1380013800012", "")):
        result = run("as-of", number, "2026-12-01T08:00:00+08:00", "-o", str(tmp_path / "proof"), given=typed)
        assert result.exit_code == 2
        assert "1380013800012" not in result.output
    result = run("as-of", "-", "soon", "-o", str(tmp_path / "proof"), given="13800138000\n")
    assert "must be like" in result.output
