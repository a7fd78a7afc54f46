"""One batch: units decided one after the other over what the engine found, and their writes gathered. Pure.

The overlay of written rows over found ones is what lets a unit see the units before it (C3) while nothing has been
written yet; the engine gets the sum of it all as one `Writes`. Both engines and those to come share it, so what a
unit sees cannot differ between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from typing import TypeVar

from gateway.store.base import Decision, DecisionError, KeyRefusedError, Reads, Unit
from gateway.store.rows import (
    AnswerRow,
    EntryRow,
    Erased,
    HeadRow,
    Label,
    NewEntry,
    NewKey,
    NumberKey,
    NumberRow,
    OutboxChange,
    OutboxRow,
    SubjectRow,
)
from gateway.tlog.hashing import leaf_hash
from gateway.tlog.head import Head
from gateway.tlog.leaf import AnyLeaf, EpochLeaf, Leaf, LeafError, LeafType
from optout.kit.values import dataclass, replace

T = TypeVar("T")

_MAX_BIGINT = 2**63 - 1


@dataclass(slots=True)
class Found:
    """The rows an engine found for `Reads`: ``subjects`` are those asked for and the holders of the numbers."""

    numbers: dict[NumberKey, NumberRow] = field(default_factory=dict)
    subjects: dict[Label, SubjectRow] = field(default_factory=dict)
    answers: dict[bytes, AnswerRow] = field(default_factory=dict)
    outbox: dict[str, OutboxRow] = field(default_factory=dict)
    latest: dict[int, int] = field(default_factory=dict)
    """By leaf type, the index of the latest entry of it, if there is one."""
    erased: dict[NumberKey, int] = field(default_factory=dict)
    """Of numbers that nobody holds, the highest epoch that was erased."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry to be written: the row, and what the engine may index it by."""

    row: EntryRow
    type: int
    time_ms: int


@dataclass(slots=True)
class Writes:
    """What a batch writes.

    ``replaced`` are the rows that stand under the same keys now; what is not among them is new. Answers there have
    expired. ``outbox_changes`` come after ``outbox``, in order for each row.
    """

    entries: list[Entry] = field(default_factory=list)
    numbers: dict[NumberKey, NumberRow] = field(default_factory=dict)
    subjects: dict[Label, SubjectRow] = field(default_factory=dict)
    answers: dict[bytes, AnswerRow] = field(default_factory=dict)
    outbox: dict[str, OutboxRow] = field(default_factory=dict)
    outbox_changes: dict[str, list[OutboxChange]] = field(default_factory=dict)
    keys: dict[Label, NewKey] = field(default_factory=dict)
    erased: list[Erased] = field(default_factory=list)
    """To be carried out on what was stored before the batch; of what the batch itself writes it is gone already."""
    destroyed: list[Label] = field(default_factory=list)
    replaced: Found = field(default_factory=Found)

    def __bool__(self) -> bool:
        return bool(
            self.entries
            or self.numbers
            or self.subjects
            or self.answers
            or self.outbox
            or self.outbox_changes
            or self.keys
            or self.erased
            or self.destroyed
        )


def merge_reads(reads: Iterable[Reads]) -> Reads:
    """Name once what several units want to see."""
    every = tuple(reads)
    # Dictionaries, not sets: the same batch asks the engine in the same order.
    return Reads(
        tuple(dict.fromkeys(key for each in every for key in each.numbers)),
        tuple(dict.fromkeys(label for each in every for label in each.subjects)),
        tuple(dict.fromkeys(key for each in every for key in each.answers)),
        tuple(dict.fromkeys(id_ for each in every for id_ in each.outbox)),
        tuple(dict.fromkeys(kind for each in every for kind in each.types)),
    )


