"""Snapshots: what stood at one revision, for whoever asks, whatever came after."""

import random
from contextlib import suppress

import pytest

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import Cancel, Channel, Confirm, EditList, Open, Query
from gateway.service import snapshot
from gateway.service.views import SubscriptionView
from optout.kit.number import PhoneNumber, parse_number
from tests.domain.samples import NUISANCE
from tests.service.house import INSTITUTE, MOBILE, SCREENER, TELECOM, House, open_house
from tests.service.life import K, report

NUMBERS = [parse_number(f"138{tail:08}") for tail in range(4)]


async def read(house: House, caller, revision=0) -> tuple[int, dict[PhoneNumber, SubscriptionView]]:
    parts = [part async for part in house.registry.snapshot(caller, revision)]
    assert len({part.revision for part in parts}) == 1
    views = [view for part in parts for view in part.views]
    assert len({view.subscriber.number for view in views}) == len(views)
    return parts[0].revision, {view.subscriber.number: view for view in views}


async def test_snapshot_when_any_revision_is_asked_for_then_it_is_what_the_newest_was_then(monkeypatch):
    monkeypatch.setattr(snapshot, "PART_ROWS", 3)
    chance = random.Random(7)
    async with open_house() as house:
        kept = {}
        for _ in range(60):
            number = chance.choice(NUMBERS)
            with suppress(RefusedError):
                await random_step(house, chance, number)
            house.clock.advance(1)
            revision, _ = await read(house, INSTITUTE)
            kept[revision] = [(await read(house, caller))[1] for caller in (INSTITUTE, MOBILE, TELECOM)]
        assert len(kept) > 40
        for revision, rows in kept.items():
            assert [(await read(house, caller, revision))[1] for caller in (INSTITUTE, MOBILE, TELECOM)] == rows


async def random_step(house, chance, number):
    action = chance.choice([Open(), Confirm(), Cancel(), Query(), EditList(allow=False, add=(NUISANCE,))])
    carrier = chance.choice(["mobile", "telecom"])
    match chance.randrange(4):
        case 0:
            await report(house, chance.choice([K.PORTED_IN, K.PORTED_OUT, K.REASSIGNED]), carrier, number=number)
        case _:
            await house.submit(action, number=number, carrier=carrier, channel=Channel.HALL)


async def test_snapshot_when_the_registry_is_empty_then_one_empty_part_says_so():
    async with open_house() as house:
        assert await read(house, SCREENER) == (0, {})


async def test_snapshot_when_the_revision_lies_in_the_future_then_it_is_out_of_range():
    async with open_house() as house:
        await house.submit(Query())
        with pytest.raises(RefusedError) as caught:
            await read(house, MOBILE, 2)
        assert caught.value.reason is Reason.REVISION_OUT_OF_RANGE


async def test_snapshot_when_somebody_was_erased_then_the_others_are_there():
    async with open_house() as house:
        for number in NUMBERS:
            await house.submit(Open(), number=number)
        house.recorder.vault.destroy([house.recorder.vault.label(NUMBERS[0], 1)])
        assert set((await read(house, MOBILE))[1]) == set(NUMBERS[1:])
        assert set((await read(house, MOBILE, 3))[1]) == set(NUMBERS[1:3])
