"""Hotline order → committed → replied: the whole way of an agent's order, against a bare aiohttp echo.

CRM, adapter and gateway run in one process over loopback: InterBOSS over HTTP, gRPC with mTLS, and SQLite on both sides
(the journal before and after the gateway). The echo is an aiohttp server that reads the same requests and sends them
back, called by the same client from the same number of callers.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
from aiohttp import web

from adapters.simulators.crm import CrmSettings, EnvelopeKind, Spoil
from adapters.simulators.crm.tongues import choose_tongue
from adapters.wire.order import Consent, Desk, Order, Verb
from optout.kit.clock import SystemClock
from tests.bench.report import Figure, publish
from tests.e2e.desks import SOURCE, open_desks
from tests.e2e.federation import read_ledger

CALLERS = (1, 16, 64)
DONE = b"<RspCode>0000</RspCode>"
OPEN = Order(
    verb=Verb.OPEN,
    number="13800138000",
    desk=Desk.HOTLINE,
    booked_by="agent-1",
    mandate="order-1",
    notice_version="2026-11",
    consent=Consent.GIVEN,
)


def make_requests(count: int) -> list[tuple[str, bytes]]:
    """Openings, each for another subscriber, so that nothing has to wait for its turn."""
    tongue = choose_tongue(CrmSettings("", EnvelopeKind.INTERBOSS, SOURCE))
    now_ms = SystemClock().now_ms()
    orders = (replace(OPEN, number=f"138{index:08}") for index in range(count))
    return [
        tongue.write(order, tongue.make_serial(now_ms, index), now_ms, Spoil.NOTHING)
        for index, order in enumerate(orders)
    ]


async def post_all(url: str, requests: list[tuple[str, bytes]], callers: int) -> tuple[float, list[bytes]]:
    """Send every request, ``callers`` of them at a time; return requests per second, and the replies."""
    replies: list[bytes] = []
    waiting = iter(requests)

    async def call(session: aiohttp.ClientSession) -> None:
        for content_type, body in waiting:
            async with session.post(url, data=body, headers={"Content-Type": content_type}) as answer:
                replies.append(await answer.read())

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        begin = time.perf_counter()
        await asyncio.gather(*(call(session) for _ in range(callers)))
        return len(requests) / (time.perf_counter() - begin), replies


@asynccontextmanager
async def serve_echo() -> AsyncIterator[str]:
    """A bare echo; yields its URL."""

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), content_type="application/octet-stream")

    app = web.Application()
    app.router.add_post("/orders", echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/orders"
    await runner.cleanup()


async def measure_echo(callers: int, count: int) -> float:
    """Requests per second through the echo."""
    requests = make_requests(count)
    async with serve_echo() as url:
        rate, replies = await post_all(url, requests, callers)
        if sorted(replies) != sorted(body for _, body in requests):
            raise AssertionError("the echo gave something else back")
    return rate


async def measure_way(callers: int, count: int) -> float:
    """Orders per second, each committed and journalled before its reply."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_desks(Path(folder), "mobile") as crms:
            rate, replies = await post_all(crms["mobile"].settings.url, make_requests(count), callers)
        if not all(DONE in reply for reply in replies):
            raise AssertionError("not every order was booked")
        booked = len(read_ledger(Path(folder)).instructions())
        if booked != count:
            raise AssertionError(f"{count} orders answered, {booked} booked")
    return rate


def run(seconds: float = 2.0) -> None:
    """Measure and publish."""
    figures = []
    for callers in CALLERS:
        count = round((100 if callers == 1 else 500) * seconds)
        echo = asyncio.run(measure_echo(callers, 2 * count))
        way = asyncio.run(measure_way(callers, count))
        figures += [
            Figure(f"bare aiohttp echo, {callers} callers", echo, "/s", {"to echo": 1.0}, note="the limit"),
            Figure(f"order → committed → replied, {callers} callers", way, "/s", {"to echo": way / echo}),
        ]
    publish("orders", "Hotline orders through HTTP, adapter, gRPC and store, replied after the commit", figures)


if __name__ == "__main__":
    run()
