"""``optout audit`` as processes against a real gateway over mTLS: what holds, and what does not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import grpc

from optout.kit.certificates import files_of
from optout.kit.identity import Identity, Role
from optout.kit.redact import find_numbers
from optout.kit.tls import channel_credentials, channel_options
from optout.v1 import audit_pb2, audit_pb2_grpc
from tests.domain.samples import FRIEND, OWN
from tests.e2e.audited import CASE, Audited, Ran, open_audited


def now() -> str:
    return datetime.now(UTC).isoformat()


async def ask_as_of(registry: Audited, moment: str, proof: Path) -> Ran:
    """The proof, as soon as an EPOCH is later than the moment."""
    deadline = time.monotonic() + 30
    while True:
        arguments = ("-", moment, "--case", CASE, "-o", str(proof), "--json", *registry.reach)
        ran = await registry.audit("as-of", *arguments, given=f"{OWN}\n")
        if ran.code == 0 or time.monotonic() > deadline:
            return ran
        assert ran.fields()["reason"] in {"TOO_RECENT", "NOT_PUBLISHED"}, ran.out
        await asyncio.sleep(0.3)


async def test_audit_when_the_registry_is_honest_then_every_command_says_that_it_holds(tmp_path: Path) -> None:
    async with open_audited(tmp_path, witnesses=2) as registry:
        revision = await registry.play()
        moment = now()
        receipt = tmp_path / "receipt.json"
        receipt.write_bytes(await registry.receipt(revision))

        trust = ("--key", registry.key, "--policy", str(tmp_path / "policy"))
        seen = ("--url", registry.url, *trust, "--state", str(tmp_path / "seen"), "--json")
        for before in ("nothing was verified before", "what was verified up to"):
            ran = await registry.audit("verify", *seen, "--liars", "0", *registry.reach)
            assert ran.code == 0, ran.out + ran.err
            assert ran.fields()["continues"].startswith(before)
            assert ran.fields()["times"].startswith("bounded by ")

        export = tmp_path / "export"
        ran = await registry.audit("export", str(export), "--case", CASE, *registry.reach)
        assert ran.code == 0, ran.out + ran.err
        assert export.stat().st_mode & 0o777 == 0o600
        for processes in ("1", "2"):
            ran = await registry.audit(
                "replay", "--export", str(export), *trust, "--url", registry.url, "--processes", processes, "--json"
            )
            assert ran.code == 0, ran.out + ran.err
            assert ran.fields()["openings"] >= 7

        kept = ("--state", str(tmp_path / "replayed"), "--case", CASE, *trust, "--url", registry.url, "--json")
        sizes = []
        for _ in range(2):
            ran = await registry.audit("replay", *kept, *registry.reach)
            assert ran.code == 0, ran.out + ran.err
            sizes.append((ran.fields()["size"], ran.fields()["entries_read"]))
        assert sizes[1][1] == sizes[1][0] - sizes[0][0]

        ran = await registry.audit("key", str(tmp_path / "vouch.key"), "--name", "institute.example/replayed")
        vouched = ("--vouched", str(tmp_path / "vouched"))
        ran = await registry.audit("replay", *kept, *vouched, "--vouch", str(tmp_path / "vouch.key"), *registry.reach)
        assert ran.code == 0, ran.out + ran.err
        assert (tmp_path / "vouched").read_text().startswith("optout.v1/replayed\n")

        proof = tmp_path / "proof.json"
        ran = await ask_as_of(registry, moment, proof)
        assert ran.fields()["answer"] == "present"
        assert proof.stat().st_mode & 0o777 == 0o600
        await registry.copy(tmp_path / "copy")
    await check_offline(registry, trust, proof, receipt)


def spoil_proof(path: Path) -> None:
    """Another entry's inclusion under the newest entry."""
    fields = json.loads(path.read_bytes())
    fields["chain"][0]["inclusion"] = fields["epoch"]["inclusion"]
    path.write_text(json.dumps(fields))


def spoil_entry(copy: Path, index: int) -> None:
    """A bit of one entry of a small log."""
    bundle = next(path for path in (copy / "tile" / "entries").rglob("*") if path.is_file())
    content = bytearray(bundle.read_bytes())
    content[index * 50 + 40] ^= 1
    bundle.write_bytes(content)


