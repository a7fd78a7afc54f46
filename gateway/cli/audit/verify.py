"""``optout audit verify``: everything that the log's public files show."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.audit.options import OUT_FILE, Trust, asking, process_option, tile_options, trust_options
from gateway.cli.audit.outcome import Outcome, audited
from gateway.cli.audit.progress import Progress
from gateway.cli.connection import Connection, connection_options
from gateway.service.clocks import Bounded, ClockCheck
from gateway.service.verify import Kept, KeptFile, TileSource, Verified, open_tree, read_note, verify
from gateway.tlog.times import LIARS, SLACK_S


@click.command("verify")
@tile_options
@trust_options
@click.option("--state", type=OUT_FILE, help="Remembers how far it was verified; only what is new is read again.")
@click.option("--slack", default=SLACK_S, show_default=True, help="Seconds by which honest clocks may differ.")
@click.option("--liars", default=LIARS, show_default=True, help="Witnesses of a checkpoint whose clocks may be wrong.")
@process_option
@connection_options("institute/institute", optional=True)
@audited
def verify_command(
    connection: Connection | None,
    tiles: TileSource | None,
    trust: Trust,
    state: Path | None,
    slack: int,
    liars: int,
    processes: int,
) -> Outcome:
    """Verify signatures, witnesses, the whole tree, and that it continues what was verified last.

    With a policy, times are held against the witnesses' clocks: of the checkpoints that --gateway has kept, else of
    the newest and the one verified last.
    """
    if tiles is None:
        raise click.UsageError("say where the log is: --url or --folder")
    memory = None if state is None else KeptFile(state)
    kept = None if memory is None else memory.load()
    note, checkpoint = read_note(tiles, trust.log, trust.policy)
    verified = verify(tiles, checkpoint, kept, processes=processes, progress=Progress("verified"))
    findings, bounded = verified.findings, None
    if trust.policy is not None and not findings:
        since = None if kept is None else kept.witnessed
        check = ClockCheck(trust.log, trust.policy, slack, liars)
        notes = [*_kept_notes(connection, 0 if since is None else since.size), note.encode()]
        bounded = check.look(open_tree(tiles, checkpoint), notes, since)
        findings = bounded.findings
    if memory is not None and not findings:
        before = None if kept is None else kept.witnessed
        witnessed = before if bounded is None else bounded.last
        memory.save(Kept(checkpoint.origin, checkpoint.size, checkpoint.root, verified.last_ms, witnessed))
    words = "the log does not hold" if findings else "the log holds"
    return Outcome(words, _facts(verified, kept, trust, bounded), findings)


def _kept_notes(connection: Connection | None, after_size: int) -> list[str]:
    if connection is None:
        return []
    with asking(connection) as client:
        return list(client.checkpoints(after_size))


def _facts(verified: Verified, kept: Kept | None, trust: Trust, bounded: Bounded | None) -> dict[str, object]:
    checkpoint = verified.checkpoint
    facts: dict[str, object] = {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "entries_read": verified.entries,
        "continues": "nothing was verified before" if kept is None else f"what was verified up to {kept.size}",
        "witnesses": "as the policy asks" if trust.policy is not None else "not asked for: no --policy",
    }
    if bounded is not None:
        facts["times"] = f"bounded by {bounded.bounding} of {bounded.notes} checkpoints"
    return facts
