"""``optout audit evidence``: a gateway's refusals and a witness's, while their files are in use."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from gateway.cli.main import main
from gateway.store.publication import EvidenceRow
from gateway.store.sqlite_publication import SqlitePublication
from gateway.store.sqlite_witness import SqliteWitnessBook
from gateway.store.witness_book import Contradiction

SENT = b"old 5\n\nregistry.example\n6\nroot\n"


def show(path: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["audit", "evidence", str(path), *more])


def test_evidence_when_a_gateway_keeps_it_then_it_is_shown_with_all_that_was_sent_and_said(tmp_path: Path) -> None:
    path = tmp_path / "registry.log"
    publication = SqlitePublication(path)
    publication.add_evidence(EvidenceRow("w1", 409, SENT, b"7\n", 1_000))
    publication.add_evidence(EvidenceRow("w2", 422, SENT, b"\x1b[2J", 2_000))
    shown = show(path)
    first, second = (json.loads(line) for line in show(path, "--json").stdout.splitlines())
    publication.close()
    assert shown.exit_code == 0
    assert shown.stdout.startswith(
        "1970-01-01T00:00:01.000+00:00 w1 409 7\n    old 5\n    \n    registry.example\n    6\n    root\n"
    )
    assert "w2 422 \\x1b[2J" in shown.stdout
    assert (first["name"], first["status"], first["response"], first["request"]) == ("w1", 409, "7\n", SENT.decode())
    assert second["time"] == "1970-01-01T00:00:02.000+00:00"


def test_evidence_when_a_witness_keeps_it_then_the_log_is_named(tmp_path: Path) -> None:
    path = tmp_path / "witness.sqlite"
    book = SqliteWitnessBook(path, "vkey")
    book.add_evidence(Contradiction("registry.example", 409, SENT, 3))
    shown = show(path)
    book.close()
    assert shown.stdout.splitlines()[0] == "1970-01-01T00:00:03.000+00:00 registry.example 409"


def test_evidence_when_the_file_is_another_or_none_then_code_2(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"nothing of ours")
    assert show(path).exit_code == 2
    assert show(tmp_path / "none").exit_code == 2
