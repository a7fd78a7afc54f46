import asyncio
from dataclasses import dataclass

import pytest

from adapters.simulators.history import History, WaitError


@dataclass(frozen=True)
class Sample:
    index: int
    word: str


def add(history: History[Sample], *words: str) -> None:
    for word in words:
        history.append(lambda index, word=word: Sample(index, word))  # type: ignore[misc]


def test_history_when_it_outgrows_its_limit_then_keeps_the_newest_and_their_indices() -> None:
    history: History[Sample] = History(limit=3)
    add(history, *"abcdefg")
    assert [(entry.index, entry.word) for entry in history.after(0)] == [(5, "e"), (6, "f"), (7, "g")]
    assert (history.first_index, history.last_index) == (5, 7)
    assert [entry.word for entry in history.after(6)] == ["g"]


async def test_wait_when_entries_are_there_already_then_returns_the_first_ones() -> None:
    history: History[Sample] = History(limit=10)
    add(history, "a", "b", "a", "a")
    found = await history.wait_for(lambda entry: entry.word == "a", count=2)
    assert [entry.index for entry in found] == [1, 3]


async def test_wait_when_entries_come_later_then_wakes_for_them() -> None:
    history: History[Sample] = History(limit=10)
    waiting = asyncio.create_task(history.wait_for(lambda entry: entry.word == "x", count=2, after_index=1))
    await asyncio.sleep(0)
    add(history, "x", "x", "y", "x")
    assert [entry.index for entry in await waiting] == [2, 4]


async def test_wait_when_nothing_comes_then_says_how_much_did() -> None:
    history: History[Sample] = History(limit=10)
    add(history, "x")
    with pytest.raises(WaitError, match="1 of 2") as caught:
        await history.wait_for(lambda entry: True, count=2, timeout_s=0.01)
    assert (caught.value.reason, caught.value.found, caught.value.wanted) == ("wait_timeout", 1, 2)


async def test_wait_until_when_touched_then_asks_again() -> None:
    history: History[Sample] = History(limit=10)
    answers = iter([False, False, True])
    waiting = asyncio.create_task(history.wait_until(lambda: next(answers)))
    await asyncio.sleep(0)
    history.touch()
    await asyncio.sleep(0)
    history.touch()
    await waiting


async def test_clear_when_somebody_waits_then_they_see_the_new_entries() -> None:
    history: History[Sample] = History(limit=10)
    add(history, "a", "b")
    waiting = asyncio.create_task(history.wait_for(lambda entry: entry.word == "c", after_index=0))
    await asyncio.sleep(0)
    history.clear()
    await asyncio.sleep(0)
    add(history, "c")
    assert (await waiting)[0].index == 1
