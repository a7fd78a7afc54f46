"""Folds of a replay: one here, or one for each shard of the subjects in a process of its own.

A subject belongs to the shard that its label begins with, which is a subtree of the map. Who judges must see all
holders of a number, though, and each of them has a label of its own: all are judged where the first one belongs. An
entry that follows from the one before it, about somebody else, is judged by who overhears that one.
"""

from __future__ import annotations

import gc
import multiprocessing
import struct
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from itertools import repeat
from typing import Any, Protocol, TypeVar

import orjson

from gateway.service.audit_file import AuditError
from gateway.tlog.fold import Fold, Shard
from gateway.tlog.leaf import EpochLeaf, Leaf, decode_leaf
from gateway.tlog.opening import NO_PREVIOUS
from gateway.tlog.shown import KeptJudge, Shown, decode_shown, encode_shown
from gateway.tlog.statemap import LABEL_BYTES, MapError, bucket_of
from gateway.tlog.walk import Finding

AHEAD = 4
"""Batches under way in each process: enough to keep it busy, few enough to keep memory small."""

MAX_SHARD_BITS = 5
T = TypeVar("T")
_BEGINS = b'"prev":%d' % NO_PREVIOUS
_FOLLOWS = b'"kind":"guardian"'
"""In entries that follow from the one before them, which is another subject's."""
MakeJudge = Callable[[], KeptJudge]

Work = tuple[Shown, Leaf | EpochLeaf]
JUDGE = -1
KEEP = 0
"""What to do with an entry: judge it, keep it for the map alone, or overhear it, being of a subject of that epoch."""


class _Parcel:
    """What one process is sent: entries as bytes, which travel faster than objects, and what to do with each."""

    def __init__(self) -> None:
        self._entries: list[bytes] = []
        self._tasks = array("q")

    def add(self, entry: bytes, task: int) -> None:
        """Put in the next entry."""
        self._entries.append(entry)
        self._tasks.append(task)

    def send(self) -> tuple[bytes, bytes]:
        """As two pieces."""
        return b"".join(self._entries), self._tasks.tobytes()


