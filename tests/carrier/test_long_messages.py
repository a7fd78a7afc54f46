"""Parts of long messages: kept, put together, forgotten."""

from __future__ import annotations

import itertools

import pytest

from adapters.carrier.long_messages import LongMessageBounds, LongMessages, Misnumbered, Stored, Whole
from adapters.carrier.sms_link import MoReceived
from adapters.journal.memory import MemoryJournal
from adapters.wire.longmessage import Segment, split_message
from tests.carrier.script_link import ACCOUNT, NUMBER, make_segment

T0 = 1_800_000_000_000
BOUNDS = LongMessageBounds(life_s=3600, max_parts=4, max_open=2)
TEXTS = {"old": "旧" * 150, "new": "新" * 150}


def make_parts(which: str = "old", reference: int = 7, source: str = NUMBER) -> list[MoReceived]:
    segments = split_message(TEXTS[which], reference)
    base = 1000 * reference + (500 if which == "new" else 0)
    return [make_segment(segment, base + n, source, "10086", b"") for n, segment in enumerate(segments, 1)]


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_parts_when_they_come_in_any_order_and_twice_then_the_same_whole(
    journal: MemoryJournal, order: tuple[int, ...]
) -> None:
    parts = make_parts()
    for killed in (False, True):
        long = LongMessages(journal, BOUNDS)
        for index in order[:-1]:
            taken = await long.add(ACCOUNT, parts[index], T0)
            assert taken == Stored(is_copy=False)
            assert await long.add(ACCOUNT, parts[index], T0) == Stored(is_copy=True)
        if killed:
            long = LongMessages(journal, BOUNDS)
            assert await long.load() == 2
        whole = await long.add(ACCOUNT, parts[order[-1]], T0)
        assert isinstance(whole, Whole)
        assert (whole.text, whole.msg_id) == (TEXTS["old"], parts[0].msg_id)
        for part in parts:
            assert await long.add(ACCOUNT, part, T0) == whole
        await long.settle(whole)
        for part in parts:
            assert await long.add(ACCOUNT, part, T0) == Stored(is_copy=True)
        assert await journal.segments() == []


async def test_reference_when_used_anew_before_the_first_was_whole_then_only_the_new_one_counts(
    journal: MemoryJournal,
) -> None:
    long = LongMessages(journal, BOUNDS)
    old, new = make_parts("old"), make_parts("new")
    await long.add(ACCOUNT, old[0], T0)
    for part in new[:2]:
        assert await long.add(ACCOUNT, part, T0) == Stored(is_copy=False)
    restarted = LongMessages(journal, BOUNDS)
    await restarted.load()
    whole = await restarted.add(ACCOUNT, new[2], T0)
    assert isinstance(whole, Whole)
    assert (whole.text, whole.msg_id) == (TEXTS["new"], new[0].msg_id)


async def test_reference_when_used_anew_before_the_first_was_settled_then_its_parts_do_not_mix(
    journal: MemoryJournal,
) -> None:
    long = LongMessages(journal, BOUNDS)
    for part in make_parts("old"):
        await long.add(ACCOUNT, part, T0)
    results = [await long.add(ACCOUNT, part, T0) for part in make_parts("new")]
    assert isinstance(results[-1], Whole)
    assert results[-1].text == TEXTS["new"]


async def test_parts_when_too_many_messages_are_open_or_old_then_forgotten_in_the_journal_too(
    journal: MemoryJournal,
) -> None:
    long = LongMessages(journal, BOUNDS)
    for reference in range(5):
        await long.add(ACCOUNT, make_parts(reference=reference)[0], T0)
    assert len(await journal.segments()) == BOUNDS.max_open
    await long.add(ACCOUNT, make_parts(reference=9)[0], T0 + 3_600_000)
    assert len(await journal.segments()) == 1


async def test_wholes_when_too_many_are_not_settled_then_the_oldest_is_given_up(journal: MemoryJournal) -> None:
    long = LongMessages(journal, BOUNDS)
    for reference in range(4):
        for part in make_parts(reference=reference):
            await long.add(ACCOUNT, part, T0)
    assert len(await journal.segments()) == BOUNDS.max_open * 2


@pytest.mark.parametrize(
    "header", [b"\x05\x00\x03\x07\x03\x00", b"\x05\x00\x03\x07\x03\x04", b"\x05\x00\x03\x07\xff\x01"]
)
async def test_part_when_its_number_makes_no_sense_then_nothing_is_kept(journal: MemoryJournal, header: bytes) -> None:
    long = LongMessages(journal, BOUNDS)
    part = make_segment(Segment(1, 8, header + "文".encode("utf-16-be")), 1, NUMBER, "10086", b"")
    assert await long.add(ACCOUNT, part, T0) == Misnumbered()
    assert await journal.segments() == []


async def test_parts_when_from_another_subscriber_or_account_then_another_message(journal: MemoryJournal) -> None:
    long = LongMessages(journal, BOUNDS)
    first, second, third = make_parts()
    await long.add(ACCOUNT, first, T0)
    await long.add(ACCOUNT, second, T0)
    other = make_parts(source="13800138001")[2]
    assert await long.add(ACCOUNT, other, T0) == Stored(is_copy=False)
    assert await long.add("777777", third, T0) == Stored(is_copy=False)
