"""The fake carrier as a client of the registry, under its own certificate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

import grpc

from adapters.simulators.fake_carrier.settings import FakeCarrierSettings
from optout.kit.tls import channel_credentials, channel_options
from optout.v1 import registry_pb2, registry_pb2_grpc, types_pb2

PARTY_METADATA = "x-optout-party"
_T = TypeVar("_T")


class GatewayError(RuntimeError):
    """The fake carrier was given no gateway to talk to (`no_gateway`)."""

    def __init__(self) -> None:
        super().__init__("no_gateway")
        self.reason = "no_gateway"


class RegistryClient:
    """Calls to `RegistryService`. Every method raises `grpc.aio.AioRpcError` as the gateway does."""

    def __init__(self, settings: FakeCarrierSettings) -> None:
        if settings.gateway is None:
            raise GatewayError
        self._timeout_s = settings.call_timeout_s
        if settings.tls is None:
            self._channel = grpc.aio.insecure_channel(settings.gateway.target)
            self._metadata: tuple[tuple[str, str], ...] = ((PARTY_METADATA, str(settings.identity)),)
        else:
            self._channel = grpc.aio.secure_channel(
                settings.gateway.target,
                channel_credentials(settings.tls),
                options=channel_options(settings.gateway.identity),
            )
            self._metadata = ()
        self.stub = registry_pb2_grpc.RegistryServiceStub(self._channel)

    async def submit(self, instruction: types_pb2.Instruction) -> types_pb2.Outcome:
        """Submit one instruction."""
        request = registry_pb2.SubmitRequest(instruction=instruction)
        response = await self.stub.Submit(request, timeout=self._timeout_s, metadata=self._metadata)
        return response.outcome

    async def report_delivery(
        self, reports: Iterable[registry_pb2.ReportDeliveryRequest]
    ) -> list[registry_pb2.ReportDeliveryResponse]:
        """Report deliveries; the answers in order."""
        call = self.stub.ReportDelivery(_stream(reports), timeout=self._timeout_s, metadata=self._metadata)
        return [response async for response in call]

    async def report_applied(
        self, reports: Iterable[registry_pb2.ReportAppliedRequest]
    ) -> list[registry_pb2.ReportAppliedResponse]:
        """Report effects; the answers in order."""
        call = self.stub.ReportApplied(_stream(reports), timeout=self._timeout_s, metadata=self._metadata)
        return [response async for response in call]

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()


async def _stream(items: Iterable[_T]) -> AsyncIterator[_T]:
    for item in items:
        yield item
