"""RegistryService on the wire: read, ask the service, write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Any

from gateway.api.call import current_call
from gateway.api.counting import count_outcome
from gateway.api.fields import MAX_ID_CHARS, invalid, missing, read_number, read_page_size, read_text
from gateway.api.mapping_delivery import read_delivery_report
from gateway.api.mapping_effects import read_applied_report
from gateway.api.mapping_enums import ENROLMENT_STATE
from gateway.api.mapping_instruction import MAX_PARTY_CHARS, read_instruction, read_medium
from gateway.api.mapping_subscription import write_outcome, write_range, write_snapshot_part, write_subscription
from gateway.api.pipeline import Pipeline
from gateway.api.refusing import refuse_message
from gateway.domain.errors import Reason, RefusedError
from gateway.service.access import Caller
from gateway.service.registry import RegistryService
from gateway.service.views import Outcome
from gateway.telemetry import Telemetry
from optout.kit.number import parse_subscriber
from optout.v1 import registry_pb2 as pb
from optout.v1 import types_pb2

PIPELINE_WIDTH = 64
MAX_TOKEN_CHARS = 512
Context = Any


class RegistryServicer:
    """The methods of RegistryService that this gateway offers."""

    def __init__(self, service: RegistryService, telemetry: Telemetry, draining: asyncio.Event) -> None:
        self._service = service
        self._telemetry = telemetry
        self._draining = draining

    async def Submit(self, request: pb.SubmitRequest, context: Context) -> pb.SubmitResponse:  # noqa: N802
        """One instruction; answered once it is durable."""
        if not request.HasField("instruction"):
            raise missing("instruction")
        outcome = await self._submit(current_call().caller, request.instruction)
        return pb.SubmitResponse(outcome=write_outcome(outcome))

    async def _submit(self, caller: Caller, message: types_pb2.Instruction) -> Outcome:
        instruction = read_instruction(message)
        outcome = await self._service.submit(caller, instruction)
        count_outcome(self._telemetry, instruction, outcome)
        return outcome

    async def SubmitStream(  # noqa: N802
        self, requests: AsyncIterable[pb.SubmitStreamRequest], context: Context
    ) -> AsyncIterator[pb.SubmitStreamResponse]:
        """A backlog: answered in order, one bad instruction does not end it."""
        caller = current_call().caller

        async def work(request: pb.SubmitStreamRequest) -> pb.SubmitStreamResponse:
            echo = request.instruction.instruction_id[:MAX_ID_CHARS]
            try:
                outcome = await self._submit(caller, request.instruction)
            except Exception as error:
                return pb.SubmitStreamResponse(instruction_id=echo, refusal=self._refuse(error))
            return pb.SubmitStreamResponse(instruction_id=echo, outcome=write_outcome(outcome))

        pipeline = Pipeline(work, lambda request: request.instruction.number, self._draining, PIPELINE_WIDTH)
        async with aclosing(pipeline.answer(requests)) as answers:
            async for answer in answers:
                yield answer

    async def GetSubscription(  # noqa: N802
        self, request: pb.GetSubscriptionRequest, context: Context
    ) -> pb.GetSubscriptionResponse:
        """One subscriber's state."""
        number = read_number(request.number, "number", parse_subscriber)
        medium = read_medium(request.medium, "medium")
        view, revision = await self._service.get(current_call().caller, number, medium)
        return pb.GetSubscriptionResponse(subscription=write_subscription(view), revision=revision)

    async def ListSubscriptions(  # noqa: N802
        self, request: pb.ListSubscriptionsRequest, context: Context
    ) -> pb.ListSubscriptionsResponse:
        """A page of subscribers."""
        state = ENROLMENT_STATE.decode(request.state)
        if state is None and request.state:
            raise invalid("state", "unknown value")
        if len(request.page_token) > MAX_TOKEN_CHARS:
            raise RefusedError(Reason.INVALID_PAGE_TOKEN, "not a page token of this service", field="page_token")
        page = await self._service.list(
            current_call().caller,
            carrier=read_text(request.carrier, "carrier", MAX_PARTY_CHARS),
            state=state,
            page_token=request.page_token,
            page_size=read_page_size(request.page_size),
        )
        return pb.ListSubscriptionsResponse(
            subscriptions=map(write_subscription, page.views),
            next_page_token=page.next_page_token,
            revision=page.revision,
        )

    async def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncIterator[pb.WatchResponse]:  # noqa: N802
        """The change feed."""
        async for feed_range in self._service.watch(current_call().caller, request.after_revision):
            yield write_range(feed_range)

    async def GetSnapshot(  # noqa: N802
        self, request: pb.GetSnapshotRequest, context: Context
    ) -> AsyncIterator[pb.GetSnapshotResponse]:
        """All rows as they stood at one revision."""
        async for part in self._service.snapshot(current_call().caller, request.revision):
            yield write_snapshot_part(part)

    async def ReportDelivery(  # noqa: N802
        self, requests: AsyncIterable[pb.ReportDeliveryRequest], context: Context
    ) -> AsyncIterator[pb.ReportDeliveryResponse]:
        """What became of notices: answered in order, each once it is durable."""
        caller = current_call().caller

        async def work(request: pb.ReportDeliveryRequest) -> pb.ReportDeliveryResponse:
            echo = request.report_id[:MAX_ID_CHARS]
            try:
                report = read_delivery_report(request)
                revision = await self._service.report_delivery(caller, report)
            except Exception as error:
                return pb.ReportDeliveryResponse(report_id=echo, refusal=self._refuse(error))
            return pb.ReportDeliveryResponse(report_id=echo, revision=revision)

        pipeline = Pipeline(work, lambda request: request.notice_id, self._draining, PIPELINE_WIDTH)
        async with aclosing(pipeline.answer(requests)) as answers:
            async for answer in answers:
                yield answer

    async def ReportApplied(  # noqa: N802
        self, requests: AsyncIterable[pb.ReportAppliedRequest], context: Context
    ) -> AsyncIterator[pb.ReportAppliedResponse]:
        """What carriers' networks carried out: answered in order, each once it is durable."""
        caller = current_call().caller

        async def work(request: pb.ReportAppliedRequest) -> pb.ReportAppliedResponse:
            echo = request.report_id[:MAX_ID_CHARS]
            try:
                report = read_applied_report(request)
                revision = await self._service.report_applied(caller, report)
            except Exception as error:
                return pb.ReportAppliedResponse(report_id=echo, refusal=self._refuse(error))
            return pb.ReportAppliedResponse(report_id=echo, revision=revision)

        pipeline = Pipeline(work, lambda request: request.number, self._draining, PIPELINE_WIDTH)
        async with aclosing(pipeline.answer(requests)) as answers:
            async for answer in answers:
                yield answer

    def _refuse(self, error: Exception) -> pb.Refusal:
        return refuse_message(error, self._telemetry)
