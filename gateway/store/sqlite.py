"""The store on one SQLite file: what a single gateway runs on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway.store.base import KeyStore, StoreError, StoreLimits
from gateway.store.group import GroupStore
from gateway.store.migrate import Schema, migrate
from gateway.store.sqlite_files import Connect, FileLock, connect_writer
from gateway.store.sqlite_reader import SqliteReadEngine
from gateway.store.sqlite_writer import SqliteWriteEngine
from optout.kit.clock import Clock, SystemClock

_READER_THREADS = 2


class SqliteStore(GroupStore):
    """A `gateway.store.base.Store` on an SQLite file, which is made or migrated if need be.

    The constructor blocks for some milliseconds, or as long as a migration takes. It raises StoreLockedError if
    another process writes to the file, SchemaError if it is newer than this program or not a registry, and
    StoreError if the log in it does not reach as far as its head. ``connect`` opens the writer's connection.
    """

    def __init__(
        self,
        path: Path,
        keys: KeyStore,
        *,
        clock: Clock | None = None,
        limits: StoreLimits | None = None,
        connect: Connect = connect_writer,
    ) -> None:
        lock = FileLock(path)
        try:
            _prepare(path)
            super().__init__(
                SqliteWriteEngine(path, connect, lock.release),
                SqliteReadEngine(path),
                keys,
                clock=clock or SystemClock(),
                limits=limits or StoreLimits(),
                readers=ThreadPoolExecutor(_READER_THREADS, thread_name_prefix="store-reader"),
            )
        except BaseException:
            lock.release()
            raise


def _prepare(path: Path) -> None:
    connection = connect_writer(path)
    try:
        migrate(connection, Schema.REGISTRY)
        (size,) = connection.execute("SELECT size FROM head WHERE id = 1").fetchone()
        (last,) = connection.execute("SELECT max(idx) FROM entries").fetchone()
        if size != (0 if last is None else last + 1):
            raise StoreError("the stored log does not end at its head")
    finally:
        connection.close()
