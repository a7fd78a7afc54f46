"""A witness's books on an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from gateway.store.migrate import Schema, migrate
from gateway.store.sqlite_files import Connect, FileLock, connect_writer, transaction
from gateway.store.witness_book import (
    MAX_EVIDENCE,
    BookError,
    BookForeignError,
    BookMovedError,
    Contradiction,
    Cosigned,
)
from gateway.tlog.checkpoint import Checkpoint

_KEEP = (
    "INSERT INTO cosigned (origin, size, root, time_s) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, time_s = excluded.time_s"
)
_ADD_EVIDENCE = (
    "INSERT INTO evidence (origin, status, request, time_s) SELECT ?, ?, ?, ? "
    "WHERE (SELECT count(*) FROM evidence WHERE origin = ? AND status = ?) < ?"
)


class SqliteWitnessBook:
    """The books of the witness ``vkey``, in a file that one process has open.

    Raises StoreLockedError, SchemaError, BookError, and BookForeignError if the file is another witness's.
    """

    def __init__(self, path: Path, vkey: str, connect: Connect = connect_writer) -> None:
        self._mutex = Lock()
        self._lock = FileLock(path)
        try:
            self._connection = connect(path)
            migrate(self._connection, Schema.WITNESS)
            self._claim(vkey)
        except sqlite3.Error as error:
            self._lock.release()
            raise BookError("the witness's books cannot be opened") from error
        except BaseException:
            self._lock.release()
            raise

    def last(self, origin: str) -> Cosigned | None:
        """What was cosigned last."""
        with self._transaction() as run:
            return _read_last(run, origin)

    def keep(self, old: Cosigned | None, new: Cosigned) -> None:
        """Keep what will be cosigned now."""
        checkpoint = new.checkpoint
        with self._transaction() as run:
            if _read_last(run, checkpoint.origin) != old:
                raise BookMovedError("another checkpoint was cosigned meanwhile")
            run.execute(_KEEP, (checkpoint.origin, checkpoint.size, checkpoint.root, new.time_s))

    def add_evidence(self, row: Contradiction) -> None:
        """Keep a refusal."""
        with self._transaction() as run:
            values = (row.origin, row.status, row.request, row.time_s, row.origin, row.status, MAX_EVIDENCE)
            run.execute(_ADD_EVIDENCE, values)

    def evidence(self, origin: str) -> Sequence[Contradiction]:
        """All of a log's."""
        select = "SELECT origin, status, request, time_s FROM evidence WHERE origin = ? ORDER BY id"
        with self._transaction() as run:
            return [Contradiction(*row) for row in run.execute(select, (origin,))]

    def close(self) -> None:
        """Close the file."""
        with self._mutex:
            self._connection.close()
            self._lock.release()

    def _claim(self, vkey: str) -> None:
        insert = "INSERT INTO witness (id, vkey) SELECT 1, ? WHERE NOT EXISTS (SELECT 1 FROM witness)"
        with self._transaction() as run:
            run.execute(insert, (vkey,))
            (found,) = run.execute("SELECT vkey FROM witness WHERE id = 1").fetchone()
            if found != vkey:
                raise BookForeignError("the books belong to another witness")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            try:
                with transaction(self._connection) as run:
                    yield run
            except sqlite3.Error as error:
                raise BookError("the witness's books failed") from error


def _read_last(run: sqlite3.Connection, origin: str) -> Cosigned | None:
    row = run.execute("SELECT size, root, time_s FROM cosigned WHERE origin = ?", (origin,)).fetchone()
    return None if row is None else Cosigned(Checkpoint(origin, row[0], row[1]), row[2])
