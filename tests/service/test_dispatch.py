"""Dispatch: repeated, given up, put off, in order, and never lost; every fault with its two bits."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from gateway.domain.capability import Capabilities, Enforcement
from gateway.domain.instruction import Cancel, Channel, Confirm, Open, Query
from gateway.service.applied import AppliedBook
from gateway.service.dispatch import CarrierCallError, CarrierDispatcher, DispatchSettings
from gateway.service.outbox import REGISTRY, ApplyOrder, NoticeOrder
from gateway.store.base import StoreUnavailableError
from gateway.store.rows import OutboxKind, OutboxState
from gateway.testing.faulty_store import NOT_APPLIED, FaultyStore
from gateway.tlog.leaf import LeafType, decode_leaf
from tests.domain.samples import FRIEND, OWN
from tests.service.house import House, open_house


@dataclass
class ScriptedPort:
    """A carrier that does as scripted: each call takes the next (applied?, error) pair, then all is well."""

    script: list[tuple[bool, CarrierCallError]] = field(default_factory=list)
    held: list[NoticeOrder | ApplyOrder] = field(default_factory=list)
    calls: int = 0
    declared: Capabilities = field(default_factory=lambda: Capabilities("mobile", "1", Enforcement.GATEWAY))
    on_call: Callable[[], None] = lambda: None

    async def capabilities(self) -> Capabilities:
        return self.declared

    async def notify(self, order: NoticeOrder) -> None:
        await self.apply(order)

    async def apply(self, order: NoticeOrder | ApplyOrder) -> None:
        self.calls += 1
        self.on_call()
        await asyncio.sleep(0)
        applied, error = self.script.pop(0) if self.script else (True, None)
        if applied:
            self.held.append(order)
        if error is not None:
            raise error


LATER = CarrierCallError("LINK_DOWN", retryable=True)
NEVER = CarrierCallError("UNKNOWN_TEMPLATE", retryable=False)


def dispatcher(house: House, port: ScriptedPort) -> CarrierDispatcher:
    applied = AppliedBook(house.store, house.recorder, house.policies)
    settings = DispatchSettings(poll_s=0.01, backoff_first_s=1.0)
    return CarrierDispatcher(
        "mobile", port, house.store, house.recorder, house.capabilities, applied, house.clock, settings
    )


async def run_until(
    house: House, work: CarrierDispatcher, condition: Callable[[], bool], *, dead: int = 0, sent: int = 0
) -> None:
    """Run the dispatcher, moving the clock, until the condition holds and so many orders are written down as such."""

    async def is_written() -> bool:
        found = Counter((await states(house)).values())
        return found[OutboxState.DEAD] >= dead and found[OutboxState.SENT] >= sent

    task = asyncio.ensure_future(work.run())
    try:
        async with asyncio.timeout(30):
            while not (condition() and await is_written()):
                await asyncio.sleep(0.005)
                house.clock.advance(1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def states(house: House) -> dict[str, OutboxState]:
    rows = [row for state in OutboxState for row in await house.store.outbox(state, 100)]
    return {row.id: row.state for row in rows if row.carrier != REGISTRY and row.kind is not OutboxKind.WAKE}


async def test_orders_when_all_is_well_then_each_is_sent_once_and_a_subscribers_in_order():
    async with open_house() as house:
        port = ScriptedPort()
        await house.submit(Open())
        await house.submit(Confirm())
        await house.submit(Open(), number=FRIEND)
        await house.submit(Cancel())
        await run_until(house, dispatcher(house, port), lambda: len(port.held) == 4, sent=4)
        own = [order.template for order in port.held if order.number == OWN]
        assert own == ["confirm_open", "opened", "cancelled"]
        assert set((await states(house)).values()) == {OutboxState.SENT}


async def test_link_when_it_says_later_then_the_order_waits_under_the_back_off_and_goes_out_once():
    async with open_house() as house:
        port = ScriptedPort([(False, LATER), (False, LATER)])
        await house.submit(Open())
        work = dispatcher(house, port)
        before = house.clock.monotonic()
        await run_until(house, work, lambda: len(port.held) == 1)
        assert port.calls == 3
        assert house.clock.monotonic() - before >= 2
        assert work.link_up


async def test_order_when_applied_but_not_heard_then_it_is_repeated_under_the_same_id():
    async with open_house() as house:
        port = ScriptedPort([(True, LATER)])
        await house.submit(Open())
        await run_until(house, dispatcher(house, port), lambda: len(port.held) == 2)
        assert port.held[0].id == port.held[1].id


async def test_declaration_when_it_cannot_be_committed_then_nothing_is_decided_by_it():
    async with open_house() as house:
        port = ScriptedPort()
        failing = replace(house, store=FaultyStore(house.store, [NOT_APPLIED]))
        with pytest.raises(StoreUnavailableError):
            await asyncio.wait_for(dispatcher(failing, port).run(), 30)
        assert house.capabilities.get("mobile") is None
        assert await house.payloads() == []
        await run_until(house, dispatcher(house, port), lambda: house.capabilities.get("mobile") is not None)
        assert [payload["kind"] for payload in await house.payloads()] == ["capabilities"]


async def test_order_when_refused_for_good_then_it_lies_among_the_dead_letters_and_others_go_on():
    async with open_house() as house:
        port = ScriptedPort([(False, NEVER)])
        await house.submit(Open())
        await house.submit(Query())
        await run_until(house, dispatcher(house, port), lambda: len(port.held) == 1, dead=1)
        (dead,) = await house.store.outbox(OutboxState.DEAD, 10)
        assert (dead.reason, dead.attempts) == ("UNKNOWN_TEMPLATE", 1)


async def test_notice_when_past_its_time_then_it_is_not_sent():
    async with open_house() as house:
        port = ScriptedPort()
        await house.submit(Open())
        house.clock.advance(2 * 86_400)
        await house.submit(Query(), number=FRIEND)
        await run_until(house, dispatcher(house, port), lambda: len(port.held) == 1, dead=1)
        (dead,) = await house.store.outbox(OutboxState.DEAD, 10)
        assert dead.reason == "EXPIRED"


async def test_platform_when_a_state_changed_then_it_gets_the_whole_state_with_its_version():
    async with open_house(Capabilities("mobile", "1", Enforcement.PLATFORM)) as house:
        port = ScriptedPort(declared=Capabilities("mobile", "1", Enforcement.PLATFORM))
        await house.submit(Open(), channel=Channel.HOTLINE)
        await run_until(house, dispatcher(house, port), lambda: len(port.held) == 2)
        (order,) = [order for order in port.held if isinstance(order, ApplyOrder)]
        assert (order.subscriber.version, order.subscriber.number) == (1, OWN)


async def test_capabilities_when_news_then_they_are_logged_once():
    async with open_house() as house:
        port = ScriptedPort()
        for _ in range(2):
            await run_until(house, dispatcher(house, port), lambda: house.capabilities.get("mobile") is not None)
        leaves = [decode_leaf(row.leaf) for row in await house.store.entries(0, 10)]
        assert [leaf.type for leaf in leaves] in ([LeafType.STATEMENT], [])
        await run_until(house, dispatcher(house, port), lambda: True)


async def test_dispatcher_when_killed_between_sending_and_recording_then_the_order_is_sent_again_not_lost():
    async with open_house() as house:
        await house.submit(Open())
        port = ScriptedPort()
        task = asyncio.ensure_future(dispatcher(house, port).run())
        port.on_call = task.cancel
        await asyncio.gather(task, return_exceptions=True)
        assert (await states(house)).popitem()[1] is OutboxState.READY
        port.on_call = lambda: None
        await run_until(house, dispatcher(house, port), lambda: len(port.held) >= 1)
