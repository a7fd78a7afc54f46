"""What differs between engines: finding rows, writing a batch, and reading.

A `WriteEngine` belongs to the writer's thread. One batch is ``begin``, any number of look-ups, then ``write`` and
``commit``, or ``rollback`` at any point before ``commit`` is called. A `ReadEngine` answers from any thread.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from gateway.store.base import OutboxCount, Reads
from gateway.store.batch import Found, Writes
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


class WriteEngine(Protocol):
    """Writes one batch at a time."""

    def begin(self) -> HeadRow:
        """Begin a transaction, alone on the log, and read its head; recovers first from what went wrong before."""

    def find(self, reads: Reads) -> Found:
        """Find rows, all kinds at once; expired answers too."""

    def entry(self, index: int) -> EntryRow:
        """Find one entry; KeyError if there is none."""

    def find_spent(self, ids: Collection[str]) -> bool:
        """Tell whether any of these outbox ids was ever used."""

    def write(self, old: HeadRow, new: HeadRow, writes: Writes) -> None:
        """Write, provided that ``old`` is still the head. DecisionError if a value cannot be stored."""

    def commit(self) -> None:
        """Make the transaction durable. If it raises, nobody knows whether it did."""

    def rollback(self) -> None:
        """Forget the transaction; never raises."""

    def sweep(self, now_ms: int, settled_before_ms: int, limit: int) -> int:
        """Within a transaction, remove some expired answers and settled outbox rows; returns how many."""

    def scrub(self) -> bool:
        """Outside a transaction, overwrite what was deleted; False if a reader is in the way."""

    def close(self) -> None:
        """Let go of everything."""


class ReadEngine(Protocol):
    """Reads what is committed; the methods are those of `gateway.store.base.Store`."""

    def number(self, key: NumberKey) -> tuple[NumberRow, SubjectRow] | None:
        """A number's holder."""

    def subjects(
        self, carrier: str | None, state: str | None, after: Label, limit: int
    ) -> tuple[Sequence[SubjectRow], HeadRow]:
        """Subjects, and the head they were read at."""

    def marked(self, mark: str, below: Place, limit: int) -> Sequence[tuple[NumberRow, SubjectRow]]:
        """Numbers that bear a mark."""

    def entries(self, after: int, limit: int) -> Sequence[EntryRow]:
        """Entries from ``after`` on."""

    def due(self, carrier: str, now_ms: int, limit: int) -> Sequence[OutboxRow]:
        """What is to be sent."""

    def outbox_row(self, id: str) -> OutboxRow | None:  # noqa: A002 - the field's name
        """One outbox row."""

    def outbox(self, state: OutboxState, limit: int, carrier: str | None = None) -> Sequence[OutboxRow]:
        """Outbox rows in one state."""

    def outbox_counts(self) -> Sequence[OutboxCount]:
        """The outbox, counted."""

    def last_of_type(self, leaf_type: int) -> EntryRow | None:
        """The latest entry of a type."""

    def entries_of_type(self, leaf_type: int, after: int, limit: int) -> Sequence[EntryRow]:
        """Entries of a type from ``after`` on."""

    def erased_epoch(self, key: NumberKey) -> int:
        """The highest epoch erased of a number; 0 if none was."""

    def unfinished_erasures(self) -> Sequence[Label]:
        """Subjects erased whose keys are not known to be destroyed."""

    def close(self) -> None:
        """Let go of everything."""
