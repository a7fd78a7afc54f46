"""The one writer: a thread that decides, writes and commits batches (group commit).

One after the other, and for every batch: begin and read the head, find what the units want to see, let them decide,
keep their new keys, write, commit, answer all callers by one call into the event loop.

What goes wrong has two bits, whether it happened and whether we know:

=========================  =====================================================================
in ``decide``              that unit's caller learns it; the others go on (C7)
a decision is refused      the batch is split in halves until the unit alone is left (C7, C11)
before ``commit``          surely not committed: StoreUnavailableError for all of the batch (C9)
in ``commit``              nobody knows: CommitUnknownError for all of the batch (C9)
=========================  =====================================================================
"""

from __future__ import annotations

import logging
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any

from gateway.store.base import (
    CommitUnknownError,
    DecisionError,
    KeyRefusedError,
    KeyStore,
    Reads,
    StoreCounters,
    StoreError,
    StoreLimits,
    StoreUnavailableError,
    Unit,
)
from gateway.store.batch import Batch, Found, merge_reads
from gateway.store.engine import WriteEngine
from gateway.store.intake import Intake
from gateway.store.rows import HeadRow
from gateway.tlog.compact import CompactRange
from gateway.tlog.head import Head, next_time
from optout.kit.clock import Clock
from optout.kit.values import dataclass

_log = logging.getLogger(__name__)

Answer = tuple["Future[Any]", Any, BaseException | None]
"""What to tell one caller: a result, or an error."""


@dataclass(frozen=True, slots=True)
class UnitJob:
    """A unit, what it wants to see, and its caller."""

    unit: Unit[Any]
    reads: Reads
    caller: Future[Any]


@dataclass(frozen=True, slots=True)
class SweepJob:
    """A piece of sweeping and its caller."""

    now_ms: int
    limit: int
    caller: Future[Any]


@dataclass(frozen=True, slots=True)
class ScrubJob:
    """A wish to overwrite what was deleted, and its caller."""

    caller: Future[Any]


Job = UnitJob | SweepJob | ScrubJob


