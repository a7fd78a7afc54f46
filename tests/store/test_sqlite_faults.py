"""A disk that fails: what callers learn, and what is there afterwards (C9, C11)."""

import sqlite3
from functools import partial

import pytest

from gateway.store.base import CommitUnknownError, StoreUnavailableError
from gateway.store.memory import MemoryKeyStore
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite_files import connect_writer
from gateway.testing.store_case import Note, check_log
from optout.kit.clock import FakeClock

ANSWER = b"a" * 32


class FailingConnection(sqlite3.Connection):
    """Fails at the next statement that begins so: before it is carried out, or after."""

    at: str = ""
    applied: bool = False

    def execute(self, statement, *parameters):
        return self._fail_at(statement, partial(super().execute, statement, *parameters))

    def executemany(self, statement, *parameters):
        return self._fail_at(statement, partial(super().executemany, statement, *parameters))

    def _fail_at(self, statement, work):
        kind = type(self)
        if not kind.at or not statement.startswith(kind.at):
            return work()
        kind.at = ""
        if kind.applied:
            work()
        raise sqlite3.OperationalError("disk I/O error")


@pytest.fixture
def arm():
    def arm_with(at, *, applied=False):
        FailingConnection.at, FailingConnection.applied = at, applied

    yield arm_with
    FailingConnection.at = ""


def open_store(path):
    connect = partial(connect_writer, connection_type=FailingConnection)
    return SqliteStore(path / "registry.sqlite", MemoryKeyStore(), clock=FakeClock(), connect=connect)


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO entries", "INSERT INTO openings", "UPDATE head"])
async def test_commit_when_a_statement_fails_then_nothing_is_there_and_the_next_succeeds(tmp_path, arm, statement):
    async with open_store(tmp_path) as store:
        await store.commit(Note("before"))
        arm(statement)
        note = Note("a", answer=ANSWER)
        with pytest.raises(StoreUnavailableError):
            await store.commit(note)
        assert (await store.head()).size == 1
        assert await store.commit(note) == 1
        await check_log(store)


async def test_commit_when_nobody_heard_whether_it_was_applied_then_the_caller_learns_that_by_repeating(tmp_path, arm):
    async with open_store(tmp_path) as store:
        for applied in (True, False):
            name, answer = f"s{applied}", bytes([applied]) * 32
            before = len(await store.entries(0, 100))
            arm("COMMIT", applied=applied)
            with pytest.raises(CommitUnknownError):
                await store.commit(Note(name, answer=answer))
            assert await store.commit(Note(name, answer=answer)) == before
            assert len(await store.entries(0, 100)) == before + 1
            await check_log(store)


async def test_commit_when_its_fate_was_unknown_then_a_later_batch_builds_on_what_is_stored(tmp_path, arm):
    async with open_store(tmp_path) as store:
        arm("COMMIT", applied=True)
        with pytest.raises(CommitUnknownError):
            await store.commit(Note("a"))
        assert await store.commit(Note("a")) == 1
        await check_log(store)


async def test_unit_when_its_batch_failed_then_it_is_decided_again_and_the_last_decision_counts(tmp_path, arm):
    async with open_store(tmp_path) as store:
        note = Note("a")
        arm("INSERT INTO entries")
        with pytest.raises(StoreUnavailableError):
            await store.commit(note)
        await store.commit(note)
        assert note.seen[-1] == 0
        assert (await store.head()).size == 1
