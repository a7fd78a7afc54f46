"""Orders to a platform and its facts back: over real HTTP, with the journal between, and faults of two bits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from adapters.carrier.base import PlatformData
from adapters.carrier.metrics import Metrics
from adapters.carrier.platform_channel import PLACE, PlatformChannel
from adapters.carrier.platform_orders import make_wanted
from adapters.carrier.rpc import Advice, GatewayError
from adapters.carrier.settings import PlatformConfig
from adapters.journal.memory import MemoryJournal
from adapters.journal.rows import Order
from adapters.simulators.faults import LOST_ANSWER, LOST_REQUEST, REFUSED, FaultPlan
from adapters.simulators.platform import (
    PlatformFault,
    PlatformFilter,
    PlatformPath,
    PlatformSettings,
    PlatformSimulator,
)
from adapters.transport.platform import PlatformClient
from adapters.wire.platform import write_wanted
from optout.kit.clock import SystemClock
from optout.v1 import carrier_pb2, screening_pb2, types_pb2
from tests.carrier.listener import Listener

NUMBER, NUISANCE, LOAN_LINE = "+8613800138000", "+8613700137000", "+861059990001"
SECRET = "platform-secret"
DATA = PlatformData({"VOLTE_OFF": "请发送KTVOLTE到10086开通VoLTE"})
FAST = PlatformConfig(poll_s=0.02, retry_first_s=0.01, retry_most_s=0.05)
IMPATIENT = replace(FAST, report_grace_s=0.05)


@dataclass
class Rig:
    simulator: PlatformSimulator
    gateway: Listener
    journal: MemoryJournal
    channel: PlatformChannel
    metrics: Metrics

    def count(self, event: str) -> float:
        labels = {"carrier": "mobile", "event": event}
        return self.metrics.registry.get_sample_value("optout_adapter_platform_total", labels) or 0.0

    async def order(self, request: carrier_pb2.ApplyRequest) -> None:
        subscription = request.subscription
        order = Order(request.order_id, subscription.number, subscription.epoch, subscription.version)
        await self.journal.take_order(order, 0, write_wanted(make_wanted(request)))
        self.channel.wake()

    async def until_carried(self) -> None:
        """Orders and facts go ways of their own: what an order did may be told before its row is gone."""
        async with asyncio.timeout(30):
            while await self.journal.provisions(10):
                await asyncio.sleep(0.005)


def make_channel(
    simulator: PlatformSimulator,
    journal: MemoryJournal,
    gateway: Listener,
    metrics: Metrics,
    config: PlatformConfig = FAST,
) -> PlatformChannel:
    client = PlatformClient(simulator.url, SECRET, timeout_s=30.0)
    return PlatformChannel(client, journal, gateway, metrics, SystemClock(), config, DATA)


@asynccontextmanager
async def open_rig(config: PlatformConfig = FAST, **settings: Any) -> AsyncIterator[Rig]:
    simulator = PlatformSimulator(PlatformSettings(SECRET, lines={"+861059990": "loan"}, **settings))
    await simulator.start()
    journal, gateway, metrics = MemoryJournal(), Listener(), Metrics("mobile")
    rig = Rig(simulator, gateway, journal, make_channel(simulator, journal, gateway, metrics, config), metrics)
    await rig.channel.start()
    try:
        yield rig
    finally:
        await rig.channel.stop(1.0)
        await simulator.stop()
        simulator.assert_clean()


def make_order(
    order_id: str = "a-1", version: int = 1, state: Any = types_pb2.ENROLMENT_STATE_OPEN, *, off: bool = False
) -> carrier_pb2.ApplyRequest:
    wishes = types_pb2.Preferences(
        refused_categories=["loan"],
        reject_list=[NUISANCE],
        refused_segments=[types_pb2.Segment(kind=types_pb2.SEGMENT_KIND_400)],
        quiet_hours=[types_pb2.QuietWindow(days=types_pb2.DAY_TYPE_EVERY_DAY, start_minute=1320, end_minute=480)],
    )
    subscription = types_pb2.Subscription(
        number=NUMBER, epoch=1, version=version, state=state, carrier="mobile", preferences=wishes
    )
    return carrier_pb2.ApplyRequest(order_id=order_id, subscription=subscription, switch_off=off)


async def test_order_when_carried_out_then_the_fact_is_reported_item_by_item() -> None:
    async with open_rig(degraded=frozenset({"segment"}), unsupported=frozenset({"quiet_hours"})) as rig:
        await rig.order(make_order())
        await rig.gateway.until(applied=1)
        report = rig.gateway.applied[0]
        states = {
            types_pb2.ItemKind.Name(effect.item.kind): types_pb2.EffectState.Name(effect.state)
            for effect in report.effects
        }
        assert (report.number, report.version, report.switched_off) == (NUMBER, 1, False)
        assert states["ITEM_KIND_SERVICE"] == states["ITEM_KIND_CATEGORY"] == "EFFECT_STATE_APPLIED"
        assert states["ITEM_KIND_SEGMENT"] == "EFFECT_STATE_DEGRADED"
        assert states["ITEM_KIND_QUIET_HOURS"] == "EFFECT_STATE_UNSUPPORTED"
        await rig.until_carried()


@pytest.mark.parametrize("plan", [LOST_ANSWER, LOST_REQUEST, REFUSED], ids=lambda plan: plan.name)
async def test_order_when_the_platform_fails_then_it_is_carried_out_once(plan: FaultPlan) -> None:
    async with open_rig() as rig:
        once = FaultPlan(plan.name, applied=plan.applied, heard=plan.heard, count=1)
        rig.simulator.set_faults(PlatformFault(once, PlatformPath.PROVISION))
        await rig.order(make_order())
        await rig.gateway.until(applied=1)
        assert len(rig.simulator.book.events) == 1
        assert rig.simulator.deck.statuses()[0].struck == 1


async def test_order_when_a_newer_one_followed_then_the_newer_is_in_force() -> None:
    async with open_rig(apply_delay_s=3600) as rig:
        await rig.order(make_order("a-1", 1))
        await rig.simulator.wait_for(PlatformFilter(PlatformPath.PROVISION, version=1))
        await rig.order(make_order("a-2", 2, types_pb2.ENROLMENT_STATE_CLOSED))
        await rig.simulator.wait_for(PlatformFilter(PlatformPath.PROVISION, version=2))
        rig.simulator.set_delay(0)
        await rig.gateway.until(applied=1)
        assert [(report.version, report.switched_off) for report in rig.gateway.applied] == [(2, True)]
        assert not rig.simulator.book.in_force[NUMBER].on


async def test_order_when_the_number_was_lost_then_everything_is_switched_off_and_said_so() -> None:
    async with open_rig() as rig:
        await rig.order(make_order("a-1", 1))
        await rig.gateway.until(applied=1)
        await rig.order(make_order("a-2", 2, off=True))
        await rig.gateway.until(applied=2)
        assert rig.gateway.applied[1].switched_off
        assert rig.simulator.call(NUMBER, LOAN_LINE) is None


async def test_call_when_stopped_then_reported_with_its_rule() -> None:
    async with open_rig() as rig:
        await rig.order(make_order())
        await rig.gateway.until(applied=1)
        assert rig.simulator.call(NUMBER, LOAN_LINE) is not None
        assert rig.simulator.call(NUMBER, NUISANCE) is not None
        assert rig.simulator.call(NUMBER, "+8613900139000") is None
        await rig.gateway.until(stopped=2)
        rules = [screening_pb2.DecidingRule.Name(report.rule) for report in rig.gateway.stopped]
        assert rules == ["DECIDING_RULE_CATEGORY", "DECIDING_RULE_PERSONAL_REJECT"]
        assert {report.action for report in rig.gateway.stopped} == {screening_pb2.INTERCEPTION_ACTION_REFUSED}
        assert rig.gateway.stopped[0].category == "loan"
        assert rig.simulator.call(NUMBER, NUISANCE, withheld=True) is not None
        await rig.gateway.until(stopped=3)
        assert [report.presentation_withheld for report in rig.gateway.stopped] == [False, False, True]


async def test_volte_when_off_then_the_condition_comes_back_with_its_remedy_until_it_is_on() -> None:
    async with open_rig() as rig:
        rig.simulator.set_volte(NUMBER, on=False)
        await rig.order(make_order())
        await rig.gateway.until(applied=1)
        service = rig.gateway.applied[0].effects[0]
        assert (service.precondition.code, service.precondition.remedy) == ("VOLTE_OFF", DATA.remedies["VOLTE_OFF"])
        assert service.state == types_pb2.EFFECT_STATE_DEGRADED
        rig.simulator.set_volte(NUMBER, on=True)
        await rig.gateway.until(applied=2)
        assert rig.gateway.applied[1].effects[0].state == types_pb2.EFFECT_STATE_APPLIED


async def test_facts_when_the_gateway_is_away_then_told_once_it_is_back() -> None:
    async with open_rig() as rig:
        rig.gateway.failures = [GatewayError("UNAVAILABLE", Advice.LATER)] * 3
        await rig.order(make_order())
        await rig.gateway.until(applied=1)
        assert len(rig.gateway.applied) == 1


async def test_channel_when_begun_anew_then_it_goes_on_from_the_place_that_is_done_with() -> None:
    async with open_rig() as rig:
        await rig.order(make_order())
        await rig.gateway.until(applied=1)
        while (await rig.journal.place(PLACE)).place < 1:
            await asyncio.sleep(0)
        await rig.channel.stop(1.0)
        rig.simulator.call(NUMBER, LOAN_LINE)
        rig.channel = make_channel(rig.simulator, rig.journal, rig.gateway, rig.metrics)
        await rig.channel.start()
        await rig.gateway.until(stopped=1)
        assert len(rig.gateway.applied) == 1


async def test_platform_when_it_lost_its_log_then_its_new_one_is_read_from_the_beginning() -> None:
    async with open_rig() as rig:
        await rig.order(make_order())
        await rig.gateway.until(applied=1)
        rig.simulator.reset()
        await rig.order(make_order("a-2", 2))
        await rig.gateway.until(applied=2)
        first, second = (report.report_id for report in rig.gateway.applied)
        assert first != second


async def test_order_when_refused_for_good_then_it_does_not_stand_in_the_way() -> None:
    async with open_rig() as rig:
        await rig.journal.take_order(Order("bad", "x", 1, 1), 0, b"no json")
        await rig.order(make_order())
        await rig.gateway.until(applied=1)
        await rig.until_carried()


async def test_client_when_asked_to_read_back_then_what_is_in_force_comes() -> None:
    async with open_rig() as rig:
        client = PlatformClient(rig.simulator.url, SECRET)
        assert await client.read(NUMBER) is None
        await rig.order(make_order())
        await rig.gateway.until(applied=1)
        assert await client.read(NUMBER) == make_wanted(make_order())
        await client.close()


async def test_order_when_the_platform_lost_it_then_it_is_read_back_and_told_again_until_it_is_reported() -> None:
    async with open_rig(IMPATIENT, apply_delay_s=3600) as rig:
        await rig.order(make_order())
        await rig.simulator.wait_for(PlatformFilter(PlatformPath.PROVISION))
        await rig.until_carried()
        rig.simulator.reset()
        rig.simulator.set_delay(0)
        await rig.gateway.until(applied=1)
        assert rig.simulator.book.in_force[NUMBER] == make_wanted(make_order())
        assert rig.count("told_again") >= 1


async def test_order_when_it_is_in_force_and_not_reported_then_that_is_counted_and_not_assumed() -> None:
    async with open_rig(IMPATIENT, apply_delay_s=3600) as rig:
        rig.simulator.book.in_force[NUMBER] = make_wanted(make_order())
        await rig.order(make_order())
        async with asyncio.timeout(30):
            while not rig.count("unreported"):
                await asyncio.sleep(0.005)
        assert rig.gateway.applied == []


async def test_order_when_reported_then_it_is_awaited_no_more() -> None:
    async with open_rig(apply_delay_s=3600) as rig:
        await rig.order(make_order())
        await rig.until_carried()
        assert rig.channel.read_back.awaited == 1
        rig.simulator.set_delay(0)
        await rig.gateway.until(applied=1)
        assert rig.channel.read_back.awaited == 0
