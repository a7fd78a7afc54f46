"""Verifying a whole log from what it publishes, and remembering how far that went.

1. The checkpoint's signatures hold: the log's own, and the witnesses' if a policy asks for them.
2. It is consistent with the checkpoint that was verified last: neither smaller nor another history.
3. Every tile follows from its root, every entry from its tile, and times never go back.

Only what is new since the last time is read again, in stretches that several processes share.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from gateway.service.audit_file import AuditError, WholeFile
from gateway.tlog.checkpoint import Checkpoint, CheckpointError
from gateway.tlog.note import Note, NoteError, Verifier, decode_note, open_note
from gateway.tlog.policy import Policy, PolicyError
from gateway.tlog.proof import range_hash
from gateway.tlog.tile import WIDTH, AnyTile, TileError, TileReader, width_of
from gateway.tlog.times import Witnessed
from gateway.tlog.walk import STRETCH, Finding, Flaw, Stretch, stretches, walk_stretch


class TileSource(Protocol):
    """Where a log's files are. Picklable, for it goes along into other processes."""

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint. Raises OSError."""

    def fetch(self, tile: AnyTile) -> bytes:
        """A tile or a bundle. Raises OSError, or KeyError if there is none."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What an auditor remembers: the checkpoint it verified last, and the last time of its entries.

    ``witnessed`` is the last checkpoint by whose witnesses times were bounded.
    """

    origin: str
    size: int
    root: bytes
    last_ms: int
    witnessed: Witnessed | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of it. ``entries`` were read now; the log holds if there are no findings."""

    checkpoint: Checkpoint
    entries: int
    last_ms: int
    findings: tuple[Finding, ...]


class KeptFile:
    """The auditor's memory as a file; see `WholeFile`."""

    def __init__(self, path: Path) -> None:
        self._file = WholeFile(path)

    def load(self) -> Kept | None:
        """Read it; None if there is none yet. Raises AuditError (STATE)."""
        body = self._file.load()
        if body is None:
            return None
        try:
            fields = json.loads(body)
            witnessed = fields.get("witnessed")
            return Kept(
                fields["origin"],
                fields["size"],
                bytes.fromhex(fields["root"]),
                fields["last_ms"],
                None if witnessed is None else Witnessed(witnessed[0], tuple(witnessed[1])),
            )
        except (ValueError, KeyError, TypeError):
            raise AuditError("STATE", "the auditor's file is of another kind") from None

    def save(self, kept: Kept) -> None:
        """Replace it durably. Raises AuditError (STATE)."""
        fields = {"origin": kept.origin, "size": kept.size, "root": kept.root.hex(), "last_ms": kept.last_ms}
        witnessed = {} if kept.witnessed is None else {"witnessed": [kept.witnessed.size, kept.witnessed.times_s]}
        self._file.save(json.dumps(fields | witnessed, sort_keys=True).encode())


def read_checkpoint(source: TileSource, log: Verifier, policy: Policy | None = None) -> Checkpoint:
    """Fetch the newest checkpoint and check who signed it. Raises AuditError (UNREACHABLE, NOTE, ORIGIN, POLICY)."""
    return read_note(source, log, policy)[1]


def read_note(source: TileSource, log: Verifier, policy: Policy | None = None) -> tuple[Note, Checkpoint]:
    """The same, with the note it was read from."""
    try:
        return check_note(decode_note(source.checkpoint()), log, policy)
    except OSError as error:
        raise AuditError("UNREACHABLE", f"no checkpoint: {type(error).__name__}") from None
    except KeyError:
        raise AuditError("UNREACHABLE", "no checkpoint was published yet") from None
    except NoteError as error:
        raise AuditError("NOTE", f"the checkpoint is no signed note: {error.reason}") from None


def check_note(note: Note, log: Verifier, policy: Policy | None = None) -> tuple[Note, Checkpoint]:
    """Check who signed a checkpoint. Raises AuditError (NOTE, ORIGIN, POLICY)."""
    try:
        open_note(note, [log])
        checkpoint = Checkpoint.from_text(note.text)
        if policy is not None:
            policy.certify(note)
    except (NoteError, CheckpointError) as error:
        raise AuditError("NOTE", f"the checkpoint is not signed by the log: {error.reason}") from None
    except PolicyError as error:
        raise AuditError("POLICY", f"too few witnesses: {error.reason}") from None
    if checkpoint.origin != log.name:
        raise AuditError("ORIGIN", "the checkpoint is another log's")
    return note, checkpoint


