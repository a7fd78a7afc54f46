"""SQLite's reads: every thread has its own read-only connection, and a read sees one committed state (WAL)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock, local

from gateway.store import statements, tables
from gateway.store.base import OutboxCount, StoreError
from gateway.store.rows import (
    EntryRow,
    HeadRow,
    Label,
    NumberKey,
    NumberRow,
    OutboxRow,
    OutboxState,
    Place,
    SubjectRow,
)
from gateway.store.sqlite_files import connect_reader


class SqliteReadEngine:
    """See `gateway.store.engine.ReadEngine`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mine = local()
        self._all: list[sqlite3.Connection] = []
        self._lock = Lock()

    def number(self, key: NumberKey) -> tuple[NumberRow, SubjectRow] | None:
        """Find a number's holder."""
        row = self._connection.execute(f"{statements.SELECT_HOLDER} = ?", (key,)).fetchone()
        if row is None:
            return None
        return tables.read_holder(row)

    def subjects(
        self, carrier: str | None, state: str | None, after: Label, limit: int
    ) -> tuple[Sequence[SubjectRow], HeadRow]:
        """List subjects; one transaction, so that the head is the one they were read at."""
        select = statements.SELECT_SUBJECTS
        values: list[bytes | str] = [after]
        for column, wanted in (("carrier", carrier), ("state", state)):
            if wanted is not None:
                select += f" AND {column} = ?" if wanted else f" AND {column} IS NULL"
                values += (wanted,) if wanted else ()
        connection = self._connection
        connection.execute("BEGIN")
        try:
            head = tables.read_head(connection.execute(statements.SELECT_HEAD).fetchone())
            rows = connection.execute(f"{select} ORDER BY label LIMIT ?", (*values, limit)).fetchall()
        finally:
            connection.execute("COMMIT")
        return [tables.read_subject(row) for row in rows], head

    def marked(self, mark: str, below: Place, limit: int) -> Sequence[tuple[NumberRow, SubjectRow]]:
        """List a mark's numbers."""
        values = (mark, below[0], below[0], below[1], limit)
        return [tables.read_holder(row) for row in self._connection.execute(statements.SELECT_MARKED, values)]

    def entries(self, after: int, limit: int) -> Sequence[EntryRow]:
        """List entries. Raises StoreError if one is missing: whoever follows must not skip it unknowingly."""
        rows = self._connection.execute(statements.SELECT_ENTRIES, (after, limit)).fetchall()
        if rows and (rows[0][0] != after or rows[-1][0] != after + len(rows) - 1):
            raise StoreError("the stored log has a gap")
        return [tables.read_entry(row) for row in rows]

    def due(self, carrier: str, now_ms: int, limit: int) -> Sequence[OutboxRow]:
        """List what is to be sent."""
        rows = self._connection.execute(
            statements.SELECT_DUE, (carrier, OutboxState.READY.value, now_ms, limit)
        ).fetchall()
        return [tables.read_outbox(row) for row in rows]

    def outbox_row(self, id: str) -> OutboxRow | None:  # noqa: A002 - the field's name
        """Find an outbox row."""
        row = self._connection.execute(f"{statements.SELECT_OUTBOX} = ?", (id,)).fetchone()
        return None if row is None else tables.read_outbox(row)

    def outbox(self, state: OutboxState, limit: int, carrier: str | None = None) -> Sequence[OutboxRow]:
        """List outbox rows."""
        if carrier is None:
            rows = self._connection.execute(statements.SELECT_STATE, (state.value, limit)).fetchall()
        else:
            rows = self._connection.execute(statements.SELECT_OWN, (carrier, state.value, limit)).fetchall()
        return [tables.read_outbox(row) for row in rows]

    def outbox_counts(self) -> Sequence[OutboxCount]:
        """Count the outbox."""
        return [tables.read_count(row) for row in self._connection.execute(statements.SELECT_COUNTS).fetchall()]

    def last_of_type(self, leaf_type: int) -> EntryRow | None:
        """Find the latest entry of a type."""
        row = self._connection.execute(statements.SELECT_LAST, (leaf_type,)).fetchone()
        return None if row is None else tables.read_entry(row)

    def entries_of_type(self, leaf_type: int, after: int, limit: int) -> Sequence[EntryRow]:
        """List entries of a type."""
        rows = self._connection.execute(statements.SELECT_OF_TYPE, (leaf_type, after, limit)).fetchall()
        return [tables.read_entry(row) for row in rows]

    def erased_epoch(self, key: NumberKey) -> int:
        """Find how often a number's holder was erased, by epoch."""
        rows = self._connection.execute(f"{statements.SELECT_ERASED_EPOCH} = ?", (key,))
        return max((epoch for _, epoch in rows), default=0)

    def unfinished_erasures(self) -> Sequence[Label]:
        """List erasures without their end."""
        return [Label(label) for (label,) in self._connection.execute(statements.SELECT_UNFINISHED)]

    def close(self) -> None:
        """Close all threads' connections; nobody may be reading any more."""
        with self._lock:
            while self._all:
                self._all.pop().close()

    @property
    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = connect_reader(self._path)
            with self._lock:
                self._all.append(connection)
        return connection
