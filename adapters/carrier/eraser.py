"""Erasing what this adapter holds of a subscriber, and reporting that it is done.

An erasure begins when the gateway orders it, and waits in the journal. What names the number is removed; what has still
to be sent, reported or worked on is waited for, above all the last notice, which tells the subscriber both dates. Only
when nothing is left the gateway is told. What comes in later, if the subscriber asks again, goes with its retention.
"""

from __future__ import annotations

import logging

from adapters.carrier.contract import write_time
from adapters.carrier.errand import Errand
from adapters.carrier.gateway_client import Gateway
from adapters.carrier.metrics import Metrics
from adapters.carrier.rpc import GatewayError
from adapters.journal.base import Journal
from adapters.journal.errors import JournalError
from adapters.journal.rows import Erasing
from optout.v1 import registry_pb2, types_pb2

log = logging.getLogger(__name__)

_BATCH = 100
_FIRST_WAIT_S, _MOST_WAIT_S = 0.5, 60.0


class Eraser(Errand):
    """Erases until nothing is left and the gateway has heard; everything durable is in the journal."""

    def __init__(self, journal: Journal, gateway: Gateway, metrics: Metrics) -> None:
        super().__init__()
        self._journal = journal
        self._gateway = gateway
        self._metrics = metrics

    async def _run(self) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                left = await self.work()
            except (GatewayError, JournalError) as error:
                log.warning("erasing stopped for now", extra={"reason": error.reason})
                left = 1
            if await self._is_woken(wait_s if left else _MOST_WAIT_S) or not left:
                wait_s = _FIRST_WAIT_S
            else:
                wait_s = min(2 * wait_s, _MOST_WAIT_S)

    async def work(self) -> int:
        """Erase what can be erased; returns for how many something is left. Raises GatewayError and JournalError."""
        waiting = await self._journal.erasures(_BATCH)
        gone = [erasing for erasing in waiting if not await self._journal.forget(erasing.number)]
        if not gone or not await self._journal.scrub():
            return len(waiting)
        reports = {f"{erasing.order_id}-erased": erasing for erasing in gone}
        done = await self._gateway.report_applied([_write(id_, erasing) for id_, erasing in reports.items()])
        for report_id in done:
            await self._journal.drop_erasure(reports[report_id].order_id)
        await self._journal.scrub()
        self._metrics.erasure("done", len(done))
        return len(waiting) - len(done)


def _write(report_id: str, erasing: Erasing) -> registry_pb2.ReportAppliedRequest:
    """The same whenever it is written, so that the gateway knows a report that it has heard before."""
    return registry_pb2.ReportAppliedRequest(
        report_id=report_id,
        number=erasing.number,
        medium=types_pb2.MEDIUM_VOICE,
        version=erasing.version,
        epoch=erasing.epoch,
        report_time=write_time(erasing.taken_ms),
        erased=True,
    )
