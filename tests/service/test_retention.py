"""Housekeeping goes on, whatever the disk does."""

import asyncio

import pytest

from gateway.service.eraser import Eraser
from gateway.service.retention import EVERY_S, KeptDays, Retention, keep_house
from gateway.store.base import OverloadedError, StoreUnavailableError
from tests.service.house import open_house

FAILURES = [StoreUnavailableError("the key store cannot be copied"), OverloadedError("too many units")]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.reason)
async def test_keep_house_when_a_round_fails_then_it_is_told_and_the_next_one_tries_again(failure):
    copies, told = asyncio.Queue(), asyncio.Queue()
    outcomes = iter([failure, None])

    def back_up():
        if (outcome := next(outcomes)) is not None:
            raise outcome
        copies.put_nowait("a copy")

    async with open_house() as house:
        eraser = Eraser(house.store, house.recorder)
        retention = Retention(house.store, house.recorder, house.policies, eraser, house.clock, KeptDays(30, 30))
        keeping = asyncio.create_task(keep_house(retention, back_up, told.put_nowait))
        assert await told.get() is False
        assert copies.empty()
        while not house.clock.sleepers():
            await asyncio.sleep(0)
        house.clock.advance(EVERY_S)
        assert await told.get() is True
        assert copies.get_nowait() == "a copy"
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
