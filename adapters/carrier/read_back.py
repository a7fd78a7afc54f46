"""Telling the carrier's platform an order, and reading back what it took and did not report in time.

The platform has as long as the carrier declares, and some grace; then it is asked what is in force. If that is not the
order, the order is told again: a platform that lost it carries it out now, one that only is slow knows it. Either way
nothing is assumed: the state becomes *applied* by the platform's own report alone, and *overdue* until then.

What is awaited is held in memory. A process that ended has forgotten it; the gateway's alarm goes on.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, field

from adapters.carrier.metrics import Metrics
from adapters.transport.platform import PlatformClient, PlatformRefusedError
from adapters.wire.platform import AppliedEvent, Taken, Wanted, read_wanted, write_wanted
from optout.kit.clock import Clock

log = logging.getLogger(__name__)

MOST_AWAITED = 10_000
"""Numbers; beyond that the one awaited longest is forgotten."""


@dataclass(frozen=True, slots=True)
class _Awaited:
    wanted: Wanted = field(repr=False)
    due_s: float
    """By the monotonic clock."""


class ReadBack:
    """The latest order of each number that waits for its report. `wait_s` is how long that may take."""

    def __init__(self, client: PlatformClient, metrics: Metrics, clock: Clock, wait_s: float) -> None:
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._wait_s = wait_s
        self._awaited: dict[str, _Awaited] = {}

    @property
    def awaited(self) -> int:
        """How many orders wait for their report."""
        return len(self._awaited)

    async def tell(self, body: bytes) -> Taken:
        """Have an order carried out, and await its report.

        Raises `PlatformError` for what is no order, and as `PlatformClient.provision` does.
        """
        wanted = read_wanted(body)
        # Awaited before it is told: its report may be heard before the answer.
        self._await(wanted)
        try:
            taken = await self._client.provision(body)
        except PlatformRefusedError:
            self._forget(wanted)
            raise
        if taken is Taken.STALE:
            self._forget(wanted)
        return taken

    def hear(self, event: AppliedEvent) -> None:
        """The platform reported a state: what is awaited of that number, unless a newer one is."""
        found = self._awaited.get(event.number)
        if found is not None and (event.epoch, event.version) >= _version_of(found.wanted):
            del self._awaited[event.number]

    async def look(self) -> None:
        """Read back what is due. Raises `PlatformUnreachableError`, and what was not read then is due still."""
        # Each is awaited as long as any other, so they stand in the order in which they are due.
        while self._awaited and (first := next(iter(self._awaited.values()))).due_s <= self._clock.monotonic():
            await self._read(first.wanted)

    async def _read(self, wanted: Wanted) -> None:
        held = await self._client.read(wanted.number)
        if held is not None and _version_of(held) >= _version_of(wanted):
            log.error("an order is in force, and the platform does not report it", extra={"order": wanted.order})
            self._metrics.platform("unreported")
            self._forget(wanted)
        elif self._is_awaited(wanted):
            log.error("an order is overdue and not in force: told again", extra={"order": wanted.order})
            self._metrics.platform("told_again")
            with contextlib.suppress(PlatformRefusedError):
                await self.tell(write_wanted(wanted))

    def _await(self, wanted: Wanted) -> None:
        self._awaited.pop(wanted.number, None)
        self._awaited[wanted.number] = _Awaited(wanted, self._clock.monotonic() + self._wait_s)
        if len(self._awaited) > MOST_AWAITED:
            del self._awaited[next(iter(self._awaited))]

    def _forget(self, wanted: Wanted) -> None:
        if self._is_awaited(wanted):
            del self._awaited[wanted.number]

    def _is_awaited(self, wanted: Wanted) -> bool:
        """Not so if its report, or a newer order, came meanwhile."""
        found = self._awaited.get(wanted.number)
        return found is not None and found.wanted == wanted


def _version_of(wanted: Wanted) -> tuple[int, int]:
    return wanted.epoch, wanted.version
