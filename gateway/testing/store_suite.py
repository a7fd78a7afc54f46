"""The store suite: what every engine must do, case by case, each case naming the sentences it stands for.

A case is an async function of a `Harness`, which opens and reopens a store of one engine. The suite knows no test
runner: run ``CASES`` with whatever you have, and compare ``claimed_sentences()`` with the contract's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.store.base import (
    Decision,
    DecisionError,
    OverloadedError,
    Reads,
    StoreClosedError,
    StoreLimits,
    StoreLockedError,
    View,
)
from gateway.store.rows import (
    NO_SUBJECT,
    Label,
    NewEntry,
    NumberRow,
    OutboxChange,
    OutboxState,
    SubjectRow,
)
from gateway.testing import store_erasing
from gateway.testing.store_case import (
    CASES,
    DAY_MS,
    Harness,
    Note,
    Successor,
    accept_times,
    check_log,
    claimed_sentences,
    claims,
    fails_with,
    label_of,
    number_key,
    row,
)
from gateway.tlog.leaf import EpochLeaf, LeafType, decode_leaf


@claims("C1", "C4", "C5", "R1")
async def writes_appear_together_with_the_head(harness: Harness) -> None:
    """All of a unit's writes are there when its caller is answered."""
    store = await harness.open()
    index = await store.commit(Note("a", answer=b"k" * 32, outbox=(row("n1"),)))
    found = await store.number(number_key("a"))
    assert found is not None
    assert (found[0].label, found[1].version, found[1].last_index) == (label_of("a"), 1, index)
    assert (await store.entries(0, 10))[0].sealed_opening == b"a/1"
    assert await store.outbox_row("n1") is not None
    assert (await store.head()).size == 1
    await check_log(store)


@claims("C2")
async def what_was_answered_outlives_the_store(harness: Harness) -> None:
    """Nothing acknowledged is lost over a reopening."""
    store = await harness.open()
    await asyncio.gather(*(store.commit(Note(f"s{index % 7}", outbox=(row(f"n{index}"),))) for index in range(50)))
    before = await store.head()
    store = await harness.reopen()
    assert await store.head() == before
    assert len(await store.due("mobile", 0, 100)) == 50
    await check_log(store)


@claims("C3", "C4", "C5")
async def units_see_those_before_them_also_in_one_batch(harness: Harness) -> None:
    """Many callers on one subject: each sees exactly one version more than the one before."""
    store = await harness.open(StoreLimits(gather_s=0.02))
    notes = [Note("same") for _ in range(100)]
    indexes = await asyncio.gather(*(store.commit(note) for note in notes))
    assert sorted(indexes) == list(range(100))
    by_index = [note.seen[-1] for _, note in sorted(zip(indexes, notes, strict=True), key=lambda pair: pair[0])]
    assert by_index == list(range(100))
    await check_log(store)


@claims("C6")
async def times_never_go_back(harness: Harness) -> None:
    """The wall clock steps in both directions; accept times only ever grow, and a batch bears one."""
    store = await harness.open()
    for step_s in (0, -3600, 7200, -86_400, 0):
        harness.clock.step_wall(step_s)
        await asyncio.gather(*(store.commit(Note(f"t{place}")) for place in range(5)))
    times = await accept_times(store)
    assert times == sorted(times)
    store = await harness.reopen()
    harness.clock.step_wall(-DAY_MS)
    await store.commit(Note("t9"))
    times = await accept_times(store)
    assert times == sorted(times)


@claims("C7")
async def a_unit_that_fails_leaves_no_trace_and_harms_nobody(harness: Harness) -> None:
    """One bad unit in the middle of a batch."""
    store = await harness.open(StoreLimits(gather_s=0.02))
    bad = Note("bad", fails=ValueError("no"), outbox=(row("bad"),))
    results = await asyncio.gather(
        store.commit(Note("a")), store.commit(bad), store.commit(Note("b")), return_exceptions=True
    )
    assert isinstance(results[1], ValueError)
    assert {results[0], results[2]} == {0, 1}
    assert await store.number(number_key("bad")) is None
    assert await store.outbox_row("bad") is None
    await check_log(store)


@claims("C8")
async def keys_are_kept_before_the_entry_they_seal(harness: Harness) -> None:
    """When the caller is answered, the key store holds the key."""
    store = await harness.open()
    await store.commit(Note("a", new_key=b"k" * 32))
    assert harness.keys.get((label_of("a"),)) == {label_of("a"): b"k" * 32}


