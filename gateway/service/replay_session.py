"""One replay from beginning to end: the tree at hand, what was kept, who vouches, and what is kept afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from gateway.service.audit_file import AuditError, replace_durably
from gateway.service.replaying import (
    EntrySource,
    Memory,
    MemoryFile,
    ReplayOutcome,
    ReplayPlan,
    SignedTree,
    TiledTree,
    Tree,
    replay_log,
)
from gateway.service.verify import TileSource, check_kept, check_note, open_tree, read_note, root_at
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.compact import CompactRange
from gateway.tlog.note import NoteError, Signer, Verifier, decode_note
from gateway.tlog.policy import Policy
from gateway.tlog.tile import TileReader
from gateway.tlog.vouch import read_vouch, vouch


class ShownLog(EntrySource, Protocol):
    """A gateway, or an export: entries, and the newest checkpoint that goes with them."""

    def checkpoint(self) -> bytes:
        """The note. Raises KeyError and AuditError."""


@dataclass(frozen=True, slots=True)
class Vouching:
    """The note in ``path`` is believed if one of ``known`` signed it; ``signer`` signs a new one."""

    path: Path
    known: tuple[Verifier, ...] = ()
    signer: Signer | None = None

    def read(self) -> Checkpoint | None:
        """How far somebody trusted has replayed; None if there is no note. Raises AuditError (VOUCH)."""
        try:
            return read_vouch(self.path.read_bytes(), self.known)
        except FileNotFoundError:
            return None
        except (NoteError, OSError):
            raise AuditError("VOUCH", "the note that vouches for a replay is not signed by who is trusted") from None

    def write(self, checkpoint: Checkpoint) -> None:
        """Vouch. Raises AuditError (STATE)."""
        if self.signer is None:
            return
        try:
            replace_durably(self.path, vouch(checkpoint, self.signer).encode().encode())
        except OSError as error:
            raise AuditError("STATE", f"the note cannot be written: {type(error).__name__}") from None


@dataclass(frozen=True, slots=True)
class ReplaySession:
    """What is replayed, and whose signatures count."""

    shown: ShownLog
    log: Verifier
    policy: Policy | None = None
    tiles: TileSource | None = None
    memory: MemoryFile | None = None
    vouching: Vouching | None = None

    def run(self, plan: ReplayPlan) -> tuple[Checkpoint, ReplayOutcome]:
        """Replay, and keep what is worth keeping. Raises AuditError."""
        checkpoint = self._read_shown()
        memory = (self.memory.load() if self.memory is not None else None) or Memory(checkpoint.origin)
        reader = self._open_tiles(checkpoint)
        tree = _match(reader, checkpoint, memory)
        vouched = None if self.vouching is None else self.vouching.read()
        if vouched is not None:
            _check_vouched(vouched, checkpoint, reader)
            plan = replace(plan, vouched_size=vouched.size)
        outcome = replay_log(self.shown, tree, checkpoint, plan, memory)
        if not outcome.findings:
            self._keep(checkpoint, outcome)
        return checkpoint, outcome

    def _read_shown(self) -> Checkpoint:
        try:
            return check_note(decode_note(self.shown.checkpoint()), self.log, self.policy)[1]
        except KeyError:
            raise AuditError("STATE", "the export holds no checkpoint: export again") from None
        except NoteError as error:
            raise AuditError("NOTE", f"the checkpoint is no signed note: {error.reason}") from None

    def _open_tiles(self, checkpoint: Checkpoint) -> TileReader | None:
        """The tree at hand may have grown since entries were shown, and must be the same up to there."""
        if self.tiles is None:
            return None
        newest = read_note(self.tiles, self.log, self.policy)[1]
        if newest.size < checkpoint.size:
            # Tiles that lag behind by a moment: those of the checkpoint shown are there already, or are missing.
            newest = checkpoint
        reader = open_tree(self.tiles, newest)
        if root_at(reader, checkpoint.size) != checkpoint.root:
            raise AuditError("FORKED", f"the entries shown are under another checkpoint of size {checkpoint.size}")
        return reader

    def _keep(self, checkpoint: Checkpoint, outcome: ReplayOutcome) -> None:
        if self.memory is not None:
            self.memory.save(outcome.memory)
        # What is covered by an erasure was not seen here, so nobody may rest on it.
        if self.vouching is not None and not outcome.memory.result.covered:
            self.vouching.write(checkpoint)


def _match(reader: TileReader | None, checkpoint: Checkpoint, memory: Memory) -> Tree:
    if memory.origin != checkpoint.origin:
        raise AuditError("ORIGIN", "the auditor's file is about another log")
    if checkpoint.size < memory.tree.size:
        raise AuditError("SMALLER", f"the log had {memory.tree.size} entries and says now it has {checkpoint.size}")
    if reader is None:
        return SignedTree(checkpoint, memory.tree)
    if memory.tree != CompactRange():
        check_kept(reader, checkpoint, memory.kept())
    return TiledTree(reader, checkpoint.size)


def _check_vouched(vouched: Checkpoint, checkpoint: Checkpoint, reader: TileReader | None) -> None:
    if vouched.origin != checkpoint.origin or vouched.size > checkpoint.size:
        raise AuditError("VOUCH", "the note that vouches for a replay is about another log, or a longer one")
    if reader is None:
        if vouched.size != checkpoint.size:
            raise AuditError("VOUCH", "only with tiles can be told whether the note is about this log: --url, --folder")
        root = checkpoint.root
    else:
        root = root_at(reader, vouched.size)
    if root != vouched.root:
        raise AuditError("FORKED", f"a replay was vouched for over another history up to {vouched.size}")
