"""Replaying a log from whoever shows its entries: matched to the signed tree, folded on several processes, remembered.

Each entry must be the one that the tree has at its place. Folds then take the openings, one for each shard of the
subjects, in processes of their own if there are several; the spine takes leaves, times and EPOCHs here.
"""

from __future__ import annotations

import gc
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from gateway.service.audit_file import AuditError, WholeFile
from gateway.service.folding import Folds, MakeJudge, Taken, Work, open_folds
from gateway.service.verify import Kept
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.compact import CompactRange
from gateway.tlog.hashing import leaf_hash
from gateway.tlog.leaf import EpochLeaf
from gateway.tlog.proof import perfect_subtrees
from gateway.tlog.replay import Replayed, Spine
from gateway.tlog.shown import Shown, decode_shown, encode_shown
from gateway.tlog.tile import WIDTH, TileError, TileReader
from gateway.tlog.walk import Finding, Flaw

BATCH = 2048
T = TypeVar("T")


class EntrySource(Protocol):
    """Whoever shows entries."""

    def entries(self, first: int, size: int) -> Iterator[Shown]:
        """Entries from an index up to a size, in order, without gaps. Raises AuditError."""


class Tree(Protocol):
    """What entries are matched to."""

    def look(self, first: int, hashes: Sequence[bytes]) -> Iterator[Finding]:
        """Compare leaf hashes with those of the tree from an index on. Raises AuditError (ROOT, UNREACHABLE)."""

    def close(self) -> CompactRange:
        """All entries were looked at: the tree's compact range. Raises AuditError (ROOT)."""


