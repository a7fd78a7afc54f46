"""Wishes that are on when a number comes to another carrier: its platform is told, and what is known begins anew."""

import pytest

from gateway.domain.capability import Capabilities, Enforcement
from gateway.domain.effects import EffectState
from gateway.domain.instruction import Channel, EditList, Open
from gateway.service.reconcile import Reconciler
from gateway.store.rows import OWN_QUEUE
from tests.domain.samples import NUISANCE
from tests.service.house import House, open_house
from tests.service.life import K, orders_of, report, state_of, tell

MOBILE = Capabilities("mobile", "1", Enforcement.PLATFORM, effect_delay_s=60)
TELECOM = Capabilities("telecom", "1", Enforcement.PLATFORM, effect_delay_s=3600)


async def open_it(house: House) -> None:
    """The service is on, in force, and nothing is awaited any more."""
    await house.submit(Open(), channel=Channel.HOTLINE)
    await tell(house, "mobile", 1, epoch=1, off=False)
    house.clock.advance(61)
    await look(house)
    assert await house.store.due(OWN_QUEUE, 2**62, 9) == []


async def look(house: House) -> None:
    await Reconciler(house.store, house.recorder, house.policies, house.capabilities, house.clock).look()


@pytest.mark.parametrize("action", [Open(), EditList(allow=False, add=(NUISANCE,))], ids=["repeats", "changes"])
async def test_adrift_number_when_an_order_claims_it_then_its_wishes_are_carried_out_there(action):
    async with open_house(MOBILE) as house:
        house.capabilities.put(TELECOM)
        await open_it(house)
        await report(house, K.PORTED_OUT, "mobile")
        await house.submit(action, carrier="telecom", channel=Channel.HOTLINE)
        state = await state_of(house)
        assert (state.carrier, state.voice.effects.word) == ("telecom", EffectState.ACCEPTED)
        (order,) = await orders_of(house, "telecom")
        assert (order.switch_off, order.subscriber.version, order.subscriber.refusing) == (False, state.version, True)


async def test_port_when_the_gaining_platform_is_silent_then_it_becomes_overdue():
    async with open_house(MOBILE) as house:
        house.capabilities.put(TELECOM)
        await open_it(house)
        await report(house, K.PORTED_IN, "telecom")
        house.clock.advance(TELECOM.effect_delay_s)
        await look(house)
        assert (await state_of(house)).voice.effects.word is EffectState.OVERDUE


async def test_port_when_the_gaining_carrier_was_not_heard_yet_then_it_is_told_once_it_is():
    async with open_house(MOBILE) as house:
        await open_it(house)
        await report(house, K.PORTED_IN, "telecom")
        assert await orders_of(house, "telecom") == []
        house.capabilities.put(TELECOM)
        house.clock.advance(61)
        await look(house)
        (order,) = await orders_of(house, "telecom")
        assert (order.switch_off, order.subscriber.refusing) == (False, True)
        assert (await state_of(house)).voice.effects.effective_by_ms is not None