async def check_offline(registry: Audited, trust: tuple[str, ...], proof: Path, receipt: Path) -> None:
    """With the gateway gone: proof, receipt and copy are checked with public keys alone."""
    ran = await registry.audit("check", str(proof), *trust, "--number", "-", given=f"{OWN}\n")
    assert ran.code == 0, ran.out
    assert "已开通" in ran.out
    assert "refused categories: loan" in ran.out
    assert find_numbers(ran.out) == []
    assert (await registry.audit("check", str(proof), *trust, "--number", "-", given=f"{FRIEND}\n")).code == 1
    assert OWN in (await registry.audit("check", str(proof), *trust, "--show-number")).out
    ran = await registry.audit("check", str(receipt), *trust)
    assert (ran.code, "confirm" in ran.out) == (0, True)

    spoil_proof(proof)
    ran = await registry.audit("check", str(proof), *trust, "--json")
    assert (ran.code, ran.fields()["findings"][0]["kind"]) == (1, "inclusion")
    ran = await registry.audit("check", str(registry.folder / "policy"), *trust, "--json")
    assert (ran.code, ran.fields()["reason"]) == (2, "FORMAT")

    copy = registry.folder / "copy"
    assert (await registry.audit("verify", "--folder", str(copy), *trust)).code == 0
    spoil_entry(copy, 2)
    ran = await registry.audit("verify", "--folder", str(copy), *trust)
    assert (ran.code, ran.out.splitlines()[0]) == (1, "2 entry the entry and its tile differ")
    ran = await registry.audit("verify", "--url", registry.url, *trust, "--json")
    assert (ran.code, ran.fields()["reason"]) == (2, "UNREACHABLE")


async def test_report_when_asked_for_then_its_figures_are_those_of_the_registry_and_no_number_is_in_it(
    tmp_path: Path,
) -> None:
    async with open_audited(tmp_path) as registry:
        await registry.play()
        folder = tmp_path / "report"
        arguments = ("-o", str(folder), "--key", registry.key, "--case", CASE, *registry.reach, "--json")
        ran = await registry.audit("report", *arguments)
        assert ran.code == 0, ran.out + ran.err
        assert ran.fields()["unbalanced"] == []
    for path in folder.iterdir():
        assert find_numbers(path.read_text(encoding="utf-8-sig")) == [], path.name
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "贷款理财" in page
    assert "verified" not in page
    assert "on_now_is_what_the_registry_lists,mobile,1,1,yes" in (folder / "balance.csv").read_text("utf-8-sig")


async def test_report_when_the_registry_lists_less_than_its_log_says_then_that_is_a_finding(tmp_path: Path) -> None:
    async with open_audited(tmp_path) as registry:
        await registry.play()
        with contextlib.closing(sqlite3.connect(tmp_path / "registry.sqlite")) as connection, connection:
            connection.execute("DELETE FROM subjects")
        arguments = ("-o", str(tmp_path / "report"), "--key", registry.key, "--case", CASE, *registry.reach)
        ran = await registry.audit("report", *arguments, "--json")
        told = ran.fields()
        assert (ran.code, told["holds"]) == (1, False)
        detail = "on_now_is_what_the_registry_lists mobile: 1, 0"
        assert told["findings"] == [{"index": None, "kind": "unbalanced", "detail": detail}]
        assert told["unbalanced"] == [detail]
        assert "rests on a log that holds" not in told["summary"]


async def test_openings_when_no_case_is_given_or_another_party_asks_then_nothing_is_shown(tmp_path: Path) -> None:
    async with open_audited(tmp_path) as registry:
        await registry.play()
        for more, reason in (((), "CASE_REQUIRED"), (("--case", CASE, "--as", "carrier/mobile"), "ROLE_NOT_ALLOWED")):
            ran = await registry.audit("replay", "--key", registry.key, *registry.reach, *more, "--json")
            assert (ran.code, ran.fields()["reason"]) == (2, reason), ran.out
        plain, opened = await list_entries(registry, False), await list_entries(registry, True)
        assert [(entry.label, entry.HasField("opening")) for entry in plain] == [(b"", False)] * len(plain)
        assert {len(entry.label) for entry in opened} == {0, 32}
        assert all(entry.HasField("opening") for entry in opened if entry.label)


async def list_entries(registry: Audited, with_openings: bool) -> list[audit_pb2.LogEntry]:
    """As the institute."""
    credentials = channel_credentials(files_of(registry.folder / "certs", Identity(Role.INSTITUTE, "institute")))
    options = channel_options(Identity(Role.GATEWAY, "gateway"))
    request = audit_pb2.ListEntriesRequest(with_openings=with_openings, case_id=CASE)
    async with grpc.aio.secure_channel(f"127.0.0.1:{registry.grpc_port}", credentials, options) as channel:
        return list((await audit_pb2_grpc.AuditServiceStub(channel).ListEntries(request, timeout=20)).entries)
