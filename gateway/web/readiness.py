"""Whether the gateway may be sent calls, and how its store and feed stand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from gateway.service.screening import ScreeningService
from gateway.store.base import Store, StoreError
from gateway.telemetry import Telemetry
from optout.kit.clock import Clock

STORE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class ReadinessReport:
    """What was found. ``feed_lag`` counts entries, None if the store did not answer.

    ``alarms`` say why nothing may be written. Reading and screening go on under an alarm, so it does not take the
    gateway out of service.
    """

    store: bool
    feed_lag: int | None
    feed: bool
    draining: bool
    alarms: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """True if calls may come."""
        return self.store and self.feed and not self.draining

    def as_dict(self) -> dict[str, object]:
        """The report for JSON."""
        return {"ready": self.ready, **asdict(self)}


class Readiness:
    """Looks at the store, and at how far screening is behind the log: at most ``max_lag`` entries."""

    def __init__(
        self,
        store: Store,
        screening: ScreeningService,
        clock: Clock,
        is_draining: Callable[[], bool],
        max_lag: int = 10_000,
        alarms: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._store = store
        self._screening = screening
        self._clock = clock
        self._is_draining = is_draining
        self._max_lag = max_lag
        self._alarms = alarms

    async def check(self) -> ReadinessReport:
        """Look now; takes two seconds at most."""
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                lag = await self._screening.lag()
        except (StoreError, TimeoutError):
            return self._report(store=False, lag=None)
        return self._report(store=True, lag=lag)

    def _report(self, *, store: bool, lag: int | None) -> ReadinessReport:
        return ReadinessReport(
            store=store,
            feed_lag=lag,
            feed=lag is not None and lag <= self._max_lag,
            draining=self._is_draining(),
            alarms=tuple(self._alarms()),
        )

    async def sample(self, telemetry: Telemetry) -> None:
        """Set the gauges of log, feed and outbox; leaves them as they were if the store does not answer."""
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                head, counts = await self._store.head(), await self._store.outbox_counts()
        except (StoreError, TimeoutError):
            return
        telemetry.log_size.set(head.size)
        telemetry.feed_lag.set(max(head.size - self._screening.index.revision, 0))
        telemetry.outbox_rows.clear()
        telemetry.outbox_oldest.clear()
        now_ms = self._clock.now_ms()
        for count in counts:
            state = count.state.name.lower()
            telemetry.outbox_rows.labels(count.carrier, state).set(count.rows)
            telemetry.outbox_oldest.labels(count.carrier, state).set(max(now_ms - count.oldest_ms, 0) / 1000)
