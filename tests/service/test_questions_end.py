"""A question that nobody answers is over with its time, and whoever reads the registry sees so soon after."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.errors import Reason
from gateway.domain.instruction import (
    Cancel,
    Channel,
    Confirm,
    Disposition,
    Evidence,
    Open,
    Proof,
    SetRefusedCategories,
)
from gateway.domain.preferences import Medium
from gateway.domain.subscription import EnrolmentState
from gateway.service.views import SubscriptionView
from tests.domain.samples import OWN
from tests.service.house import INSTITUTE, MOBILE, House, open_house

S = EnrolmentState
DAY_S = 86_400


async def ask_to_close(house: House) -> None:
    """Open, with a wish, and ask to close on a one-tap login, which takes a second word."""
    await house.submit(Open(), channel=Channel.HOTLINE)
    await house.submit(SetRefusedCategories(refuse=("loan",)))
    one_tap = Evidence(proofs=(Proof.ONE_TAP_LOGIN,))
    await house.registry.submit(MOBILE, replace(house.instruction(Cancel(), channel=Channel.APP), evidence=one_tap))


async def look(house: House) -> dict[str, EnrolmentState]:
    """The state as each way of reading tells it."""

    def of(views) -> EnrolmentState:
        (view,) = views
        assert isinstance(view, SubscriptionView)
        assert (view.subscriber.voice.pending is None) is (view.subscriber.voice.state in {S.OPEN, S.CLOSED})
        return view.subscriber.voice.state

    got, _ = await house.registry.get(MOBILE, OWN, Medium.VOICE)
    everything = await house.registry.list(INSTITUTE, carrier="", state=None, page_token="", page_size=10)
    listed = await house.registry.list(MOBILE, carrier="", state=of([got]), page_token="", page_size=10)
    parts = [part async for part in house.registry.snapshot(MOBILE, 0)]
    head = await house.store.head()
    async for feed_range in house.registry.watch(MOBILE, 0):
        assert feed_range.revision == head.size
        break
    return {
        "get": of([got]),
        "list": of(everything.views),
        "listed by state": of(listed.views),
        "snapshot": of(view for part in parts for view in part.views),
        "feed": of(feed_range.views),
    }


@pytest.mark.parametrize("case", ["opening", "closing"])
async def test_question_when_its_time_is_over_then_every_reader_sees_what_was_before(case: str):
    async with open_house() as house:
        waiting, before = (S.PENDING_OPEN, S.CLOSED) if case == "opening" else (S.PENDING_CANCEL, S.OPEN)
        await (house.submit(Open()) if case == "opening" else ask_to_close(house))
        house.clock.advance(DAY_S - 1)
        await house.timers.ring()
        assert set((await look(house)).values()) == {waiting}
        house.clock.advance(1)
        assert await house.timers.ring() == 1
        assert set((await look(house)).values()) == {before}
        view, _ = await house.registry.get(MOBILE, OWN, Medium.VOICE)
        assert view.subscriber.voice.preferences.refused_categories == (() if case == "opening" else ("loan",))
        payload = (await house.payloads())[-1]
        assert (payload["kind"], payload["medium"]) == ("question_ended", "voice")
        listed = await house.registry.list(INSTITUTE, carrier="", state=waiting, page_token="", page_size=10)
        assert listed.views == ()


async def test_feed_when_a_question_ends_then_a_row_comes_of_itself():
    async with open_house() as house:
        await house.submit(Open())
        feed = house.registry.watch(MOBILE, 0)
        assert (await anext(feed)).views[0].subscriber.voice.state is S.PENDING_OPEN
        row = asyncio.ensure_future(anext(feed))
        house.clock.advance(DAY_S)
        await house.timers.ring()
        async with asyncio.timeout(5):
            assert (await row).views[0].subscriber.voice.state is S.CLOSED


@pytest.mark.parametrize("rung", [True, False], ids=["after the entry", "before it"])
async def test_word_when_it_comes_too_late_then_told_so_whether_or_not_the_entry_was_written(rung: bool):
    async with open_house() as house:
        await house.submit(Open())
        house.clock.advance(DAY_S)
        if rung:
            await house.timers.ring()
        for _ in range(2):
            outcome = await house.submit(Confirm())
            assert outcome.verdict.reason is Reason.CONFIRMATION_EXPIRED
        await house.submit(Open())
        assert (await house.submit(Confirm())).verdict.disposition is Disposition.DONE
        assert (await house.submit(Confirm())).verdict.reason is Reason.NOTHING_PENDING


async def test_question_when_asked_again_or_answered_then_the_first_ones_time_ends_nothing():
    async with open_house() as house:
        await house.submit(Open())
        house.clock.advance(DAY_S / 2)
        await house.submit(Open())
        house.clock.advance(DAY_S / 2)
        assert await house.timers.ring() == 1
        assert set((await look(house)).values()) == {S.PENDING_OPEN}
        await house.submit(Confirm())
        house.clock.advance(DAY_S)
        assert await house.timers.ring() == 1
        assert set((await look(house)).values()) == {S.OPEN}
        assert "question_ended" not in {payload["kind"] for payload in await house.payloads()}


async def test_setting_when_made_after_an_unanswered_cancellation_then_a_late_word_is_uncalled_for():
    async with open_house() as house:
        await ask_to_close(house)
        house.clock.advance(DAY_S)
        await house.timers.ring()
        await house.submit(SetRefusedCategories(refuse=("insurance",)))
        assert (await house.submit(Confirm())).verdict.reason is Reason.NOTHING_PENDING
