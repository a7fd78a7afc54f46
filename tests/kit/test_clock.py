import asyncio
import time

import pytest

from optout.kit.clock import Clock, FakeClock, SystemClock


async def test_system_clock_reads_and_sleeps_as_the_machine_does() -> None:
    clock: Clock = SystemClock()
    before_ms, start = time.time() * 1000, clock.monotonic()

    await clock.sleep(0.01)
    await clock.sleep(-1)

    assert clock.monotonic() - start >= 0.009
    assert before_ms - 1 <= clock.now_ms() <= time.time() * 1000


async def test_advance_past_several_deadlines_wakes_sleepers_in_order() -> None:
    clock, woken = FakeClock(), list[str]()

    async def nap(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    async with asyncio.TaskGroup() as tasks:
        for name, seconds in (("late", 3), ("early", 1), ("middle", 2), ("also early", 1)):
            tasks.create_task(nap(name, seconds))
        await asyncio.sleep(0)
        assert clock.sleepers() == 4
        clock.advance(0.5)
        await asyncio.sleep(0)
        assert woken == []
        clock.advance(10)

    assert woken == ["early", "also early", "middle", "late"]


async def test_elapse_over_a_repeating_task_runs_it_at_each_of_its_moments() -> None:
    clock, seen = FakeClock(now_ms=1000), list[tuple[int, float]]()

    async def tick() -> None:
        while True:
            await clock.sleep(0.25)
            seen.append((clock.now_ms(), clock.monotonic()))

    task = asyncio.create_task(tick())
    await clock.elapse(1)
    task.cancel()

    assert seen == [(1250, 0.25), (1500, 0.5), (1750, 0.75), (2000, 1.0)]


async def test_advance_after_a_sleeper_was_cancelled_wakes_the_others() -> None:
    clock = FakeClock()
    cancelled, kept = asyncio.create_task(clock.sleep(1)), asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.sleep(0)

    clock.advance(1)

    await kept
    assert clock.sleepers() == 0


def test_step_wall_back_moves_the_wall_clock_only() -> None:
    clock = FakeClock(now_ms=10_000)
    clock.advance(1.5)

    clock.step_wall(-5)

    assert (clock.now_ms(), clock.monotonic()) == (6_500, 1.5)


def test_advance_by_a_negative_step_is_refused() -> None:
    with pytest.raises(ValueError, match="backwards"):
        FakeClock().advance(-0.1)
