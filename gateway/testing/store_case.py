"""What store suites are made of: the harness, the register of cases, and units to commit."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from gateway.store.base import (
    Decision,
    KeyStore,
    Reads,
    Store,
    StoreLimits,
    View,
)
from gateway.store.rows import (
    NO_SUBJECT,
    AnswerRow,
    Label,
    NewEntry,
    NewKey,
    NumberKey,
    NumberRow,
    OutboxKind,
    OutboxRow,
    SubjectRow,
)
from gateway.tlog.compact import CompactRange
from gateway.tlog.hashing import leaf_hash
from gateway.tlog.leaf import Leaf, LeafType, decode_leaf
from optout.kit.clock import FakeClock

DAY_MS = 86_400_000


class Harness(Protocol):
    """One engine under test. ``reopen`` closes the store and opens what is durable of it again."""

    clock: FakeClock
    keys: KeyStore

    async def open(self, limits: StoreLimits | None = None) -> Store:
        """Open the store; the harness closes it in the end."""

    async def reopen(self) -> Store:
        """Close, and open what is durable."""


Case = Callable[[Harness], Awaitable[None]]
CASES: dict[str, Case] = {}
_CLAIMS: dict[str, tuple[str, ...]] = {}


def claims(*sentences: str) -> Callable[[Case], Case]:
    """Put a case into the suite, under the sentences it stands for."""

    def register(case: Case) -> Case:
        CASES[case.__name__] = case
        _CLAIMS[case.__name__] = sentences
        return case

    return register


def claimed_sentences() -> frozenset[str]:
    """Every sentence that some case stands for."""
    return frozenset(itertools.chain.from_iterable(_CLAIMS.values()))


def number_key(name: str) -> NumberKey:
    """A key as the vault makes it, from any name."""
    return NumberKey(sha256(b"n" + name.encode()).digest())


def label_of(name: str) -> Label:
    """A label as the vault makes it, from any name."""
    return Label(sha256(b"l" + name.encode()).digest())


@dataclass
class Note:
    """A unit that changes one subject: counts its version up, appends an entry, and keeps an answer if asked to."""

    name: str
    answer: bytes = b""
    answer_life_ms: int = DAY_MS
    outbox: tuple[OutboxRow, ...] = ()
    fails: Exception | None = None
    new_key: bytes = b""
    carrier: str = "mobile"
    seen: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)

    @property
    def reads(self) -> Reads:
        """The subject, and the answer."""
        return Reads(numbers=(number_key(self.name),), answers=(self.answer,) if self.answer else ())

    def decide(self, view: View) -> Decision[int]:
        """Append one entry; the result is its index, or that of the first answer."""
        if self.fails is not None:
            raise self.fails
        first = view.answer(self.answer) if self.answer else None
        if first is not None:
            return Decision(first.index)
        key, label = number_key(self.name), label_of(self.name)
        found, index = view.number(key), view.next_index
        version = 1 if found is None else found[1].version + 1
        self.seen.append(version - 1)
        self.times.append(view.time_ms)
        commitment = sha256(f"{self.name}/{version}".encode()).digest()
        subject = SubjectRow(label, key, 1, self.carrier, "open", version, index, f"{self.name}/{version}".encode())
        expire_ms = view.time_ms + self.answer_life_ms
        return Decision(
            index,
            entries=(NewEntry(LeafType.CHANGE, 1, 0, label, commitment, subject.sealed),),
            numbers=() if found else (NumberRow(key, label, 1, self.carrier, "prefix", view.time_ms),),
            subjects=(subject,),
            answers=(AnswerRow(self.answer, b"digest", index, expire_ms),) if self.answer else (),
            outbox=self.outbox,
            keys=(NewKey(label, self.new_key),) if self.new_key else (),
        )


@dataclass
class Successor:
    """A unit that appends an entry of type POLICY; its result is the index of the one before, if there was one."""

    names_it: bool = True

    @property
    def reads(self) -> Reads:
        """The type."""
        return Reads(types=(LeafType.POLICY,) if self.names_it else ())

    def decide(self, view: View) -> Decision[int | None]:
        """Look and append."""
        before = view.last_of_type(LeafType.POLICY)
        commitment = sha256(b"successor").digest()
        return Decision(before, entries=(NewEntry(LeafType.POLICY, 0, 0, NO_SUBJECT, commitment, b"successor"),))


def row(id: str, due_ms: int = 0, index: int = 0, carrier: str = "mobile") -> OutboxRow:  # noqa: A002 - the field's name
    """An outbox row that is due at a time."""
    return OutboxRow(id, carrier, OutboxKind.NOTIFY, label_of("a"), index, due_ms, 2**62, b"sealed")


async def fails_with(kind: type[Exception], work: Awaitable[Any]) -> None:
    """Demand that the work raises."""
    try:
        await work
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")


async def check_log(store: Store) -> None:
    """The log is whole: indexes without gaps, and the head's root is that of the leaves (C4, C5, R2)."""
    entries, head = await store.entries(0, 1_000_000), await store.head()
    assert [entry.index for entry in entries] == list(range(head.size))
    whole = CompactRange().append_many([leaf_hash(entry.leaf) for entry in entries])
    assert head.root == whole.root()
    assert CompactRange.from_bytes(head.compact_range).root() == head.root


async def accept_times(store: Store) -> list[int]:
    """The entries' times, in order."""
    leaves = [decode_leaf(entry.leaf) for entry in await store.entries(0, 1_000_000)]
    return [leaf.accept_time_ms for leaf in leaves if isinstance(leaf, Leaf)]


# ---------------------------------------------------------------------------------------------------- committing
