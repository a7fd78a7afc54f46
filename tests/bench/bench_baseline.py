"""Baseline rows per second through ReportNumberEvents' use case: what a national baseline costs, row by row.

A row is an entry with its sealed opening, a first holder with a key of its own, and an idempotency key. The limit is
the bare group commit of `bench_store.RawGroupCommit` in the same run.
"""

import asyncio
import itertools
import tempfile
from pathlib import Path

from gateway.domain.number_life import NumberEvent, NumberEventKind
from gateway.service.books import CapabilityBook, PolicyBook
from gateway.service.numbers import NumberService
from gateway.service.record import Recorder
from gateway.service.registrar import Registrar
from gateway.store.keys import SqliteKeyStore
from gateway.store.sqlite import SqliteStore
from gateway.store.vault import Vault
from optout.kit.identity import Identity, Role
from optout.kit.number import parse_number
from tests.bench.bench_store import measure, measure_raw
from tests.bench.report import Figure, publish
from tests.domain.samples import default_policy

OPERATOR = Identity(Role.OPERATOR, "operator-a")
CALLERS = 512


def make_event(serial: int) -> NumberEvent:
    """Every event is about another number."""
    number = parse_number(f"138{serial:08}")
    return NumberEvent(f"b{serial}", NumberEventKind.BASELINE, number, 1, counterpart="telecom")


async def measure_baseline(seconds: float) -> tuple[float, float]:
    """Rows per second, and bytes a row in registry and key store together."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("registry.sqlite", "keys.sqlite")]
        keys = SqliteKeyStore(files[1], bytes(32))
        recorder = Recorder(Vault(keys, bytes(32)))
        store = SqliteStore(files[0], keys)
        service = NumberService(store, Registrar(recorder, PolicyBook(default_policy()), CapabilityBook()))
        following = itertools.count()
        try:
            rate = await measure(
                lambda _: service.report_event(OPERATOR, make_event(next(following))), CALLERS, seconds
            )
            rows = (await store.head()).size
        finally:
            await store.close()
            keys.close()
        return rate, sum(file.stat().st_size for file in files) / rows


def run(seconds: float = 3.0) -> None:
    """Measure and publish."""
    raw = asyncio.run(measure_raw(100, seconds))
    rate, row_bytes = asyncio.run(measure_baseline(seconds))
    figures = [
        Figure("raw group commit, 100 callers", raw, "/s", {"to raw": 1.0}, note="the limit"),
        Figure("baseline, 512 in flight", rate, "/s", {"to raw": rate / raw}, note=f"{row_bytes:,.0f} bytes a row"),
    ]
    publish("baseline", "Baseline: numbers taken in, sealed, logged and durable", figures)


if __name__ == "__main__":
    run()
