"""What the gateway is owed: delivery reports out of the journal, told until it has taken them."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from adapters.carrier.gateway_client import Gateway
from adapters.carrier.metrics import Metrics
from adapters.carrier.rpc import GatewayError
from adapters.carrier.settings import GatewayConfig
from adapters.journal.base import Journal
from adapters.journal.errors import JournalError
from optout.kit.clock import Clock

log = logging.getLogger(__name__)

_MOST_WAIT_S = 30.0


class DeliveryFeed:
    """Tells the gateway, under one growing wait while it does not listen."""

    def __init__(
        self, journal: Journal, gateway: Gateway, metrics: Metrics, clock: Clock, config: GatewayConfig, poll_s: float
    ) -> None:
        self._journal = journal
        self._gateway = gateway
        self._metrics = metrics
        self._clock = clock
        self._config = config
        self._poll_s = poll_s
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Look into the journal now."""
        self._news.set()

    async def run(self) -> None:
        """Tell until cancelled."""
        wait_s = self._config.retry_first_s
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._news.wait()
            self._news.clear()
            if await self.tell_all():
                wait_s = self._config.retry_first_s
            else:
                await self._clock.sleep(wait_s)
                wait_s = min(wait_s * 2, _MOST_WAIT_S)

    async def tell_all(self) -> bool:
        """Tell everything that is owed now; False if the gateway did not take it all."""
        try:
            while owed := await self._journal.deliveries(self._config.report_batch):
                done = await self._gateway.report_deliveries(owed)
                await self._journal.drop_deliveries(done)
                self._metrics.delivery("taken", len(done))
                if len(done) < len(owed):
                    return False
        except GatewayError as error:
            self._metrics.delivery(error.reason)
            return False
        except JournalError as error:
            log.error("journal failed", extra={"reason": error.reason})
            return False
        return True
