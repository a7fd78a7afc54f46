"""The store as callers see it: an event loop's face over one writer's thread and one engine's reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import ParamSpec, Self, TypeVar

from gateway.store.base import (
    Decision,
    KeyStore,
    OutboxCount,
    Reads,
    StoreClosedError,
    StoreCounters,
    StoreLimits,
    Unit,
    View,
)
from gateway.store.engine import ReadEngine, WriteEngine
from gateway.store.rows import (
    EntryRow,
    HeadRow,
    Label,
    NumberKey,
    NumberRow,
    OutboxChange,
    OutboxRow,
    OutboxState,
    Place,
    SubjectRow,
)
from gateway.store.writer import Answer, ScrubJob, SweepJob, UnitJob, Writer
from optout.kit.clock import Clock

LATEST: Place = (2**63 - 1, NumberKey(b"\xff" * 33))
"""Above every place on a list."""

P = ParamSpec("P")
T = TypeVar("T")

_SWEEP_ROWS = 1000


class GroupStore:
    """A `gateway.store.base.Store` with group commit. Use it from one event loop.

    Reads of single rows take some ten microseconds and are answered at once; lists go to ``readers``, if there is
    any, so that a long one does not hold up the loop.
    """

    def __init__(
        self,
        writes: WriteEngine,
        reads: ReadEngine,
        keys: KeyStore,
        *,
        clock: Clock,
        limits: StoreLimits,
        readers: Executor | None = None,
    ) -> None:
        self._head = writes.begin()
        writes.rollback()
        self._reads = reads
        self._readers = readers
        self._waiters: set[tuple[int, asyncio.Future[None]]] = set()
        self._closing: asyncio.Future[None] | None = None
        self._writer = Writer(writes, keys, clock, limits, on_commit=self._set_head, answer=self._answer)

    @property
    def counters(self) -> StoreCounters:
        """What was done since the store was opened."""
        return self._writer.counters

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def commit(self, unit: Unit[T]) -> T:
        """Decide and commit one unit."""
        return await self._queue(unit, is_exempt=False)

    async def change_outbox(self, changes: Sequence[OutboxChange]) -> None:
        """Record what became of attempts to send."""
        await self._queue(_OutboxUnit(tuple(changes)), is_exempt=True)

    async def sweep(self, now_ms: int) -> int:
        """Remove what is over, in portions between which units are committed."""
        total, count = 0, _SWEEP_ROWS
        while count == _SWEEP_ROWS:
            caller: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            self._writer.intake.put(SweepJob(now_ms, _SWEEP_ROWS, caller), is_exempt=True)
            count = await caller
            total += count
        return total

    async def scrub(self) -> bool:
        """Overwrite what was deleted."""
        caller: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._writer.intake.put(ScrubJob(caller), is_exempt=True)
        return await caller

    async def erased_epoch(self, key: NumberKey) -> int:
        """Find the highest epoch of a number that was erased."""
        self._check_open()
        return self._reads.erased_epoch(key)

    async def unfinished_erasures(self) -> Sequence[Label]:
        """List erasures whose keys are not known to be destroyed."""
        return await self._list(self._reads.unfinished_erasures)

    async def head(self) -> HeadRow:
        """Give the log's head."""
        self._check_open()
        return self._head

    async def number(self, key: NumberKey) -> tuple[NumberRow, SubjectRow] | None:
        """Find a number's present holder and that subject's state."""
        self._check_open()
        return self._reads.number(key)

    async def outbox_row(self, id: str) -> OutboxRow | None:  # noqa: A002 - the field's name
        """Find an outbox row."""
        self._check_open()
        return self._reads.outbox_row(id)

    async def last_of_type(self, leaf_type: int) -> EntryRow | None:
        """Find the latest entry of a type."""
        self._check_open()
        return self._reads.last_of_type(leaf_type)

    async def subjects(
        self, *, carrier: str | None, state: str | None, after: Label, limit: int
    ) -> tuple[Sequence[SubjectRow], HeadRow]:
        """List subjects."""
        return await self._list(self._reads.subjects, carrier, state, after, limit)

    async def marked(self, mark: str, *, below: Place | None, limit: int) -> Sequence[tuple[NumberRow, SubjectRow]]:
        """List a mark's numbers."""
        return await self._list(self._reads.marked, mark, below or LATEST, limit)

    async def entries(self, after: int, limit: int) -> Sequence[EntryRow]:
        """List entries."""
        return await self._list(self._reads.entries, after, limit)

    async def entries_of_type(self, leaf_type: int, after: int, limit: int) -> Sequence[EntryRow]:
        """List entries of a type."""
        return await self._list(self._reads.entries_of_type, leaf_type, after, limit)

    async def due(self, carrier: str, now_ms: int, limit: int) -> Sequence[OutboxRow]:
        """List what is to be sent."""
        return await self._list(self._reads.due, carrier, now_ms, limit)

    async def outbox(self, state: OutboxState, limit: int, carrier: str | None = None) -> Sequence[OutboxRow]:
        """List outbox rows in one state."""
        return await self._list(self._reads.outbox, state, limit, carrier)

    async def outbox_counts(self) -> Sequence[OutboxCount]:
        """Count the outbox."""
        return await self._list(self._reads.outbox_counts)

    async def wait_beyond(self, size: int, timeout_s: float) -> int:
        """Wait for the log to grow; nobody polls, the answer to a batch wakes those it concerns."""
        self._check_open()
        if self._head.size <= size:
            waiter = size, asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await asyncio.wait((waiter[1],), timeout=timeout_s)
            finally:
                self._waiters.discard(waiter)
            self._check_open()
        return self._head.size

    async def close(self) -> None:
        """Commit what is queued, then let go; a second call waits for the first."""
        if self._closing is None:
            self._writer.intake.close()
            self._closing = asyncio.get_running_loop().run_in_executor(None, self._shut)
            self._wake(self._waiters)
        await asyncio.shield(self._closing)

    def _shut(self) -> None:
        # The readers first: an engine may tidy up when its last connection closes, and that is the writer's to do.
        if self._readers is not None:
            self._readers.shutdown(wait=True)
        self._reads.close()
        self._writer.join()

    async def _queue(self, unit: Unit[T], *, is_exempt: bool) -> T:
        caller: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.intake.put(UnitJob(unit, unit.reads, caller), is_exempt=is_exempt)
        return await caller

    async def _list(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._check_open()
        if self._readers is None:
            return read(*args, **kwargs)
        return await asyncio.wrap_future(self._readers.submit(read, *args, **kwargs))

    def _check_open(self) -> None:
        if self._closing is not None:
            raise StoreClosedError("the store is closed")

    def _set_head(self, head: HeadRow) -> None:
        self._head = head

    def _answer(self, answers: Sequence[Answer]) -> None:
        for caller, result, error in answers:
            if caller.done():
                continue
            if error is None:
                caller.set_result(result)
            elif isinstance(error, StopIteration):
                caller.set_exception(RuntimeError("decide raised StopIteration"))
            else:
                caller.set_exception(error)
        size = self._head.size
        self._wake({waiter for waiter in self._waiters if waiter[0] < size})

    def _wake(self, waiters: set[tuple[int, asyncio.Future[None]]]) -> None:
        for _, waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class _OutboxUnit:
    """Changes to the outbox alone."""

    reads = Reads()

    def __init__(self, changes: tuple[OutboxChange, ...]) -> None:
        self._changes = changes

    def decide(self, view: View) -> Decision[None]:
        return Decision(None, outbox_changes=self._changes)
