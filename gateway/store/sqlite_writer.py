"""SQLite's side of the writer: plain statements that PostgreSQL's relatives take as well.

Rows are found by ``IN`` lists over a whole batch. Whether a row is new or replaces one is known before it is
written, hence no ON CONFLICT.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.store import statements, tables
from gateway.store.base import DecisionError, Reads
from gateway.store.batch import Found, Writes
from gateway.store.lookup import select_in
from gateway.store.rows import EntryRow, Erased, HeadRow, Label, NumberKey, OutboxState, SubjectRow
from gateway.store.sqlite_files import Connect

_log = logging.getLogger(__name__)

_SCRUB_WAIT_MS, _BUSY_WAIT_MS = 100, 5000

# What sqlite3 raises for a value that no column can hold, as opposed to a database that fails.
_VALUE_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)


class SqliteWriteEngine:
    """See `gateway.store.engine.WriteEngine`.

    After a failed COMMIT or ROLLBACK the connection is thrown away, and ``begin`` opens a new one: what the file
    says then is what counts.
    """

    def __init__(self, path: Path, connect: Connect, on_close: Callable[[], None]) -> None:
        self._path = path
        self._connect = connect
        self._on_close = on_close
        self._held: sqlite3.Connection | None = None

    def begin(self) -> HeadRow:
        """Begin and read the head."""
        if self._held is None:
            self._held = self._connect(self._path)
        self._held.execute("BEGIN IMMEDIATE")
        return tables.read_head(self._held.execute(statements.SELECT_HEAD).fetchone())

    def find(self, reads: Reads) -> Found:
        """Find rows, a few statements for all of them."""
        holders = [tables.read_holder(row) for row in self._find(statements.SELECT_HOLDER, reads.numbers)]
        subjects = [tables.read_subject(row) for row in self._find(statements.SELECT_SUBJECT, reads.subjects)]
        answers = [tables.read_answer(row) for row in self._find(statements.SELECT_ANSWER, reads.answers)]
        outbox = [tables.read_outbox(row) for row in self._find(statements.SELECT_OUTBOX, reads.outbox)]
        held = {number.number_key for number, _ in holders}
        return Found(
            {number.number_key: number for number, _ in holders},
            {subject.label: subject for subject in (*subjects, *(holder for _, holder in holders))},
            {row.key: row for row in answers},
            {row.id: row for row in outbox},
            {kind: index for kind in reads.types if (index := self._last_index(kind)) is not None},
            self._find_erased([key for key in reads.numbers if key not in held]),
        )

    def _find_erased(self, keys: Sequence[NumberKey]) -> dict[NumberKey, int]:
        found: dict[NumberKey, int] = {}
        for key, epoch in self._find(statements.SELECT_ERASED_EPOCH, keys) if keys else ():
            found[key] = max(epoch, found.get(key, 0))
        return found

    def _last_index(self, leaf_type: int) -> int | None:
        row = self._connection.execute(statements.SELECT_LAST_INDEX, (leaf_type,)).fetchone()
        index: int | None = row[0]
        return index

    def entry(self, index: int) -> EntryRow:
        """Find an entry."""
        row = self._connection.execute(f"{statements.SELECT_ENTRY} WHERE e.idx = ?", (index,)).fetchone()
        if row is None:
            raise KeyError(index)
        return tables.read_entry(row)

    def find_spent(self, ids: Collection[str]) -> bool:
        """Tell whether an id was ever used."""
        selects = (statements.SELECT_ID, statements.SELECT_SPENT)
        return any(True for select in selects for _ in self._find(select, tuple(ids)))

    def write(self, old: HeadRow, new: HeadRow, writes: Writes) -> None:
        """Write a batch."""
        try:
            self._write_head(old, new)
            for erased in writes.erased:
                self._erase(erased)
            self._many(statements.FINISH_ERASED, [(label,) for label in writes.destroyed])
            self._write_log(writes)
            self._write_state(writes)
            self._write_outbox(writes)
        except _VALUE_ERRORS as error:
            # The type alone: the text may quote the value.
            raise DecisionError(f"a value cannot be stored ({type(error).__name__})") from None

    def commit(self) -> None:
        """Make the batch durable."""
        try:
            self._connection.execute("COMMIT")
        except BaseException:
            self._discard()
            raise

    def rollback(self) -> None:
        """Forget the batch."""
        if self._held is None:
            return
        try:
            if self._held.in_transaction:
                self._held.execute("ROLLBACK")
        except sqlite3.Error:
            self._discard()

    def sweep(self, now_ms: int, settled_before_ms: int, limit: int) -> int:
        """Remove what is over."""
        run = self._connection.execute
        answers = run(statements.SELECT_EXPIRED, (now_ms, limit)).fetchall()
        self._connection.executemany(statements.DELETE_ANSWER, answers)
        settled = run(
            statements.SELECT_OLD,
            (OutboxState.SETTLED.value, settled_before_ms, limit - len(answers)),
        ).fetchall()
        self._connection.executemany(statements.INSERT_SPENT, settled)
        self._connection.executemany(statements.DELETE_OUTBOX, settled)
        return len(answers) + len(settled)

    def scrub(self) -> bool:
        """Move the file of recent changes into the main one, whose deleted rows are overwritten, and empty it."""
        if self._held is None:
            self._held = self._connect(self._path)
        # Callers wait for the writer meanwhile, so it waits for readers a moment only.
        self._held.execute(f"PRAGMA busy_timeout = {_SCRUB_WAIT_MS}")
        try:
            (is_busy, _, _) = self._held.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self._held.execute(f"PRAGMA busy_timeout = {_BUSY_WAIT_MS}")
        return not is_busy

    def close(self) -> None:
        """Close the file; the last connection moves the log of changes into it."""
        self._discard()
        self._on_close()

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._held is None:
            raise sqlite3.OperationalError("no transaction")
        return self._held

    def _discard(self) -> None:
        held, self._held = self._held, None
        try:
            if held is not None:
                held.close()
        except sqlite3.Error as error:
            _log.warning("closing a connection failed: %s", type(error).__name__)

    def _find(self, select: str, keys: Sequence[Any]) -> Iterator[tables.Row]:
        return select_in(self._connection, select, keys)

    def _write_head(self, old: HeadRow, new: HeadRow) -> None:
        if new == old:
            return
        values = (new.size, new.root, new.compact_range, new.time_ms, old.size, old.root)
        if self._connection.execute(statements.UPDATE_HEAD, values).rowcount != 1:
            raise sqlite3.OperationalError("the head moved under the writer")

    def _erase(self, erased: Erased) -> None:
        run = self._connection.execute
        self._many(statements.DELETE_OPENING, [(index,) for index in erased.openings])
        for bounds in erased.outbox:
            ids = run(statements.SELECT_ID_RANGE, bounds).fetchall()
            self._many(statements.INSERT_SPENT, ids)
            self._many(statements.DELETE_OUTBOX, ids)
        run(statements.DELETE_NUMBER, (erased.number_key, erased.label))
        run(statements.DELETE_SUBJECT, (erased.label,))
        run(statements.INSERT_ERASED, (erased.label, erased.number_key, erased.epoch, erased.index))

    def _write_log(self, writes: Writes) -> None:
        self._many(statements.INSERT_ENTRY, [tables.write_entry(entry) for entry in writes.entries])
        openings = [(entry.row.index, entry.row.sealed_opening) for entry in writes.entries if entry.row.sealed_opening]
        self._many(statements.INSERT_OPENING, openings)

    def _write_state(self, writes: Writes) -> None:
        old = writes.replaced
        numbers = [tables.write_number(row) for row in writes.numbers.values()]
        self._many(statements.UPDATE_NUMBER, [(*row[1:], row[0]) for row in numbers if row[0] in old.numbers])
        self._many(statements.INSERT_NUMBER, [row for row in numbers if row[0] not in old.numbers])
        self._write_subjects(writes.subjects, old.subjects)
        self._many(statements.DELETE_ANSWER, [(key,) for key in writes.answers if key in old.answers])
        self._many(statements.INSERT_ANSWER, [tables.write_answer(row) for row in writes.answers.values()])

    def _write_subjects(self, rows: Mapping[Label, SubjectRow], replaced: Mapping[Label, SubjectRow]) -> None:
        new, within, across = [], [], []
        for row in rows.values():
            old, values = replaced.get(row.label), tables.write_subject(row)
            if old is None:
                new.append(values)
            elif (old.number_key, old.epoch, old.carrier, old.state) == (
                row.number_key,
                row.epoch,
                row.carrier,
                row.state,
            ):
                within.append((*values[-3:], row.label))
            else:
                across.append((*values[1:], row.label))
        self._many(statements.INSERT_SUBJECT, new)
        self._many(statements.UPDATE_SUBJECT_WITHIN_STATE, within)
        self._many(statements.UPDATE_SUBJECT, across)

    def _write_outbox(self, writes: Writes) -> None:
        self._many(statements.INSERT_OUTBOX, [tables.write_outbox(row) for row in writes.outbox.values()])
        changes = [tables.write_change(change) for row in writes.outbox_changes.values() for change in row]
        self._many(statements.CHANGE_OUTBOX, changes)

    def _many(self, statement: str, rows: Sequence[tables.Row]) -> None:
        if rows:
            self._connection.executemany(statement, rows)
