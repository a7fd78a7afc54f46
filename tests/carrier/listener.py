"""A gateway that only listens to reports, and fails with two bits: whether it took them, whether that was heard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from adapters.carrier.rpc import Advice, GatewayError
from optout.kit.number import PhoneNumber
from optout.v1 import registry_pb2, screening_pb2, types_pb2

LATER = GatewayError("UNAVAILABLE", Advice.LATER)
Report = TypeVar("Report", registry_pb2.ReportAppliedRequest, screening_pb2.ReportInterceptionsRequest)


@dataclass
class Listener:
    """What was taken, each report once; `calls` counts the attempts.

    `failures` are raised before anything is taken, then `lost` after everything was; the next reports whose ids are
    `busy` are told to come later.
    """

    applied: list[registry_pb2.ReportAppliedRequest] = field(default_factory=list)
    stopped: list[screening_pb2.ReportInterceptionsRequest] = field(default_factory=list)
    failures: list[GatewayError] = field(default_factory=list)
    lost: list[GatewayError] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    calls: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def submit(self, instruction: types_pb2.Instruction) -> types_pb2.Outcome:
        raise AssertionError("nothing is submitted here")

    async def report_deliveries(self, deliveries: Sequence[Any]) -> list[str]:
        raise AssertionError("nothing is delivered here")

    async def find_subscription(self, number: PhoneNumber) -> types_pb2.Subscription | None:
        raise AssertionError("nobody is looked up here")

    async def report_applied(self, reports: Sequence[registry_pb2.ReportAppliedRequest]) -> list[str]:
        return self._take(reports, self.applied)

    async def report_interceptions(self, reports: Sequence[screening_pb2.ReportInterceptionsRequest]) -> list[str]:
        return self._take(reports, self.stopped)

    def _take(self, reports: Sequence[Report], taken: list[Report]) -> list[str]:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        known = {report.report_id: report for report in taken}
        for report in reports:
            assert known.get(report.report_id, report) == report, "an id came with other content"
        taken += [report for report in reports if report.report_id not in {*known, *self.busy}]
        self.news.set()
        if self.lost:
            raise self.lost.pop(0)
        done = [report.report_id for report in reports if report.report_id not in self.busy]
        self.busy.clear()
        return done

    async def until(self, applied: int = 0, stopped: int = 0) -> None:
        """Wait until so many reports were taken."""
        async with asyncio.timeout(30):
            while len(self.applied) < applied or len(self.stopped) < stopped:
                self.news.clear()
                await self.news.wait()
