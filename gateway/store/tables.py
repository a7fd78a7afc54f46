"""Rows as tuples and back: the columns of every table, in one place for all SQL engines.

Empty texts and bytes are written as NULL and read back as empty: PostgreSQL's relatives in their Oracle mode make
no difference between the two.
"""

from __future__ import annotations

from typing import Any

from gateway.store.base import OutboxCount
from gateway.store.batch import Entry
from gateway.store.rows import (
    NO_SUBJECT,
    AnswerRow,
    EntryRow,
    HeadRow,
    Label,
    NumberRow,
    OutboxChange,
    OutboxKind,
    OutboxRow,
    OutboxState,
    SubjectRow,
)

Row = tuple[Any, ...]

HEAD = "size, root, compact_range, time_ms"
ENTRY = "idx, leaf, label, type, time_ms"
NUMBER = "number_key, label, epoch, carrier, basis, since_ms, mark"
NUMBER_COLUMNS = 7
SUBJECT = "label, number_key, epoch, carrier, state, version, last_idx, sealed"
ANSWER = "answer_key, digest, idx, expire_ms"
OUTBOX = "id, carrier, kind, label, idx, due_ms, expire_ms, sealed, state, attempts, reason"


def read_head(row: Row) -> HeadRow:
    """Read the columns of HEAD."""
    return HeadRow(*row)


def write_entry(entry: Entry) -> Row:
    """Write the columns of ENTRY."""
    row = entry.row
    return row.index, row.leaf, row.label or None, entry.type, entry.time_ms


def read_entry(row: Row) -> EntryRow:
    """Read idx, leaf, label and the opening's sealed."""
    index, leaf, label, sealed = row
    return EntryRow(index, leaf, Label(label) if label else NO_SUBJECT, sealed)


def write_number(row: NumberRow) -> Row:
    """Write the columns of NUMBER."""
    return (
        row.number_key,
        row.label,
        row.epoch,
        row.carrier or None,
        row.basis or None,
        row.since_ms,
        row.mark or None,
    )


def read_number(row: Row) -> NumberRow:
    """Read the columns of NUMBER."""
    number_key, label, epoch, carrier, basis, since_ms, mark = row
    return NumberRow(number_key, label, epoch, carrier or "", basis or "", since_ms, mark or "")


def write_subject(row: SubjectRow) -> Row:
    """Write the columns of SUBJECT."""
    return (
        row.label,
        row.number_key,
        row.epoch,
        row.carrier or None,
        row.state or None,
        row.version,
        row.last_index,
        row.sealed or None,
    )


def read_subject(row: Row) -> SubjectRow:
    """Read the columns of SUBJECT."""
    label, number_key, epoch, carrier, state, version, last_index, sealed = row
    return SubjectRow(label, number_key, epoch, carrier or "", state or "", version, last_index, sealed or b"")


def read_holder(row: Row) -> tuple[NumberRow, SubjectRow]:
    """Read the columns of NUMBER and SUBJECT."""
    return read_number(row[:NUMBER_COLUMNS]), read_subject(row[NUMBER_COLUMNS:])


def write_answer(row: AnswerRow) -> Row:
    """Write the columns of ANSWER."""
    return row.key, row.digest or None, row.index, row.expire_ms


def read_answer(row: Row) -> AnswerRow:
    """Read the columns of ANSWER."""
    key, digest, index, expire_ms = row
    return AnswerRow(key, digest or b"", index, expire_ms)


def write_outbox(row: OutboxRow) -> Row:
    """Write the columns of OUTBOX."""
    return (
        row.id,
        row.carrier or None,
        row.kind.value,
        row.label or None,
        row.index,
        row.due_ms,
        row.expire_ms,
        row.sealed or None,
        row.state.value,
        row.attempts,
        row.reason or None,
    )


def read_outbox(row: Row) -> OutboxRow:
    """Read the columns of OUTBOX."""
    id_, carrier, kind, label, index, due_ms, expire_ms, sealed, state, attempts, reason = row
    return OutboxRow(
        id_,
        carrier or "",
        OutboxKind(kind),
        label or NO_SUBJECT,
        index,
        due_ms,
        expire_ms,
        sealed or b"",
        OutboxState(state),
        attempts,
        reason or "",
    )


def write_change(change: OutboxChange) -> Row:
    """Write state, due_ms, attempts, reason and expire_ms (None leaves it), then id and expected state."""
    return (
        change.state.value,
        change.due_ms,
        change.attempts,
        change.reason or None,
        change.expire_ms,
        change.id,
        change.expected.value,
    )


def read_count(row: Row) -> OutboxCount:
    """Read carrier, state, a count and the earliest due_ms."""
    carrier, state, rows, oldest_ms = row
    return OutboxCount(carrier or "", OutboxState(state), rows, oldest_ms)
