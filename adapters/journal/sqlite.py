"""The journal in one SQLite file: WAL, synchronous=FULL, secure_delete, one writing process and thread."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from adapters.journal.engine import LogicJournal
from adapters.journal.errors import JournalKeyError, JournalLockedError, JournalSchemaError, JournalUnavailableError
from adapters.journal.migrate import migrate
from adapters.journal.records import SqliteRecords
from adapters.journal.rows import Waits
from adapters.journal.seal import Seal
from adapters.journal.sqlite_tables import SqliteTables
from adapters.journal.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")

MAX_WAITING_CALLS = 10_000
_SETTINGS = ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "foreign_keys = ON")


class SqliteJournal(LogicJournal):
    """A journal that survives its process. Made by `open_journal`."""

    def __init__(self, connection: sqlite3.Connection, seal: Seal, waits: Waits, lock: int) -> None:
        super().__init__(SqliteTables(connection), SqliteRecords(connection), seal, waits)
        self._lock = lock
        self._connection = connection
        self._writer = Writer(connection, MAX_WAITING_CALLS)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the call in the writer's next transaction."""
        return cast("T", await self._writer.submit(partial(call, *args, **kwargs)))

    async def scrub(self) -> bool:
        """E4: what was removed is overwritten in the file, and the file of recent changes is emptied."""
        return cast("bool", await self._writer.submit(partial(_empty_wal, self._connection), is_alone=True))

    async def close(self) -> None:
        """K4; also lets another process open the file."""
        await self._writer.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _empty_wal(connection: sqlite3.Connection) -> bool:
    (is_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy


def open_journal(path: Path, key: bytes, waits: Waits, now_ms: int) -> SqliteJournal:
    """Open or create the journal at `path`, sealed under the 32-byte `key`.

    Raises `JournalLockedError`, `JournalKeyError`, `JournalSchemaError` and `JournalUnavailableError`.
    """
    seal = Seal(key)
    try:
        lock = _take_lock(path)
    except OSError as error:
        raise JournalUnavailableError(type(error).__name__) from error
    try:
        connection = _connect(path, seal, now_ms)
    except BaseException:
        os.close(lock)
        raise
    return SqliteJournal(connection, seal, waits, lock)


def _take_lock(path: Path) -> int:
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise JournalLockedError from None
    return lock


def _connect(path: Path, seal: Seal, now_ms: int) -> sqlite3.Connection:
    try:
        # SQLite gives its side files the permissions of the main file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise JournalUnavailableError(type(error).__name__) from error
    try:
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        migrate(connection, now_ms)
        _check_key(connection, seal)
    except sqlite3.OperationalError as error:
        connection.close()
        raise JournalUnavailableError(type(error).__name__) from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise JournalSchemaError("the file is not a journal") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _check_key(connection: sqlite3.Connection, seal: Seal) -> None:
    row = connection.execute("SELECT fingerprint FROM seal").fetchone()
    if row is None:
        connection.execute("INSERT INTO seal VALUES (?)", (seal.fingerprint,))
    elif row[0] != seal.fingerprint:
        raise JournalKeyError("the journal was sealed with another key")
