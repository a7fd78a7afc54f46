"""Streams answered in order."""

import asyncio
from contextlib import aclosing

import pytest

from gateway.api.pipeline import Pipeline
from gateway.domain.errors import Reason, RefusedError


class Works:
    """Work that waits until it is let go, and notes what has begun."""

    def __init__(self):
        self.begun = []
        self.gates = {}

    async def __call__(self, message):
        self.begun.append(message)
        await self.gates.setdefault(message, asyncio.Event()).wait()
        return f"done {message}"

    def let_go(self, *messages):
        for message in messages:
            self.gates.setdefault(message, asyncio.Event()).set()


async def feed(*messages, forever=False):
    for message in messages:
        yield message
    if forever:
        await asyncio.Event().wait()


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


def pipeline(works, draining=None, width=8, key=lambda message: message):
    return Pipeline(works, key, draining or asyncio.Event(), width)


async def collect(stream, into):
    async with aclosing(stream) as answers:
        async for answer in answers:
            into.append(answer)


async def test_answers_when_work_ends_out_of_order_then_they_come_in_order():
    works, got = Works(), []
    running = asyncio.create_task(collect(pipeline(works).answer(feed("a", "b", "c")), got))
    await settle()
    assert works.begun == ["a", "b", "c"]
    works.let_go("c", "b")
    await settle()
    assert got == []
    works.let_go("a")
    await running
    assert got == ["done a", "done b", "done c"]


async def test_reading_when_the_pipeline_is_full_then_it_waits():
    works, got = Works(), []
    running = asyncio.create_task(collect(pipeline(works, width=2).answer(feed("a", "b", "c")), got))
    await settle()
    assert works.begun == ["a", "b"]
    works.let_go("a")
    await settle()
    assert works.begun == ["a", "b", "c"]
    works.let_go("b", "c")
    await running


async def test_work_when_messages_share_a_key_then_it_is_done_one_after_the_other():
    works, got = Works(), []
    stream = pipeline(works, key=lambda message: message[0]).answer(feed("x1", "x2", "y1"))
    running = asyncio.create_task(collect(stream, got))
    await settle()
    assert works.begun == ["x1", "y1"]
    works.let_go("x1")
    await settle()
    assert works.begun == ["x1", "y1", "x2"]
    works.let_go("x2", "y1")
    await running
    assert got == ["done x1", "done x2", "done y1"]


async def test_drain_when_messages_are_at_work_then_they_are_answered_first():
    works, got, draining = Works(), [], asyncio.Event()
    running = asyncio.create_task(collect(pipeline(works, draining).answer(feed("a", "b", forever=True)), got))
    await settle()
    draining.set()
    await settle()
    assert not running.done()
    works.let_go("a", "b")
    with pytest.raises(RefusedError) as caught:
        await running
    assert caught.value.reason is Reason.DRAINING
    assert got == ["done a", "done b"]


async def test_stream_when_its_reader_leaves_then_nothing_is_left_running():
    works, got = Works(), []
    before = asyncio.all_tasks()
    running = asyncio.create_task(collect(pipeline(works).answer(feed("a", "b", forever=True)), got))
    await settle()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert asyncio.all_tasks() == before


async def test_stream_when_its_source_fails_then_so_does_the_stream():
    async def failing():
        yield "a"
        raise ConnectionError("gone")

    works, got = Works(), []
    works.let_go("a")
    with pytest.raises(ConnectionError):
        await collect(pipeline(works).answer(failing()), got)
    assert got == ["done a"]
