"""Reporting that a number was switched off, where the gateway enforces and the carrier has no platform of its own.

With such a carrier a number that another one serves now is off as soon as its adapter knows: the switches ask the
gateway, which answers by the number's new carrier. What is owed is the word that it is so. It waits in the journal
until the gateway has taken it.
"""

from __future__ import annotations

import logging

from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from adapters.carrier.contract import write_time
from adapters.carrier.errand import Errand
from adapters.carrier.gateway_client import Gateway
from adapters.carrier.rpc import GatewayError
from adapters.carrier.settings import GatewayConfig
from adapters.journal.base import Journal
from adapters.journal.errors import JournalError
from adapters.journal.rows import Provision
from adapters.wire.platform import read_wanted
from optout.kit.clock import Clock
from optout.v1 import registry_pb2, types_pb2

log = logging.getLogger(__name__)

_BATCH = 100
_MOST_WAIT_S = 30.0
_SERVICE = types_pb2.Effect(item=types_pb2.Item(kind=types_pb2.ITEM_KIND_SERVICE), state=types_pb2.EFFECT_STATE_APPLIED)


class SwitchOffReporter(Errand):
    """Tells the gateway, until it has heard; everything durable is in the journal."""

    def __init__(self, journal: Journal, gateway: Gateway, clock: Clock, config: GatewayConfig, poll_s: float) -> None:
        super().__init__()
        self._journal = journal
        self._gateway = gateway
        self._clock = clock
        self._config = config
        self._poll_s = poll_s

    async def _run(self) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((GatewayError, JournalError)),
            wait=wait_exponential_jitter(
                multiplier=self._config.retry_first_s, max=_MOST_WAIT_S, jitter=self._config.retry_first_s
            ),
            sleep=self._clock.sleep,
        )
        while True:
            await retrying(self._tell)

    async def _tell(self) -> None:
        while waiting := await self._journal.provisions(_BATCH):
            reports = {f"{each.order_id}-off": each for each in waiting}
            done = await self._gateway.report_applied(list(map(_write, reports, waiting)))
            for report_id in done:
                await self._journal.drop_provision(reports[report_id].order_id)
            if len(done) < len(waiting):
                log.warning("the gateway has not taken every report of a switch-off")
                break
        await self._is_woken(self._poll_s)


def _write(report_id: str, done: Provision) -> registry_pb2.ReportAppliedRequest:
    """The same whenever it is written, so that the gateway knows a report that it has heard before."""
    wanted = read_wanted(done.body)
    return registry_pb2.ReportAppliedRequest(
        report_id=report_id,
        number=wanted.number,
        medium=types_pb2.MEDIUM_VOICE,
        version=wanted.version,
        epoch=wanted.epoch,
        effects=[_SERVICE],
        report_time=write_time(done.taken_ms),
        switched_off=True,
    )
