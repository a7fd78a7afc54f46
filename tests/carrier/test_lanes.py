"""Lanes: order within a key, none between keys, and a limit."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.carrier.lanes import Lanes


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=30))
def test_work_when_put_then_done_in_order_within_each_lane(pieces: list[tuple[str, int]]) -> None:
    async def run() -> None:
        lanes, done = Lanes(100), []

        async def work(index: int, key: str, turns: int) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            done.append((key, index))

        for index, (key, turns) in enumerate(pieces):
            assert lanes.put(key, lambda i=index, k=key, t=turns: work(i, k, t))  # type: ignore[misc]
        await lanes.drain(5)
        for key in "abc":
            assert [i for k, i in done if k == key] == [i for i, (k, _) in enumerate(pieces) if k == key]
        assert lanes.size == 0

    asyncio.run(run())


async def test_work_when_there_is_no_room_then_refused_until_some_is_done() -> None:
    lanes, gate = Lanes(2), asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    assert [lanes.put(key, wait) for key in ("a", "a", "b")] == [True, True, False]
    gate.set()
    await lanes.drain(5)
    assert lanes.put("b", wait)
    await lanes.drain(5)


async def test_drain_when_work_does_not_end_then_cut_short_and_nothing_counts_any_more() -> None:
    lanes = Lanes(10)

    async def hang() -> None:
        await asyncio.Event().wait()

    for key in ("a", "a", "b"):
        lanes.put(key, hang)
    await lanes.drain(0.05)
    assert lanes.size == 0
