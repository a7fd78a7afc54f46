"""A carrier without a platform says that it switched a number off, until it was heard: two bits, kills, batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from adapters.carrier.contract import write_time
from adapters.carrier.rpc import Advice, GatewayError
from adapters.carrier.settings import GatewayConfig
from adapters.carrier.switch_off import SwitchOffReporter
from adapters.journal.memory import MemoryJournal
from adapters.journal.rows import Order
from adapters.wire.platform import Wanted, write_wanted
from optout.kit.clock import FakeClock
from optout.v1 import types_pb2
from tests.carrier.listener import LATER, Listener

NUMBERS = [f"+8613800138{place:03}" for place in range(250)]
T0 = 1_790_000_000_000


@dataclass
class Rig:
    """A journal that outlives the reporter, as over a kill."""

    gateway: Listener = field(default_factory=Listener)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    clock: FakeClock = field(default_factory=lambda: FakeClock(T0))

    async def order(self, number: str = NUMBERS[0], version: int = 7) -> str:
        """An order to switch off was taken; returns its id."""
        name = f"a-{number[-3:]}-off-mobile"
        body = write_wanted(Wanted(name, number, 2, version, on=False))
        await self.journal.take_order(Order(name, number, 2, version), self.clock.now_ms(), body)
        return name

    @asynccontextmanager
    async def reporting(self) -> AsyncIterator[SwitchOffReporter]:
        reporter = SwitchOffReporter(
            self.journal, self.gateway, self.clock, GatewayConfig(retry_first_s=0.1), poll_s=0.01
        )
        await reporter.start()
        try:
            yield reporter
        finally:
            await reporter.stop(1.0)

    async def until_told(self) -> None:
        """Time goes by until the journal owes nothing."""
        async with asyncio.timeout(30):
            while await self.journal.provisions(1):
                self.clock.advance(1)
                await asyncio.sleep(0)


async def test_switch_off_when_it_was_done_then_it_is_reported_of_its_holder_and_version():
    rig = Rig()
    async with rig.reporting() as reporter:
        await rig.order()
        reporter.wake()
        await rig.until_told()
    (report,) = rig.gateway.applied
    assert (report.report_id, report.number) == ("a-000-off-mobile-off", NUMBERS[0])
    assert (report.epoch, report.version, report.switched_off) == (2, 7, True)
    assert report.report_time == write_time(T0)
    assert [(effect.item.kind, effect.state) for effect in report.effects] == [
        (types_pb2.ITEM_KIND_SERVICE, types_pb2.EFFECT_STATE_APPLIED)
    ]


@pytest.mark.parametrize("failed", [0, 3])
@pytest.mark.parametrize("lost", [0, 3])
async def test_report_when_it_fails_or_its_answer_is_lost_then_it_is_repeated_word_for_word(failed, lost):
    rig = Rig(Listener(failures=[LATER] * failed, lost=[LATER] * lost))
    await rig.order()
    async with rig.reporting():
        await rig.until_told()
    assert (len(rig.gateway.applied), rig.gateway.calls) == (1, failed + lost + 1)


async def test_report_when_its_answer_was_lost_in_a_kill_then_the_next_process_repeats_it_word_for_word():
    rig = Rig(Listener(lost=[LATER]))
    await rig.order()
    async with rig.reporting():
        await rig.gateway.until(applied=1)
    rig.clock.advance(3600)
    async with rig.reporting():
        await rig.until_told()
    assert (len(rig.gateway.applied), rig.gateway.calls) == (1, 2)


async def test_report_when_we_are_refused_ourselves_then_it_is_not_lost():
    rig = Rig(Listener(failures=[GatewayError("CERTIFICATE_DENIED", Advice.OPERATOR)]))
    await rig.order()
    async with rig.reporting():
        await rig.until_told()
    assert len(rig.gateway.applied) == 1


async def test_reports_when_one_is_to_come_later_then_the_others_are_done_with_and_it_comes(caplog):
    rig = Rig(Listener(busy={"a-001-off-mobile-off"}))
    for number in NUMBERS[:3]:
        await rig.order(number)
    async with rig.reporting() as reporter:
        await rig.gateway.until(applied=2)
        reporter.wake()
        await rig.until_told()
    assert [report.report_id[2:5] for report in rig.gateway.applied] == ["000", "002", "001"]
    assert "not taken every report" in caplog.text
    assert NUMBERS[0][3:] not in caplog.text


async def test_reports_when_many_wait_then_all_are_told():
    rig = Rig()
    for number in NUMBERS:
        await rig.order(number)
    async with rig.reporting():
        await rig.until_told()
    assert {report.number for report in rig.gateway.applied} == set(NUMBERS)
    assert rig.gateway.calls == 3


async def test_order_when_a_newer_one_is_taken_before_it_was_told_then_the_newer_alone_is():
    rig = Rig(Listener())
    await rig.order(version=7)
    body = write_wanted(Wanted("a-later", NUMBERS[0], 2, 9, on=False))
    await rig.journal.take_order(Order("a-later", NUMBERS[0], 2, 9), T0, body)
    async with rig.reporting():
        await rig.until_told()
    assert [report.version for report in rig.gateway.applied] == [9]
