"""The store without files: the obvious engine, for tests and for trying things out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from threading import Lock
from typing import TypeVar

from gateway.store.base import KeyRefusedError, KeyStore, OutboxCount, Reads, StoreLimits, StoreLockedError
from gateway.store.batch import Entry, Found, Writes, apply_change
from gateway.store.group import GroupStore
from gateway.store.rows import (
    AnswerRow,
    EntryRow,
    Erased,
    HeadRow,
    Label,
    NewKey,
    NumberKey,
    NumberRow,
    OutboxRow,
    OutboxState,
    Place,
    SubjectRow,
)
from gateway.tlog.compact import CompactRange
from optout.kit.clock import Clock, SystemClock

K = TypeVar("K")
V = TypeVar("V")

_EMPTY = CompactRange()
EMPTY_HEAD = HeadRow(0, _EMPTY.root(), _EMPTY.to_bytes(), 0)


@dataclass(slots=True)
class MemoryTables:
    """What a memory store keeps; a store that is given them later finds what an earlier one left."""

    head: HeadRow = EMPTY_HEAD
    entries: list[Entry] = field(default_factory=list)
    numbers: dict[NumberKey, NumberRow] = field(default_factory=dict)
    subjects: dict[Label, SubjectRow] = field(default_factory=dict)
    answers: dict[bytes, AnswerRow] = field(default_factory=dict)
    outbox: dict[str, OutboxRow] = field(default_factory=dict)
    spent_ids: set[str] = field(default_factory=set)
    latest: dict[int, Entry] = field(default_factory=dict)
    """By leaf type, the latest entry."""
    erased: dict[Label, Erased] = field(default_factory=dict)
    unfinished: set[Label] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)
    """Held while rows change or are read."""
    writer: Lock = field(default_factory=Lock)
    """Held by the store that has them open."""


class MemoryStore(GroupStore):
    """A `gateway.store.base.Store` that forgets. Raises StoreLockedError if another store has the tables open."""

    def __init__(
        self,
        keys: KeyStore,
        *,
        clock: Clock | None = None,
        limits: StoreLimits | None = None,
        tables: MemoryTables | None = None,
    ) -> None:
        tables = tables or MemoryTables()
        super().__init__(
            MemoryWriteEngine(tables),
            MemoryReadEngine(tables),
            keys,
            clock=clock or SystemClock(),
            limits=limits or StoreLimits(),
        )


class MemoryWriteEngine:
    """See `gateway.store.engine.WriteEngine`. The batch is set aside until ``commit``."""

    def __init__(self, tables: MemoryTables) -> None:
        if not tables.writer.acquire(blocking=False):
            raise StoreLockedError("another store has these tables open")
        self._tables = tables
        self._pending: tuple[HeadRow, Writes] | None = None

    def begin(self) -> HeadRow:
        """Begin a batch."""
        return self._tables.head

    def find(self, reads: Reads) -> Found:
        """Find rows."""
        tables = self._tables
        numbers = _pick(tables.numbers, reads.numbers)
        labels = (*reads.subjects, *(row.label for row in numbers.values()))
        return Found(
            numbers,
            _pick(tables.subjects, labels),
            _pick(tables.answers, reads.answers),
            _pick(tables.outbox, reads.outbox),
            {kind: entry.row.index for kind, entry in _pick(tables.latest, reads.types).items()},
            {key: epoch for key in reads.numbers if key not in numbers and (epoch := _erased_epoch(tables, key))},
        )

    def entry(self, index: int) -> EntryRow:
        """Find an entry."""
        if not 0 <= index < len(self._tables.entries):
            raise KeyError(index)
        return self._tables.entries[index].row

    def find_spent(self, ids: Collection[str]) -> bool:
        """Tell whether an id was ever used."""
        return not self._tables.spent_ids.isdisjoint(ids)

    def write(self, old: HeadRow, new: HeadRow, writes: Writes) -> None:
        """Set a batch aside."""
        self._pending = new, writes

    def commit(self) -> None:
        """Make the batch visible."""
        if self._pending is None:
            return
        (head, writes), tables = self._pending, self._tables
        with tables.lock:
            for erased in writes.erased:
                _erase(tables, erased)
            tables.unfinished.difference_update(writes.destroyed)
            tables.entries += writes.entries
            tables.latest.update((entry.type, entry) for entry in writes.entries)
            tables.numbers.update(writes.numbers)
            tables.subjects.update(writes.subjects)
            tables.answers.update(writes.answers)
            tables.outbox.update(writes.outbox)
            tables.spent_ids.update(writes.outbox)
            for id_, changes in writes.outbox_changes.items():
                for change in changes:
                    if id_ in tables.outbox:
                        tables.outbox[id_] = apply_change(tables.outbox[id_], change)
            tables.head = head
        self._pending = None

    def rollback(self) -> None:
        """Forget the batch."""
        self._pending = None

    def sweep(self, now_ms: int, settled_before_ms: int, limit: int) -> int:
        """Remove what is over."""
        tables = self._tables
        answers = [row.key for row in tables.answers.values() if row.expire_ms <= now_ms][:limit]
        settled = [
            row.id
            for row in tables.outbox.values()
            if row.state is OutboxState.SETTLED and row.due_ms < settled_before_ms
        ][: limit - len(answers)]
        with tables.lock:
            for key in answers:
                del tables.answers[key]
            for id_ in settled:
                del tables.outbox[id_]
        return len(answers) + len(settled)

    def scrub(self) -> bool:
        """There are no files."""
        return True

    def close(self) -> None:
        """Let another store have the tables."""
        self._tables.writer.release()


class MemoryReadEngine:
    """See `gateway.store.engine.ReadEngine`."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    def number(self, key: NumberKey) -> tuple[NumberRow, SubjectRow] | None:
        """Find a number's holder."""
        with self._tables.lock:
            row = self._tables.numbers.get(key)
            return None if row is None else (row, self._tables.subjects[row.label])

    def subjects(
        self, carrier: str | None, state: str | None, after: Label, limit: int
    ) -> tuple[Sequence[SubjectRow], HeadRow]:
        """List subjects."""
        with self._tables.lock:
            rows = sorted(
                (
                    row
                    for row in self._tables.subjects.values()
                    if row.label > after and carrier in {None, row.carrier} and state in {None, row.state}
                ),
                key=lambda row: row.label,
            )
            return rows[:limit], self._tables.head

    def marked(self, mark: str, below: Place, limit: int) -> Sequence[tuple[NumberRow, SubjectRow]]:
        """List a mark's numbers."""
        with self._tables.lock:
            rows = [
                row
                for row in self._tables.numbers.values()
                if row.mark == mark != "" and (row.since_ms, row.number_key) < below
            ]
            rows.sort(key=lambda row: (row.since_ms, row.number_key), reverse=True)
            return [(row, self._tables.subjects[row.label]) for row in rows[:limit]]

    def entries(self, after: int, limit: int) -> Sequence[EntryRow]:
        """List entries."""
        with self._tables.lock:
            return [entry.row for entry in self._tables.entries[after : after + limit]]

    def due(self, carrier: str, now_ms: int, limit: int) -> Sequence[OutboxRow]:
        """List what is to be sent."""
        with self._tables.lock:
            return [row for row in self._sorted(OutboxState.READY) if row.carrier == carrier and row.due_ms <= now_ms][
                :limit
            ]

    def outbox_row(self, id: str) -> OutboxRow | None:  # noqa: A002 - the field's name
        """Find an outbox row."""
        with self._tables.lock:
            return self._tables.outbox.get(id)

    def outbox(self, state: OutboxState, limit: int, carrier: str | None = None) -> Sequence[OutboxRow]:
        """List outbox rows."""
        with self._tables.lock:
            return [row for row in self._sorted(state) if carrier in {None, row.carrier}][:limit]

    def outbox_counts(self) -> Sequence[OutboxCount]:
        """Count the outbox."""
        groups: dict[tuple[str, OutboxState], list[int]] = {}
        with self._tables.lock:
            for row in self._tables.outbox.values():
                groups.setdefault((row.carrier, row.state), []).append(row.due_ms)
        return [OutboxCount(*group, len(due), min(due)) for group, due in sorted(groups.items())]

    def last_of_type(self, leaf_type: int) -> EntryRow | None:
        """Find the latest entry of a type."""
        with self._tables.lock:
            entry = self._tables.latest.get(leaf_type)
        return None if entry is None else entry.row

    def entries_of_type(self, leaf_type: int, after: int, limit: int) -> Sequence[EntryRow]:
        """List entries of a type."""
        with self._tables.lock:
            found = (entry.row for entry in self._tables.entries[after:] if entry.type == leaf_type)
            return list(islice(found, limit))

    def erased_epoch(self, key: NumberKey) -> int:
        """Find the highest epoch erased."""
        with self._tables.lock:
            return _erased_epoch(self._tables, key)

    def unfinished_erasures(self) -> Sequence[Label]:
        """List erasures without their end."""
        with self._tables.lock:
            return sorted(self._tables.unfinished)

    def close(self) -> None:
        """Nothing to let go of."""

    def _sorted(self, state: OutboxState) -> list[OutboxRow]:
        rows = (row for row in self._tables.outbox.values() if row.state is state)
        return sorted(rows, key=lambda row: (row.due_ms, row.index, row.id))


