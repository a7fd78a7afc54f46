"""Screening from memory: loaded, followed, and asked by those who may."""

import asyncio

import pytest

from gateway.domain.decision import CallerTrust, Ingress, Question, Verdict
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import Channel, EditList, Open
from gateway.service.screening import ScreeningService
from gateway.service.views import FeedRange
from optout.kit.identity import Identity, Role
from optout.kit.number import parse_number
from tests.domain.samples import FRIEND, LOAN_LINE, NOON_MS, NUISANCE, OWN
from tests.service.house import (
    INSTITUTE,
    MOBILE,
    MOBILES_SCREENER,
    PLATFORM,
    ROSTER,
    SCREENER,
    TELECOM,
    TELECOMS_SCREENER,
    open_house,
)


def question(caller=NUISANCE, called=OWN):
    return Question(caller, called, Ingress.DOMESTIC, CallerTrust.VERIFIED, NOON_MS)


async def test_screening_when_the_log_grows_then_answers_follow_it():
    async with open_house() as house:
        screening = ScreeningService(house.store, house.recorder, house.policies)
        await house.submit(Open(), channel=Channel.HOTLINE)
        await screening.load()
        assert screening.screen(SCREENER, question(), None).answer.verdict is Verdict.ALLOW
        follower = asyncio.ensure_future(screening.run())
        await house.submit(EditList(allow=False, add=(NUISANCE,)))
        async with asyncio.timeout(30):
            while await screening.lag():
                await asyncio.sleep(0)
        screened = screening.screen(SCREENER, question(), None)
        assert (screened.answer.verdict, screened.revision) == (Verdict.REFUSE, 2)
        assert screened.policy_version == house.policies.current.version
        follower.cancel()


async def test_screening_when_loaded_then_every_page_is_read():
    async with open_house() as house:
        numbers = [parse_number(f"138{tail:08}") for tail in range(1, 1103)]
        await asyncio.gather(*(house.submit(Open(), number=number, channel=Channel.HOTLINE) for number in numbers))
        screening = ScreeningService(house.store, house.recorder, house.policies)
        await screening.load()
        assert all(screening.index.find(number) is not None for number in numbers)
        assert screening.index.revision == len(numbers)


async def test_forwarded_call_when_screened_then_the_originally_called_party_counts():
    async with open_house() as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        await house.submit(EditList(allow=False, add=(NUISANCE,)))
        screening = ScreeningService(house.store, house.recorder, house.policies)
        await screening.load()
        assert screening.screen(SCREENER, question(called=FRIEND), None).answer.verdict is Verdict.NOT_REGISTERED
        assert screening.screen(SCREENER, question(called=FRIEND), OWN).answer.verdict is Verdict.REFUSE
        assert screening.screen(SCREENER, question(called=OWN), FRIEND).answer.verdict is Verdict.NOT_REGISTERED


async def test_screening_when_the_caller_may_not_ask_then_it_is_refused():
    async with open_house() as house:
        await house.submit(Open())
        screening = ScreeningService(house.store, house.recorder, house.policies, ROSTER)
        await screening.load()
        screening.screen(MOBILE, question(), None)
        screening.screen(MOBILES_SCREENER, question(), None)
        # Of a forwarded call the wishes of the party originally called count, and so does who serves it.
        screening.screen(TELECOMS_SCREENER, question(called=OWN), FRIEND)
        screening.screen(PLATFORM, question(LOAN_LINE), None)
        for caller, asked, reason in (
            (TELECOM, question(), Reason.NOT_SERVED),
            (TELECOMS_SCREENER, question(), Reason.NOT_SERVED),
            (Identity(Role.SCREENER, "stranger"), question(), Reason.ROLE_NOT_ALLOWED),
            (PLATFORM, question(), Reason.ROLE_NOT_ALLOWED),
            (PLATFORM, question(None), Reason.ROLE_NOT_ALLOWED),
            (INSTITUTE, question(), Reason.ROLE_NOT_ALLOWED),
        ):
            with pytest.raises(RefusedError) as refusal:
                screening.screen(caller, asked, None)
            assert refusal.value.reason is reason


async def test_index_when_the_feed_has_a_gap_then_it_says_so():
    async with open_house() as house:
        screening = ScreeningService(house.store, house.recorder, house.policies)
        await screening.load()
        with pytest.raises(ValueError, match="gap"):
            screening.index.follow(FeedRange(5, 6, (), 0))
