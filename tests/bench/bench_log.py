"""What being a log costs: entries sequenced per second with and without it, and how long until a checkpoint has them.

The limit of the first figures is the same path in the same run with the log's own work taken out of it: no leaf is
hashed, no tree grows, no opening is written, salted, committed to and sealed. The delay is measured from the answer to
a writer until a checkpoint that holds the entry is published, over files, while 64 writers go on as fast as they can
and EPOCHs are made.
"""

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from gateway.service.books import CapabilityBook, PolicyBook
from gateway.service.epoch import EpochCadence, Epochs
from gateway.service.gate import Gate
from gateway.service.record import Recorder
from gateway.service.registry import RegistryService
from gateway.service.signer import LogParts, LogSigner
from gateway.service.tree import LogTree
from gateway.store import batch
from gateway.store.keys import SqliteKeyStore
from gateway.store.rows import NewEntry
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite_fence import SqliteFence
from gateway.store.sqlite_publication import SqlitePublication
from gateway.store.vault import Vault
from gateway.tlog.compact import CompactRange
from optout.kit.clock import SystemClock
from tests.bench.bench_store import measure, measure_store
from tests.bench.bench_submit import MOBILE, make_instruction, measure_submit
from tests.bench.report import Figure, publish
from tests.domain.samples import default_policy
from tests.service.logroom import SIGNER

CALLERS = 256
LOADERS = 64
SAMPLE_EVERY = 50
NOTHING = bytes(32)


def skip(_: bytes) -> bytes:
    """No hash of a leaf."""
    return NOTHING


def grow(tree: CompactRange, hashes: list[bytes]) -> CompactRange:
    """A tree of the right size over nothing."""
    size = tree.size + len(hashes)
    return CompactRange(size, (NOTHING,) * size.bit_count())


def close_nothing(_: Recorder, leaf_type: int, actor: int, label: Any, payload: Any, key: Any = None) -> NewEntry:
    """An entry whose opening was never written."""
    return NewEntry(leaf_type, actor, 0, label, NOTHING, b"-")


@contextlib.contextmanager
def no_hashing() -> Iterator[None]:
    """Sequencing without a tree; only the root of nothing is still folded, once for each batch."""
    with (
        mock.patch.object(batch, "leaf_hash", skip),
        mock.patch.object(CompactRange, "append_many", grow),
    ):
        yield


@contextlib.contextmanager
def no_log() -> Iterator[None]:
    """Neither tree nor openings."""
    with no_hashing(), mock.patch.object(Recorder, "entry", close_nothing):
        yield


def measure_sequencing(seconds: float, rounds: int = 3) -> list[Figure]:
    """Bare units through the store, and instructions through Submit, each with and without; in turn, medians."""
    plain: list[float] = []
    bare: list[float] = []
    submit: list[float] = []
    unlogged: list[float] = []
    for _ in range(rounds):
        plain.append(asyncio.run(measure_store(CALLERS, seconds))[0])
        with no_hashing():
            bare.append(asyncio.run(measure_store(CALLERS, seconds))[0])
        submit.append(asyncio.run(measure_submit(CALLERS, seconds)))
        with no_log():
            unlogged.append(asyncio.run(measure_submit(CALLERS, seconds)))
    column = "to the same without"
    hashed, opened = statistics.median(plain), statistics.median(submit)
    store_ratio, submit_ratio = hashed / statistics.median(bare), opened / statistics.median(unlogged)
    return [
        Figure("store, no hashing", statistics.median(bare), "/s", {column: 1.0}, note="the limit"),
        Figure("store, sequenced", hashed, "/s", {column: store_ratio}, "≥ 0.8"),
        Figure("Submit, no hashing and no opening", statistics.median(unlogged), "/s", {column: 1.0}, note="the limit"),
        Figure("Submit, sequenced and opened", opened, "/s", {column: submit_ratio}, "≥ 0.8"),
    ]


async def measure_delays(seconds: float) -> tuple[float, list[float]]:
    """Instructions per second, and of every so many the seconds until its entry was under a checkpoint."""
    delays: list[float] = []
    waiting: set[asyncio.Task[None]] = set()
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        keys = SqliteKeyStore(folder / "keys.sqlite", bytes(32))
        stack.callback(keys.close)
        recorder, clock = Recorder(Vault(keys, bytes(32))), SystemClock()
        store = await stack.enter_async_context(SqliteStore(folder / "registry.sqlite", keys))
        fence = SqliteFence(folder / "registry.fence", SIGNER.name)
        stack.callback(fence.close)
        publication = SqlitePublication(folder / "registry.log")
        stack.callback(publication.close)
        signer = LogSigner(LogParts(store, LogTree(store, publication), fence, publication, [SIGNER]), clock, Gate())
        await signer.start()
        epochs = Epochs(store, recorder, clock, EpochCadence(every_s=5, bits=18))
        stack.push_async_callback(epochs.close)
        workers = [asyncio.create_task(signer.run()), asyncio.create_task(epochs.run())]
        registry = RegistryService(store, recorder, PolicyBook(default_policy()), CapabilityBook())

        async def wait(index: int) -> None:
            began = time.perf_counter()
            await signer.wait_published(index, 30)
            delays.append(time.perf_counter() - began)

        async def submit(serial: int) -> None:
            outcome = await registry.submit(MOBILE, make_instruction(serial))
            if serial % SAMPLE_EVERY == 0:
                waiting.add(asyncio.create_task(wait(outcome.revision - 1)))

        rate = await measure(submit, LOADERS, seconds)
        await asyncio.gather(*waiting)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return rate, sorted(delays)


def run(seconds: float = 2.0) -> None:
    """Measure and publish."""
    figures = measure_sequencing(seconds)
    rate, delays = asyncio.run(measure_delays(10 * seconds))
    p99 = delays[int(len(delays) * 0.99)]
    figures.append(Figure(f"Submit under load, {LOADERS} callers", rate, "/s", {}, note="signer and EPOCHs at work"))
    for name, delay, goal in (
        ("median", statistics.median(delays), ""),
        ("p99", p99, "≤ 1,500 ms"),
        ("longest", delays[-1], ""),
    ):
        figures.append(Figure(f"checkpoint delay, {name}", delay * 1000, "ms", {}, goal, f"of {len(delays)} entries"))
    publish("log", "The log: what it costs to be one, and when an entry is under a checkpoint", figures)


if __name__ == "__main__":
    run()