class Writer:
    """Runs the thread. ``on_commit`` is told each new head in that thread, ``answer`` in the event loop."""

    def __init__(
        self,
        engine: WriteEngine,
        keys: KeyStore,
        clock: Clock,
        limits: StoreLimits,
        *,
        on_commit: Callable[[HeadRow], None],
        answer: Callable[[Sequence[Answer]], None],
    ) -> None:
        self.counters = StoreCounters()
        self.intake: Intake[Job] = Intake(limits)
        self._engine = engine
        self._keys = keys
        self._clock = clock
        self._limits = limits
        self._on_commit = on_commit
        self._answer = answer
        self._head: tuple[HeadRow, Head] | None = None
        # A daemon, because a program that forgot to close must still be able to end; what was acknowledged is durable.
        self._thread = Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until all that is queued is done; the intake must have been closed."""
        self._thread.join()

    def _run(self) -> None:
        while jobs := self.intake.take():
            units: list[UnitJob] = []
            for job in jobs:
                if isinstance(job, UnitJob):
                    units.append(job)
                    continue
                self._commit_units(units)
                units = []
                if isinstance(job, SweepJob):
                    self._sweep(job)
                else:
                    self._scrub(job)
            self._commit_units(units)
        self._engine.close()

    def _commit_units(self, jobs: Sequence[UnitJob]) -> None:
        jobs = [job for job in jobs if not job.caller.done()]
        if not jobs:
            return
        try:
            answers = self._try_batch(jobs)
        except (DecisionError, KeyRefusedError) as error:
            self._engine.rollback()
            if len(jobs) > 1:
                middle = len(jobs) // 2
                self._commit_units(jobs[:middle])
                self._commit_units(jobs[middle:])
                return
            self._count_error(error)
            answers = [(jobs[0].caller, None, error)]
        except Exception as error:
            answers = self._fail([job.caller for job in jobs], error)
        self._deliver(answers)

    def _try_batch(self, jobs: Sequence[UnitJob]) -> list[Answer]:
        head_row, head = self._begin()
        reads = merge_reads(job.reads for job in jobs)
        time_ms = next_time(head.time_ms, self._clock.now_ms())
        batch = Batch(head, time_ms, reads, self._engine.find(reads), self._engine.entry)
        answers = [self._decide(batch, job) for job in jobs]
        if batch.writes:
            self._write(batch, head_row)
        else:
            self._engine.rollback()
        self.counters.batches += 1
        self.counters.units += len(jobs)
        self.counters.entries += len(batch.writes.entries)
        self.counters.largest_batch = max(self.counters.largest_batch, len(jobs))
        return answers

    def _decide(self, batch: Batch, job: UnitJob) -> Answer:
        try:
            return job.caller, batch.decide(job.unit, job.reads), None
        except Exception as error:
            self._count_error(error)
            return job.caller, None, error

    def _write(self, batch: Batch, old: HeadRow) -> None:
        unread = batch.unread()
        writes = batch.finish(self._engine.find(unread) if unread != Reads() else Found())
        if writes.outbox and self._engine.find_spent(writes.outbox.keys()):
            raise DecisionError("an outbox id used before")
        if writes.keys:
            self._keys.put(tuple(writes.keys.values()))
        new = batch.new_head()
        self._engine.write(old, new, writes)
        self._commit(new)

    def _commit(self, head: HeadRow) -> None:
        try:
            self._engine.commit()
        except Exception as error:
            raise CommitUnknownError("it may have been committed") from error
        self._on_commit(head)

    def _begin(self) -> tuple[HeadRow, Head]:
        row = self._engine.begin()
        if self._head is None or self._head[0] != row:
            # Checks size and root against the compact range, so that a damaged head is never built upon.
            self._head = row, Head(row.size, row.root, CompactRange.from_bytes(row.compact_range), row.time_ms)
            # News to readers if the batch before was committed and nobody heard of it.
            self._on_commit(row)
        return self._head

    def _sweep(self, job: SweepJob) -> None:
        if job.caller.done():
            return
        try:
            head = self._engine.begin()
            count = self._engine.sweep(job.now_ms, job.now_ms - self._limits.settled_keep_ms, job.limit)
            self._commit(head)
            answers: list[Answer] = [(job.caller, count, None)]
        except Exception as error:
            answers = self._fail([job.caller], error)
        self._deliver(answers)

    def _scrub(self, job: ScrubJob) -> None:
        try:
            answers: list[Answer] = [(job.caller, self._engine.scrub(), None)]
        except Exception as error:
            answers = self._fail([job.caller], error)
        self._deliver(answers)

    def _fail(self, callers: Sequence[Future[Any]], error: Exception) -> list[Answer]:
        self._engine.rollback()
        if isinstance(error, CommitUnknownError):
            kind: type[StoreError] = CommitUnknownError
            text = "the batch may have been committed"
        else:
            kind, text = StoreUnavailableError, "the batch was not committed"
        self.counters.failed_batches += 1
        self.counters.by_reason[kind.reason] = self.counters.by_reason.get(kind.reason, 0) + len(callers)
        # The type alone: database errors may quote values.
        cause = error.__cause__ or error
        _log.error("a batch of %d failed: %s, %s", len(callers), kind.reason, type(cause).__name__)
        return [(caller, None, _chain(kind(text), cause)) for caller in callers]

    def _count_error(self, error: Exception) -> None:
        reason = error.reason if isinstance(error, StoreError) else "DECIDE"
        self.counters.by_reason[reason] = self.counters.by_reason.get(reason, 0) + 1

    def _deliver(self, answers: Sequence[Answer]) -> None:
        loops: dict[AbstractEventLoop, list[Answer]] = {}
        for answer in answers:
            loops.setdefault(answer[0].get_loop(), []).append(answer)
        for loop, part in loops.items():
            if not loop.is_closed():
                try:
                    loop.call_soon_threadsafe(self._answer, part)
                except RuntimeError:
                    # Closed meanwhile: nobody is left who could hear.
                    _log.warning("answers of %d units found their event loop closed", len(part))


def _chain(error: StoreError, cause: BaseException) -> StoreError:
    error.__cause__ = cause
    return error
