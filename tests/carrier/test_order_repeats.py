"""One serial, one booking: repeats, copies, reuse, and everything that breaks between CRM, adapter and gateway."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.carrier.order_channel import OrderChannel, OrderParts
from adapters.carrier.settings import OrdersConfig, OrderSourceConfig
from adapters.journal.errors import JournalUnavailableError
from adapters.journal.memory import MemoryJournal
from adapters.journal.rows import Waits
from adapters.mobile import CARRIER
from adapters.simulators.crm import CrmFault, CrmFilter, EnvelopeKind, Event
from adapters.simulators.faults import LOST_ANSWER, LOST_REQUEST, FaultPlan
from adapters.wire.answer import Result
from adapters.wire.order import Verb
from tests.carrier.fake_gateway import FakeGateway
from tests.carrier.order_rig import KINDS, OPEN, QUERY, OrderRig, open_state, order_rig
from tests.carrier.waiting import wait_until


@pytest.fixture
async def rig(gateway: FakeGateway, tmp_path: Path) -> AsyncIterator[OrderRig]:
    async with order_rig(gateway, tmp_path) as made:
        yield made


@KINDS
async def test_serial_when_repeated_then_gets_the_first_answer_and_books_nothing(
    kind: EnvelopeKind, gateway: FakeGateway, tmp_path: Path
) -> None:
    async with order_rig(gateway, tmp_path, kind=kind) as rig:
        serial = (await rig.book(QUERY)).serial
        gateway.decide = open_state
        again = await rig.book(QUERY, serial)
        rig.crm.assert_clean()
        assert (await rig.result(OPEN, serial)) is Result.SERIAL_REUSED
        assert (await rig.result(QUERY, serial)) is Result.DONE
        rig.crm.assert_clean()
    assert again.answer is not None
    assert "贷款理财" not in again.answer.state_text
    assert len(gateway.calls) == 1


async def test_serial_when_copies_arrive_at_once_then_books_once(rig: OrderRig, gateway: FakeGateway) -> None:
    gateway.gate.clear()
    booking = asyncio.create_task(rig.book(copies=8))
    await rig.crm.wait_for(CrmFilter(event=Event.SENT), count=8)
    await wait_until(lambda: gateway.calls)
    gateway.gate.set()
    await booking
    heard = rig.crm.find(CrmFilter(event=Event.HEARD), 20)
    assert [entry.result for entry in heard] == [Result.DONE] * 8
    assert len(gateway.calls) == 1
    rig.crm.assert_clean()


async def test_serial_when_copies_contradict_each_other_then_one_is_booked(rig: OrderRig, gateway: FakeGateway) -> None:
    cancel = replace(OPEN, verb=Verb.CANCEL)
    results = await asyncio.gather(*(rig.result(order, "S1") for order in (OPEN, cancel, OPEN, cancel)))
    assert sorted(str(result) for result in results) == ["done", "done", "serial_reused", "serial_reused"]
    assert len(gateway.calls) == 1
    rig.crm.assert_clean()


async def test_serials_when_of_two_sources_then_are_two(gateway: FakeGateway, tmp_path: Path) -> None:
    journal = MemoryJournal(Waits())
    async with order_rig(gateway, tmp_path, journal=journal) as rig:
        assert await rig.result(OPEN, "S1") is Result.DONE
    config = OrdersConfig(listen="127.0.0.1:0", sources=(OrderSourceConfig("CRM2"),))
    async with order_rig(gateway, tmp_path, journal=journal) as rig:
        channel = OrderChannel(OrderParts(CARRIER, config, journal, rig.client, rig.metrics, rig.clock))
        await channel.start()
        crm = type(rig.crm)(replace(rig.crm.settings, source="CRM2", url=f"http://{channel.address}/orders"))
        await crm.start()
        rig.crm, other = crm, rig.crm
        assert await rig.result(replace(OPEN, verb=Verb.CANCEL), "S1") is Result.DONE
        await channel.stop(1.0)
        await other.stop()


@KINDS
async def test_gateway_when_it_applied_and_the_answer_was_lost_then_the_repeat_is_told(
    kind: EnvelopeKind, gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.lost_answers = 1
    async with order_rig(gateway, tmp_path, kind=kind) as rig:
        booked = await rig.book()
        rig.crm.assert_clean()
        results = [entry.result for entry in rig.crm.find(CrmFilter(event=Event.HEARD), 9)]
    assert results == [Result.UNAVAILABLE, Result.DONE]
    assert (booked.attempts, len(gateway.committed)) == (2, 1)
    first, second = gateway.calls
    assert first == second


@pytest.mark.parametrize("reason", ["OVERLOADED", "WRONG_CARRIER", "UNKNOWN_PARTY"])
async def test_gateway_when_it_cannot_take_it_now_then_the_crm_sends_it_again(
    rig: OrderRig, gateway: FakeGateway, reason: str
) -> None:
    gateway.refusals = [reason]
    booked = await rig.book()
    assert booked.answer is not None
    assert (booked.answer.result, booked.attempts) == (Result.DONE, 2)
    rig.crm.assert_clean()


async def test_gateway_when_it_does_not_answer_then_the_crm_hears_later_in_time(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.gate.clear()
    config = OrdersConfig(answer_within_s=1.0)
    async with order_rig(gateway, tmp_path, config=config, attempts=1) as rig:
        assert await rig.result(OPEN, "S1") is Result.UNAVAILABLE
        gateway.gate.set()
        assert await rig.result(OPEN, "S1") is Result.DONE
    assert len(gateway.committed) == 1


async def test_orders_when_too_many_wait_then_the_rest_are_told_to_come_later(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.gate.clear()
    config = OrdersConfig(max_in_flight=1, max_waiting=2)
    async with order_rig(gateway, tmp_path, config=config, attempts=1) as rig:
        tasks = [asyncio.create_task(rig.result()) for _ in range(5)]
        await rig.crm.wait_for(CrmFilter(result=Result.UNAVAILABLE), count=3)
        gateway.gate.set()
        results = await asyncio.gather(*tasks)
    assert sorted(str(result) for result in results) == ["done", "done", "unavailable", "unavailable", "unavailable"]


class BrokenJournal(MemoryJournal):
    """Cannot be written the first time."""

    broken = True

    async def keep_reply(self, key: str, body: bytes, now_ms: int) -> bytes:
        if self.broken:
            self.broken = False
            raise JournalUnavailableError
        return await super().keep_reply(key, body, now_ms)


async def test_journal_when_it_cannot_be_written_then_nothing_is_booked_until_it_can(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    async with order_rig(gateway, tmp_path, journal=BrokenJournal(Waits())) as rig:
        booked = await rig.book()
    assert (booked.attempts, len(gateway.calls)) == (2, 1)


async def test_adapter_when_it_dies_between_commit_and_reply_then_the_repeat_is_the_same_instruction(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    journal = MemoryJournal(Waits())
    gateway.lost_answers = 1
    async with order_rig(gateway, tmp_path, journal=journal, attempts=1) as rig:
        booked = await rig.book()
    assert booked.answer is not None
    assert booked.answer.result is Result.UNAVAILABLE
    async with order_rig(gateway, tmp_path, journal=journal) as rig:
        assert await rig.result(OPEN, booked.serial) is Result.DONE
    assert gateway.calls[0] == gateway.calls[1]
    assert len(gateway.committed) == 1


@pytest.mark.parametrize(
    "plan",
    [replace(LOST_REQUEST, count=1), replace(LOST_ANSWER, count=1), FaultPlan("slow", delay_s=0.05, count=1)],
    ids=["request cut", "reply cut", "slow"],
)
@KINDS
async def test_crm_when_its_connection_breaks_then_its_repeat_gets_the_right_answer(
    plan: FaultPlan, kind: EnvelopeKind, gateway: FakeGateway, tmp_path: Path
) -> None:
    async with order_rig(gateway, tmp_path, kind=kind) as rig:
        rig.crm.set_faults(CrmFault(plan))
        assert await rig.result() is Result.DONE
        rig.crm.assert_clean()
    assert len(gateway.committed) == 1
