"""Time as something that is handed in: the system's clock, and one that tests move by hand."""

import asyncio
import heapq
import itertools
import time
from typing import Protocol


class Clock(Protocol):
    """What an edge may ask about time; pure code is given the answers."""

    def now_ms(self) -> int:
        """Wall-clock time in Unix milliseconds; it may step in either direction."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin that never run backwards: for timeouts and back-offs."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return once `monotonic` has advanced by `seconds`; zero or less only yields to other tasks."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """Wall-clock time in Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep in the running event loop."""
        await asyncio.sleep(max(seconds, 0.0))


class FakeClock:
    """A clock that stands still until it is moved.

    Sleepers wake in the order of their deadlines, and in the order they fell asleep where those are equal. Use it
    from one event loop; reading the time is safe from any thread.
    """

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._origin_ms = now_ms
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._ticket = itertools.count()

    def now_ms(self) -> int:
        """Wall-clock time in Unix milliseconds, as moved so far."""
        return self._origin_ms + round(self._elapsed_s * 1000)

    def monotonic(self) -> float:
        """Seconds advanced since the clock was made."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been advanced by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, next(self._ticket), woken))
        await woken

    def sleepers(self) -> int:
        """Count the tasks now asleep."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    def advance(self, seconds: float) -> None:
        """Move both clocks forward and wake whoever is due; they run when the caller next awaits.

        Raises `ValueError` for a negative step: monotonic time does not run backwards (see `step_wall`).
        """
        if seconds < 0:
            raise ValueError("monotonic time does not run backwards")
        self._elapsed_s += seconds
        while self._sleepers and self._sleepers[0][0] <= self._elapsed_s:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)

    async def elapse(self, seconds: float) -> None:
        """Advance from deadline to deadline, letting tasks run at each one.

        Unlike `advance`, a task that sleeps again and again sees every moment it asked for.
        """
        end = self._elapsed_s + seconds
        await _let_tasks_run()
        while self._sleepers and self._sleepers[0][0] <= end:
            self.advance(max(self._sleepers[0][0] - self._elapsed_s, 0.0))
            await _let_tasks_run()
        self.advance(max(end - self._elapsed_s, 0.0))

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or a time server would; nobody wakes."""
        self._origin_ms += round(seconds * 1000)


async def _let_tasks_run() -> None:
    # A woken task may wake others through queues and events before it sleeps again.
    for _ in range(20):
        await asyncio.sleep(0)
