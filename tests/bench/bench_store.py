"""How fast the store commits: trivial units through `SqliteStore`, against the bare group commit they stand on.

The bare one is what anybody would write first: one thread owns the database, takes whatever asyncio callers have
queued, upserts a subscriber and appends a log row for each, commits, and answers all of them at once.
"""

import asyncio
import hashlib
import itertools
import queue
import sqlite3
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.store.base import Decision, Reads, StoreLimits, View
from gateway.store.memory import MemoryKeyStore
from gateway.store.rows import AnswerRow, Label, NewEntry, NumberKey, NumberRow, SubjectRow
from gateway.store.sqlite import SqliteStore

SUBJECTS = 5_000
BATCH = 200
BLOB = bytes(300)


class TrivialUnit:
    """What the store must do for one instruction, without the registry's own thinking and sealing."""

    def __init__(self, serial: int) -> None:
        self.serial = serial
        digest = hashlib.sha256((serial * 7919 % SUBJECTS).to_bytes(8, "big")).digest()
        self.number_key, self.label = NumberKey(digest), Label(digest[::-1])
        self.answer_key = hashlib.sha256(b"answer" + serial.to_bytes(8, "big")).digest()
        self.reads = Reads(numbers=(self.number_key,), answers=(self.answer_key,))

    def decide(self, view: View) -> Decision[int]:
        found, index, now_ms = view.number(self.number_key), view.next_index, view.time_ms
        version = 1 if found is None else found[1].version + 1
        return Decision(
            index,
            entries=(NewEntry(1, 1, 0, self.label, self.answer_key, BLOB),),
            numbers=() if found else (NumberRow(self.number_key, self.label, 1, "mobile", "prefix", now_ms),),
            subjects=(SubjectRow(self.label, self.number_key, 1, "mobile", "ON", version, index, BLOB),),
            answers=(AnswerRow(self.answer_key, self.answer_key, index, now_ms + 86_400_000),),
        )


class RawGroupCommit:
    """The baseline."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE subscribers (label BLOB PRIMARY KEY, state BLOB) WITHOUT ROWID",
            "CREATE TABLE log (seq INTEGER PRIMARY KEY, label BLOB, entry BLOB)",
        ):
            self._db.execute(statement)
        self._queue: queue.SimpleQueue[tuple[int, asyncio.Future[int]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    async def commit(self, serial: int) -> int:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._queue.put((serial, future))
        return await future

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        sequence = 0
        while (item := self._queue.get()) is not None:
            batch = [item]
            while len(batch) < BATCH and not self._queue.empty():
                item = self._queue.get()
                if item is None:
                    break
                batch.append(item)
            labels = [hashlib.sha256((serial * 7919 % SUBJECTS).to_bytes(8, "big")).digest() for serial, _ in batch]
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("REPLACE INTO subscribers VALUES (?, ?)", [(label, BLOB) for label in labels])
            self._db.executemany(
                "INSERT INTO log VALUES (?, ?, ?)",
                [(sequence + place, label, BLOB) for place, label in enumerate(labels)],
            )
            self._db.execute("COMMIT")
            sequence += len(batch)
            batch[0][1].get_loop().call_soon_threadsafe(_answer, [future for _, future in batch])


def _answer(futures: list["asyncio.Future[int]"]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(1)


async def measure(commit: Callable[[int], Awaitable[object]], callers: int, seconds: float) -> float:
    """Commits per second with so many callers, each waiting for its own answer."""
    serials, done, end = itertools.count(), 0, time.perf_counter() + seconds

    async def call() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await commit(next(serials))
            done += 1

    begin = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    return done / (time.perf_counter() - begin)


async def measure_raw(callers: int, seconds: float) -> float:
    """The baseline's commits per second."""
    with tempfile.TemporaryDirectory() as folder:
        raw = RawGroupCommit(Path(folder) / "raw.sqlite")
        try:
            return await measure(raw.commit, callers, seconds)
        finally:
            raw.close()


async def measure_store(callers: int, seconds: float, limits: StoreLimits | None = None) -> tuple[float, float]:
    """The store's commits per second, and units per batch."""
    with tempfile.TemporaryDirectory() as folder:
        async with SqliteStore(Path(folder) / "registry.sqlite", MemoryKeyStore(), limits=limits) as store:
            rate = await measure(lambda serial: store.commit(TrivialUnit(serial)), callers, seconds)
            return rate, store.counters.units / store.counters.batches


def main(seconds: float = 2.0) -> None:
    """Print a table."""
    raw = asyncio.run(measure_raw(100, seconds))
    print(f"raw group commit, 100 callers: {raw:8.0f}/s")
    for callers in (1, 16, 256):
        own = asyncio.run(measure_raw(callers, seconds))
        rate, batch = asyncio.run(measure_store(callers, seconds))
        print(
            f"{callers:4d} callers: {rate:8.0f}/s  {rate / raw:5.2f} of raw at 100"
            f"  {rate / own:5.2f} of raw at {callers}  {batch:6.1f} units a batch"
        )


if __name__ == "__main__":
    main()
