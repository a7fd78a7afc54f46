"""Publications on an SQLite file of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from gateway.store.migrate import Schema, migrate
from gateway.store.publication import MAX_EVIDENCE, EvidenceRow, NoteConflictError, NoteRow, PublicationError
from gateway.store.sqlite_files import FileLock, connect_writer, transaction

_FORGET_REPEATED = (
    "DELETE FROM evidence WHERE witness = ? AND status = ? AND response = ? "
    "AND id > (SELECT min(id) FROM evidence WHERE witness = ? AND status = ? AND response = ?)"
)
_ADD_EVIDENCE = (
    "INSERT INTO evidence (witness, status, request, response, time_ms) SELECT ?, ?, ?, ?, ? "
    "WHERE (SELECT count(*) FROM evidence WHERE witness = ?) < ?"
)


class SqlitePublication:
    """Publications in an SQLite file of their own. Raises StoreLockedError, SchemaError and PublicationError."""

    def __init__(self, path: Path) -> None:
        self._mutex = Lock()
        self._lock = FileLock(path)
        try:
            self._connection = connect_writer(path)
            migrate(self._connection, Schema.PUBLICATION)
        except BaseException:
            self._lock.release()
            raise

    def put_note(self, row: NoteRow) -> None:
        """Keep a note."""
        with self._transaction() as run:
            held = run.execute("SELECT text FROM notes WHERE size = ?", (row.size,)).fetchone()
            if held is not None and held[0] != row.text:
                raise NoteConflictError("two texts for one size")
            run.execute("DELETE FROM notes WHERE size = ?", (row.size,))
            insert = "INSERT INTO notes (size, text, note, time_ms) VALUES (?, ?, ?, ?)"
            run.execute(insert, (row.size, row.text, row.note, row.time_ms))

    def latest(self) -> NoteRow | None:
        """The note of the largest size."""
        rows = self._select("SELECT size, text, note, time_ms FROM notes ORDER BY size DESC LIMIT 1")
        return NoteRow(*rows[0]) if rows else None

    def notes(self, after_size: int, limit: int) -> Sequence[NoteRow]:
        """Kept notes."""
        select = "SELECT size, text, note, time_ms FROM notes WHERE size > ? ORDER BY size LIMIT ?"
        return [NoteRow(*row) for row in self._select(select, after_size, limit)]

    def thin(self, size: int) -> None:
        """Drop a note."""
        with self._transaction() as run:
            run.execute("DELETE FROM notes WHERE size = ? AND size < (SELECT max(size) FROM notes)", (size,))

    def add_evidence(self, row: EvidenceRow) -> None:
        """Keep a refusal."""
        values = (row.witness, row.status, row.request, row.response, row.time_ms, row.witness, MAX_EVIDENCE)
        with self._transaction() as run:
            run.execute(_FORGET_REPEATED, (*row.answer, *row.answer))
            run.execute(_ADD_EVIDENCE, values)

    def evidence(self) -> Sequence[EvidenceRow]:
        """Kept refusals."""
        select = "SELECT witness, status, request, response, time_ms FROM evidence ORDER BY id"
        return [EvidenceRow(*row) for row in self._select(select)]

    def put_hashes(self, first: int, hashes: Sequence[bytes]) -> None:
        """Keep hashes."""
        with self._transaction() as run:
            run.execute("DELETE FROM tile_hashes WHERE idx >= ?", (first,))
            run.executemany("INSERT INTO tile_hashes (idx, hash) VALUES (?, ?)", enumerate(hashes, first))

    def hashes(self) -> Sequence[bytes]:
        """All hashes, as far as they follow each other."""
        rows = self._select("SELECT idx, hash FROM tile_hashes ORDER BY idx")
        return [row[1] for position, row in enumerate(rows) if row[0] == position]

    def close(self) -> None:
        """Close the file."""
        with self._mutex:
            self._connection.close()
            self._lock.release()

    def _select(self, select: str, *values: object) -> list[tuple[Any, ...]]:
        with self._mutex:
            try:
                return self._connection.execute(select, values).fetchall()
            except sqlite3.Error as error:
                raise PublicationError("the publications cannot be read") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            try:
                with transaction(self._connection) as run:
                    yield run
            except sqlite3.Error as error:
                raise PublicationError("the publications cannot be written") from error
