"""Reports that a number was switched off: by whom, about which holder, and what they make of who is waited for."""

import pytest

from gateway.domain.capability import Capabilities, Enforcement
from gateway.domain.effects import SERVICE, EffectState
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import Channel, EditList, Open
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.preferences import Medium
from gateway.service.views import AppliedReport
from gateway.tlog.leaf import LeafType, decode_leaf
from optout.kit.identity import Identity, Role
from tests.domain.samples import NUISANCE, OWN
from tests.service.house import House, open_house
from tests.service.life import DAY_S, K, orders_of, report, state_of, tell

PLATFORM = Capabilities("mobile", "1", Enforcement.PLATFORM)


async def waited_for(house: House) -> list[str]:
    return [one.carrier for one in (await state_of(house)).life.switch_offs]


async def open_it(house: House) -> None:
    await house.submit(Open(), channel=Channel.HOTLINE)


async def give_out_again(house: House) -> None:
    """The number is closed, and after its freeze somebody else's, with the same carrier."""
    await report(house, K.CLOSED, "mobile")
    house.clock.advance(91 * DAY_S)
    await report(house, K.REASSIGNED, "mobile")


async def test_switch_off_when_reported_then_the_carrier_is_waited_for_no_more():
    async with open_house() as house:
        await open_it(house)
        await report(house, K.PORTED_IN, "telecom")
        version = (await state_of(house)).version
        await tell(house, "mobile", version - 1, epoch=1)
        assert await waited_for(house) == ["mobile"]
        assert decode_leaf((await house.store.entries(2, 1))[0].leaf).type is LeafType.STATEMENT
        await tell(house, "mobile", version, epoch=1)
        assert await waited_for(house) == []
        assert (await state_of(house)).version == version + 1


@pytest.mark.parametrize(
    ("carrier", "changes", "reason"),
    [
        ("unicom", {}, Reason.NOT_SERVED),
        ("mobile", {"off": False}, Reason.NOT_SERVED),
        ("mobile", {"version": 3}, Reason.INVALID_FIELD),
        ("mobile", {"epoch": 2}, Reason.INVALID_FIELD),
    ],
)
async def test_switch_off_when_it_cannot_be_then_it_is_refused_and_leaves_no_trace(carrier, changes, reason):
    async with open_house() as house:
        await open_it(house)
        await report(house, K.PORTED_IN, "telecom")
        with pytest.raises(RefusedError) as caught:
            await tell(house, carrier, **({"version": 2, "epoch": 1} | changes))
        assert caught.value.reason is reason
        assert (await house.store.head()).size == 2


@pytest.mark.parametrize("says_epoch", [True, False])
async def test_switch_off_when_it_was_the_former_holders_then_the_present_ones_is_waited_for(says_epoch):
    """Versions begin anew with each holder, so the number of an old order says nothing about a new one."""
    async with open_house() as house:
        await open_it(house)
        for number in (NUISANCE, OWN):
            await house.submit(EditList(allow=False, add=(number,)))
        await report(house, K.CLOSED, "mobile")
        done_ms = house.clock.now_ms()
        house.clock.advance(91 * DAY_S)
        await report(house, K.REASSIGNED, "mobile")
        await tell(house, "mobile", 1, epoch=2)
        await open_it(house)
        house.clock.advance(1)
        await report(house, K.PORTED_IN, "telecom")
        told = (await state_of(house)).life.switch_offs[0]
        assert (told.carrier, told.version) == ("mobile", 4)
        with pytest.raises(RefusedError) as caught:
            await tell(house, "mobile", 4, epoch=1 if says_epoch else 0, done_ms=done_ms)
        assert caught.value.reason is Reason.EVENT_CONFLICT
        assert await waited_for(house) == ["mobile"]
        await tell(house, "mobile", 4, epoch=2 if says_epoch else 0)
        assert await waited_for(house) == []


async def test_closed_number_when_its_carrier_reports_the_switch_off_then_it_is_not_told_again():
    async with open_house(PLATFORM) as house:
        await open_it(house)
        await report(house, K.CLOSED, "mobile")
        (off,) = [order for order in await orders_of(house, "mobile") if order.switch_off]
        await tell(house, "mobile", off.subscriber.version, epoch=1)
        assert await waited_for(house) == []
        house.clock.advance(DAY_S)
        size = (await house.store.head()).size
        await house.timers.ring()
        assert (await house.store.head()).size == size


async def test_heir_when_the_same_carrier_had_not_switched_off_then_it_is_told_the_heirs_state_and_never_off():
    async with open_house(PLATFORM) as house:
        await open_it(house)
        await give_out_again(house)
        await open_it(house)
        assert await waited_for(house) == ["mobile"]
        before = {order.id for order in await orders_of(house, "mobile")}
        house.clock.advance(DAY_S)
        await house.timers.ring()
        (again,) = [order for order in await orders_of(house, "mobile") if order.id not in before]
        assert (again.switch_off, again.subscriber.refusing, again.subscriber.epoch) == (False, True, 2)
        await tell(house, "mobile", again.subscriber.version, epoch=2, off=False)
        state = await state_of(house)
        assert (state.life.switch_offs, state.voice.effects.word) == ((), EffectState.APPLIED)


async def test_heirs_carrier_when_it_only_accepted_the_heirs_state_then_it_is_still_waited_for():
    async with open_house(PLATFORM) as house:
        await open_it(house)
        await give_out_again(house)
        await open_it(house)
        accepted = (ReportedEffect(SERVICE, EffectState.ACCEPTED),)
        told = AppliedReport("r1", OWN, Medium.VOICE, 2, accepted, house.clock.now_ms(), epoch=2)
        await house.registry.report_applied(Identity(Role.CARRIER, "mobile"), told)
        assert await waited_for(house) == ["mobile"]
