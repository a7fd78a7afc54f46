"""Times of the log and of a clock that differ: what falls due is heeded by the log's time, and never lost."""

from __future__ import annotations

from gateway.domain.instruction import Cancel, Channel, ChooseNotices, Open
from gateway.domain.interception import Interception, InterceptionAction
from gateway.domain.preferences import InterceptionNotice, NoticeChoice
from gateway.service.eraser import Eraser
from gateway.service.interceptions import InterceptionBook, InterceptionReport
from gateway.service.reconcile import Reconciler
from gateway.service.registrar import Registrar
from gateway.service.timers import Timers
from optout.kit.clock import FakeClock
from tests.domain.samples import NOON_MS, NUISANCE, OWN
from tests.service.house import SCREENER, House, open_house

DAY_S = 86_400
AHEAD = FakeClock(NOON_MS + 2 * DAY_S * 1000)


async def kinds(house: House) -> list[str]:
    return [payload["kind"] for payload in await house.payloads()]


async def test_reminder_when_the_logs_time_is_behind_then_it_rings_again() -> None:
    async with open_house() as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        await house.submit(Cancel())
        registrar = Registrar(house.recorder, house.policies, house.capabilities)
        ahead = Timers(house.store, registrar, AHEAD, Eraser(house.store, house.recorder))
        assert await ahead.ring() == 1
        assert await kinds(house) == ["instruction"] * 2
        house.clock.advance(DAY_S)
        await house.timers.ring()
        assert (await kinds(house))[2:] == ["aside_dropped"]


async def test_summary_when_the_logs_time_is_behind_then_it_is_told_later() -> None:
    async with open_house() as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        await house.submit(ChooseNotices(NoticeChoice(InterceptionNotice.DAILY)), channel=Channel.HOTLINE)
        call = Interception(InterceptionAction.REFUSED, OWN, NUISANCE, house.clock.now_ms())
        book = InterceptionBook(house.store, house.recorder, house.policies)
        await book.take(SCREENER, InterceptionReport("c1", call, 1))
        parts = house.store, house.recorder, house.policies, house.capabilities
        await Reconciler(*parts, AHEAD).look()
        assert (await kinds(house))[2:] == ["interception"]
        house.clock.advance(DAY_S)
        await Reconciler(*parts, house.clock).look()
        assert (await kinds(house))[3:] == ["summary"]