class MemoryKeyStore:
    """A `gateway.store.base.KeyStore` that forgets, and so has no copies (K4)."""

    def __init__(self) -> None:
        self._keys: dict[Label, bytes | None] = {}
        self._lock = Lock()

    def put(self, keys: Iterable[NewKey]) -> None:
        """Keep new keys."""
        new = {key.label: key.key for key in keys}
        with self._lock:
            refused = frozenset(label for label, key in new.items() if self._keys.get(label, key) != key)
            if refused:
                raise KeyRefusedError(refused)
            self._keys.update(new)

    def get(self, labels: Iterable[Label]) -> Mapping[Label, bytes]:
        """Find keys."""
        with self._lock:
            return {label: key for label in labels if (key := self._keys.get(label)) is not None}

    def destroy(self, labels: Iterable[Label]) -> None:
        """Destroy keys."""
        with self._lock:
            self._keys.update(dict.fromkeys(labels))

    def close(self) -> None:
        """Nothing to let go of."""


def _erase(tables: MemoryTables, erased: Erased) -> None:
    for index in erased.openings:
        if index < len(tables.entries):
            entry = tables.entries[index]
            dark = tables.entries[index] = replace(entry, row=replace(entry.row, sealed_opening=None))
            if tables.latest[entry.type].row.index == index:
                tables.latest[entry.type] = dark
    for id_ in [id_ for id_ in tables.outbox if erased.takes(id_)]:
        del tables.outbox[id_]
    tables.subjects.pop(erased.label, None)
    number = tables.numbers.get(erased.number_key)
    if number is not None and number.label == erased.label:
        del tables.numbers[erased.number_key]
    tables.erased[erased.label] = erased
    tables.unfinished.add(erased.label)


def _erased_epoch(tables: MemoryTables, key: NumberKey) -> int:
    return max((erased.epoch for erased in tables.erased.values() if erased.number_key == key), default=0)


def _pick(rows: Mapping[K, V], keys: Iterable[K]) -> dict[K, V]:
    return {key: rows[key] for key in keys if key in rows}
