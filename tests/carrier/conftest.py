from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest

from adapters.carrier.gateway_client import GatewayClient
from adapters.carrier.metrics import Metrics
from adapters.carrier.notices import NoticeWriter
from adapters.carrier.servicer import CarrierServicer, ServicerParts
from adapters.carrier.settings import AdapterConfig, GatewayConfig, SmsConfig
from adapters.carrier.sms_channel import ChannelParts, SmsChannel
from adapters.journal.base import Journal
from adapters.journal.memory import MemoryJournal
from adapters.journal.rows import Waits
from adapters.mobile import CARRIER
from optout.kit.clock import SystemClock
from tests.carrier.fake_gateway import FakeGateway
from tests.carrier.script_link import ScriptLink
from tests.carrier.waiting import wait_until

CONFIG = AdapterConfig(
    gateway=GatewayConfig(submit_timeout_s=30.0, attempt_timeout_s=30.0, retry_first_s=0.02, retry_most_s=0.1),
    sms=SmsConfig(poll_s=0.02, throttle_pause_s=60.0),
)
HASTY = replace(CONFIG, gateway=replace(CONFIG.gateway, submit_timeout_s=0.6, attempt_timeout_s=0.5))
"""Gives a gateway up that does not answer, after a moment."""


class ShiftedClock(SystemClock):
    """The system's clock, put forward: the time of day and the time that waits are measured in, each for itself."""

    day_ahead_s = 0.0
    waits_ahead_s = 0.0

    def now_ms(self) -> int:
        return super().now_ms() + round(self.day_ahead_s * 1000)

    def monotonic(self) -> float:
        return super().monotonic() + self.waits_ahead_s


@dataclass
class Rig:
    """One adapter's channel and service, between a scripted link and a gateway that does as told."""

    gateway: FakeGateway
    journal: Journal = field(default_factory=lambda: MemoryJournal(Waits(resend_after_ms=50)))
    config: AdapterConfig = CONFIG
    clock: ShiftedClock = field(default_factory=ShiftedClock)
    stays_down: bool = False

    async def start(self) -> None:
        address = f"127.0.0.1:{self.gateway.port}"
        gateway_config = replace(self.config.gateway, address=address)
        self.config = replace(self.config, gateway=gateway_config)
        self.metrics = Metrics("mobile")
        self.client = GatewayClient(gateway_config, "mobile", None, self.clock)
        self.channel = SmsChannel(
            ChannelParts(
                CARRIER.data,
                self.config,
                self.journal,
                self.client,
                NoticeWriter(CARRIER.data.notices),
                self.metrics,
                self.clock,
                lambda handler: [ScriptLink(handler, stays_down=self.stays_down)],
            )
        )
        [link] = self.channel.links
        assert isinstance(link, ScriptLink)
        self.link = link
        self.servicer = CarrierServicer(
            ServicerParts(
                CARRIER.data,
                self.journal,
                NoticeWriter(CARRIER.data.notices),
                self.metrics,
                self.clock,
                self.channel.accounts,
                60.0,
                self.channel.wake_sender,
                on_order=lambda: None,
                on_erasure=lambda: None,
                by_platform=False,
            )
        )
        await self.channel.start()
        if not self.stays_down:
            await wait_until(lambda: self.link.is_up)

    async def kill(self) -> None:
        """End it as a killed process ends: nothing is finished, nothing is told."""
        self.link.is_up = False
        for task in self.channel._tasks:
            task.cancel()

    async def stop(self) -> None:
        await self.channel.stop(0.5)
        await self.client.close()

    def count(self, name: str, **labels: str) -> float:
        return (
            self.metrics.registry.get_sample_value(f"optout_adapter_{name}_total", {"carrier": "mobile", **labels}) or 0
        )


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    made = FakeGateway()
    await made.start()
    yield made
    made.gate.set()
    await made.stop()


@pytest.fixture
async def make_rig(gateway: FakeGateway) -> AsyncIterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(**parts: object) -> Rig:
        rigs.append(Rig(gateway, **parts))  # type: ignore[arg-type]
        return rigs[-1]

    yield make
    for rig in rigs:
        await rig.stop()


@pytest.fixture
async def rig(make_rig: Callable[..., Rig]) -> Rig:
    made = make_rig()
    await made.start()
    return made
