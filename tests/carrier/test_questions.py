"""Questions by text: which one a word answers, and which are closed once any channel has settled them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.carrier.notices import NoticeRequest, NoticeWriter
from adapters.carrier.questions import Asking
from adapters.journal.memory import MemoryJournal
from adapters.journal.rows import Origin, Prompt
from adapters.mobile import CARRIER
from adapters.simulators.wechat import EntryFilter, Happening
from optout.kit.number import PhoneNumber
from optout.v1 import carrier_pb2, types_pb2
from tests.carrier.account_rig import USER, open_account
from tests.carrier.conftest import Rig
from tests.carrier.script_link import make_mo
from tests.carrier.waiting import wait_until

NUMBER = PhoneNumber("+8613800138000")
NOW_MS = 1_790_000_000_000
WRITER = NoticeWriter(CARRIER.data.notices)
FAR = {"confirm_by": "2099-01-01 10:00"}


@dataclass
class Registry:
    """Answers with one outcome; `meanwhile` happens before it is heard."""

    outcome: types_pb2.Outcome = field(default_factory=types_pb2.Outcome)
    meanwhile: Callable[[], object] | None = None

    async def submit(self, instruction: types_pb2.Instruction) -> types_pb2.Outcome:
        if self.meanwhile is not None:
            await self.meanwhile()  # type: ignore[misc]
        return self.outcome


async def ask(journal: MemoryJournal, notice_id: str, template: str = "confirm_open") -> None:
    request = NoticeRequest(notice_id, Origin.GATEWAY, NUMBER, template, FAR, NOW_MS + 60_000)
    await journal.add_notice(*WRITER.write(request, NOW_MS))


async def settle(journal: MemoryJournal, registry: Registry) -> Prompt | None:
    """Have some channel submit something; the question that is open then."""
    asking = Asking(registry, journal, lambda: NOW_MS)  # type: ignore[arg-type]
    await asking.submit(types_pb2.Instruction(number=NUMBER))
    return await journal.find_prompt(NUMBER, NOW_MS)


async def test_question_when_nothing_is_pending_after_an_instruction_then_it_is_closed() -> None:
    journal = MemoryJournal()
    await ask(journal, "n-1")
    pending = types_pb2.Outcome()
    pending.subscription.pending.target = types_pb2.ENROLMENT_STATE_OPEN
    assert await settle(journal, Registry(pending)) is not None
    assert await settle(journal, Registry()) is None


async def test_question_when_it_was_asked_while_the_instruction_was_under_way_then_it_stays_open() -> None:
    journal = MemoryJournal()
    await ask(journal, "n-1")
    prompt = await settle(journal, Registry(meanwhile=lambda: ask(journal, "n-2", "confirm_cancel")))
    assert prompt is not None
    assert (prompt.notice_id, prompt.target) == ("n-2", "closed")


async def test_question_when_an_old_answer_comes_again_then_it_stays_open() -> None:
    journal = MemoryJournal()
    await ask(journal, "n-2")
    assert await settle(journal, Registry(types_pb2.Outcome(replayed=True))) is not None


@pytest.mark.parametrize(("template", "target"), [("confirm_open", "OPEN"), ("confirm_cancel", "CLOSED")])
async def test_yes_when_a_question_is_open_then_the_instruction_says_which_one_it_answers(
    rig: Rig, template: str, target: str
) -> None:
    request = carrier_pb2.NotifyRequest(notice_id="n-1", number=NUMBER, template=template, parameters=FAR)
    await rig.servicer.Notify(request, None)
    await rig.link.say(make_mo("Y"))
    await wait_until(lambda: rig.gateway.committed)
    [instruction] = rig.gateway.committed.values()
    assert types_pb2.EnrolmentState.Name(instruction.confirm.target) == f"ENROLMENT_STATE_{target}"


async def test_confirmation_when_no_question_is_known_then_it_answers_whatever_is_pending(rig: Rig) -> None:
    await rig.link.say(make_mo("QRFSR"))
    await wait_until(lambda: rig.gateway.committed)
    [instruction] = rig.gateway.committed.values()
    assert instruction.WhichOneof("action") == "confirm"
    assert instruction.confirm.target == types_pb2.ENROLMENT_STATE_UNSPECIFIED


async def test_question_when_the_account_settles_it_then_it_is_closed(tmp_path: Path) -> None:
    async with open_account(tmp_path) as rig:
        await rig.bind()
        now_ms = rig.clock.now_ms()
        request = NoticeRequest("n-1", Origin.GATEWAY, NUMBER, "confirm_open", FAR, now_ms + 60_000)
        await rig.journal.add_notice(*WRITER.write(request, now_ms))
        before = rig.wechat.say(USER, "关闭")
        await rig.wechat.wait_for(EntryFilter(Happening.MESSAGE, USER, after_index=before))
        assert await rig.journal.find_prompt(NUMBER, now_ms) is None
