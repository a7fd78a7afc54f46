"""Values under keys, for what is no notice: who is bound to which account, what came in, what is still owed.

A record is found by kind and key, or by kind in the order of `due_ms`; after `expire_ms` it is as if it were not there.
Keys are hashed and values sealed before they get here, so that a stolen file tells nobody anything.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Final, Protocol

NEVER_MS: Final = (1 << 63) - 1
"""Due never, or kept until it is dropped."""


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One value. `due_ms` is when somebody has to look at it; `NEVER_MS` means that nobody has to."""

    kind: str
    key: bytes
    sealed: bytes = field(repr=False)
    due_ms: int
    expire_ms: int


class Records(Protocol):
    """Rows in, rows out."""

    def put_record(self, row: RecordRow) -> None:
        """Store a row in place of the one of the same kind and key."""
        ...

    def record(self, kind: str, key: bytes, now_ms: int) -> RecordRow | None:
        """Find a row that has not expired."""
        ...

    def due_records(self, kind: str, now_ms: int, limit: int) -> list[RecordRow]:
        """Return rows that are due and have not expired, the longest due first."""
        ...

    def drop_record(self, kind: str, key: bytes) -> bool:
        """Remove a row; return whether there was one."""
        ...

    def purge_records(self, now_ms: int) -> int:
        """Remove what has expired; return how many."""
        ...

    def all(self) -> list[RecordRow]:
        """Return every row, expired or not."""
        ...


class SqliteRecords:
    """`Records` on the journal's own connection, inside whatever transaction its owner has begun."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put_record(self, row: RecordRow) -> None:
        """See `Records`."""
        values = (row.kind, row.key, row.sealed, row.due_ms, row.expire_ms)
        self._connection.execute("REPLACE INTO records VALUES (?, ?, ?, ?, ?)", values)

    def record(self, kind: str, key: bytes, now_ms: int) -> RecordRow | None:
        """See `Records`."""
        statement = "SELECT * FROM records WHERE kind = ? AND record_key = ? AND expire_ms > ?"
        row = self._connection.execute(statement, (kind, key, now_ms)).fetchone()
        return None if row is None else RecordRow(*row)

    def due_records(self, kind: str, now_ms: int, limit: int) -> list[RecordRow]:
        """See `Records`."""
        statement = (
            "SELECT * FROM records WHERE kind = ? AND due_ms <= ? AND expire_ms > ? ORDER BY due_ms, record_key LIMIT ?"
        )
        return [RecordRow(*row) for row in self._connection.execute(statement, (kind, now_ms, now_ms, limit))]

    def drop_record(self, kind: str, key: bytes) -> bool:
        """See `Records`."""
        statement = "DELETE FROM records WHERE kind = ? AND record_key = ?"
        return self._connection.execute(statement, (kind, key)).rowcount > 0

    def purge_records(self, now_ms: int) -> int:
        """See `Records`."""
        return self._connection.execute("DELETE FROM records WHERE expire_ms <= ?", (now_ms,)).rowcount

    def all(self) -> list[RecordRow]:
        """See `Records`."""
        return [RecordRow(*row) for row in self._connection.execute("SELECT * FROM records")]


class MemoryRecords:
    """`Records` as a dictionary."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, bytes], RecordRow] = {}

    def put_record(self, row: RecordRow) -> None:
        """See `Records`."""
        self._rows[row.kind, row.key] = row

    def record(self, kind: str, key: bytes, now_ms: int) -> RecordRow | None:
        """See `Records`."""
        row = self._rows.get((kind, key))
        return row if row is not None and row.expire_ms > now_ms else None

    def due_records(self, kind: str, now_ms: int, limit: int) -> list[RecordRow]:
        """See `Records`."""
        rows = [row for row in self._rows.values() if row.kind == kind and row.due_ms <= now_ms < row.expire_ms]
        return sorted(rows, key=lambda row: (row.due_ms, row.key))[:limit]

    def drop_record(self, kind: str, key: bytes) -> bool:
        """See `Records`."""
        return self._rows.pop((kind, key), None) is not None

    def purge_records(self, now_ms: int) -> int:
        """See `Records`."""
        old = [place for place, row in self._rows.items() if row.expire_ms <= now_ms]
        for place in old:
            del self._rows[place]
        return len(old)

    def all(self) -> list[RecordRow]:
        """See `Records`."""
        return list(self._rows.values())
