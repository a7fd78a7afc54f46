"""The queue between the event loop and the writer's thread: bounded, and emptied a batch at a time."""

from __future__ import annotations

from collections import deque
from threading import Condition, Lock
from time import monotonic
from typing import Generic, TypeVar

from gateway.store.base import OverloadedError, StoreClosedError, StoreLimits

T = TypeVar("T")

_ENOUGH = 16
"""A batch of so many is worth its commit: to wait for more would only keep disk and processor idle in turn."""


class Intake(Generic[T]):
    """Gathers work into batches.

    A batch is whatever is queued. Callers who were just answered tend to come back at once, so after a batch of
    several the writer gives as many a moment to queue again, rather than to commit the first of them alone. It does
    not wait after a batch of one, nor if half as many or enough are queued already; never longer than ``gather_s``.
    """

    def __init__(self, limits: StoreLimits) -> None:
        self._limits = limits
        self._waiting: deque[T] = deque()
        self._changed = Condition(Lock())
        self._wanted = 0
        self._is_closed = False
        self._last_batch = 1

    def put(self, item: T, *, is_exempt: bool = False) -> None:
        """Queue one piece of work; raises OverloadedError over the limit, StoreClosedError after ``close``."""
        with self._changed:
            if self._is_closed:
                raise StoreClosedError("the store is closed")
            if len(self._waiting) >= self._limits.max_queue and not is_exempt:
                raise OverloadedError("too many units are waiting")
            self._waiting.append(item)
            if 0 < self._wanted <= len(self._waiting):
                self._changed.notify()

    def take(self) -> list[T]:
        """Wait for work and take a batch of it, oldest first; empty once closed and drained."""
        with self._changed:
            if len(self._waiting) < min(self._last_batch / 2, _ENOUGH):
                self._wait_for(self._last_batch, self._limits.gather_s)
            self._wait_for(1, None)
            size = min(len(self._waiting), self._limits.max_batch)
            self._last_batch = size
            return [self._waiting.popleft() for _ in range(size)]

    def close(self) -> None:
        """Take no more; what is queued is still to be taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _wait_for(self, count: int, timeout_s: float | None) -> None:
        deadline = None if timeout_s is None else monotonic() + timeout_s
        while len(self._waiting) < count and not self._is_closed:
            self._wanted = count
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                break
            self._changed.wait(left)
        self._wanted = 0
