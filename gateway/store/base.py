"""The store's contract, sentence by sentence. One suite (``gateway.testing.store_suite``) holds every engine to it.

A store keeps the registry: the log, the state folded from it, the answers already given, and the outbox.

Committing
    C1  A unit's writes become visible all together or not at all, and with them the log's head.
    C2  ``commit`` returns only after the writes are durable: a kill of the process at any later moment loses nothing.
    C3  Units are decided one after the other in one order, the log's order; each sees the writes of all before it,
        also of those in the same batch.
    C4  Indexes have no gaps: the n-th entry has index n - 1, and after it the head's size is n.
    C5  The head's root and compact range are those of RFC 6962 over the stored leaves, in every batch.
    C6  Accept times never decrease, whatever the clock does; all entries of one batch bear one time.
    C7  A unit whose ``decide`` raises, or whose decision is refused (``DecisionError``, ``KeyRefusedError``), leaves no
        trace and does not disturb the others of its batch.
    C8  A unit's new keys are durable in the key store before any of its entries is.
    C9  If a batch cannot be committed, every unit of it learns ``StoreUnavailableError`` (surely not committed) or
        ``CommitUnknownError`` (perhaps committed); after the latter the store reloads its head before it goes on.
    C10 The queue is bounded: over the limit ``commit`` raises ``OverloadedError`` at once. ``change_outbox`` is exempt:
        what was done already must not be refused a hearing.
    C11 ``decide`` may be called again for the same unit after a failed attempt; only the last call's decision counts.
    C12 Cancelling a caller of ``commit`` does not undo a commit that has begun; a unit still queued is dropped.
    C13 A unit that names leaf types sees the index of the latest entry of each, those of units before it included.
    C14 An EPOCH entry covers exactly the entries before it, and has no opening; no other entry is without one.

Answers
    A1  A second answer under a key that is held replaces nothing; the unit sees the first (``View.answer``).
    A2  Answers past their ``expire_ms`` are not seen, and are removed in time.

Erasing
    E1  With a decision that erases a subject go its openings that are named, its outbox rows that are named (their ids
        count as used, O3), its row, and its number's row if it is the holder: in the same commit, for units after it
        as for readers. Its leaves stay. The subject must be among the unit's reads.
    E2  Of an erased number the highest epoch that was erased is known to units (``View.erased_epoch``) and readers.
    E3  An erasure is listed as unfinished until a decision says that its key was destroyed.
    E4  After ``scrub`` said True nothing of what was deleted before it is left in the store's files.

Outbox
    O1  Rows that are READY and due are listed in order of (due_ms, index, id), per carrier.
    O2  A change applies only if the row is in the expected state; otherwise nothing happens.
    O3  A row's id is unique for ever, also after the row is swept: a unit that uses one again is refused (C7).
    O4  A change sets the row's state, due time, attempts and reason, and when it expires if it names that; a row
        that is READY again is listed like any other (O1).

Reading
    R1  A read sees a committed state, never half a batch.
    R2  ``entries`` returns entries in order of index without gaps.
    R3  ``wait_beyond`` returns when the head's size exceeds the given one, at once if it does already.
    R4  ``entries_of_type`` returns the entries of one leaf type with index >= the given one, in order of index.
    R5  ``marked`` lists the numbers whose row bears a mark, the latest (since_ms, number_key) first, below a place.

Life
    L1  A store opened by one process for writing refuses a second one with ``StoreLockedError``.
    L2  Opening a file of an older schema version migrates it; of a newer one it is refused with ``SchemaError``.
    L3  After ``close`` every method raises ``StoreClosedError``; units still queued are committed first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Generic, Protocol, TypeVar

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
    OutboxState,
    Place,
    SubjectRow,
)
from optout.kit.values import dataclass

T = TypeVar("T")


class StoreError(Exception):
    """The store could not do as asked. ``reason`` is a stable code; the text holds no personal data."""

    reason = "STORE_ERROR"


class OverloadedError(StoreError):
    """Too many units are waiting. Nothing was written; try again later."""

    reason = "OVERLOADED"


class StoreUnavailableError(StoreError):
    """The batch was surely not committed. Try again later."""

    reason = "STORE_UNAVAILABLE"


class DecisionError(StoreError):
    """A unit decided what no store can keep, such as an outbox id used before: a mistake in the unit."""

    reason = "DECISION"


class KeyRefusedError(StoreError):
    """Keys were refused: their labels hold another key, or one that was destroyed. None of those given was kept.

    ``labels`` are the labels concerned.
    """

    reason = "KEY_REFUSED"

    def __init__(self, labels: frozenset[Label]) -> None:
        super().__init__("a key is never replaced, and none follows a destroyed one")
        self.labels = labels


class CommitUnknownError(StoreError):
    """The batch may have been committed. Repeating the same instruction tells."""

    reason = "COMMIT_UNKNOWN"


class StoreClosedError(StoreError):
    """The store is closed."""

    reason = "STORE_CLOSED"


class StoreLockedError(StoreError):
    """Another process writes to this store."""

    reason = "STORE_LOCKED"


class SchemaError(StoreError):
    """The stored schema is newer than this program, or not ours."""

    reason = "SCHEMA"


@dataclass(frozen=True, slots=True)
class Reads:
    """What a unit wants to see, named beforehand so that an engine can fetch a whole batch at once."""

    numbers: tuple[NumberKey, ...] = ()
    subjects: tuple[Label, ...] = ()
    answers: tuple[bytes, ...] = ()
    outbox: tuple[str, ...] = ()
    types: tuple[int, ...] = ()


class View(Protocol):
    """What a unit sees: the state after every unit before it. Asking for what was not in ``Reads`` is a KeyError."""

    @property
    def time_ms(self) -> int:
        """The accept time that this batch's entries will bear, Unix ms."""

    @property
    def next_index(self) -> int:
        """The index that the unit's first entry will get."""

    def number(self, key: NumberKey) -> tuple[NumberRow, SubjectRow] | None:
        """The number's present holder and that subject's state; None if the number was never heard of."""

    def subject(self, label: Label) -> SubjectRow | None:
        """One subject's state by its label, whoever holds the number now."""

    def answer(self, key: bytes) -> AnswerRow | None:
        """The first answer under an idempotency key, unless expired."""

    def outbox_row(self, id: str) -> OutboxRow | None:  # noqa: A002 - the field's name
        """An outbox row by its id."""

    def entry(self, index: int) -> EntryRow:
        """An entry already in the log or written by a unit before this one. KeyError if there is none."""

    def erased_epoch(self, key: NumberKey) -> int:
        """The highest epoch of a number that was erased (E2); 0 if none was, or somebody holds the number."""

    def last_of_type(self, leaf_type: int) -> int | None:
        """The index of the latest entry of a leaf type, written by a unit before this one or long ago (C13)."""