@claims("C13")
async def units_see_the_latest_entry_of_a_type_also_in_one_batch(harness: Harness) -> None:
    """Every unit finds the entry of the one before it, whether it was committed earlier or stands in the same batch."""
    store = await harness.open(StoreLimits(gather_s=0.02))
    assert await store.commit(Successor()) is None
    await store.commit(Note("a"))
    seen = await asyncio.gather(*(store.commit(Successor()) for _ in range(20)))
    assert sorted(index for index in seen if index is not None) == [0, *range(2, 21)]
    store = await harness.reopen()
    assert await store.commit(Successor()) == 21
    await fails_with(KeyError, store.commit(Successor(names_it=False)))
    await check_log(store)


@claims("C10")
async def the_queue_is_bounded(harness: Harness) -> None:
    """Over the limit callers are refused at once, and those within it are served."""
    store = await harness.open(StoreLimits(max_queue=8, max_batch=4))
    results = await asyncio.gather(*(store.commit(Note(f"q{n}")) for n in range(500)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, OverloadedError)]
    served = [result for result in results if isinstance(result, int)]
    assert refused
    assert len(refused) + len(served) == 500
    assert (await store.head()).size == len(served)


@claims("C12")
async def a_caller_who_goes_away_undoes_nothing(harness: Harness) -> None:
    """Cancelled callers: the log is whole, and the others are served."""
    store = await harness.open()
    tasks = [asyncio.ensure_future(store.commit(Note(f"c{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, int) for result in results) >= 10
    await check_log(store)


# ---------------------------------------------------------------------------------------------------- answers


@dataclass
class Epoch:
    """A unit that appends one EPOCH, with or without the opening that it must not have."""

    opening: bytes = b""
    type: LeafType = LeafType.EPOCH
    reads: Reads = field(default_factory=Reads)

    def decide(self, view: View) -> Decision[int]:
        """Append it after an entry of the same unit; the result is its index."""
        entries = (
            NewEntry(LeafType.STATEMENT, 1, 0, NO_SUBJECT, bytes(32), b"opening"),
            NewEntry(self.type, 0, 4, NO_SUBJECT, b"r" * 32, self.opening),
        )
        return Decision(view.next_index + 1, entries=entries)


@claims("C14", "C5")
async def an_epoch_covers_what_went_before_it(harness: Harness) -> None:
    """Its leaf names its own index; it has no opening, and whatever else has none is refused."""
    store = await harness.open()
    indexes = await asyncio.gather(*(store.commit(unit) for unit in (Epoch(), Note("a"), Epoch())))
    await fails_with(DecisionError, store.commit(Epoch(opening=b"opening")))
    await fails_with(DecisionError, store.commit(Epoch(type=LeafType.STATEMENT)))
    store = await harness.reopen()
    entries = await store.entries(0, 10)
    epochs = [decode_leaf(entries[index].leaf) for index in (indexes[0], indexes[2])]
    assert [epoch.covers for epoch in epochs if isinstance(epoch, EpochLeaf)] == [indexes[0], indexes[2]]
    assert [entry.index for entry in entries if entry.sealed_opening is None] == [indexes[0], indexes[2]]
    assert await store.last_of_type(LeafType.EPOCH) == entries[indexes[2]]
    await check_log(store)


@claims("A1")
async def the_first_answer_stands(harness: Harness) -> None:
    """The same key many times at once, and after a reopening: one entry."""
    store = await harness.open()
    key = b"a" * 32
    indexes = await asyncio.gather(*(store.commit(Note("a", answer=key)) for _ in range(20)))
    assert set(indexes) == {0}
    store = await harness.reopen()
    assert await store.commit(Note("a", answer=key)) == 0
    assert (await store.head()).size == 1


@claims("A2")
async def an_answer_past_its_time_is_gone(harness: Harness) -> None:
    """An expired answer is not seen, before and after it is swept."""
    store = await harness.open()
    keys = [bytes([place]) * 32 for place in range(2)]
    for key in keys:
        await store.commit(Note("a", answer=key, answer_life_ms=1000))
    harness.clock.step_wall(2)
    assert await store.commit(Note("a", answer=keys[0], answer_life_ms=1000)) == 2
    harness.clock.step_wall(2)
    assert await store.sweep(harness.clock.now_ms()) == 2
    assert await store.commit(Note("a", answer=keys[1])) == 3


# ---------------------------------------------------------------------------------------------------- outbox


@claims("O1")
async def due_rows_come_in_order_of_their_time(harness: Harness) -> None:
    """By due time, index, id; only the carrier's own, and only when due."""
    store = await harness.open()
    rows = (row("c", 5), row("b", 3, 2), row("a", 3, 1), row("z", 3, 1), row("late", 99), row("other", 1, 0, "telecom"))
    await store.commit(Note("a", outbox=rows))
    assert [found.id for found in await store.due("mobile", 10, 10)] == ["a", "z", "b", "c"]
    assert [found.id for found in await store.due("mobile", 10, 2)] == ["a", "z"]
    assert [found.id for found in await store.due("telecom", 10, 10)] == ["other"]


@claims("O2")
async def a_change_applies_in_the_expected_state_alone(harness: Harness) -> None:
    """A report that overtook the answer to its sending is not undone by it."""
    store = await harness.open()
    await store.commit(Note("a", outbox=(row("n"),)))
    settle = OutboxChange("n", OutboxState.READY, OutboxState.SETTLED, 0, 1, "delivered")
    late = OutboxChange("n", OutboxState.READY, OutboxState.SENT, 0, 1)
    await store.change_outbox((settle,))
    await store.change_outbox((late, OutboxChange("nobody", OutboxState.READY, OutboxState.DEAD, 0, 1)))
    found = await store.outbox_row("n")
    assert found is not None
    assert (found.state, found.reason, found.attempts) == (OutboxState.SETTLED, "delivered", 1)
    assert [listed.id for listed in await store.outbox(OutboxState.SETTLED, 10)] == ["n"]
    (count,) = await store.outbox_counts()
    assert (count.carrier, count.state, count.rows) == ("mobile", OutboxState.SETTLED, 1)


@claims("O1", "O4")
async def a_row_given_up_can_be_made_ready_again(harness: Harness) -> None:
    """With a new time to live, where one is named; listed by carrier, and over a reopening."""
    store = await harness.open()
    rows = (row("n", 5), row("m", 4), row("other", 1, 0, "telecom"))
    await store.commit(Note("a", outbox=rows))
    dead = [OutboxChange(each.id, OutboxState.READY, OutboxState.DEAD, each.due_ms, 1, "EXPIRED") for each in rows]
    await store.change_outbox(dead)
    assert [found.id for found in await store.outbox(OutboxState.DEAD, 10)] == ["other", "m", "n"]
    assert [found.id for found in await store.outbox(OutboxState.DEAD, 10, "mobile")] == ["m", "n"]
    assert [found.id for found in await store.outbox(OutboxState.DEAD, 1, "mobile")] == ["m"]
    await store.change_outbox(
        (
            OutboxChange("n", OutboxState.DEAD, OutboxState.READY, 7, 1, "", 1234),
            OutboxChange("m", OutboxState.DEAD, OutboxState.READY, 8, 1),
            OutboxChange("other", OutboxState.READY, OutboxState.SENT, 0, 9, "", 9),
        )
    )
    store = await harness.reopen()
    found = await store.due("mobile", 10, 10)
    assert [(each.id, each.due_ms, each.expire_ms, each.reason) for each in found] == [
        ("n", 7, 1234, ""),
        ("m", 8, 2**62, ""),
    ]
    other = await store.outbox_row("other")
    assert other is not None
    assert (other.state, other.expire_ms) == (OutboxState.DEAD, 2**62)


@claims("O3")
async def an_outbox_id_is_used_once_for_ever(harness: Harness) -> None:
    """Also after its row was swept."""
    store = await harness.open()
    await store.commit(Note("a", outbox=(row("n"),)))
    await fails_with(Exception, store.commit(Note("b", outbox=(row("n"),))))
    await store.change_outbox((OutboxChange("n", OutboxState.READY, OutboxState.SETTLED, 0, 1),))
    harness.clock.step_wall(400 * 86_400)
    await store.sweep(harness.clock.now_ms())
    assert await store.outbox_row("n") is None
    await fails_with(Exception, store.commit(Note("b", outbox=(row("n"),))))
    assert (await store.head()).size == 1


# ---------------------------------------------------------------------------------------------------- reading


@claims("R1")
async def readers_never_see_half_a_batch(harness: Harness) -> None:
    """A list of subjects and the head it was read at agree, whatever is being written."""
    store = await harness.open()

    async def write() -> None:
        for place in range(40):
            await asyncio.gather(*(store.commit(Note(f"r{place}-{n}")) for n in range(5)))

    writer = asyncio.ensure_future(write())
    while not writer.done():
        rows, head = await store.subjects(carrier=None, state=None, after=Label(b""), limit=10_000)
        assert len(rows) == head.size
        await asyncio.sleep(0)
    await writer


@claims("R2")
async def entries_are_read_in_ranges_that_join(harness: Harness) -> None:
    """In order, without gaps, from any place."""
    store = await harness.open()
    await asyncio.gather(*(store.commit(Note(f"e{n}")) for n in range(25)))
    assert [entry.index for entry in await store.entries(7, 5)] == [7, 8, 9, 10, 11]
    assert list(await store.entries(25, 5)) == []
    last = await store.last_of_type(LeafType.CHANGE)
    assert last is not None
    assert last.index == 24
    assert await store.last_of_type(LeafType.POLICY) is None


@claims("R4")
async def entries_of_a_type_are_read_in_pages(harness: Harness) -> None:
    """Those of the type alone, in order, from any place."""
    store = await harness.open()
    for place in range(6):
        await store.commit(Successor())
        await store.commit(Note(f"t{place}"))
    found = await store.entries_of_type(LeafType.POLICY, 0, 4)
    assert [entry.index for entry in found] == [0, 2, 4, 6]
    assert [entry.index for entry in await store.entries_of_type(LeafType.POLICY, 7, 4)] == [8, 10]
    assert found[1].sealed_opening == b"successor"
    assert list(await store.entries_of_type(LeafType.STATEMENT, 0, 4)) == []


@claims("R2")
async def subjects_are_listed_once_each(harness: Harness) -> None:
    """Pages in order of label, by carrier and by state."""
    store = await harness.open()
    for place in range(12):
        await store.commit(Note(f"p{place}", carrier="telecom" if place % 3 == 0 else "mobile"))
    seen: list[SubjectRow] = []
    after = Label(b"")
    while page := (await store.subjects(carrier="mobile", state=None, after=after, limit=3))[0]:
        seen += page
        after = page[-1].label
    assert len(seen) == 8
    assert [found.label for found in seen] == sorted(found.label for found in seen)
    assert (await store.subjects(carrier=None, state="closed", after=Label(b""), limit=9))[0] == []


@dataclass(frozen=True)
class Mark:
    """A unit that puts a number under a mark, or with an empty one takes it off."""

    name: str
    mark: str

    @property
    def reads(self) -> Reads:
        """The number."""
        return Reads(numbers=(number_key(self.name),))

    def decide(self, view: View) -> Decision[None]:
        """Write the number's row, and its subject's if there is none."""
        key, label = number_key(self.name), label_of(self.name)
        subject = SubjectRow(label, key, 1, "mobile", "open", 1, 0, b"sealed")
        return Decision(
            None,
            numbers=(NumberRow(key, label, 1, "mobile", "claim", view.time_ms, self.mark),),
            subjects=(subject,) if view.number(key) is None else (),
        )


@claims("R5")
async def marked_numbers_are_listed_latest_first(harness: Harness) -> None:
    """By mark, page by page, each as it stands now, also after reopening."""
    store = await harness.open()
    for place in range(7):
        await store.commit(Mark(f"m{place}", "theirs" if place == 3 else "ours"))
        if place % 2:
            harness.clock.advance(1)
    await store.commit(Mark("m1", ""))
    store = await harness.reopen()
    seen: list[NumberRow] = []
    below = None
    while page := await store.marked("ours", below=below, limit=2):
        seen += [found for found, _ in page]
        below = (seen[-1].since_ms, seen[-1].number_key)
    places = [(found.since_ms, found.number_key) for found in seen]
    assert places == sorted(places, reverse=True)
    assert {found.number_key for found in seen} == {number_key(f"m{place}") for place in (0, 2, 4, 5, 6)}
    ((number, subject),) = await store.marked("theirs", below=None, limit=9)
    assert (number.mark, number.label, subject.label) == ("theirs", label_of("m3"), label_of("m3"))
    assert await store.marked("", below=None, limit=9) == []


@claims("R3")
async def waiting_ends_when_the_log_grows(harness: Harness) -> None:
    """At once if it has grown already, else when it does, or when the time is up."""
    store = await harness.open()
    waiter = asyncio.ensure_future(store.wait_beyond(0, 10))
    await asyncio.sleep(0)
    assert not waiter.done()
    await store.commit(Note("a"))
    assert await waiter == 1
    assert await store.wait_beyond(0, 10) == 1
    assert await store.wait_beyond(1, 0.01) == 1


# ---------------------------------------------------------------------------------------------------- life


@claims("L1")
async def a_second_writer_is_refused(harness: Harness) -> None:
    """Two stores on the same rows."""
    await harness.open()
    await fails_with(StoreLockedError, harness.open())


@claims("L3")
async def closing_commits_what_is_queued_and_then_refuses(harness: Harness) -> None:
    """Callers who came before are served, later ones learn that it is closed."""
    store = await harness.open()
    queued = [asyncio.ensure_future(store.commit(Note(f"z{n}"))) for n in range(30)]
    await asyncio.sleep(0)
    await store.close()
    assert sorted(await asyncio.gather(*queued)) == list(range(30))
    for call in (store.commit(Note("late")), store.head(), store.entries(0, 1), store.wait_beyond(0, 1)):
        await fails_with(StoreClosedError, call)
    assert (await (await harness.reopen()).head()).size == 30


__all__ = ["CASES", "missing", "store_erasing"]


def missing(sentences: Iterable[str]) -> list[str]:
    """Those sentences that no case stands for."""
    return sorted(set(sentences) - claimed_sentences())