Sealed = tuple[list[Finding], list[bytes | None]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What folds came to: findings, and for every EPOCH since the last time the subtrees of all shards."""

    findings: list[Finding]
    nodes: list[tuple[bytes | None, ...]]


class Folds(Protocol):
    """All shards, wherever they are."""

    opened: int

    def follow(self, shown: Shown) -> None:
        """Go on behind this entry, which was taken in another run."""

    def take(self, work: list[Work]) -> Taken:
        """Take entries; gives what has become known by now, perhaps of earlier ones."""

    def finish(self, is_whole: bool) -> Taken:
        """Wait for all that was taken; at the log's end look for what is still dark."""

    def dump(self) -> tuple[bytes, ...]:
        """The memory of each shard."""


def open_folds(judge: MakeJudge, processes: int, memory: Sequence[bytes], stack: ExitStack) -> Folds:
    """One fold here, or one in each of several processes: a power of two, or as many as there are memories.

    ``judge`` is a class or function that other processes can import. Raises AuditError (STATE).
    """
    wanted = 1 << min(max(processes, 1).bit_length() - 1, MAX_SHARD_BITS)
    folds = memory or (b"",) * wanted
    return _LocalFold(judge, folds[0]) if len(folds) == 1 else _SharedFolds(judge, folds, stack)


def _open_fold(judge: MakeJudge, shard: Shard, data: bytes) -> Fold[KeptJudge]:
    fold = Fold(judge(), shard)
    if data:
        try:
            fold.load(data)
        except (struct.error, ValueError, KeyError, TypeError):
            raise AuditError("STATE", "the auditor's file is of another version") from None
    return fold


def _take(fold: Fold[KeptJudge], work: Iterable[Work], tasks: Iterable[int]) -> Sealed:
    findings: list[Finding] = []
    nodes: list[bytes | None] = []
    for (shown, leaf), task in zip(work, tasks, strict=False):
        if task > KEEP:
            fold.overhear(shown, task)
        elif isinstance(leaf, EpochLeaf):
            nodes.append(fold.seal(leaf.flags))
        else:
            findings += fold.take(shown, leaf, judged=task == JUDGE)
    return findings, nodes


class _LocalFold:
    """All subjects in this process."""

    def __init__(self, judge: MakeJudge, data: bytes) -> None:
        self._fold = _open_fold(judge, Shard(), data)
        self.opened = self._fold.opened

    def follow(self, shown: Shown) -> None:
        """The judge remembers it."""

    def take(self, work: list[Work]) -> Taken:
        findings, nodes = _take(self._fold, work, repeat(JUDGE))
        self.opened = self._fold.opened
        return Taken(findings, [(node,) for node in nodes])

    def finish(self, is_whole: bool) -> Taken:
        return Taken(list(self._fold.finish()) if is_whole else [], [])

    def dump(self) -> tuple[bytes, ...]:
        return (self._fold.dump(),)


_here: Fold[KeptJudge]
"""The fold of a process that has one."""


Begun = tuple[bytes, dict[bytes, int], dict[bytes, int]]
"""The digests of a fold's own subjects' numbers, its guests with theirs, and the epochs of those beyond the first."""


def _begin(judge: MakeJudge, shard: Shard, data: bytes) -> Begun:
    """Begin the fold of this process; gives whom it knows."""
    global _here  # noqa: PLW0603 - a process of a pool has nowhere else to keep it
    # This process does nothing else, and a replay makes no cycles to search for.
    gc.disable()
    _here = _open_fold(judge, shard, data)
    own, guests, epochs = array("Q"), {}, {}
    for label, written, is_guest in _here.states():
        state = orjson.loads(written)
        digest = _digest_number(state)
        if state["epoch"] > 1:
            epochs[label] = state["epoch"]
        if is_guest:
            guests[label] = digest
        else:
            own.append(digest)
    return own.tobytes(), guests, epochs


def _take_here(entries: bytes, tasks: bytes) -> Sealed:
    work = [(shown, decode_leaf(shown.leaf)) for shown in decode_shown(entries)]
    try:
        return _take(_here, work, array("q", tasks))
    except MapError:
        raise AuditError("PROCESSES", "the map has fewer buckets than there are processes: use one") from None


def _finish_here() -> tuple[list[Finding], int]:
    return list(_here.finish()), _here.opened


def _dump_here() -> bytes:
    return _here.dump()


class _SharedFolds:
    """A process for each shard, each always the same one, so that it keeps its subjects."""

    def __init__(self, judge: MakeJudge, folds: Sequence[bytes], stack: ExitStack) -> None:
        self.opened = 0
        self._bits = len(folds).bit_length() - 1
        # Threads of gRPC do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self._pools = [stack.enter_context(ProcessPoolExecutor(1, context)) for _ in folds]
        begun = [
            pool.submit(_begin, judge, Shard(self._bits, number), data)
            for number, (pool, data) in enumerate(zip(self._pools, folds, strict=True))
        ]
        self._under_way: deque[list[Future[Sealed]]] = deque()
        self._moved: dict[bytes, int] = {}
        self._numbers: dict[int, int] = {}
        self._epochs: dict[bytes, int] = {}
        self._last: tuple[Shown, int] | None = None
        self._recall([_wait(each) for each in begun])

    def follow(self, shown: Shown) -> None:
        if len(shown.label) == LABEL_BYTES:
            self._last = shown, self._moved.get(shown.label, bucket_of(shown.label, self._bits))

    def take(self, work: list[Work]) -> Taken:
        shares = self._share(work)
        self._under_way.append(
            [pool.submit(_take_here, *share.send()) for pool, share in zip(self._pools, shares, strict=True)]
        )
        return self._collect(AHEAD)

    def finish(self, is_whole: bool) -> Taken:
        taken = self._collect(0)
        ends = [pool.submit(_finish_here) for pool in self._pools]
        for end in ends:
            findings, opened = _wait(end)
            self.opened += opened
            taken.findings.extend(findings if is_whole else ())
        return taken

    def dump(self) -> tuple[bytes, ...]:
        return tuple(_wait(future) for future in [pool.submit(_dump_here) for pool in self._pools])

    def _recall(self, begun: Sequence[Begun]) -> None:
        """Where numbers are judged, from what folds remember: with their own subjects, unless those are guests."""
        for number, (own, _, epochs) in enumerate(begun):
            self._numbers.update(dict.fromkeys(array("Q", own), number))
            self._epochs.update(epochs)
        for number, (_, guests, _) in enumerate(begun):
            self._moved.update(dict.fromkeys(guests, number))
            self._numbers.update(dict.fromkeys(guests.values(), number))

    def _share(self, work: list[Work]) -> list[_Parcel]:
        """Each shard's own entries and guests; what concerns nobody in particular goes to all, and so do EPOCHs."""
        parcels = [_Parcel() for _ in self._pools]
        for shown, leaf in work:
            entry = encode_shown(shown)
            if len(shown.label) != LABEL_BYTES:
                for parcel in parcels:
                    parcel.add(entry, JUDGE)
                continue
            home = bucket_of(shown.label, self._bits)
            judge = self._moved.get(shown.label, home)
            if shown.opening is not None and _BEGINS in shown.opening.payload:
                judge = self._settle(shown, shown.opening.payload, home)
            last, self._last = self._last, (shown, judge) if isinstance(leaf, Leaf) else None
            if last is not None and last[1] != judge and _follows(shown, last[0]):
                parcels[judge].add(encode_shown(last[0]), self._epochs.get(last[0].label, 1))
            parcels[home].add(entry, JUDGE if judge == home else KEEP)
            if judge != home:
                parcels[judge].add(entry, JUDGE)
        return parcels

    def _settle(self, shown: Shown, payload: bytes, home: int) -> int:
        """Where a subject that begins is judged: where the number's first holder is."""
        try:
            fields = orjson.loads(payload)
            judge = self._numbers.setdefault(_digest_number(fields["after"]), home)
            if fields["after"]["epoch"] > 1:
                self._epochs[shown.label] = fields["after"]["epoch"]
        except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
            # Whatever this is, the fold will name it.
            return home
        if judge != home:
            self._moved[shown.label] = judge
        return judge

    def _collect(self, ahead: int) -> Taken:
        findings: list[Finding] = []
        nodes: list[tuple[bytes | None, ...]] = []
        while len(self._under_way) > ahead:
            results = [_wait(future) for future in self._under_way.popleft()]
            findings += [finding for found, _ in results for finding in found]
            nodes += zip(*(sealed for _, sealed in results), strict=True)
        return Taken(findings, nodes)


def _follows(shown: Shown, last: Shown) -> bool:
    return shown.index == last.index + 1 and shown.opening is not None and _FOLLOWS in shown.opening.payload


def _digest_number(state: Mapping[str, Any]) -> int:
    return int.from_bytes(blake2b(state["number"].encode(), digest_size=8).digest(), "big")


def _wait(future: Future[T]) -> T:
    try:
        return future.result()
    except BrokenProcessPool:
        raise AuditError("PROCESSES", "a process of the replay was ended from outside") from None
