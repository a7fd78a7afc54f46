"""NumberService on the wire: read, ask the service, write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Any

from gateway.api.call import current_call
from gateway.api.fields import MAX_ID_CHARS, missing, read_page_size
from gateway.api.mapping_numbers import read_contest, read_event, write_claim
from gateway.api.mapping_subscription import write_reason
from gateway.api.pipeline import Pipeline
from gateway.api.refusing import refuse_message
from gateway.api.registry import MAX_TOKEN_CHARS
from gateway.domain.errors import Reason, RefusedError
from gateway.service.access import Caller
from gateway.service.numbers import NumberService
from gateway.telemetry import Telemetry
from optout.v1 import number_pb2 as pb

PIPELINE_WIDTH = 512
"""Wider than a batch of the store: a baseline keeps it full."""
Context = Any


class NumberServicer:
    """The methods of NumberService."""

    def __init__(self, service: NumberService, telemetry: Telemetry, draining: asyncio.Event) -> None:
        self._service = service
        self._telemetry = telemetry
        self._draining = draining

    async def ReportNumberEvents(  # noqa: N802
        self, requests: AsyncIterable[pb.ReportNumberEventsRequest], context: Context
    ) -> AsyncIterator[pb.ReportNumberEventsResponse]:
        """Events: answered in order, each once it is durable; one bad event does not end the stream."""
        caller = current_call().caller

        async def work(request: pb.ReportNumberEventsRequest) -> pb.ReportNumberEventsResponse:
            return await self._take(caller, request)

        pipeline = Pipeline(work, lambda request: request.event.number, self._draining, PIPELINE_WIDTH)
        async with aclosing(pipeline.answer(requests)) as answers:
            async for answer in answers:
                yield answer

    async def _take(self, caller: Caller, request: pb.ReportNumberEventsRequest) -> pb.ReportNumberEventsResponse:
        response = pb.ReportNumberEventsResponse(event_id=request.event.event_id[:MAX_ID_CHARS])
        try:
            if not request.HasField("event"):
                raise missing("event")
            event = read_event(request.event)
            answer = await self._service.report_event(caller, event)
        except Exception as error:
            refusal = refuse_message(error, self._telemetry)
            response.reason, response.message = refusal.reason, refusal.message
            return response
        if not answer.is_repeated:
            self._telemetry.number_events.labels(caller.party, event.kind.value, answer.reason or "").inc()
        response.revision, response.epoch = answer.revision, answer.epoch
        if answer.reason is not None:
            response.reason, response.message = write_reason(answer.reason), "it contradicts what is known"
        return response

    async def ListProvisionalClaims(  # noqa: N802
        self, request: pb.ListProvisionalClaimsRequest, context: Context
    ) -> pb.ListProvisionalClaimsResponse:
        """A page of claims."""
        if len(request.page_token) > MAX_TOKEN_CHARS:
            raise RefusedError(Reason.INVALID_PAGE_TOKEN, "not a page token of this service", field="page_token")
        page = await self._service.list_claims(
            current_call().caller, page_token=request.page_token, page_size=read_page_size(request.page_size)
        )
        return pb.ListProvisionalClaimsResponse(
            claims=map(write_claim, page.claims), next_page_token=page.next_page_token
        )

    async def ContestClaim(  # noqa: N802
        self, request: pb.ContestClaimRequest, context: Context
    ) -> pb.ContestClaimResponse:
        """A contest; answered once it is durable."""
        contested = await self._service.contest(current_call().caller, read_contest(request))
        return pb.ContestClaimResponse(claim=write_claim(contested.claim), revision=contested.revision)