class TiledTree:
    """The tree as tiles, of which the first ``size`` entries are looked at: one that differs is named."""

    def __init__(self, reader: TileReader, size: int) -> None:
        self._reader = reader
        self._size = size

    def look(self, first: int, hashes: Sequence[bytes]) -> Iterator[Finding]:
        """Compare with tiles, tile by tile."""
        at = 0
        while at < len(hashes):
            index = first + at
            start = index % WIDTH
            ours = tuple(hashes[at : at + WIDTH - start])
            theirs = self._tile(index // WIDTH)[start : start + len(ours)]
            if ours != theirs:
                for position, (one, other) in enumerate(zip(ours, theirs, strict=False)):
                    if one != other:
                        yield Finding(index + position, Flaw.ENTRY, "the entry shown is not the one in the tree")
            at += len(ours)

    def close(self) -> CompactRange:
        """Its perfect subtrees."""
        return CompactRange(self._size, tuple(self._node(*place) for place in perfect_subtrees(0, self._size)))

    def _node(self, level: int, index: int) -> bytes:
        return _read(self._reader.node, level, index)

    def _tile(self, index: int) -> tuple[bytes, ...]:
        return _read(self._reader.tile, 0, index)


def _read(read: Callable[[int, int], T], level: int, index: int) -> T:
    try:
        return read(level, index)
    except TileError as error:
        raise AuditError("ROOT", f"the tiles are not those of the signed root: {error}") from None
    except (OSError, KeyError) as error:
        raise AuditError("UNREACHABLE", f"a tile is missing: {type(error).__name__}") from None


class SignedTree:
    """No tiles at hand: the entries must add up to the signed root, all or none of them. ``begun`` is what is known."""

    def __init__(self, checkpoint: Checkpoint, begun: CompactRange) -> None:
        self._root = checkpoint.root
        self._nodes = begun

    def look(self, first: int, hashes: Sequence[bytes]) -> Iterator[Finding]:
        """Add them; there is nothing to compare one by one."""
        self._nodes = self._nodes.append_many(hashes)
        return iter(())

    def close(self) -> CompactRange:
        """Compare the root."""
        if self._nodes.root() != self._root:
            raise AuditError("ROOT", "the entries shown do not add up to the signed root; tiles tell which differ")
        return self._nodes


@dataclass(slots=True)
class Memory:
    """What a replay remembers: how far it went, the tree there, what it has come to, its folds, and the last entry."""

    origin: str
    tree: CompactRange = field(default_factory=CompactRange)
    result: Replayed = field(default_factory=Replayed)
    folds: tuple[bytes, ...] = ()
    last: bytes = b""

    def kept(self) -> Kept:
        """As `gateway.service.verify` checks it against a tree."""
        return Kept(self.origin, self.tree.size, self.tree.root(), self.result.last_ms)


class MemoryFile:
    """The memory as a file. It holds personal data; of who was erased nothing but the label."""

    def __init__(self, path: Path) -> None:
        self._file = WholeFile(path)

    def load(self) -> Memory | None:
        """Read it; None if there is none yet. Raises AuditError (STATE)."""
        body = self._file.load()
        if body is None:
            return None
        try:
            head, _, rest = body.partition(b"\n")
            fields = json.loads(head)
            folds = []
            for length in fields["folds"]:
                folds.append(rest[:length])
                rest = rest[length:]
            tree = CompactRange.from_bytes(bytes.fromhex(fields["tree"]))
            return Memory(fields["origin"], tree, Replayed(**fields["result"]), tuple(folds), rest)
        except (ValueError, KeyError, TypeError):
            raise AuditError("STATE", "the auditor's file is of another kind") from None

    def save(self, memory: Memory) -> None:
        """Replace it durably. Raises AuditError (STATE)."""
        fields = {
            "origin": memory.origin,
            "tree": memory.tree.to_bytes().hex(),
            "result": asdict(memory.result),
            "folds": [len(fold) for fold in memory.folds],
        }
        self._file.save(json.dumps(fields).encode() + b"\n" + b"".join(memory.folds) + memory.last)


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """How to replay: who judges (a class or function that other processes can import), on how many processes.

    ``vouched_size`` is how far somebody trusted signed a replay in time; ``limit`` how many findings are enough.
    """

    judge: MakeJudge
    processes: int = 1
    vouched_size: int = 0
    limit: int = 100
    progress: Callable[[int, int], None] = lambda done, total: None


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """What came of it: ``memory`` is worth keeping if there are no findings; ``entries`` were read now."""

    memory: Memory
    entries: int
    findings: tuple[Finding, ...]


def replay_log(
    source: EntrySource, tree: Tree, checkpoint: Checkpoint, plan: ReplayPlan, memory: Memory | None = None
) -> ReplayOutcome:
    """Replay a log up to a checkpoint, from where ``memory`` ends. Raises AuditError.

    It ends early when there are more findings than enough.
    """
    memory = memory or Memory(checkpoint.origin)
    first = memory.tree.size
    with ExitStack() as stack:
        stack.enter_context(_no_collector())
        folds = open_folds(plan.judge, plan.processes, memory.folds, stack)
        for shown in decode_shown(memory.last):
            folds.follow(shown)
        run = _Run(folds, Spine(memory.result, plan.vouched_size), tree, first)
        for batch in _batches(source.entries(first, checkpoint.size)):
            run.take(batch)
            plan.progress(run.size, checkpoint.size)
            if len(run.findings) >= plan.limit:
                break
        is_whole = run.size == checkpoint.size
        run.finish(is_whole=is_whole)
        if not is_whole and len(run.findings) < plan.limit:
            run.findings.append(Finding(run.size, Flaw.MISSING, "the entry is not shown"))
        nodes, dumps = (memory.tree, ()) if run.findings else (tree.close(), folds.dump())
    memory.result.opened = folds.opened
    findings = sorted(set(run.findings), key=lambda each: (each.index, each.flaw))
    memory = Memory(memory.origin, nodes, memory.result, dumps, run.last or memory.last)
    return ReplayOutcome(memory, run.size - first, tuple(findings))


@contextmanager
def _no_collector() -> Iterator[None]:
    """Spare the search for cycles: a replay makes none, and it would walk through all that is remembered."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _batches(shown: Iterator[Shown]) -> Iterator[list[Shown]]:
    while batch := list(islice(shown, BATCH)):
        yield batch


class _Run:
    """One replay under way, with ``size`` entries behind it."""

    def __init__(self, folds: Folds, spine: Spine, tree: Tree, size: int) -> None:
        self.findings: list[Finding] = []
        self.size = size
        self.last = b""
        self._folds = folds
        self._spine = spine
        self._tree = tree
        self._epochs: deque[tuple[int, EpochLeaf]] = deque()

    def take(self, batch: list[Shown]) -> None:
        """Take the entries that come next. Raises AuditError (UNREACHABLE) if they do not."""
        first, entries = self.size, [shown.leaf for shown in batch]
        if [shown.index for shown in batch] != list(range(first, first + len(batch))):
            raise AuditError("UNREACHABLE", f"after entry {first} others are shown than come next")
        self.findings += self._tree.look(first, list(map(leaf_hash, entries)))
        leaves, findings = self._spine.take(first, entries)
        self.findings += findings
        work: list[Work] = [(shown, leaf) for shown, leaf in zip(batch, leaves, strict=True) if leaf is not None]
        self._epochs.extend((shown.index, leaf) for shown, leaf in work if isinstance(leaf, EpochLeaf))
        self.size += len(batch)
        self.last = encode_shown(batch[-1])
        self._settle(self._folds.take(work))

    def finish(self, *, is_whole: bool) -> None:
        """Wait for what is under way. At the log's end what is dark is told, too."""
        self._settle(self._folds.finish(is_whole))

    def _settle(self, taken: Taken) -> None:
        self.findings += taken.findings
        for nodes in taken.nodes:
            self.findings += self._spine.seal(*self._epochs.popleft(), nodes)
