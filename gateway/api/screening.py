"""ScreeningService on the wire: read, ask the service, write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Any

from gateway.api.call import current_call
from gateway.api.fields import MAX_ID_CHARS
from gateway.api.mapping_screening import read_interception, read_question, write_answer
from gateway.api.mapping_subscription import write_reason
from gateway.api.pipeline import Pipeline
from gateway.api.refusing import note_refusal
from gateway.domain.interception import Interception
from gateway.service.interceptions import InterceptionBook, Reported
from gateway.service.screening import ScreeningService
from gateway.telemetry import Telemetry
from optout.kit.clock import Clock
from optout.v1 import screening_pb2 as pb

PIPELINE_WIDTH = 64


class ScreeningServicer:
    """The methods of ScreeningService."""

    def __init__(
        self,
        service: ScreeningService,
        interceptions: InterceptionBook,
        telemetry: Telemetry,
        clock: Clock,
        draining: asyncio.Event,
    ) -> None:
        self._service = service
        self._interceptions = interceptions
        self._telemetry = telemetry
        self._clock = clock
        self._draining = draining

    async def Screen(self, request: pb.ScreenRequest, context: Any) -> pb.ScreenResponse:  # noqa: N802
        """Decide about one call."""
        asked = read_question(request, self._clock.now_ms())
        screened = self._service.screen(current_call().caller, asked.question, asked.redirecting)
        self._telemetry.screenings.labels(screened.answer.verdict.value, screened.answer.rule.value).inc()
        return write_answer(screened, asked.call_id, withheld=asked.withheld)

    async def ReportInterceptions(  # noqa: N802
        self, requests: AsyncIterable[pb.ReportInterceptionsRequest], context: Any
    ) -> AsyncIterator[pb.ReportInterceptionsResponse]:
        """What switches did with calls: answered in order, each once it is durable."""
        caller = current_call().caller

        async def work(request: pb.ReportInterceptionsRequest) -> pb.ReportInterceptionsResponse:
            echo = request.report_id[:MAX_ID_CHARS]
            try:
                report = read_interception(request)
                reported = await self._interceptions.take(caller, report)
            except Exception as error:
                reason = note_refusal(error, self._telemetry).reason
                return pb.ReportInterceptionsResponse(report_id=echo, reason=write_reason(reason))
            self._count(report.call, reported)
            return pb.ReportInterceptionsResponse(report_id=echo, revision=reported.revision)

        pipeline = Pipeline(work, lambda request: request.called, self._draining, PIPELINE_WIDTH)
        async with aclosing(pipeline.answer(requests)) as answers:
            async for answer in answers:
                yield answer

    def _count(self, call: Interception, reported: Reported) -> None:
        if reported.is_repeated:
            return
        rule = "" if call.rule is None else call.rule.value
        self._telemetry.interceptions.labels(call.action.value, rule).inc()
        if reported.fate is not None:
            self._telemetry.interception_fates.labels(reported.fate.value).inc()
