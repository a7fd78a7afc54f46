"""The store suite's cases about erasing. See `gateway.testing.store_suite`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256

from gateway.store.base import Decision, DecisionError, Reads, View
from gateway.store.rows import NO_SUBJECT, Erased, Label, NewEntry
from gateway.testing.store_case import Harness, Note, check_log, claims, fails_with, label_of, number_key, row
from gateway.tlog.leaf import LeafType


@dataclass
class Erasure:
    """A unit that erases a subject whose entries have these indexes; its result is what it saw of the number after."""

    name: str
    openings: tuple[int, ...]
    outbox: tuple[tuple[str, str], ...] = ()

    @property
    def reads(self) -> Reads:
        """The subject."""
        return Reads(subjects=(label_of(self.name),))

    def decide(self, view: View) -> Decision[int]:
        """Erase."""
        entry = NewEntry(LeafType.ERASE, 0, 0, NO_SUBJECT, sha256(b"erase").digest(), b"erase")
        index, label, key = view.next_index, label_of(self.name), number_key(self.name)
        erased = Erased(label, key, 1, index, self.openings, self.outbox)
        return Decision(index, entries=(entry,), erased=(erased,))


@dataclass
class Look:
    """A unit that tells what units see of a number: the version of its holder, its erased epoch, an opening."""

    name: str
    index: int

    @property
    def reads(self) -> Reads:
        """The number and its subject."""
        return Reads(numbers=(number_key(self.name),), subjects=(label_of(self.name),))

    def decide(self, view: View) -> Decision[tuple[int, int, bytes | None]]:
        """Look."""
        found = view.number(number_key(self.name))
        version = 0 if found is None else found[1].version
        assert (view.subject(label_of(self.name)) is None) is (found is None)
        return Decision((version, view.erased_epoch(number_key(self.name)), view.entry(self.index).sealed_opening))


@dataclass
class Finish:
    """A unit that says that keys were destroyed."""

    labels: tuple[Label, ...]

    @property
    def reads(self) -> Reads:
        """Nothing."""
        return Reads()

    def decide(self, view: View) -> Decision[None]:
        """Say so."""
        return Decision(None, destroyed=self.labels)


@claims("E1", "E2", "C3")
async def an_erased_subject_is_gone_for_units_and_readers(harness: Harness) -> None:
    """Openings, rows, number and outbox; the leaves stay, and others are as they were."""
    store = await harness.open()
    await store.commit(Note("a", outbox=(row("n-1"), row("n-2"))))
    await store.commit(Note("b", outbox=(row("m-1"),)))
    await store.commit(Note("a", outbox=(row("n-3"),)))
    before = [entry.leaf for entry in await store.entries(0, 3)]
    await store.commit(Erasure("a", (0, 2), (("n-1", "n-3"),)))
    for _ in range(2):
        assert await store.number(number_key("a")) is None
        subjects, _ = await store.subjects(carrier=None, state=None, after=Label(b""), limit=9)
        assert [subject.label for subject in subjects] == [label_of("b")]
        entries = await store.entries(0, 9)
        assert [entry.leaf for entry in entries][:3] == before
        assert [entry.sealed_opening for entry in entries] == [None, b"b/1", None, b"erase"]
        assert [found.id for found in await store.due("mobile", 1, 9)] == ["n-3", "m-1"] or [
            found.id for found in await store.due("mobile", 1, 9)
        ] == ["m-1", "n-3"]
        assert await store.erased_epoch(number_key("a")) == 1
        assert await store.erased_epoch(number_key("b")) == 0
        assert await store.commit(Look("a", 0)) == (0, 1, None)
        assert await store.commit(Look("b", 1)) == (1, 0, b"b/1")
        await check_log(store)
        store = await harness.reopen()
    await fails_with(Exception, store.commit(Note("b", outbox=(row("n-1"),))))


@claims("E1", "E2", "C3")
async def an_erasure_holds_within_its_own_batch(harness: Harness) -> None:
    """What units before it wrote is gone with it; what units after it write stays."""
    store = await harness.open()
    await store.commit(Note("a"))
    work = (
        Note("a", outbox=(row("n-1"),)),
        Erasure("a", (0, 1), (("n-1", "n-2"),)),
        Look("a", 1),
        Note("b"),
        Note("a", outbox=(row("n-9"),)),
    )
    results = await asyncio.gather(*(store.commit(unit) for unit in work))
    assert results == [1, 2, (0, 1, None), 3, 4]
    found = await store.number(number_key("a"))
    assert found is not None
    assert found[1].version == 1
    assert [entry.sealed_opening for entry in await store.entries(0, 9)] == [None, None, b"erase", b"b/1", b"a/1"]
    assert [due.id for due in await store.due("mobile", 1, 9)] == ["n-9"]
    await check_log(store)


@claims("E1", "C7")
async def an_erasure_of_nobody_is_refused(harness: Harness) -> None:
    """It leaves no trace."""
    store = await harness.open()
    await store.commit(Note("a"))
    await fails_with(DecisionError, store.commit(Erasure("b", ())))
    assert (await store.head()).size == 1
    assert not await store.unfinished_erasures()


@claims("E3", "E4")
async def an_erasure_is_unfinished_until_its_key_is_gone(harness: Harness) -> None:
    """Also over a reopening; overwriting what was deleted disturbs nobody."""
    store = await harness.open()
    for name in ("a", "b"):
        await store.commit(Note(name))
    await store.commit(Erasure("a", (0,)))
    await store.commit(Erasure("b", (1,)))
    assert await store.unfinished_erasures() == sorted((label_of("a"), label_of("b")))
    assert await store.scrub()
    store = await harness.reopen()
    await store.commit(Finish((label_of("a"),)))
    assert await store.unfinished_erasures() == [label_of("b")]
    await store.commit(Finish((label_of("b"), label_of("c"))))
    assert not await store.unfinished_erasures()
    assert await store.scrub()
    await store.commit(Note("c"))
    await check_log(store)