class Batch:
    """Decides units over what was ``found`` for their ``reads``.

    ``old_entry`` gives entries below the head, or raises KeyError.
    """

    def __init__(
        self, head: Head, time_ms: int, reads: Reads, found: Found, old_entry: Callable[[int], EntryRow]
    ) -> None:
        self.head = head
        self.time_ms = time_ms
        self.writes = Writes()
        self._old_entry = old_entry
        self._reads = reads
        self._found = found
        self._latest: dict[int, int] = {}

    @property
    def next_index(self) -> int:
        """The index of the next entry."""
        return self.head.size + len(self.writes.entries)

    def decide(self, unit: Unit[T], reads: Reads) -> T:
        """Let one unit decide and take its decision in, or raise and leave everything as it was (C7)."""
        decision = unit.decide(View(self, reads))
        entries = self._make_entries(decision.entries)
        self._check(decision)
        self._take(decision, entries)
        return decision.result

    def new_head(self) -> HeadRow:
        """The head once the batch is written."""
        head, entries = self.head, self.writes.entries
        if entries:
            head = head.extend([leaf_hash(entry.row.leaf) for entry in entries], self.time_ms)
        return HeadRow(head.size, head.root, head.range.to_bytes(), head.time_ms)

    def unread(self) -> Reads:
        """What was written without being asked for, and of which it is not known yet whether it is there already."""
        reads, writes = self._reads, self.writes
        return Reads(
            numbers=tuple(writes.numbers.keys() - reads.numbers),
            subjects=tuple(writes.subjects.keys() - reads.subjects - self._found.subjects.keys()),
            answers=tuple(writes.answers.keys() - reads.answers),
        )

    def finish(self, found: Found) -> Writes:
        """Give what is to be written, now that the rows for `unread` are found."""
        for row in found.answers.values():
            if row.expire_ms > self.time_ms:
                self.writes.answers.pop(row.key, None)
        for erased in self.writes.erased:
            found.subjects.pop(erased.label, None)
            self._forget_number(found.numbers, erased)
        old, writes = self._found, self.writes
        writes.replaced = Found(
            {**old.numbers, **found.numbers}, {**old.subjects, **found.subjects}, {**old.answers, **found.answers}
        )
        return writes

    def number(self, key: NumberKey) -> NumberRow | None:
        """A number's row as it stands now."""
        return self.writes.numbers.get(key) or self._found.numbers.get(key)

    def subject(self, label: Label) -> SubjectRow | None:
        """A subject's row as it stands now."""
        return self.writes.subjects.get(label) or self._found.subjects.get(label)

    def answer(self, key: bytes) -> AnswerRow | None:
        """The answer held under a key now, unless expired."""
        row = self._found.answers.get(key)
        if row is None or row.expire_ms <= self.time_ms:
            row = self.writes.answers.get(key)
        return row if row is not None and row.expire_ms > self.time_ms else None

    def outbox_row(self, id: str) -> OutboxRow | None:  # noqa: A002 - the field's name
        """An outbox row as it stands now."""
        row = self.writes.outbox.get(id)
        if row is None and not any(erased.takes(id) for erased in self.writes.erased):
            row = self._found.outbox.get(id)
        if row is not None:
            for change in self.writes.outbox_changes.get(id, ()):
                row = apply_change(row, change)
        return row

    def erased_epoch(self, key: NumberKey) -> int:
        """The highest epoch erased of a number that nobody holds; 0 if none was."""
        written = (erased.epoch for erased in self.writes.erased if erased.number_key == key)
        return max(written, default=0) or self._found.erased.get(key, 0)

    def entry(self, index: int) -> EntryRow:
        """An entry, old or of this batch."""
        position = index - self.head.size
        if 0 <= position < len(self.writes.entries):
            return self.writes.entries[position].row
        row = self._old_entry(index)
        gone = any(index in erased.openings for erased in self.writes.erased)
        return replace(row, sealed_opening=None) if gone else row

    def last_of_type(self, leaf_type: int) -> int | None:
        """The index of the latest entry of a type, old or of this batch."""
        return self._latest.get(leaf_type, self._found.latest.get(leaf_type))

    def _make_entries(self, new: Sequence[NewEntry]) -> list[Entry]:
        entries, index = [], self.next_index
        for entry in new:
            try:
                kind = LeafType(entry.type)
                leaf = self._make_leaf(kind, entry, index).encode()
            except (LeafError, ValueError, TypeError):
                raise DecisionError("an entry that is no leaf") from None
            if bool(entry.sealed_opening) is (kind is LeafType.EPOCH):
                raise DecisionError("an entry without an opening, or an EPOCH with one")
            row = EntryRow(index, leaf, entry.label, entry.sealed_opening or None)
            entries.append(Entry(row, kind, self.time_ms))
            index += 1
        return entries

    def _make_leaf(self, kind: LeafType, entry: NewEntry, index: int) -> AnyLeaf:
        if kind is LeafType.EPOCH:
            return EpochLeaf(entry.actor, entry.flags, self.time_ms, index, entry.commitment)
        return Leaf(kind, entry.actor, entry.flags, self.time_ms, entry.commitment)

    def _check(self, decision: Decision[T]) -> None:
        labels = {row.label for row in decision.subjects}
        for number in decision.numbers:
            _check_bigints(number.epoch, number.since_ms)
            if number.label not in labels and self.subject(number.label) is None:
                raise DecisionError("a number without its subject")
        for subject in decision.subjects:
            _check_bigints(subject.epoch, subject.version, subject.last_index)
        for answer in decision.answers:
            _check_bigints(answer.index, answer.expire_ms)
        self._check_outbox(decision)
        for erased in decision.erased:
            if self.subject(erased.label) is None:
                raise DecisionError("an erasure of nobody")
        for key in decision.keys:
            if self.writes.keys.get(key.label, key) != key:
                raise KeyRefusedError(frozenset((key.label,)))

    def _check_outbox(self, decision: Decision[T]) -> None:
        ids = set()
        for row in decision.outbox:
            _check_bigints(row.index, row.due_ms, row.expire_ms, row.attempts)
            if row.id in ids or self.outbox_row(row.id) is not None:
                raise DecisionError("an outbox id used before")
            ids.add(row.id)
        for change in decision.outbox_changes:
            _check_bigints(change.due_ms, change.attempts, change.expire_ms or 0)

    def _take(self, decision: Decision[T], entries: list[Entry]) -> None:
        writes = self.writes
        writes.entries += entries
        self._latest.update((entry.type, entry.row.index) for entry in entries)
        for number in decision.numbers:
            writes.numbers[number.number_key] = number
        for subject in decision.subjects:
            writes.subjects[subject.label] = subject
        for answer in decision.answers:
            if self.answer(answer.key) is None:
                writes.answers[answer.key] = answer
        for row in decision.outbox:
            writes.outbox[row.id] = row
            # A change that came before its row found nothing; written after the row it would.
            writes.outbox_changes.pop(row.id, None)
        for change in decision.outbox_changes:
            writes.outbox_changes.setdefault(change.id, []).append(change)
        for key in decision.keys:
            writes.keys[key.label] = key
        for erased in decision.erased:
            self._erase(erased)
        writes.destroyed += decision.destroyed

    def _erase(self, erased: Erased) -> None:
        """Take away what the batch holds of a subject; what was stored before, the engine removes (E1)."""
        writes, found = self.writes, self._found
        for subjects in (writes.subjects, found.subjects):
            subjects.pop(erased.label, None)
        for numbers in (writes.numbers, found.numbers):
            self._forget_number(numbers, erased)
        for id_ in [id_ for id_ in writes.outbox if erased.takes(id_)]:
            del writes.outbox[id_]
        for id_ in [id_ for id_ in writes.outbox_changes if erased.takes(id_)]:
            del writes.outbox_changes[id_]
        for index in erased.openings:
            position = index - self.head.size
            if position >= 0:
                entry = writes.entries[position]
                writes.entries[position] = replace(entry, row=replace(entry.row, sealed_opening=None))
        writes.erased.append(erased)

    @staticmethod
    def _forget_number(numbers: dict[NumberKey, NumberRow], erased: Erased) -> None:
        row = numbers.get(erased.number_key)
        if row is not None and row.label == erased.label:
            del numbers[erased.number_key]