def verify(
    source: TileSource,
    checkpoint: Checkpoint,
    kept: Kept | None = None,
    *,
    processes: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verified:
    """Verify a log up to a checkpoint, from where ``kept`` ends. Raises AuditError (SMALLER, FORKED, ROOT, …)."""
    reader = open_tree(source, checkpoint)
    old_size = 0 if kept is None else check_kept(reader, checkpoint, kept)
    findings: list[Finding] = []
    last_ms = kept.last_ms if kept is not None else 0
    done = old_size
    for stretch in _walk(source, old_size, checkpoint.size, processes):
        findings += stretch.findings
        # A stretch that was begun before is read again from its first entry, so its own first time may be earlier.
        if stretch.number * STRETCH >= old_size and stretch.first_ms < last_ms and stretch.entries:
            findings.append(Finding(stretch.number * STRETCH, Flaw.TIME_BACKWARDS))
        findings += _compare_with_parent(reader, stretch)
        last_ms = max(last_ms, stretch.last_ms)
        done = min((stretch.number + 1) * STRETCH, checkpoint.size)
        progress(done, checkpoint.size)
    if findings and all(each.flaw == Flaw.MISSING and each.detail != KeyError.__name__ for each in findings):
        # A file that is not there is the log's fault; one that could not be asked for says nothing.
        raise AuditError("UNREACHABLE", f"the log's files can no longer be had, from entry {findings[0].index} on")
    return Verified(checkpoint, done - old_size, last_ms, tuple(sorted(set(findings), key=lambda each: each.index)))


def open_tree(source: TileSource, checkpoint: Checkpoint) -> TileReader:
    """A reader of the tree under a checkpoint. Raises AuditError (ROOT, UNREACHABLE)."""
    try:
        return TileReader(checkpoint.size, checkpoint.root, source.fetch)
    except TileError as error:
        raise AuditError("ROOT", f"the tiles are not those of the signed root: {error}") from None
    except (OSError, KeyError) as error:
        raise AuditError("UNREACHABLE", f"a tile is missing: {type(error).__name__}") from None


def check_kept(reader: TileReader, checkpoint: Checkpoint, kept: Kept) -> int:
    """Check that a tree continues the one kept, whose size it gives. Raises AuditError (ORIGIN, SMALLER, FORKED, …)."""
    if kept.origin != checkpoint.origin:
        raise AuditError("ORIGIN", "the auditor's file is about another log")
    if checkpoint.size < kept.size:
        raise AuditError("SMALLER", f"the log had {kept.size} entries and says now it has {checkpoint.size}")
    if root_at(reader, kept.size) != kept.root:
        raise AuditError("FORKED", f"the log is not the one that was verified up to {kept.size}")
    return kept.size


def root_at(reader: TileReader, size: int) -> bytes:
    """The root of the tree's first ``size`` entries. Raises AuditError (ROOT, UNREACHABLE)."""
    try:
        return range_hash(0, size, reader.node)
    except TileError as error:
        raise AuditError("ROOT", f"the tiles are not those of the signed root: {error}") from None
    except (OSError, KeyError) as error:
        raise AuditError("UNREACHABLE", f"a tile is missing: {type(error).__name__}") from None


def _walk(source: TileSource, old_size: int, size: int, processes: int) -> Iterator[Stretch]:
    numbers = list(stretches(old_size, size))
    work = partial(walk_stretch, size=size, fetch=source.fetch)
    if processes <= 1 or len(numbers) <= 1:
        yield from map(work, numbers)
        return
    # Threads of gRPC do not survive a fork.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield from _in_order(pool, work, numbers, 2 * processes)


def _in_order(
    pool: ProcessPoolExecutor, work: Callable[[int], Stretch], numbers: Iterable[int], ahead: int
) -> Iterator[Stretch]:
    """Keep some stretches under way, and give them in order: memory stays small however long the log is."""
    waiting: list[Future[Stretch]] = []
    for number in numbers:
        waiting.append(pool.submit(work, number))
        if len(waiting) >= ahead:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()


def _compare_with_parent(reader: TileReader, stretch: Stretch) -> Iterator[Finding]:
    """The tiles of level 0 against what follows from the signed root: their parent, or the tree's right edge."""
    first = stretch.number * STRETCH
    if stretch.edge and stretch.edge != reader.tile(0, reader.size // WIDTH):
        yield Finding(reader.size // WIDTH * WIDTH, Flaw.TILE, "the last tile is not that of the signed root")
    if not stretch.hashes or not width_of(1, stretch.number, reader.size):
        return
    try:
        parent = reader.tile(1, stretch.number)
    except TileError as error:
        yield Finding(first, Flaw.TILE, str(error))
        return
    except (OSError, KeyError) as error:
        yield Finding(first, Flaw.MISSING, type(error).__name__)
        return
    for position, (ours, theirs) in enumerate(zip(stretch.hashes, parent, strict=False)):
        if ours != theirs:
            yield Finding(first + position * WIDTH, Flaw.TILE, "the tile does not match its parent")
