"""The whole adapter on a real CMPP link to the simulated SMS gateway."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from adapters.carrier.cmpp_link import digest_deliver
from adapters.carrier.settings import CmppVersion
from adapters.simulators.faults import FaultPlan
from adapters.simulators.smsc import (
    Account,
    EntryFilter,
    Happening,
    MobileOriginated,
    Operation,
    RawContent,
    ReportScript,
    ReportTiming,
    SmscFault,
    SmscSettings,
    SmscSimulator,
)
from adapters.testing.harness import SP_ID, SP_SECRET, smsc_simulator
from adapters.wire.cmpp import Deliver
from optout.v1 import carrier_pb2, carrier_pb2_grpc, registry_pb2
from tests.carrier.fake_gateway import FakeGateway
from tests.carrier.running import Running, make_config, running_adapter
from tests.carrier.waiting import leaks, wait_until

PHONE = "13800138000"
QUICK = SmscSettings((Account(SP_ID, SP_SECRET),), resend_s=0.3)
SENT, DELIVERED = registry_pb2.DELIVERY_STATE_SENT, registry_pb2.DELIVERY_STATE_DELIVERED
AS_GATEWAY = (("x-optout-party", "gateway/gateway"),)


@dataclass
class World:
    """Gateway, adapter and centre."""

    gateway: FakeGateway
    smsc: SmscSimulator
    adapter: Running
    stub: Any

    async def notify(self, notice_id: str = "n-1", **fields: Any) -> carrier_pb2.NotifyResponse:
        wanted = {"number": f"+86{PHONE}", "template": "cancelled", **fields}
        request = carrier_pb2.NotifyRequest(notice_id=notice_id, **wanted)
        answer: carrier_pb2.NotifyResponse = await self.stub.Notify(request, metadata=AS_GATEWAY)
        return answer

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.smsc.phone(PHONE).inbox]

    def states(self, notice_id: str = "n-1") -> list[int]:
        return [report.state for report in self.gateway.reports if report.notice_id == notice_id]


@asynccontextmanager
async def make_world(
    gateway: FakeGateway, folder: Path, version: CmppVersion = CmppVersion.V30, **times: float
) -> AsyncIterator[World]:
    async with smsc_simulator(QUICK) as smsc:
        config = make_config(
            folder,
            gateway_port=gateway.port,
            smsc_port=smsc.port,
            account=SP_ID,
            secret=SP_SECRET,
            version=version,
            **times,
        )
        async with running_adapter(config) as adapter, grpc.aio.insecure_channel(adapter.addresses.grpc) as channel:
            await smsc.wait_for(EntryFilter(happening=Happening.LINK_BOUND))
            yield World(gateway, smsc, adapter, carrier_pb2_grpc.CarrierServiceStub(channel))


@pytest.fixture
async def world(gateway: FakeGateway, tmp_path: Path) -> AsyncIterator[World]:
    async with make_world(gateway, tmp_path) as made:
        yield made


@pytest.mark.parametrize("version", list(CmppVersion))
async def test_story_when_played_over_cmpp_then_committed_answered_reported(
    gateway: FakeGateway, tmp_path: Path, version: CmppVersion
) -> None:
    async with make_world(gateway, tmp_path, version) as world:
        sent = world.smsc.send_mo(MobileOriginated(PHONE, "KTFSR", link_id=b"LINK-9"))
        await wait_until(lambda: world.gateway.committed)
        instruction = world.gateway.committed[sent.msg_ids[0].hex()]
        assert instruction.reference.account == SP_ID
        answer = await world.notify(in_reply_to=instruction.reference)
        assert answer.parts == 1
        await wait_until(lambda: world.states() == [SENT, DELIVERED])
        assert "已关闭" in world.texts[0]
        [submit] = world.smsc.find(EntryFilter(happening=Happening.SUBMIT_ACCEPTED))
        assert submit is not None
        await world.smsc.wait_settled()
        assert (await world.adapter.get("/readyz"))[0] == 200


async def test_text_when_the_gateway_is_down_then_the_centre_sends_it_until_it_is_committed(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    async with make_world(gateway, tmp_path, submit_timeout_s=0.5) as world:
        await world.gateway.stop()
        world.smsc.send_mo(MobileOriginated(PHONE, "KTFSR"))
        await asyncio.sleep(0.8)
        assert len(world.smsc.unacknowledged) == 1
        assert len(world.smsc.links) == 1
        await world.gateway.start()
        await world.smsc.wait_settled()
        assert len(world.gateway.committed) == 1


async def test_text_when_its_acknowledgement_is_lost_then_it_comes_again_and_changes_nothing(world: World) -> None:
    world.smsc.set_faults(SmscFault(Operation.MO, FaultPlan(heard=False, count=1)))
    world.smsc.send_mo(MobileOriginated(PHONE, "KTFSR"))
    await world.smsc.wait_settled()
    assert len(world.gateway.committed) == 1
    assert len(world.gateway.calls) == 2


async def test_long_text_in_any_order_and_encoding_when_sent_then_one_instruction(world: World) -> None:
    text = "hmdtj 4001234567" + "\u3000" * 150
    world.smsc.send_mo(MobileOriginated(PHONE, text, part_order=(3, 1, 2), vary_gateway=True, reference_bits=16))
    await world.smsc.wait_settled()
    [instruction] = world.gateway.committed.values()
    assert list(instruction.edit_reject_list.add) == ["+864001234567"]


async def test_binary_text_when_sent_then_acknowledged_and_nothing_happens(world: World) -> None:
    world.smsc.send_mo(MobileOriginated(PHONE, raw=RawContent(4, bytes(range(140)))))
    world.smsc.send_mo(MobileOriginated(PHONE, raw=RawContent(0, b"\x02\x70\x00KTFSR", tp_udhi=True)))
    await world.smsc.wait_settled()
    assert 'reading="binary"} 1.0' in (await world.adapter.get("/metrics"))[1]


async def test_notice_when_long_then_it_arrives_whole(world: World) -> None:
    parameters = {
        "done": "category:loan,category:insurance,category:securities,category:real_estate,category:education",
        "undone": "reject_number:+864001234567,reject_number:+864001234568",
        **dict.fromkeys(("already", "refused", "effective_by"), ""),
        "effect": "applied",
    }
    assert (await world.notify(template="changed", parameters=parameters)).parts == 2
    await wait_until(lambda: world.states() == [SENT, DELIVERED])
    assert [text.count("。") for text in world.texts] == [2]


@pytest.mark.parametrize(
    "report",
    [ReportScript(timing=ReportTiming.BEFORE_RESPONSE), ReportScript(copies=3), ReportScript(old_layout=True)],
    ids=["before-the-answer", "three-times", "of-60-bytes"],
)
async def test_report_when_it_comes_oddly_then_the_gateway_hears_of_the_delivery(
    world: World, report: ReportScript
) -> None:
    world.smsc.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(), report=report))
    await world.notify()
    await wait_until(lambda: world.states()[-1:] == [DELIVERED])
    await world.smsc.wait_settled()
    assert world.states().count(DELIVERED) == 1
    assert len(world.texts) == 1


async def test_notice_when_the_centre_asks_to_slow_down_then_sent_later(world: World) -> None:
    world.smsc.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(count=1, applied=False), result=8))
    await world.notify()
    await wait_until(lambda: world.states() == [SENT, DELIVERED])
    assert len(world.texts) == 1


async def test_notice_when_the_centre_refuses_it_then_failed(world: World) -> None:
    world.smsc.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(count=1, applied=False), result=13))
    await world.notify()
    await wait_until(lambda: world.states() == [registry_pb2.DELIVERY_STATE_FAILED])
    assert world.gateway.reports[0].code == "RESULT:13"


async def test_notice_when_the_link_breaks_before_the_answer_then_its_report_decides(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    async with make_world(gateway, tmp_path, resend_after_s=2.0) as world:
        fault = SmscFault(Operation.SUBMIT, FaultPlan(count=1, heard=False), close_link=True)
        world.smsc.set_faults(fault)
        await world.notify()
        await wait_until(lambda: world.states()[-1:] == [DELIVERED])
        await asyncio.sleep(2.2)
        assert len(world.texts) == 1


async def test_notice_when_the_link_breaks_before_it_arrives_then_sent_again(world: World) -> None:
    fault = SmscFault(Operation.SUBMIT, FaultPlan(count=1, applied=False, heard=False), close_link=True)
    world.smsc.set_faults(fault)
    await world.notify()
    await wait_until(lambda: world.states() == [SENT, DELIVERED])
    assert len(world.texts) == 1


async def test_link_when_the_centre_closes_it_then_back_and_working(world: World) -> None:
    await world.smsc.close_links()
    await world.smsc.wait_for(EntryFilter(happening=Happening.LINK_BOUND), count=2)
    await world.notify()
    await wait_until(lambda: world.states() == [SENT, DELIVERED])


async def test_link_when_it_has_seen_two_sessions_then_its_counters_tell_of_both(world: World) -> None:
    intermediate = ReportScript(stat="ACCEPTD")
    world.smsc.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(), report=intermediate))
    await world.notify("n-1")
    await world.smsc.wait_for(EntryFilter(happening=Happening.REPORT_ACKNOWLEDGED))
    await world.smsc.close_links()
    await world.smsc.wait_for(EntryFilter(happening=Happening.LINK_BOUND), count=2)
    await world.notify("n-2")
    await world.smsc.wait_for(EntryFilter(happening=Happening.REPORT_ACKNOWLEDGED), count=2)
    text = (await world.adapter.get("/metrics"))[1]
    counted = 'optout_adapter_link_events_total{carrier="mobile",event="%s",link="main"} %s'
    assert counted % ("reports_ignored", "2.0") in text
    assert counted % ("dialled", "2.0") in text
    assert counted % ("closed_closed_by_peer", "1.0") in text
    assert world.states("n-1") == [SENT]


async def test_adapter_when_stopped_then_the_link_ends_in_good_order(gateway: FakeGateway, tmp_path: Path) -> None:
    async with make_world(gateway, tmp_path) as world:
        while (await world.adapter.get("/readyz"))[0] != 200:
            await asyncio.sleep(0.005)
        await world.adapter.finish()
        assert len(world.smsc.find(EntryFilter(happening=Happening.PDU_RECEIVED, command="TERMINATE"))) == 1
        await wait_until(lambda: not world.smsc.links)


async def test_logs_when_the_story_is_played_with_faults_then_no_number_in_any(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world.smsc.set_faults(
        SmscFault(Operation.SUBMIT, FaultPlan(count=1, heard=False), close_link=True),
        SmscFault(Operation.MO, FaultPlan(count=1), garbage=b"13800138000" * 9),
    )
    world.smsc.send_mo(MobileOriginated(PHONE, "HMDTJ13900139000"))
    await world.notify()
    await wait_until(lambda: world.states()[-1:] == [DELIVERED])
    await world.smsc.wait_settled()
    assert len(caplog.records) > 1
    assert leaks(caplog.records) == []


def test_digest_when_only_the_sequence_differs_then_the_same_message() -> None:
    first = Deliver(1, b"12345678", "10086", src_terminal_id=PHONE, msg_content=b"KTFSR")
    again = Deliver(2, b"12345678", "10086", src_terminal_id=PHONE, msg_content=b"KTFSR")
    moved = Deliver(1, b"12345678", "10086" + PHONE[:1], src_terminal_id=PHONE[1:], msg_content=b"KTFSR")
    assert digest_deliver(first) == digest_deliver(again)
    assert digest_deliver(first) != digest_deliver(moved)
