"""Who speaks to a nation of processes: desks and carriers, the operator, the institute. All repeat until heard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import grpc

from adapters.carrier.gateway_client import GatewayClient
from adapters.carrier.rpc import Advice, GatewayError, read_failure
from adapters.carrier.settings import GatewayConfig
from adapters.simulators.crm import Booking, CrmSimulator
from adapters.transport.platform import PlatformClient, PlatformUnreachableError
from adapters.wire.order import Order
from adapters.wire.platform import Wanted
from gateway.api.fields import write_time
from gateway.api.mapping_enums import NUMBER_EVENT_KIND
from gateway.domain.instruction import Instruction
from gateway.domain.number_life import NumberEvent
from optout.kit.clock import SystemClock
from optout.kit.config import read_secret
from optout.kit.identity import Identity, Role
from optout.kit.number import PhoneNumber
from optout.kit.tls import channel_credentials, channel_options
from optout.v1 import errors_pb2, number_pb2, number_pb2_grpc, registry_pb2, registry_pb2_grpc, types_pb2
from tests.api.wire import write_instruction
from tests.e2e.nation import CARRIERS, Nation

PATIENCE_S = 60.0
RETRY_S = 0.05
GATEWAY = Identity(Role.GATEWAY, "gateway")
INSTITUTE = Identity(Role.INSTITUTE, "institute")
_LATER = {
    errors_pb2.ERROR_REASON_OVERLOADED,
    errors_pb2.ERROR_REASON_STORE_UNAVAILABLE,
    errors_pb2.ERROR_REASON_COMMIT_UNKNOWN,
}
T = TypeVar("T")


class UnheardError(Exception):
    """Nothing is known of what became of a call: it is to be repeated."""


async def repeat(call: Callable[[], Awaitable[T]]) -> T:
    """Call until it is heard. Raises UnheardError if that takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            async with asyncio.timeout(5):
                return await call()
        except (UnheardError, PlatformUnreachableError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise UnheardError from error
        except grpc.aio.AioRpcError as error:
            if read_failure(error).advice is not Advice.LATER or time.monotonic() > deadline:
                raise
        await asyncio.sleep(RETRY_S)


@dataclass
class Callers:
    """What was acknowledged is written down: events with their revisions, and each order's reference."""

    gateways: dict[str, GatewayClient] = field(default_factory=dict)
    desks: dict[str, CrmSimulator] = field(default_factory=dict)
    platforms: dict[str, PlatformClient] = field(default_factory=dict)
    channels: dict[Identity, grpc.aio.Channel] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    references: list[str] = field(default_factory=list)

    async def state(self, number: PhoneNumber) -> types_pb2.Subscription | None:
        """What the registry says of a number's present holder; None before it was ever heard of."""
        stub = registry_pb2_grpc.RegistryServiceStub(self.channels[INSTITUTE])
        request = registry_pb2.GetSubscriptionRequest(number=number, medium=types_pb2.MEDIUM_VOICE)
        try:
            return (await repeat(lambda: stub.GetSubscription(request))).subscription
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    async def held(self, number: PhoneNumber) -> dict[str, Wanted]:
        """What each platform has in force for a number, read back from it."""
        read = {name: await repeat(lambda one=one: one.read(number)) for name, one in self.platforms.items()}  # type: ignore[misc]
        return {name: wanted for name, wanted in read.items() if wanted is not None}

    async def report(self, caller: Identity, event: NumberEvent) -> None:
        """Report a number event; contradictions are recorded too, and refusals leave no trace."""
        stub = number_pb2_grpc.NumberServiceStub(self.channels[caller])
        message = number_pb2.NumberEvent(
            event_id=event.id,
            kind=NUMBER_EVENT_KIND.encode(event.kind),
            number=event.number,
            effective_time=write_time(event.effective_ms),
            counterpart=event.counterpart,
        )
        request = number_pb2.ReportNumberEventsRequest(event=message)

        async def once() -> number_pb2.ReportNumberEventsResponse:
            async for answer in stub.ReportNumberEvents(iter([request])):
                if answer.reason not in _LATER:
                    return answer
            raise UnheardError

        answer = await repeat(once)
        if answer.revision:
            self.events[event.id] = answer.revision

    async def submit(self, instruction: Instruction) -> None:
        """Submit as the carrier itself; what it may not order is recorded as well."""
        try:
            await self.gateways[instruction.carrier].submit(write_instruction(instruction))
        except GatewayError as error:
            if error.reason != "NOT_SERVED":
                raise
        self.references.append(instruction.reference)

    async def book(self, carrier: str, order: Order) -> None:
        """Book at a carrier's desk."""
        booked = await self.desks[carrier].book(Booking(order))
        assert booked.answer is not None, "an order was never answered"
        self.references.append(booked.serial)


@asynccontextmanager
async def open_callers(nation: Nation) -> AsyncIterator[Callers]:
    """Everybody who speaks to it."""
    callers, secret = Callers(), read_secret(nation.folder / "smsc.secret")
    config = GatewayConfig(nation.address, submit_timeout_s=PATIENCE_S, attempt_timeout_s=5.0, retry_most_s=0.2)
    parties = [*(Identity(Role.CARRIER, one) for one in CARRIERS), INSTITUTE, Identity(Role.OPERATOR, "operator-a")]
    async with AsyncExitStack() as cleanup:
        for party in parties:
            options = [*channel_options(GATEWAY), ("grpc.max_reconnect_backoff_ms", 200)]
            channel = grpc.aio.secure_channel(nation.address, channel_credentials(nation.tls_of(party)), options)
            callers.channels[party] = channel
            cleanup.push_async_callback(channel.close)
        for one in CARRIERS:
            gateway = GatewayClient(config, one, nation.tls_of(Identity(Role.CARRIER, one)), SystemClock())
            desk = CrmSimulator(nation.desk_of(one))
            platform = PlatformClient(f"http://127.0.0.1:{nation.ports[one].platform}", secret, timeout_s=5.0)
            callers.gateways[one], callers.desks[one], callers.platforms[one] = gateway, desk, platform
            await desk.start()
            for closing in (gateway.close, desk.stop, platform.close):
                cleanup.push_async_callback(closing)
        yield callers
