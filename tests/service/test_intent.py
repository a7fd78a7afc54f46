"""Several channels at one subscriber: what each is told of a question that is open, late, or another one."""

import pytest

from gateway.domain.errors import Reason
from gateway.domain.instruction import Cancel, Channel, Confirm, Disposition, Open, Query
from gateway.domain.number_life import NumberEvent, NumberEventKind
from gateway.domain.subscription import EnrolmentState
from tests.domain.samples import OWN
from tests.service.house import OPERATOR, open_house

DAY_S = 86_400


async def test_agent_when_a_text_waits_for_its_second_word_then_sees_it_and_may_say_it():
    async with open_house() as house:
        asked = await house.submit(Open())
        seen = await house.submit(Query(), channel=Channel.HOTLINE)
        leg = seen.view.subscriber.voice
        assert (leg.state, leg.pending.channel) == (EnrolmentState.PENDING_OPEN, Channel.SMS)
        assert leg.pending.expire_ms == asked.verdict.confirm_by_ms
        done = await house.submit(Confirm(), channel=Channel.HALL)
        assert (done.verdict.disposition, done.view.subscriber.voice.state) == (Disposition.DONE, EnrolmentState.OPEN)


async def test_agent_when_the_time_of_a_question_is_up_then_sees_none_now_and_whenever_the_answer_comes_again():
    async with open_house() as house:
        await house.submit(Open())
        house.clock.advance(DAY_S)
        for action, reason in ((Query(), None), (Confirm(), Reason.CONFIRMATION_EXPIRED)):
            for _ in range(2):
                told = await house.submit(action, channel=Channel.HOTLINE, id=f"agent-{reason}")
                leg = told.view.subscriber.voice
                assert (told.verdict.reason, leg.state, leg.pending) == (reason, EnrolmentState.CLOSED, None)
        await house.submit(Query(), id="text")
        status = (await house.notices())[-1]
        assert (status.template, status.parameters["state"], status.parameters["confirm_by"]) == (
            "status",
            "closed",
            "",
        )


async def test_agent_when_the_time_is_not_up_then_the_repeated_answer_shows_the_question_as_it_was():
    async with open_house() as house:
        await house.submit(Open())
        first = await house.submit(Query(), channel=Channel.HOTLINE, id="q")
        house.clock.advance(DAY_S)
        again = await house.submit(Query(), channel=Channel.HOTLINE, id="q")
        assert (again.replayed, again.view) == (True, first.view)


async def test_yes_when_it_is_delivered_again_while_another_question_is_open_then_it_is_the_same_yes():
    async with open_house() as house:
        await house.submit(Open())
        first = await house.submit(Confirm(opens=True), id="yes")
        await house.submit(Cancel(), channel=Channel.HOTLINE)
        await house.submit(Open())
        again = await house.submit(Confirm(opens=False), id="yes")
        assert (again.replayed, again.revision) == (True, first.revision)
        assert (await house.submit(Query())).view.subscriber.voice.state is EnrolmentState.PENDING_OPEN


async def test_question_when_the_number_moves_to_another_carrier_then_it_moves_along_and_that_one_may_confirm():
    async with open_house() as house:
        await house.submit(Open())
        event = NumberEvent("e1", NumberEventKind.PORTED_IN, OWN, house.clock.now_ms(), counterpart="telecom")
        await house.numbers.report_event(OPERATOR, event)
        with pytest.raises(Exception, match="another carrier"):
            await house.submit(Confirm())
        seen = await house.submit(Query(), carrier="telecom", channel=Channel.HOTLINE)
        assert seen.view.subscriber.voice.pending is not None
        done = await house.submit(Confirm(), carrier="telecom", channel=Channel.HOTLINE)
        assert done.view.subscriber.voice.state is EnrolmentState.OPEN


async def test_question_when_the_clock_steps_back_then_its_time_is_the_logs():
    async with open_house() as house:
        asked = await house.submit(Open())
        house.clock.advance(DAY_S - 1)
        await house.submit(Query(), id="late")
        house.clock.step_wall(-10 * DAY_S)
        done = await house.submit(Confirm())
        assert done.verdict.disposition is Disposition.DONE
        assert done.view.subscriber.voice.change_ms == asked.verdict.confirm_by_ms - 1000
