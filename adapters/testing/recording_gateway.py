"""A gateway for adapters under test: `RegistryService` over gRPC on loopback, which records and does as it is told.

It commits each instruction once, by its id, and answers copies as replays. What it answers, how late, and whether the
answer is heard is steered by `Script`; what it was told stands in `committed`, `calls`, `deliveries` and `applied`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from optout.v1 import errors_pb2, registry_pb2, registry_pb2_grpc, types_pb2

_CODES = {
    "NOT_SERVED": (grpc.StatusCode.PERMISSION_DENIED, "after_change"),
    "STORE_UNAVAILABLE": (grpc.StatusCode.UNAVAILABLE, "later"),
}


@dataclass(frozen=True, slots=True)
class Script:
    """How the gateway treats instructions until it is told otherwise.

    The next `strikes` calls are struck: by the two bits whether they are `applied` and their answer `heard`, `delay_s`
    late. `refusal` is the reason with which all calls are refused, `outcome_reason` that for which instructions
    are committed as refused; both by the contract's names, empty for none.
    """

    applied: bool = True
    heard: bool = True
    delay_s: float = 0.0
    strikes: int = 0
    refusal: str = ""
    outcome_reason: str = ""


class RecordingGateway(registry_pb2_grpc.RegistryServiceServicer):
    """`start` before and `stop` after; everything in between from one event loop."""

    def __init__(self) -> None:
        self.committed: dict[str, types_pb2.Instruction] = {}
        self.calls: list[types_pb2.Instruction] = []
        self.deliveries: list[registry_pb2.ReportDeliveryRequest] = []
        self.applied: list[registry_pb2.ReportAppliedRequest] = []
        self.port = 0
        self._script = Script()
        self._strikes = 0
        self._news = asyncio.Event()
        self._server: Any = None

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        registry_pb2_grpc.add_RegistryServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()

    async def stop(self) -> None:
        """Listen no more."""
        await self._server.stop(None)

    def follow(self, script: Script) -> None:
        """Do as this says from now on."""
        self._script, self._strikes = script, script.strikes

    def of(self, number: str) -> list[types_pb2.Instruction]:
        """What was committed for a subscriber, in order."""
        return [instruction for instruction in self.committed.values() if instruction.number == number]

    async def wait_delivered(self, notice_id: str, within_s: float) -> bool:
        """Whether the adapter reports within this time that a notice arrived on the phone."""
        try:
            async with asyncio.timeout(within_s):
                while not self._is_delivered(notice_id):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _is_delivered(self, notice_id: str) -> bool:
        delivered = registry_pb2.DELIVERY_STATE_DELIVERED
        return any(one.notice_id == notice_id and one.state == delivered for one in self.deliveries)

    async def Submit(  # noqa: N802
        self, request: registry_pb2.SubmitRequest, context: Any
    ) -> registry_pb2.SubmitResponse:
        """Commit, unless the script says otherwise."""
        instruction, script = request.instruction, self._script
        self.calls.append(instruction)
        is_struck, self._strikes = self._strikes > 0, max(0, self._strikes - 1)
        if script.refusal:
            await _abort(context, script.refusal)
        is_replayed = instruction.instruction_id in self.committed
        if script.applied or not is_struck:
            self.committed.setdefault(instruction.instruction_id, instruction)
        if is_struck:
            await asyncio.sleep(script.delay_s)
            if not script.heard:
                await _abort(context, "STORE_UNAVAILABLE")
        return registry_pb2.SubmitResponse(outcome=_decide(instruction, script, replayed=is_replayed))

    async def ReportDelivery(  # noqa: N802
        self, request_iterator: AsyncIterator[registry_pb2.ReportDeliveryRequest], context: Any
    ) -> AsyncIterator[registry_pb2.ReportDeliveryResponse]:
        """Take in what became of notices."""
        async for request in request_iterator:
            self.deliveries.append(request)
            self._news.set()
            yield registry_pb2.ReportDeliveryResponse(report_id=request.report_id, revision=1)

    async def ReportApplied(  # noqa: N802
        self, request_iterator: AsyncIterator[registry_pb2.ReportAppliedRequest], context: Any
    ) -> AsyncIterator[registry_pb2.ReportAppliedResponse]:
        """Take in what was carried out."""
        async for request in request_iterator:
            self.applied.append(request)
            yield registry_pb2.ReportAppliedResponse(report_id=request.report_id, revision=1)

    # What an adapter under test does not need is refused; this gateway keeps no state that could be read.

    async def GetSubscription(self, request: Any, context: Any) -> NoReturn:  # noqa: N802
        """Know nobody: to a page, everybody is closed."""
        await context.abort(grpc.StatusCode.NOT_FOUND, "nobody is kept here")
        raise AssertionError("abort raises")

    async def ListSubscriptions(self, request: Any, context: Any) -> NoReturn:  # noqa: N802
        """Refuse."""
        await _refuse(context)

    def SubmitStream(self, request_iterator: Any, context: Any) -> AsyncIterator[NoReturn]:  # noqa: N802
        """Refuse."""
        return _refuse_stream(context)

    def GetSnapshot(self, request: Any, context: Any) -> AsyncIterator[NoReturn]:  # noqa: N802
        """Refuse."""
        return _refuse_stream(context)

    def Watch(self, request: Any, context: Any) -> AsyncIterator[NoReturn]:  # noqa: N802
        """Refuse."""
        return _refuse_stream(context)


async def _refuse(context: Any) -> NoReturn:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "nothing is kept here that could be read")
    raise AssertionError("abort raises")


async def _refuse_stream(context: Any) -> AsyncIterator[NoReturn]:
    yield await _refuse(context)


def _decide(instruction: types_pb2.Instruction, script: Script, *, replayed: bool) -> types_pb2.Outcome:
    """Everything is done, or the whole is refused for the script's reason."""
    outcome = types_pb2.Outcome(
        instruction_id=instruction.instruction_id, disposition=types_pb2.DISPOSITION_DONE, replayed=replayed
    )
    outcome.subscription.number = instruction.number
    outcome.subscription.state = types_pb2.ENROLMENT_STATE_OPEN
    if script.outcome_reason:
        outcome.disposition = types_pb2.DISPOSITION_REFUSED
        outcome.reason = errors_pb2.ErrorReason.Value(f"ERROR_REASON_{script.outcome_reason}")
    return outcome


async def _abort(context: Any, reason: str) -> None:
    code, retry = _CODES[reason]
    detail = AnyMessage()
    detail.Pack(ErrorInfo(reason=reason, domain="optout.v1", metadata={"fault": "caller", "retry": retry}))
    status = Status(code=code.value[0], message="told to", details=[detail])
    await context.abort(code, "told to", (("grpc-status-details-bin", status.SerializeToString()),))
