"""Servers of ours within the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Run = Callable[[asyncio.Event, Callable[[Any], None]], Awaitable[None]]


@asynccontextmanager
async def serving(run: Run) -> AsyncIterator[Any]:
    """Something that serves until it is told to stop; gives what it says when it is ready."""
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run(stop, ready.set_result))
    try:
        await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield ready.result()
    finally:
        stop.set()
        await task
