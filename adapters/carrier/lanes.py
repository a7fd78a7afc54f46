"""Work in lanes: things of one key one after the other, those of different keys side by side, and only so many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable

Work = Callable[[], Awaitable[None]]


class Lanes:
    """Runs work by key in the order it came; `limit` pieces at most wait or run. Work must not raise."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[Hashable, deque[Work]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.size = 0
        """How many pieces wait or run."""

    def put(self, key: Hashable, work: Work) -> bool:
        """Queue a piece of work behind those of the same key; False if there is no room."""
        if self.size >= self._limit:
            return False
        self.size += 1
        lane = self._waiting.get(key)
        if lane is not None:
            lane.append(work)
            return True
        lane = self._waiting[key] = deque([work])
        task = asyncio.get_running_loop().create_task(self._run(key, lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def drain(self, timeout_s: float) -> None:
        """Let everything finish; cancel what has not after `timeout_s`."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _run(self, key: Hashable, lane: deque[Work]) -> None:
        try:
            while lane:
                work = lane[0]
                try:
                    await work()
                finally:
                    lane.popleft()
                    self.size -= 1
        finally:
            self.size -= len(lane)
            del self._waiting[key]
