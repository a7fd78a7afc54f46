"""A gateway that starts knows what carriers declared: from the log, and by asking them before its first order."""

from __future__ import annotations

import asyncio

import pytest

from gateway.domain.capability import Capabilities, Enforcement, ItemCapability
from gateway.domain.effects import EffectState
from gateway.domain.instruction import Channel, ExpectedEffect, ItemKind, Open, Query
from gateway.service import declarations
from gateway.service.applied import AppliedBook
from gateway.service.declarations import recall_declarations
from gateway.service.dispatch import CarrierDispatcher, DispatchSettings
from tests.service.house import House, furnish, open_house
from tests.service.test_dispatch import ScriptedPort

SERVED = {ItemKind.SERVICE: (ItemCapability(ExpectedEffect.FULL),)}
FIRST = Capabilities("mobile", "1", Enforcement.GATEWAY, SERVED)
SECOND = Capabilities("mobile", "2", Enforcement.PLATFORM, effect_delay_s=60)
OTHER = Capabilities("telecom", "1", Enforcement.PLATFORM, effect_delay_s=3600)
CARRIERS = ("mobile", "telecom", "unicom")


async def hear(house: House, declared: Capabilities, say_again_entries: int = 50_000) -> None:
    """The carrier is asked once, and says this."""
    applied = AppliedBook(house.store, house.recorder, house.policies)
    settings = DispatchSettings(say_again_entries=say_again_entries)
    parts = (house.store, house.recorder, house.capabilities, applied, house.clock, settings)
    await CarrierDispatcher(declared.carrier, ScriptedPort(declared=declared), *parts).ask()


async def restart(house: House) -> House:
    """The gateway anew over the same store and log."""
    book = await recall_declarations(house.store, house.recorder, CARRIERS)
    anew = furnish(house.store, house.recorder, house.clock, house.policies, book)
    anew.ids = house.ids
    return anew


async def declared_revisions(house: House) -> list[int]:
    return [place + 1 for place, each in enumerate(await house.payloads()) if each["kind"] == declarations.KIND]


async def test_first_order_after_a_restart_when_the_adapter_is_not_up_yet_then_hears_the_declared_forecast():
    async with open_house() as house:
        await hear(house, FIRST)
        outcome = await (await restart(house)).submit(Open(), channel=Channel.HOTLINE)
        known = outcome.view.subscriber.voice.effects.service
        assert (known.state, known.expected) == (EffectState.APPLIED, ExpectedEffect.FULL)


async def test_restart_when_a_carrier_declared_twice_then_the_latest_counts_and_each_carrier_has_its_own():
    async with open_house() as house:
        for declared in (FIRST, OTHER, SECOND):
            await hear(house, declared)
            await house.submit(Query())
        book = (await restart(house)).capabilities
        assert [book.get(carrier) for carrier in CARRIERS] == [SECOND, OTHER, None]
        assert [book.revision(carrier) for carrier in CARRIERS] == [5, 3, 0]


async def test_restart_when_the_adapter_says_the_same_then_nothing_is_logged_and_what_is_new_is():
    async with open_house() as house:
        await hear(house, FIRST)
        anew = await restart(house)
        await hear(anew, FIRST)
        assert await declared_revisions(anew) == [1]
        await hear(anew, SECOND)
        assert await declared_revisions(anew) == [1, 2]
        assert anew.capabilities.get("mobile") == SECOND


async def test_restart_when_the_declaration_lies_too_far_back_then_it_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(declarations, "LOOK_BACK_ENTRIES", 3)
    monkeypatch.setattr(declarations, "PAGE_ENTRIES", 2)
    async with open_house() as house:
        await hear(house, FIRST)
        await house.submit(Query())
        await house.submit(Query())
        assert (await restart(house)).capabilities.get("mobile") == FIRST
        await house.submit(Query())
        assert (await restart(house)).capabilities.get("mobile") is None


async def test_declaration_when_the_log_has_grown_much_since_then_is_said_again():
    async with open_house() as house:
        await hear(house, FIRST, say_again_entries=2)
        for _ in range(2):
            await house.submit(Query())
            await hear(house, FIRST, say_again_entries=2)
        assert await declared_revisions(house) == [1]
        await house.submit(Query())
        await hear(house, FIRST, say_again_entries=2)
        assert await declared_revisions(house) == [1, 5]
        assert house.capabilities.revision("mobile") == 5


async def test_declaration_when_the_log_grows_while_the_dispatcher_runs_then_is_said_again_before_its_next_question():
    async with open_house() as house:
        applied = AppliedBook(house.store, house.recorder, house.policies)
        settings = DispatchSettings(poll_s=0.001, say_again_entries=2)
        parts = (house.store, house.recorder, house.capabilities, applied, house.clock, settings)
        task = asyncio.ensure_future(CarrierDispatcher("mobile", ScriptedPort(declared=FIRST), *parts).run())
        async with asyncio.timeout(10):
            while await declared_revisions(house) != [1]:
                await asyncio.sleep(0.001)
            for _ in range(3):
                await house.submit(Query())
            while await declared_revisions(house) != [1, 5]:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_declaration_when_said_again_then_long_before_a_start_would_not_find_it():
    assert declarations.SAY_AGAIN_ENTRIES < declarations.LOOK_BACK_ENTRIES


async def test_dispatcher_when_asked_before_it_runs_then_asks_again_only_after_its_time():
    async with open_house() as house:
        port, asked = ScriptedPort(), []
        port_capabilities = port.capabilities

        async def count() -> Capabilities:
            asked.append(house.clock.now_ms())
            return await port_capabilities()

        port.capabilities = count
        applied = AppliedBook(house.store, house.recorder, house.policies)
        settings = DispatchSettings(poll_s=0.001)
        parts = (house.store, house.recorder, house.capabilities, applied, house.clock, settings)
        dispatcher = CarrierDispatcher("mobile", port, *parts)
        await dispatcher.ask()
        task = asyncio.ensure_future(dispatcher.run())
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(asked) == 1
        house.clock.advance(settings.capabilities_every_s + 1)
        async with asyncio.timeout(10):
            while len(asked) < 2:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
