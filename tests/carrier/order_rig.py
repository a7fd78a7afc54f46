"""An order channel between a simulated CRM and a gateway that does as told, in any of the envelopes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest

from adapters.carrier import order_contractroot, order_interboss, order_unibss
from adapters.carrier.base import Carrier
from adapters.carrier.gateway_client import GatewayClient
from adapters.carrier.metrics import Metrics
from adapters.carrier.order_channel import OrderChannel, OrderParts
from adapters.carrier.settings import GatewayConfig, OrdersConfig, OrderSourceConfig
from adapters.journal.base import Journal
from adapters.journal.memory import MemoryJournal
from adapters.journal.rows import Waits
from adapters.mobile import CARRIER
from adapters.simulators.crm import Booked, Booking, CrmSettings, CrmSimulator, EnvelopeKind, Spoil
from adapters.wire.answer import Result
from adapters.wire.order import Consent, Desk, Order, Verb
from optout.kit.clock import Clock, SystemClock
from optout.v1 import types_pb2
from tests.carrier.fake_gateway import FakeGateway
from tests.carrier.running import write_secret

SOURCE, SECRET = "CRM1", "shared-by-both"
NUMBER = "13800138000"
MAKERS = {
    EnvelopeKind.INTERBOSS: order_interboss.make_envelope,
    EnvelopeKind.CONTRACTROOT_XML: order_contractroot.make_envelope,
    EnvelopeKind.CONTRACTROOT_JSON: order_contractroot.make_envelope,
    EnvelopeKind.UNIBSS: order_unibss.make_envelope,
}
OPEN = Order(
    verb=Verb.OPEN,
    number=NUMBER,
    desk=Desk.HOTLINE,
    booked_by="agent-4711",
    mandate="CRM-ORDER/2026",
    notice_version="2026-11",
    consent=Consent.GIVEN,
)
QUERY = replace(OPEN, verb=Verb.QUERY)
KINDS = pytest.mark.parametrize("kind", EnvelopeKind)


def open_state(instruction: types_pb2.Instruction, outcome: types_pb2.Outcome) -> None:
    """The subscriber as open, with something of everything."""
    state = outcome.subscription
    state.number, state.state = instruction.number, types_pb2.ENROLMENT_STATE_OPEN
    state.preferences.refused_categories.extend(["loan", "insurance"])
    state.preferences.reject_list.append("+8613900139000")
    state.preferences.treatment = types_pb2.TREATMENT_ASSISTANT
    state.preferences.refused_segments.add(kind=types_pb2.SEGMENT_KIND_OVERSEAS)
    state.preferences.quiet_hours.add(days=types_pb2.DAY_TYPE_WEEKDAY, start_minute=1320, end_minute=480)
    state.effects.add(item=types_pb2.Item(kind=types_pb2.ITEM_KIND_SERVICE), state=types_pb2.EFFECT_STATE_APPLIED)


@dataclass
class OrderRig:
    """All of it; `crm` books, `gateway` shows what arrived."""

    gateway: FakeGateway
    folder: Path
    kind: EnvelopeKind = EnvelopeKind.INTERBOSS
    config: OrdersConfig = field(default_factory=lambda: OrdersConfig(answer_within_s=2.0))
    journal: Journal = field(default_factory=lambda: MemoryJournal(Waits()))
    clock: Clock = field(default_factory=SystemClock)
    attempts: int = 3

    async def start(self) -> None:
        secret = write_secret(self.folder / "crm.secret", SECRET)
        source = OrderSourceConfig(SOURCE, None if self.kind is EnvelopeKind.INTERBOSS else secret)
        config = replace(self.config, listen="127.0.0.1:0", sources=(source,))
        carrier: Carrier = replace(CARRIER, make_order_envelope=MAKERS[self.kind])
        self.metrics = Metrics("mobile")
        address = f"127.0.0.1:{self.gateway.port}"
        # The client's own second attempt would come too late for an order: each failure reaches the CRM.
        limits = GatewayConfig(address, retry_first_s=30.0)
        self.client = GatewayClient(limits, "mobile", None, self.clock)
        self.channel = OrderChannel(OrderParts(carrier, config, self.journal, self.client, self.metrics, self.clock))
        await self.channel.start()
        self.url = f"http://{self.channel.address}{config.path}"
        settings = CrmSettings(
            self.url, self.kind, SOURCE, SECRET, retry_s=0.02, attempts=self.attempts, timeout_s=30.0, clock=self.clock
        )
        self.crm = CrmSimulator(settings)
        await self.crm.start()

    async def stop(self) -> None:
        await self.crm.stop()
        await self.channel.stop(1.0)
        await self.client.close()

    async def book(
        self, order: Order = OPEN, serial: str = "", copies: int = 1, spoil: Spoil = Spoil.NOTHING
    ) -> Booked:
        return await self.crm.book(Booking(order, serial, copies, spoil))

    async def result(self, order: Order = OPEN, serial: str = "", spoil: Spoil = Spoil.NOTHING) -> Result | None:
        booked = await self.book(order, serial, spoil=spoil)
        return booked.answer.result if booked.answer else None

    async def post(self, content_type: str, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": content_type}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url, data=body, headers=headers) as answer,
        ):
            return answer.status, await answer.read()


@asynccontextmanager
async def order_rig(gateway: FakeGateway, folder: Path, **parts: object) -> AsyncIterator[OrderRig]:
    rig = OrderRig(gateway, folder, **parts)  # type: ignore[arg-type]
    await rig.start()
    try:
        yield rig
    finally:
        await rig.stop()
