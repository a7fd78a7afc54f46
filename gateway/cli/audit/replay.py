"""``optout audit replay``, ``export`` and ``key``: what the log holds, replayed with its openings."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import click

from gateway.cli.audit.judging import JudgeMaker, judge_options
from gateway.cli.audit.options import (
    INSTITUTE,
    OUT_FILE,
    Place,
    Trust,
    asking,
    case_option,
    place_options,
    process_option,
    tile_options,
    trust_options,
    vouch_options,
)
from gateway.cli.audit.outcome import Outcome, audited
from gateway.cli.audit.progress import Progress
from gateway.cli.connection import Connection, connection_options
from gateway.service.audit_file import AuditError
from gateway.service.export import ExportWriter
from gateway.service.replay_session import ReplaySession, Vouching
from gateway.service.replaying import MemoryFile, ReplayOutcome, ReplayPlan
from gateway.service.verify import TileSource
from gateway.store.secret_files import SecretKeyError, make_secret_file, read_signer
from gateway.tlog.checkpoint import Checkpoint, CheckpointError
from gateway.tlog.note import Ed25519Secret, NoteError, Signer, decode_note
from optout.kit.config import ConfigError

PAGE = 1000


@click.command("replay")
@tile_options
@trust_options
@vouch_options
@judge_options
@click.option("--state", type=OUT_FILE, help="Remembers the replay: only what is new is asked for. Personal data.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="How many findings are enough.")
@process_option
@place_options
@audited
def replay_command(
    place: Place,
    tiles: TileSource | None,
    trust: Trust,
    vouching: Vouching | None,
    judge: JudgeMaker,
    state: Path | None,
    limit: int,
    processes: int,
) -> Outcome:
    """Replay the log: openings, chains, versions, times, every map root, every outcome by the rules in force.

    With --url or --folder each entry is held against the tree, so that one that differs is named; without, all of them
    must add up to the signed root.
    """
    plan = ReplayPlan(judge, processes, limit=limit, progress=Progress("replayed"))
    with ExitStack() as stack:
        shown = place.open(stack)
        memory = None if state is None else MemoryFile(state)
        checkpoint, outcome = ReplaySession(shown, trust.log, trust.policy, tiles, memory, vouching).run(plan)
    return tell(checkpoint, outcome, limit)


def tell(checkpoint: Checkpoint, outcome: ReplayOutcome, limit: int) -> Outcome:
    """What a replay came to."""
    result = outcome.memory.result
    facts = {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "entries_read": outcome.entries,
        "openings": result.opened,
        "epochs": result.epochs,
        "covered_by_erasure": result.covered,
        "vouched_for": result.vouched,
    }
    findings = outcome.findings
    if not findings:
        words = "the log holds"
        if result.covered:
            words += f"; the map roots of {len(result.covered)} EPOCHs are covered by erasure, not verified"
        return Outcome(words, facts)
    first = findings[0]
    words = f"the log does not hold: first at entry {first.index}, {first.flaw}"
    if len(findings) > limit:
        words += f"; only the first {limit} findings are listed"
    return Outcome(words, facts, findings[:limit])


@click.command("export")
@click.argument("file", type=OUT_FILE)
@case_option
@connection_options(INSTITUTE)
@audited
def export_command(connection: Connection, file: Path, case_id: str) -> Outcome:
    """Download entries and openings into FILE, or what is new of them, for `replay --export` and `report --export`.

    FILE holds personal data. Openings of whoever was erased since are dropped from it.
    """
    with asking(connection, case_id) as client, ExportWriter(file) as writer:
        note = client.checkpoint()
        size = _size_of(note)
        if size < writer.size:
            raise AuditError("SMALLER", f"the log had {writer.size} entries and says now it has {size}")
        first, progress = writer.size, Progress("exported")
        page = []
        for shown in client.entries(first, size):
            page.append(shown)
            if len(page) == PAGE:
                writer.append(page)
                page = []
                progress(writer.size, size)
        writer.append(page)
        if writer.size < size:
            raise AuditError("UNREACHABLE", f"the gateway shows {writer.size} entries of {size}")
        writer.add_note(note.decode())
        forgotten = writer.finish()
    facts = {"size": size, "entries_read": size - first, "openings_dropped_after_erasure": forgotten}
    return Outcome("mended and exported" if writer.mended else "exported", facts)


@click.command("key")
@click.argument("file", type=OUT_FILE)
@click.option("--name", required=True, help="The name it signs under, such as institute.example/replayed.")
def key_command(file: Path, name: str) -> None:
    """Make the secret key with which `replay --vouch` signs, unless FILE is there, and print the public one."""
    try:
        make_secret_file(file, Signer(name, Ed25519Secret(os.urandom(32))).encode())
        click.echo(read_signer(file).verifier().encode())
    except (NoteError, SecretKeyError, ConfigError, OSError) as error:
        raise click.ClickException(f"{type(error).__name__}: {error}") from None


def _size_of(note: bytes) -> int:
    """The size a note speaks of; whether the log signed it is looked at when the export is read."""
    try:
        return Checkpoint.from_text(decode_note(note).text).size
    except (NoteError, CheckpointError) as error:
        raise AuditError("NOTE", f"the gateway's checkpoint is none: {error.reason}") from None
