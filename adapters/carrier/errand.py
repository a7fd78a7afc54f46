"""Work that waits in the journal and is done in the background, one process after another, until nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping


class Errand(ABC):
    """One background task: begun, woken when there is news, and stopped. Whoever inherits says how it runs."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There is something to do."""
        self._news.set()

    def checks(self) -> Mapping[str, bool]:
        """It needs nothing that could be down but the gateway, which has a check of its own."""
        return {}

    async def start(self) -> None:
        """Take up what an earlier process left, then begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self, drain_s: float) -> None:
        """Stop; what waits in the journal is the next process's."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @abstractmethod
    async def _run(self) -> None:
        """Work until cancelled."""

    async def _is_woken(self, wait_s: float) -> bool:
        """Wait for news, so long at most; tells whether there is some."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._news.wait()
        is_woken = self._news.is_set()
        self._news.clear()
        return is_woken
