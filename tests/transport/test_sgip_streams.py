"""SGIP on sockets: who may knock, and how a link that rests comes back."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import pytest

from adapters.session.events import Bound, LinkClosed, Retry
from adapters.session.settings import LinkSettings
from adapters.session.sgip import DialSettings, ListenSettings, SgipClient, SgipServer
from adapters.transport.client import Backoff, ReconnectSettings, StreamClient
from adapters.transport.server import StreamServer
from tests.transport.loopback import JumpingClock, Notes, make_server, until

QUICK = LinkSettings(settle_s=0, rested_s=0)
SETTINGS = ReconnectSettings(first_wait_s=4, max_wait_s=60, refused_wait_s=600, stable_s=60)


def test_backoff_when_an_idle_link_was_closed_then_the_shortest_wait_but_never_none() -> None:
    backoff = Backoff(SETTINGS)
    for _ in range(8):
        backoff.next_wait_s(Retry.BACKOFF, 0)
    for _ in range(8):
        assert 2 <= backoff.next_wait_s(Retry.SOON, 0) <= 4


@pytest.mark.parametrize("gently", [True, False], ids=["unbind", "close"])
async def test_client_when_the_smg_ends_an_idle_link_then_comes_back_and_nobody_is_alarmed(
    gently: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    notes = Notes()
    server = StreamServer(lambda: SgipServer(ListenSettings(101001, {"sp": "pw"}, link=QUICK)), Notes())
    await server.start()
    clock = JumpingClock()
    client = StreamClient(
        "127.0.0.1",
        server.port,
        lambda: SgipClient(DialSettings(3010092008, "sp", "pw", link=QUICK)),
        notes,
        reconnect=SETTINGS,
        clock=clock,
    )
    client.start()
    for round_ in range(1, 6):
        await notes.wait_for(Bound, round_)
        await until(lambda: server.connections)
        [connection] = [peer for peer in server.connections if not peer.session.closed]
        if gently:
            await connection.drain(30)
        else:
            connection.abort("idle")
        await notes.wait_for(LinkClosed, round_)
    await client.stop(1)
    await server.stop(1)
    waits = [sleep for sleep in clock.sleeps if sleep >= 1]
    assert len(waits) >= 5
    assert all(2 <= wait <= 4 for wait in waits)
    assert [record.message for record in caplog.records if record.levelno > logging.INFO] == []


async def test_server_when_an_address_is_not_admitted_then_hangs_up_before_reading() -> None:
    seen: list[str] = []

    def admits(address: str) -> bool:
        seen.append(address)
        return len(seen) > 1

    notes = Notes()
    server = make_server(notes, admits=admits)
    await server.start()
    for expected in (0, 1):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        await until(lambda expected=expected: len(notes.events) == expected)
    assert seen == ["127.0.0.1"] * 2
    assert (server.counters["address_refused"], server.counters["connection_accepted"]) == (1, 1)
    await server.stop(1)