class View:
    """What one unit sees of a batch: see `gateway.store.base.View`."""

    __slots__ = ("_answers", "_batch", "_numbers", "_outbox", "_subjects", "_types", "next_index", "time_ms")

    def __init__(self, batch: Batch, reads: Reads) -> None:
        self.time_ms = batch.time_ms
        self.next_index = batch.next_index
        self._batch = batch
        self._numbers = frozenset(reads.numbers)
        self._subjects = frozenset(reads.subjects)
        self._answers = frozenset(reads.answers)
        self._outbox = frozenset(reads.outbox)
        self._types = frozenset(reads.types)

    def number(self, key: NumberKey) -> tuple[NumberRow, SubjectRow] | None:
        """Give the number's present holder and that subject's state."""
        _check_named(key in self._numbers)
        number = self._batch.number(key)
        if number is None:
            return None
        subject = self._batch.subject(number.label)
        if subject is None:
            raise KeyError("a number's subject is not in the store")
        return number, subject

    def subject(self, label: Label) -> SubjectRow | None:
        """Give one subject's state."""
        _check_named(label in self._subjects)
        return self._batch.subject(label)

    def answer(self, key: bytes) -> AnswerRow | None:
        """Give the first answer under a key."""
        _check_named(key in self._answers)
        return self._batch.answer(key)

    def outbox_row(self, id: str) -> OutboxRow | None:  # noqa: A002 - the field's name
        """Give an outbox row."""
        _check_named(id in self._outbox)
        return self._batch.outbox_row(id)

    def entry(self, index: int) -> EntryRow:
        """Give an entry."""
        return self._batch.entry(index)

    def erased_epoch(self, key: NumberKey) -> int:
        """Give the highest epoch erased of a number that nobody holds."""
        _check_named(key in self._numbers)
        return self._batch.erased_epoch(key)

    def last_of_type(self, leaf_type: int) -> int | None:
        """Give the index of the latest entry of a type."""
        _check_named(leaf_type in self._types)
        return self._batch.last_of_type(leaf_type)


def apply_change(row: OutboxRow, change: OutboxChange) -> OutboxRow:
    """Give the row after a change, which is the row itself if the change expected another state (O2)."""
    if row.state is not change.expected:
        return row
    return OutboxRow(
        id=row.id,
        carrier=row.carrier,
        kind=row.kind,
        label=row.label,
        index=row.index,
        due_ms=change.due_ms,
        expire_ms=row.expire_ms if change.expire_ms is None else change.expire_ms,
        sealed=row.sealed,
        state=change.state,
        attempts=change.attempts,
        reason=change.reason,
    )


def _check_named(is_named: bool) -> None:
    if not is_named:
        raise KeyError("not named in Reads")


def _check_bigints(*values: int) -> None:
    for value in values:
        if not 0 <= value <= _MAX_BIGINT:
            raise DecisionError("an integer out of range")
