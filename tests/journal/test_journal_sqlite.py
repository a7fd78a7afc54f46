"""What only a file can break: W, K2, K3 and K4, and its migrations."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.journal import writer
from adapters.journal.errors import (
    JournalClosedError,
    JournalKeyError,
    JournalLockedError,
    JournalOverloadedError,
    JournalSchemaError,
    JournalUnavailableError,
)
from adapters.journal.migrate import load_migrations
from adapters.journal.rows import Origin, PartKey, Prompt, Segment
from adapters.journal.seal import Seal, parse_key
from adapters.journal.sqlite import SqliteJournal, open_journal
from tests.journal.engines import ACCOUNT, HOUR, KEY, NUMBER, T0, WAITS, make_msg_id, make_notice, make_report


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    opened = open_journal(path, KEY, WAITS, T0)
    yield opened
    await opened.close()


def read_files(path: Path) -> bytes:
    return b"".join(side.read_bytes() for side in path.parent.glob(f"{path.name}*"))


def set_schema_version(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO migrations VALUES (?, 'later', 0)", (version,))


async def test_calls_when_they_come_together_then_share_commits(path: Path) -> None:
    commits = 0

    class Counting(sqlite3.Connection):
        def execute(self, sql: str, parameters: object = ()) -> sqlite3.Cursor:
            nonlocal commits
            commits += sql == "COMMIT"
            return super().execute(sql, parameters)  # type: ignore[arg-type]

    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Counting)
    connection.execute("CREATE TABLE t (x)")
    made = writer.Writer(connection, 1_000)
    calls = [made.submit(lambda x=x: connection.execute("INSERT INTO t VALUES (?)", (x,)).rowcount) for x in range(500)]
    assert await asyncio.gather(*calls) == [1] * 500
    assert commits < 100
    await made.close()


async def test_call_when_it_raises_then_its_writes_vanish_and_its_neighbours_stay(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE t (x)")
    made = writer.Writer(connection, 10)

    def fail() -> None:
        connection.execute("INSERT INTO t VALUES ('half')")
        raise KeyError

    calls = [
        made.submit(lambda: connection.execute("INSERT INTO t VALUES ('a')").rowcount),
        made.submit(fail),
        made.submit(lambda: connection.execute("SELECT x FROM t").fetchall()),
    ]
    first, failed, rows = await asyncio.gather(*calls, return_exceptions=True)
    assert (first, type(failed), rows) == (1, KeyError, [("a",)])
    await made.close()


async def test_commit_when_the_disk_is_full_then_unavailable_and_the_next_one_succeeds(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("PRAGMA max_page_count = 3")
    made = writer.Writer(connection, 10)
    with pytest.raises(JournalUnavailableError):
        await made.submit(lambda: connection.execute("INSERT INTO t VALUES (zeroblob(100000))"))
    assert await made.submit(lambda: connection.execute("SELECT count(*) FROM t").fetchone()[0]) == 0
    await made.close()


async def test_submit_when_too_many_wait_then_overloaded(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    made = writer.Writer(connection, 2)
    held = asyncio.Event()
    loop = asyncio.get_running_loop()
    started = made.submit(lambda: asyncio.run_coroutine_threadsafe(held.wait(), loop).result())
    await asyncio.sleep(0.05)
    waiting = [made.submit(lambda: 1), made.submit(lambda: 2)]
    with pytest.raises(JournalOverloadedError):
        made.submit(lambda: 3)
    held.set()
    assert await asyncio.gather(started, *waiting) == [True, 1, 2]
    await made.close()
    with pytest.raises(JournalClosedError):
        made.submit(lambda: 4)


async def test_caller_when_cancelled_then_its_write_still_happens(journal: SqliteJournal) -> None:
    task = asyncio.ensure_future(journal.add_notice(make_notice()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await journal.add_notice(make_notice()) == (1, False)


async def test_close_when_calls_are_queued_then_they_are_carried_out(path: Path) -> None:
    journal = open_journal(path, KEY, WAITS, T0)
    added = [asyncio.ensure_future(journal.add_notice(make_notice(f"n-{index}"))) for index in range(20)]
    await asyncio.sleep(0)
    await journal.close()
    assert await asyncio.gather(*added) == [(1, True)] * 20


async def test_file_when_everything_is_stored_then_no_number_and_no_text_is_readable(path: Path) -> None:
    journal = open_journal(path, KEY, WAITS, T0)
    await journal.add_notice(make_notice(), Prompt(NUMBER, T0 + HOUR, "1", b"d" * 32))
    await journal.add_notice(make_notice("l-1", origin=Origin.LOCAL))
    await journal.add_segment(Segment(NUMBER.encode(), 1, b"secret words 13800138000", T0))
    await journal.keep_reply("serial", b"secret words 13800138000", T0)
    await journal.claim(ACCOUNT, 1, T0)
    await journal.accept(PartKey("n-1", 1), ACCOUNT, 1, make_msg_id(1), T0)
    await journal.take_report(make_report(make_msg_id(9)), T0)
    raw = read_files(path)
    await journal.close()
    raw += read_files(path)
    for secret in (b"13800138000", b"secret words", "文1".encode("utf-16-be") * 2, "文".encode(), b"LINK-1"):
        assert secret not in raw


async def test_file_when_made_then_only_its_owner_may_read_it(journal: SqliteJournal, path: Path) -> None:
    await journal.backlog()
    assert {side.stat().st_mode & 0o077 for side in path.parent.glob("journal.sqlite*")} == {0}


async def test_open_when_another_process_has_it_then_locked(journal: SqliteJournal, path: Path) -> None:
    with pytest.raises(JournalLockedError):
        open_journal(path, KEY, WAITS, T0)
    await journal.close()
    await open_journal(path, KEY, WAITS, T0).close()


async def test_open_when_the_key_is_another_then_refused_and_the_right_one_still_opens(path: Path) -> None:
    await open_journal(path, KEY, WAITS, T0).close()
    with pytest.raises(JournalKeyError):
        open_journal(path, bytes(32), WAITS, T0)
    await open_journal(path, KEY, WAITS, T0).close()


async def test_open_when_the_schema_is_newer_then_refused(path: Path) -> None:
    await open_journal(path, KEY, WAITS, T0).close()
    set_schema_version(path, 9999)
    with pytest.raises(JournalSchemaError):
        open_journal(path, KEY, WAITS, T0)


def test_open_when_the_file_is_no_database_then_refused(path: Path) -> None:
    path.write_bytes(b"this is no database at all, but longer than its header" * 4)
    with pytest.raises(JournalSchemaError):
        open_journal(path, KEY, WAITS, T0)


async def test_open_when_the_file_is_another_database_then_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(JournalSchemaError):
        open_journal(path, KEY, WAITS, T0)


async def test_open_when_the_folder_is_missing_then_unavailable(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailableError):
        open_journal(tmp_path / "missing" / "journal.sqlite", KEY, WAITS, T0)


def test_migrations_when_loaded_then_numbered_without_gaps() -> None:
    versions = [step.version for step in load_migrations()]
    assert versions == list(range(1, len(versions) + 1))


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32, "00" * 32 + " 1"])
def test_key_when_not_64_hex_digits_then_refused(text: str) -> None:
    with pytest.raises(JournalKeyError):
        parse_key(text)
    with pytest.raises(JournalKeyError):
        Seal(text.encode()[:31])


@given(st.binary(max_size=300), st.integers(min_value=0))
def test_sealed_value_when_a_bit_is_flipped_or_it_is_moved_then_it_does_not_open(plain: bytes, position: int) -> None:
    seal = Seal(parse_key("ab" * 32 + "\n"))
    sealed = seal.seal(plain, "here")
    assert seal.open(sealed, "here") == plain
    flipped = bytearray(sealed)
    flipped[position % len(sealed)] ^= 1 << position % 8
    for broken, place in ((bytes(flipped), "here"), (sealed, "there"), (sealed[:20], "here")):
        with pytest.raises(JournalKeyError):
            seal.open(broken, place)
