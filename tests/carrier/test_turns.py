import asyncio

from hypothesis import given
from hypothesis import strategies as st

from adapters.carrier.turns import Turns


@given(st.lists(st.sampled_from("abc"), max_size=20))
def test_turns_when_taken_by_many_then_one_at_a_time_in_order_and_nothing_is_left(keys: list[str]) -> None:
    turns, inside, seen = Turns(), set[str](), list[tuple[str, int]]()

    async def work(place: int, key: str) -> None:
        async with turns.take(key):
            assert key not in inside
            inside.add(key)
            await asyncio.sleep(0)
            seen.append((key, place))
            inside.remove(key)

    async def run() -> None:
        await asyncio.gather(*(work(place, key) for place, key in enumerate(keys)))

    asyncio.run(run())
    assert turns.size == 0
    assert [place for key, place in seen if key == "a"] == [place for place, key in enumerate(keys) if key == "a"]


async def test_turn_when_its_holder_fails_or_a_waiter_is_cancelled_then_the_next_has_it() -> None:
    turns = Turns()
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with turns.take("a"):
            entered.set()
            await leave.wait()
            raise ValueError

    async def pass_through() -> str:
        async with turns.take("a"):
            return "passed"

    holder = asyncio.create_task(hold())
    await entered.wait()
    waiter, last = asyncio.create_task(pass_through()), asyncio.create_task(pass_through())
    await asyncio.sleep(0)
    waiter.cancel()
    leave.set()
    assert isinstance((await asyncio.gather(holder, return_exceptions=True))[0], ValueError)
    assert await last == "passed"
    assert turns.size == 0
