"""The carrier's interception platform: orders are carried to it, and what it says is carried to the gateway.

Each order waits in the journal until the platform has taken it; the same order again is known there, so an answer that
was lost costs nothing. Facts and stopped calls are read from the platform's own log, by place; the place moves on only
once the gateway holds what stood before it. An order of which no fact comes in time is read back (`read_back`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from adapters.carrier.base import PlatformData
from adapters.carrier.gateway_client import Gateway
from adapters.carrier.metrics import Metrics
from adapters.carrier.platform_orders import read_applied, read_stopped
from adapters.carrier.read_back import ReadBack
from adapters.carrier.rpc import Advice, GatewayError
from adapters.carrier.settings import PlatformConfig
from adapters.journal.base import Journal
from adapters.journal.errors import JournalError
from adapters.journal.rows import Place, Provision
from adapters.transport.platform import PlatformClient, PlatformRefusedError, PlatformUnreachableError
from adapters.wire.platform import AppliedEvent, EventPage, PlatformError, StoppedEvent
from optout.kit.clock import Clock

log = logging.getLogger(__name__)

PLACE = "platform"
_BATCH = 100
_RETRIED = (PlatformUnreachableError, GatewayError, JournalError)


class PlatformChannel:
    """Runs both directions. `start`, and later `stop`; everything durable is in the journal."""

    def __init__(
        self,
        client: PlatformClient,
        journal: Journal,
        gateway: Gateway,
        metrics: Metrics,
        clock: Clock,
        config: PlatformConfig,
        data: PlatformData,
        effect_delay_s: float = 0.0,
    ) -> None:
        self._client = client
        self._journal = journal
        self._gateway = gateway
        self._metrics = metrics
        self._clock = clock
        self._config = config
        self._data = data
        self.read_back = ReadBack(client, metrics, clock, effect_delay_s + config.report_grace_s)
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.is_up = False

    def checks(self) -> Mapping[str, bool]:
        """Whether it was heard of when it was last asked."""
        return {"platform": self.is_up}

    def wake(self) -> None:
        """An order waits in the journal."""
        self._news.set()

    async def start(self) -> None:
        """Take up what an earlier process left, then begin."""
        steps = (self._tell_orders, self._hear_events, self._look_back)
        self._tasks = [asyncio.create_task(self._run(step)) for step in steps]

    async def stop(self, drain_s: float) -> None:
        """Stop; what waits in the journal is taken up by the next process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    async def _run(self, step: Callable[[], Awaitable[None]]) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_RETRIED),
            wait=wait_exponential_jitter(
                multiplier=self._config.retry_first_s, max=self._config.retry_most_s, jitter=self._config.retry_first_s
            ),
            sleep=self._clock.sleep,
            before_sleep=self._note_failure,
        )
        while True:
            await retrying(step)

    async def _tell_orders(self) -> None:
        """Carry every waiting order to the platform, oldest first; then wait for news."""
        while waiting := await self._journal.provisions(_BATCH):
            for provision in waiting:
                await self._tell(provision)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.poll_s):
                await self._news.wait()
        self._news.clear()

    async def _tell(self, provision: Provision) -> None:
        try:
            taken = await self.read_back.tell(provision.body)
        except (PlatformError, PlatformRefusedError) as error:
            # It will never be taken. The state stays accepted and becomes overdue, which is an alarm, not a silence.
            log.error("the platform refuses an order", extra={"order": provision.order_id, "reason": error.reason})
            self._metrics.platform("refused")
        else:
            self.is_up = True
            self._metrics.platform(taken.value)
        await self._journal.drop_provision(provision.order_id)

    async def _look_back(self) -> None:
        """Ask for what the platform took and did not report in time."""
        await self.read_back.look()
        await self._clock.sleep(self._config.poll_s)

    async def _hear_events(self) -> None:
        """Read the platform's log on from the place that is done with, and tell the gateway."""
        place = await self._journal.place(PLACE)
        page = await self._client.events(place.log, place.place, _BATCH)
        self.is_up = True
        if page.log != place.log:
            place = Place(page.log, 0)
        if page.events:
            done = await self._report(page)
            await self._journal.move_place(PLACE, Place(page.log, done))
            if done < page.events[-1].place:
                raise GatewayError("OVERLOADED", Advice.LATER)
        else:
            await self._clock.sleep(self._config.poll_s)

    async def _report(self, page: EventPage) -> int:
        """Tell the gateway; return the last place before which everything is done with."""
        applied = [event for event in page.events if isinstance(event, AppliedEvent)]
        for event in applied:
            self.read_back.hear(event)
        stopped = [event for event in page.events if isinstance(event, StoppedEvent)]
        done: set[str] = set()
        if applied:
            facts = [read_applied(page.log, event, self._data) for event in applied]
            done |= set(await self._gateway.report_applied(facts))
        if stopped:
            calls = [read_stopped(page.log, event) for event in stopped]
            done |= set(await self._gateway.report_interceptions(calls))
        self._metrics.platform("event", len(done))
        return _last_done(page, done)

    def _note_failure(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, PlatformUnreachableError):
            self.is_up = False
        if state.attempt_number == 1:
            log.warning("platform work stopped for now", extra={"reason": getattr(error, "reason", "")})


def _last_done(page: EventPage, done: Collection[str]) -> int:
    last = page.events[0].place - 1
    for event in page.events:
        if f"{page.log}-{event.place}" not in done:
            break
        last = event.place
    return last
