"""Every engine, every case; and every sentence of the contract has a case."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store import base
from gateway.store.base import KeyStore, Store, StoreLimits
from gateway.store.keys import SqliteKeyStore
from gateway.store.memory import MemoryKeyStore, MemoryStore, MemoryTables
from gateway.store.sqlite import SqliteStore
from gateway.testing.store_case import Note, check_log, claimed_sentences, number_key
from gateway.testing.store_suite import CASES
from optout.kit.clock import FakeClock

ELSEWHERE = {
    "C9": "needs a disk that fails: tests/store/test_sqlite_faults.py",
    "C11": "needs a disk that fails: tests/store/test_sqlite_faults.py",
    "L2": "is about files: tests/store/test_sqlite_files.py",
    "K1": "tests/store/test_key_stores.py",
    "K2": "tests/store/test_key_stores.py",
    "K3": "tests/store/test_key_stores.py",
    "K4": "tests/store/test_key_stores.py",
}


class MemoryHarness:
    """The engine without files: what is durable is what its tables hold."""

    def __init__(self, _: Path) -> None:
        self.clock = FakeClock()
        self.keys: KeyStore = MemoryKeyStore()
        self._tables = MemoryTables()
        self._limits: StoreLimits | None = None
        self._store: Store | None = None

    async def open(self, limits: StoreLimits | None = None) -> Store:
        self._limits = limits
        store = MemoryStore(self.keys, clock=self.clock, limits=limits, tables=self._tables)
        self._store = store
        return store

    async def reopen(self) -> Store:
        await self.close()
        return await self.open(self._limits)

    async def close(self) -> None:
        if self._store is not None:
            await self._store.close()


class SqliteHarness(MemoryHarness):
    """The engine on files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder
        self.keys = SqliteKeyStore(folder / "keys.sqlite", bytes(32))

    async def open(self, limits: StoreLimits | None = None) -> Store:
        self._limits = limits
        store = SqliteStore(self._folder / "registry.sqlite", self.keys, clock=self.clock, limits=limits)
        self._store = store
        return store

    async def close(self) -> None:
        await super().close()


HARNESSES = {"memory": MemoryHarness, "sqlite": SqliteHarness}


@pytest.fixture(params=sorted(HARNESSES))
async def harness(request, tmp_path) -> AsyncIterator[MemoryHarness]:
    made = HARNESSES[request.param](tmp_path)
    yield made
    await made.close()
    made.keys.close()


@pytest.mark.parametrize("case", sorted(CASES))
async def test_engine_when_put_to_the_case_then_it_does_as_the_contract_says(case, harness):
    await CASES[case](harness)


def test_contract_when_read_then_each_sentence_has_a_case():
    text = f"{base.__doc__}\n{base.KeyStore.__doc__}"
    sentences = set(re.findall(r"^ +([CAEORLK]\d+) ", text, re.MULTILINE))
    assert len(sentences) >= 26
    assert sentences == claimed_sentences() | set(ELSEWHERE)


def test_elsewhere_when_named_then_the_files_are_there():
    for place in ELSEWHERE.values():
        assert Path(place.rsplit(" ", 1)[-1]).is_file(), place


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.sampled_from(("k1", "k2", "k3"))), max_size=40))
def test_random_units_when_committed_then_the_store_equals_a_naive_model(tmp_path_factory, units):
    async def run(made: MemoryHarness) -> None:
        store = await made.open()
        versions: dict[str, int] = {}
        answers: dict[bytes, int] = {}
        size = 0
        for name, key in units:
            answer = (key or "").encode().ljust(32, b"-") if key else b""
            index = await store.commit(Note(name, answer=answer))
            if answer in answers:
                assert index == answers[answer]
                continue
            assert index == size
            size += 1
            versions[name] = versions.get(name, 0) + 1
            if answer:
                answers[answer] = index
        for name, version in versions.items():
            found = await store.number(number_key(name))
            assert found is not None
            assert found[1].version == version
        await check_log(store)
        await made.close()
        made.keys.close()

    for kind in HARNESSES.values():
        asyncio.run(run(kind(tmp_path_factory.mktemp("store"))))
