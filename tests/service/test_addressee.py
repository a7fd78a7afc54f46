"""What waits while a number moves or changes hands: it reaches its own subscriber and carrier, or nobody."""

import asyncio

from gateway.domain.capability import Capabilities, Enforcement
from gateway.domain.instruction import Channel, EditList, Open
from gateway.service.applied import AppliedBook
from gateway.service.dispatch import CarrierDispatcher
from gateway.store.rows import OutboxState
from tests.domain.samples import NUISANCE
from tests.service.house import open_house
from tests.service.life import K, report
from tests.service.test_dispatch import ScriptedPort

PLATFORM = Capabilities("mobile", "1", Enforcement.PLATFORM)


async def sent_to_mobile(house):
    port = ScriptedPort()
    applied = AppliedBook(house.store, house.recorder, house.policies)
    dispatcher = CarrierDispatcher(
        "mobile", port, house.store, house.recorder, house.capabilities, applied, house.clock
    )
    await dispatcher.send(await house.store.due("mobile", 2**62, 100))
    return port.held


async def dead(house):
    return sorted((row.kind.value, row.reason) for row in await house.store.outbox(OutboxState.DEAD, 100))


async def test_rows_when_the_number_was_given_to_somebody_else_then_they_never_reach_the_new_holder():
    async with open_house(PLATFORM) as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        await report(house, K.REASSIGNED, "mobile")
        held = await sent_to_mobile(house)
        assert await dead(house) == [("apply", "NOT_FOUND"), ("notify", "NOT_FOUND")]
        assert [(order.switch_off, order.subscriber.epoch) for order in held] == [(True, 2)]


async def test_rows_when_the_number_was_ported_then_the_old_carrier_gets_no_more_wishes():
    async with open_house(PLATFORM) as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        await house.submit(EditList(allow=False, add=(NUISANCE,)))
        await report(house, K.PORTED_IN, "telecom")
        held = await sent_to_mobile(house)
        assert await dead(house) == [("apply", "NOT_SERVED")] * 2
        assert sorted(type(order).__name__ for order in held) == ["ApplyOrder", "NoticeOrder", "NoticeOrder"]
        assert [order.switch_off for order in held if hasattr(order, "switch_off")] == [True]


async def test_rows_when_the_number_came_back_then_the_new_state_reaches_its_carrier_after_the_switch_off():
    async with open_house(PLATFORM) as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        await report(house, K.PORTED_IN, "telecom")
        house.clock.advance(1)
        await report(house, K.PORTED_IN, "mobile")
        await asyncio.sleep(0)
        orders = [order for order in await sent_to_mobile(house) if hasattr(order, "switch_off")]
        assert [(order.switch_off, order.subscriber.version) for order in orders] == [(False, 1), (True, 2), (False, 3)]