@dataclass(frozen=True, slots=True)
class Decision(Generic[T]):
    """What a unit decided: what to write, and what to tell its caller once that is durable.

    ``entries`` get consecutive indexes from ``View.next_index`` on.
    """

    result: T
    entries: tuple[NewEntry, ...] = ()
    numbers: tuple[NumberRow, ...] = ()
    subjects: tuple[SubjectRow, ...] = ()
    answers: tuple[AnswerRow, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()
    outbox_changes: tuple[OutboxChange, ...] = ()
    keys: tuple[NewKey, ...] = ()
    erased: tuple[Erased, ...] = ()
    destroyed: tuple[Label, ...] = ()
    """Subjects erased before, whose keys are destroyed by now (E3)."""


class Unit(Protocol[T]):
    """One unit of work: pure but for the keys and salts it draws."""

    @property
    def reads(self) -> Reads:
        """What it wants to see."""

    def decide(self, view: View) -> Decision[T]:
        """Decide. Whatever it raises goes to the caller of ``commit`` and leaves no trace (C7)."""


@dataclass(frozen=True, slots=True)
class OutboxCount:
    """How many rows of one carrier are in one state; ``oldest_ms`` is the earliest due time among them."""

    carrier: str
    state: OutboxState
    rows: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How a store gathers units, and how long it keeps what is over.

    ``gather_s`` is how long a batch may wait for company after its first unit; ``settled_keep_ms`` is how long a
    settled outbox row stays after it was due.
    """

    max_queue: int = 4096
    max_batch: int = 200
    gather_s: float = 0.002
    settled_keep_ms: int = 30 * 86_400_000


class KeyStore(Protocol):
    """Where subjects' keys live: apart from the registry, and as durable as it.

    K1  ``put`` returns only after the keys are durable; a key that is held is never replaced: the same key again does
        nothing, another one is refused (``KeyRefusedError``) together with all that were given.
    K2  ``get`` returns the keys that are held; those destroyed or never made are missing from the answer.
    K3  ``destroy`` makes keys unrecoverable from the live store; ``put`` for a destroyed label is refused likewise.
    K4  A store that outlives its process makes copies: ``backup`` writes a complete one; after ``destroy`` the next
        does not hold the destroyed keys, and copies older than the retention are removed, so that an erasure is
        complete after ``backup_days``.
    """

    def put(self, keys: Iterable[NewKey]) -> None:
        """Keep new keys (K1). Blocking; called by the writer just before a batch is committed."""

    def get(self, labels: Iterable[Label]) -> Mapping[Label, bytes]:
        """Find keys (K2)."""

    def destroy(self, labels: Iterable[Label]) -> None:
        """Destroy keys (K3)."""

    def close(self) -> None:
        """Let go of the files."""


class Store(Protocol):
    """The registry's store. All methods may be called from the event loop; none blocks it for long."""

    async def commit(self, unit: Unit[T]) -> T:
        """Decide and commit one unit, together with others that wait (C1 to C12)."""

    async def change_outbox(self, changes: Sequence[OutboxChange]) -> None:
        """Record what became of attempts to send (O2). Durable on return."""

    async def head(self) -> HeadRow:
        """The log's head."""

    async def number(self, key: NumberKey) -> tuple[NumberRow, SubjectRow] | None:
        """A number's present holder and that subject's state."""

    async def subjects(
        self, *, carrier: str | None, state: str | None, after: Label, limit: int
    ) -> tuple[Sequence[SubjectRow], HeadRow]:
        """Subjects with a label above ``after``, in order of label, and the head at which they were read."""

    async def marked(self, mark: str, *, below: Place | None, limit: int) -> Sequence[tuple[NumberRow, SubjectRow]]:
        """Numbers that bear a mark, and their holders' states; ``below`` is the place of the last one known (R4)."""

    async def entries(self, after: int, limit: int) -> Sequence[EntryRow]:
        """Entries with index >= ``after`` (so ``after`` is a revision already known), at most ``limit`` of them."""

    async def due(self, carrier: str, now_ms: int, limit: int) -> Sequence[OutboxRow]:
        """READY rows of a carrier that are due (O1)."""

    async def outbox_row(self, id: str) -> OutboxRow | None:  # noqa: A002 - the field's name
        """One outbox row by its id."""

    async def outbox(self, state: OutboxState, limit: int, carrier: str | None = None) -> Sequence[OutboxRow]:
        """Rows in one state, in the order of O1, of one carrier or of all; for looking at dead letters."""

    async def outbox_counts(self) -> Sequence[OutboxCount]:
        """How the outbox stands."""

    async def last_of_type(self, leaf_type: int) -> EntryRow | None:
        """The latest entry of one leaf type, such as POLICY."""

    async def entries_of_type(self, leaf_type: int, after: int, limit: int) -> Sequence[EntryRow]:
        """Entries of one leaf type with index >= ``after``, at most ``limit`` of them (R4)."""

    async def erased_epoch(self, key: NumberKey) -> int:
        """The highest epoch of a number that was erased (E2); 0 if none was."""

    async def unfinished_erasures(self) -> Sequence[Label]:
        """Subjects erased whose keys are not known to be destroyed (E3)."""

    async def scrub(self) -> bool:
        """Overwrite what was deleted (E4); False if readers are in the way: later again."""

    async def wait_beyond(self, size: int, timeout_s: float) -> int:
        """Wait until the log is longer than ``size`` (R3) or the time is up; returns the size then."""

    async def sweep(self, now_ms: int) -> int:
        """Remove expired answers and rows settled long ago (A2); returns how many rows went."""

    async def close(self) -> None:
        """Commit what is queued, then let go (L3)."""


@dataclass(slots=True)
class StoreCounters:
    """What a store has done since it was opened; for metrics."""

    batches: int = 0
    units: int = 0
    entries: int = 0
    failed_batches: int = 0
    largest_batch: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)
