"""Both ends a fake carrier talks to: a gateway that calls it, and a registry that listens to it."""

# Servicers bear the contract's names.
# ruff: noqa: N802

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from adapters.simulators.fake_carrier import (
    FakeCarrier,
)
from adapters.simulators.fake_carrier.errors import refuse
from optout.v1 import carrier_pb2, carrier_pb2_grpc, errors_pb2, registry_pb2, registry_pb2_grpc, types_pb2

NUMBER = "+8613800138000"


@asynccontextmanager
async def calling(carrier: FakeCarrier) -> "AsyncIterator[carrier_pb2_grpc.CarrierServiceAsyncStub]":
    async with grpc.aio.insecure_channel(f"127.0.0.1:{carrier.port}") as channel:
        yield carrier_pb2_grpc.CarrierServiceStub(channel)


def notice(notice_id: str = "n-1", **fields: Any) -> carrier_pb2.NotifyRequest:
    return carrier_pb2.NotifyRequest(**({"notice_id": notice_id, "number": NUMBER, "template": "opened"} | fields))


def order(order_id: str = "o-1", version: int = 1, **fields: Any) -> carrier_pb2.ApplyRequest:
    subscription = types_pb2.Subscription(
        number=NUMBER,
        medium=types_pb2.MEDIUM_VOICE,
        carrier="mobile",
        version=version,
        preferences=types_pb2.Preferences(refused_categories=["loan"], reject_list=["+8613900139000"]),
    )
    values: dict[str, Any] = {"order_id": order_id, "subscription": subscription} | fields
    return carrier_pb2.ApplyRequest(**values)


class ListeningRegistry(registry_pb2_grpc.RegistryServiceServicer):
    """Remembers what carriers send; refuses the subscribers it was told to."""

    def __init__(self) -> None:
        self.party = ""
        self.instructions: list[types_pb2.Instruction] = []
        self.deliveries: list[registry_pb2.ReportDeliveryRequest] = []
        self.applied: list[registry_pb2.ReportAppliedRequest] = []
        self.unavailable = 0
        self.heard = asyncio.Event()

    async def Submit(self, request: Any, context: Any) -> registry_pb2.SubmitResponse:
        self.party = str(dict(context.invocation_metadata()).get("x-optout-party", ""))
        if request.instruction.carrier == "unicom":
            await refuse(context, errors_pb2.ERROR_REASON_WRONG_CARRIER, "not yours")
        self.instructions.append(request.instruction)
        outcome = types_pb2.Outcome(instruction_id=request.instruction.instruction_id, revision=7)
        return registry_pb2.SubmitResponse(outcome=outcome)

    async def ReportDelivery(
        self, request_iterator: Any, context: Any
    ) -> AsyncIterator[registry_pb2.ReportDeliveryResponse]:
        if self.unavailable:
            self.unavailable -= 1
            await refuse(context, errors_pb2.ERROR_REASON_LINK_DOWN, "come again")
        async for report in request_iterator:
            self.deliveries.append(report)
            yield registry_pb2.ReportDeliveryResponse(report_id=report.report_id, revision=8)
        self.heard.set()

    async def ReportApplied(
        self, request_iterator: Any, context: Any
    ) -> AsyncIterator[registry_pb2.ReportAppliedResponse]:
        async for report in request_iterator:
            self.applied.append(report)
            yield registry_pb2.ReportAppliedResponse(report_id=report.report_id, revision=9)
        self.heard.set()


@asynccontextmanager
async def listening_registry(
    credentials: grpc.ServerCredentials | None = None,
) -> AsyncIterator[tuple[ListeningRegistry, str]]:
    registry = ListeningRegistry()  # type: ignore[abstract]  # the rest is never called
    server = grpc.aio.server()
    registry_pb2_grpc.add_RegistryServiceServicer_to_server(registry, server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield registry, f"127.0.0.1:{port}"
    finally:
        await server.stop(0)
