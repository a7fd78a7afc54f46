"""A gateway that does as it is told, over real gRPC on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from optout.v1 import registry_pb2, registry_pb2_grpc, types_pb2

CODES = {
    "NOT_SERVED": (grpc.StatusCode.PERMISSION_DENIED, "after_change"),
    "WRONG_CARRIER": (grpc.StatusCode.PERMISSION_DENIED, "never"),
    "NOT_FOUND": (grpc.StatusCode.NOT_FOUND, "never"),
    "ID_REUSED": (grpc.StatusCode.ALREADY_EXISTS, "never"),
    "INVALID_FIELD": (grpc.StatusCode.INVALID_ARGUMENT, "never"),
    "UNKNOWN_PARTY": (grpc.StatusCode.UNAUTHENTICATED, "after_change"),
    "STORE_UNAVAILABLE": (grpc.StatusCode.UNAVAILABLE, "later"),
    "OVERLOADED": (grpc.StatusCode.RESOURCE_EXHAUSTED, "later"),
}


@dataclass
class FakeGateway(registry_pb2_grpc.RegistryServiceServicer):
    """Commits each instruction once; `refusals` are told first, one a call; `gate` holds answers back.

    `decide` fills in the outcome. The next `lost_answers` are lost on their way, though they were committed.
    """

    committed: dict[str, types_pb2.Instruction] = field(default_factory=dict)
    calls: list[types_pb2.Instruction] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    reports: list[registry_pb2.ReportDeliveryRequest] = field(default_factory=list)
    refused_reports: dict[str, registry_pb2.Refusal] = field(default_factory=dict)
    subscriptions: dict[str, types_pb2.Subscription] = field(default_factory=dict)
    is_pending: bool = False
    decide: Callable[[types_pb2.Instruction, types_pb2.Outcome], None] | None = None
    lost_answers: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _server: Any = None

    def __post_init__(self) -> None:
        self.gate.set()

    async def start(self) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        registry_pb2_grpc.add_RegistryServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    async def Submit(  # noqa: N802
        self, request: registry_pb2.SubmitRequest, context: Any
    ) -> registry_pb2.SubmitResponse:
        instruction = request.instruction
        self.calls.append(instruction)
        self.metadata.append(dict(context.invocation_metadata()))
        if self.refusals:
            await abort(context, self.refusals.pop(0))
        await self.gate.wait()
        replayed = instruction.instruction_id in self.committed
        self.committed.setdefault(instruction.instruction_id, instruction)
        outcome = types_pb2.Outcome(
            instruction_id=instruction.instruction_id, disposition=types_pb2.DISPOSITION_DONE, replayed=replayed
        )
        outcome.subscription.number = instruction.number
        outcome.subscription.state = types_pb2.ENROLMENT_STATE_OPEN
        if self.is_pending:
            outcome.subscription.pending.target = types_pb2.ENROLMENT_STATE_OPEN
        if self.decide is not None:
            self.decide(instruction, outcome)
        if self.lost_answers:
            self.lost_answers -= 1
            await abort(context, "STORE_UNAVAILABLE")
        return registry_pb2.SubmitResponse(outcome=outcome)

    async def GetSubscription(  # noqa: N802
        self, request: registry_pb2.GetSubscriptionRequest, context: Any
    ) -> registry_pb2.GetSubscriptionResponse:
        if self.refusals:
            await abort(context, self.refusals.pop(0))
        if request.number not in self.subscriptions:
            await abort(context, "NOT_FOUND")
        return registry_pb2.GetSubscriptionResponse(subscription=self.subscriptions[request.number], revision=1)

    async def ReportDelivery(  # noqa: N802
        self, request_iterator: AsyncIterator[registry_pb2.ReportDeliveryRequest], context: Any
    ) -> AsyncIterator[registry_pb2.ReportDeliveryResponse]:
        async for request in request_iterator:
            self.reports.append(request)
            refusal = self.refused_reports.get(request.report_id)
            yield registry_pb2.ReportDeliveryResponse(report_id=request.report_id, revision=1, refusal=refusal)


async def abort(context: Any, reason: str) -> None:
    code, retry = CODES[reason]
    detail = AnyMessage()
    detail.Pack(ErrorInfo(reason=reason, domain="optout.v1", metadata={"fault": "caller", "retry": retry}))
    status = Status(code=code.value[0], message="told to", details=[detail])
    await context.abort(code, "told to", (("grpc-status-details-bin", status.SerializeToString()),))
