"""A screener for one carrier: what it sees of the feed and of snapshots, and what it does not."""

import pytest

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import AskGuardian, Channel, Confirm, EditList, Open
from gateway.domain.ties import NO_TIES, GuardianScope
from optout.kit.identity import Identity, Role
from tests.domain.samples import FRIEND, NUISANCE, OWN
from tests.service.house import MOBILE, MOBILES_SCREENER, SCREENER, TELECOM, TELECOMS_SCREENER, open_house
from tests.service.life import K, report


async def seen(house, caller):
    """Everybody whom the caller sees in the feed, and that a snapshot shows the same."""
    feed_range = await anext(house.registry.watch(caller, 0))
    parts = [part async for part in house.registry.snapshot(caller, 0)]
    in_snapshot = {view.subscriber.number: view for part in parts for view in part.views}
    assert in_snapshot == {view.subscriber.number: view for view in feed_range.views}
    return {number: view.subscriber for number, view in in_snapshot.items()}


async def populate(house):
    """One subscriber of mobile's, and one of telecom's who is to be the other's guardian."""
    await house.submit(Open(), channel=Channel.HOTLINE)
    await house.submit(EditList(allow=False, add=(NUISANCE,)), channel=Channel.HOTLINE)
    await house.submit(Open(), channel=Channel.HOTLINE, carrier="telecom", number=FRIEND)
    await house.submit(AskGuardian(OWN, GuardianScope.PRESETS), carrier="telecom", number=FRIEND)
    await house.submit(Confirm())
    await house.timers.ring()


async def test_screener_when_it_is_for_one_carrier_then_it_follows_that_carriers_subscribers_alone():
    async with open_house() as house:
        await populate(house)
        assert set(await seen(house, SCREENER)) == {OWN, FRIEND}
        assert set(await seen(house, TELECOMS_SCREENER)) == {FRIEND}
        mine = await seen(house, MOBILES_SCREENER)
        assert set(mine) == {OWN}
        assert mine[OWN].voice.preferences.reject_list == (NUISANCE,)


async def test_screener_when_it_follows_then_it_learns_nothing_of_who_acts_for_whom():
    async with open_house() as house:
        await populate(house)
        assert (await seen(house, MOBILE))[OWN].ties != NO_TIES
        for caller in (SCREENER, MOBILES_SCREENER, TELECOMS_SCREENER):
            assert {subscriber.ties for subscriber in (await seen(house, caller)).values()} == {NO_TIES}


async def test_claims_when_they_arise_then_the_prefixs_carrier_hears_of_them_and_no_screener():
    async with open_house() as house:
        await house.submit(Open(), channel=Channel.HOTLINE, carrier="telecom")
        assert len((await anext(house.registry.watch(MOBILE, 0))).claims) == 1
        for caller in (SCREENER, MOBILES_SCREENER, TELECOMS_SCREENER):
            assert (await anext(house.registry.watch(caller, 0))).claims == ()


async def test_number_when_it_leaves_the_carrier_then_its_screener_sees_it_gone_without_wishes():
    async with open_house() as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        await house.submit(EditList(allow=False, add=(NUISANCE,)), channel=Channel.HOTLINE)
        await report(house, K.PORTED_IN, by="telecom", counterpart="mobile")
        left = (await seen(house, MOBILES_SCREENER))[OWN]
        assert (left.carrier, left.voice.preferences.reject_list) == ("telecom", ())
        assert (await seen(house, TELECOMS_SCREENER))[OWN].voice.preferences.reject_list == (NUISANCE,)


async def test_screener_when_the_roster_does_not_know_it_then_it_follows_nothing():
    async with open_house() as house:
        stranger = Identity(Role.SCREENER, "stranger")
        for look in (lambda: house.registry.watch(stranger, 0), lambda: house.registry.snapshot(stranger, 0)):
            with pytest.raises(RefusedError) as refusal:
                look()
            assert refusal.value.reason is Reason.ROLE_NOT_ALLOWED
        assert await seen(house, TELECOM) == {}
