"""Bidirectional streams: several messages at work at once, answered in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from gateway.domain.errors import Reason, RefusedError

Q = TypeVar("Q")
A = TypeVar("A")


class Pipeline(Generic[Q, A]):
    """Answers a stream of messages.

    At most ``width`` messages are at work or wait to be sent; beyond that the stream is not read, so that the caller
    feels it. Messages of one ``key`` (a subscriber's number) are worked on one after the other, since their order
    matters. ``work`` has to turn refusals into answers: what it raises ends the stream.
    """

    def __init__(
        self, work: Callable[[Q], Awaitable[A]], key: Callable[[Q], Hashable], draining: asyncio.Event, width: int
    ) -> None:
        self._work = work
        self._key = key
        self._draining = draining
        self._width = width

    async def answer(self, messages: AsyncIterable[Q]) -> AsyncGenerator[A, None]:
        """Yield one answer a message. When the gateway drains, what was read is answered: RefusedError(DRAINING)."""
        tasks: asyncio.Queue[asyncio.Task[A] | None] = asyncio.Queue()
        room = asyncio.Semaphore(self._width)
        reading = asyncio.create_task(self._read(messages, tasks, room))
        drained = asyncio.create_task(self._draining.wait())
        drained.add_done_callback(lambda _: reading.cancel())
        try:
            while (task := await tasks.get()) is not None:
                yield await task
                room.release()
            await asyncio.wait({reading})
            if reading.cancelled():
                raise RefusedError(Reason.DRAINING, "the gateway is draining: come again")
            reading.result()
        finally:
            await _cancel_all(drained, reading)
            await _cancel_all(*(task for task in _empty(tasks) if task is not None))

    async def _read(
        self, messages: AsyncIterable[Q], tasks: asyncio.Queue[asyncio.Task[A] | None], room: asyncio.Semaphore
    ) -> None:
        latest: dict[Hashable, asyncio.Task[A]] = {}
        try:
            async for message in messages:
                await room.acquire()
                key = self._key(message)
                task = asyncio.create_task(self._work_after(latest.get(key), message))
                latest[key] = task
                task.add_done_callback(lambda done, key=key: _forget(latest, key, done))  # type: ignore[misc]
                tasks.put_nowait(task)
        finally:
            tasks.put_nowait(None)

    async def _work_after(self, before: asyncio.Task[A] | None, message: Q) -> A:
        if before is not None:
            await asyncio.wait({before})
        return await self._work(message)


def _forget(latest: dict[Hashable, asyncio.Task[A]], key: Hashable, done: asyncio.Task[A]) -> None:
    if latest.get(key) is done:
        del latest[key]


def _empty(queue: asyncio.Queue[A]) -> list[A]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


async def _cancel_all(*tasks: asyncio.Task[A]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
