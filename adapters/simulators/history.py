"""What happened, in order, bounded in memory, and something to wait on instead of sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from optout.kit.clock import Clock

DEFAULT_WAIT_S = 30.0


class WaitError(TimeoutError):
    """What was waited for did not happen in time (`wait_timeout`); tells how much of it did."""

    def __init__(self, found: int, wanted: int, timeout_s: float) -> None:
        super().__init__(f"wait_timeout: {found} of {wanted} within {timeout_s:g} s")
        self.reason = "wait_timeout"
        self.found = found
        self.wanted = wanted


class ViolationsError(AssertionError):
    """A simulator's caller broke rules; names the rules and where in the history, never content."""

    def __init__(self, rules: list[tuple[int, str]]) -> None:
        super().__init__("; ".join(f"{rule} (entry {index})" for index, rule in rules))
        self.reason = "violations"
        self.rules = [rule for _, rule in rules]


class Indexed(Protocol):
    """An entry of a history."""

    @property
    def index(self) -> int:
        """Position, from 1."""
        ...


E = TypeVar("E", bound=Indexed)


def read_wall(clock: Clock) -> datetime:
    """Return the clock's time of day, in UTC."""
    return datetime.fromtimestamp(clock.now_ms() / 1000, UTC)


class History(Generic[E]):
    """Entries by index from 1; of more than twice `limit` only the newest `limit` are kept. For one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: list[E] = []
        self._first_index = 1
        self._clearings = 0
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def first_index(self) -> int:
        """Index of the oldest entry kept, or the one to come."""
        return self._first_index

    @property
    def last_index(self) -> int:
        """Index of the newest entry; 0 before the first."""
        return self._first_index + len(self._entries) - 1

    def append(self, make: Callable[[int], E]) -> E:
        """Add the entry that `make` builds for its index, and wake whoever waits."""
        entry = make(self.last_index + 1)
        self._entries.append(entry)
        if len(self._entries) > 2 * self._limit:
            surplus = len(self._entries) - self._limit
            del self._entries[:surplus]
            self._first_index += surplus
        self.touch()
        return entry

    def clear(self) -> None:
        """Forget everything; indices begin anew."""
        self._entries.clear()
        self._first_index = 1
        self._clearings += 1
        self.touch()

    def touch(self) -> None:
        """Wake whoever waits, though no entry was added: something else changed."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def after(self, index: int) -> Iterator[E]:
        """Yield the entries kept after `index`, oldest first."""
        for position in range(max(0, index - self._first_index + 1), len(self._entries)):
            yield self._entries[position]

    async def wait_for(
        self, fits: Callable[[E], bool], *, count: int = 1, after_index: int = 0, timeout_s: float = DEFAULT_WAIT_S
    ) -> list[E]:
        """Return the first `count` entries after `after_index` that fit; raise `WaitError` after `timeout_s`."""
        found: list[E] = []
        seen, clearings = after_index, self._clearings

        def look() -> bool:
            nonlocal seen, clearings
            if clearings != self._clearings:
                seen, clearings = 0, self._clearings
            for entry in self.after(seen):
                seen = entry.index
                if len(found) < count and fits(entry):
                    found.append(entry)
            return len(found) >= count

        try:
            await self._wait_until(look, timeout_s)
        except TimeoutError:
            raise WaitError(len(found), count, timeout_s) from None
        return found

    async def wait_until(self, holds: Callable[[], bool], *, timeout_s: float = DEFAULT_WAIT_S) -> None:
        """Return once `holds()` is true, asked again whenever something happens; raise `WaitError`."""
        try:
            await self._wait_until(holds, timeout_s)
        except TimeoutError:
            raise WaitError(0, 1, timeout_s) from None

    async def _wait_until(self, holds: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while not holds():
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiters.add(waiter)
                try:
                    await waiter
                finally:
                    self._waiters.discard(waiter)
