"""Real sockets on loopback: exchange, hostile peers, shutdown."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from adapters.session.cmpp import CmppClient, CmppServer
from adapters.session.events import (
    Bound,
    DeliverAnswered,
    DeliverReceived,
    Draining,
    Fault,
    LinkClosed,
    Retry,
    SubmitAccepted,
    SubmitReceived,
)
from adapters.session.settings import LinkSettings
from adapters.transport.client import ClientState, StreamClient
from adapters.transport.echo import EchoSession
from adapters.transport.server import StreamServer
from adapters.transport.stream import Connection, StreamSettings
from adapters.wire.cmpp import ActiveTest, Connect, Version, connect_authenticator, encode
from tests.transport.loopback import (
    DELIVER,
    MSG_ID,
    QUICK,
    SECRET,
    SP,
    SUBMIT,
    JumpingClock,
    Notes,
    answer,
    hang_up,
    make_client,
    make_server,
    until,
)


@asynccontextmanager
async def linked(
    client_notes: Any,
    server_notes: Any,
    link: LinkSettings = QUICK,
    server: StreamServer[CmppServer] | None = None,
    **options: Any,
) -> AsyncIterator[tuple[StreamClient[CmppClient], StreamServer[CmppServer]]]:
    server = server or make_server(server_notes, link)
    await server.start()
    client = make_client(server.port, client_notes, link, **options)
    client.start()
    try:
        await until(lambda: client.state is ClientState.BOUND)
        yield client, server
    finally:
        await client.stop(30)
        await server.stop(30)


def open_connection(client: StreamClient[CmppClient]) -> Connection[CmppClient]:
    assert client.connection is not None
    return client.connection


async def test_exchange_when_bound_then_messages_go_both_ways() -> None:
    up, down = Notes(), Notes()
    async with linked(down, up) as (client, server):
        connection = open_connection(client)
        sequence = connection.session.submit(SUBMIT, "mt", connection.now())
        connection.flush()
        assert await down.wait_for(SubmitAccepted) == [SubmitAccepted("mt", sequence, MSG_ID)]
        (far,) = server.connections
        sequence = far.session.deliver(DELIVER, "mo", far.now())
        far.flush()
        assert await up.wait_for(DeliverAnswered) == [DeliverAnswered("mo", sequence, DELIVER.msg_id, 0)]
    assert (await up.wait_for(Bound)) == [Bound(SP, Version.V30)]
    assert (await down.wait_for(LinkClosed)) == [LinkClosed("drained", Fault.LOCAL, Retry.NO)]
    assert isinstance(up.events[-1], LinkClosed)


async def test_exchange_when_many_are_submitted_in_one_turn_then_one_write_and_few_batches() -> None:
    up, down = Notes(), Notes()
    link = LinkSettings(settle_s=0, window=500)
    async with linked(down, up, link) as (client, _):
        connection = open_connection(client)
        writes: list[int] = []
        assert connection._transport is not None
        write = connection._transport.write
        connection._transport.write = lambda data: (writes.append(len(data)), write(data))[1]  # type: ignore[method-assign]
        for token in range(200):
            connection.session.submit(SUBMIT, token, connection.now())
            connection.flush()
        await down.wait_for(SubmitAccepted, 200)
    assert len(writes) == 2  # the messages, and TERMINATE
    assert len(down.batches) < 50


async def test_handler_when_it_is_slow_then_active_tests_are_answered_meanwhile() -> None:
    release = asyncio.Event()

    async def slow(connection: Connection[Any], events: list[Any]) -> None:
        if any(isinstance(event, DeliverReceived) for event in events):
            await release.wait()
        for event in events:
            answer(connection, event)
        connection.flush()

    up = Notes()
    async with linked(slow, up) as (client, server):
        (far,) = server.connections
        far.session.deliver(DELIVER, "mo", far.now())
        far.flush()
        await until(lambda: open_connection(client).session.in_hand == 1)
        far.session.inject(encode(ActiveTest(77), Version.V30))
        far.flush()
        await until(lambda: far.session.counters["unexpected_response"] == 1)
        assert far.session.outstanding == 1
        release.set()
        await up.wait_for(DeliverAnswered)


async def test_handler_when_it_fails_then_the_link_stays_and_the_message_comes_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures = [RuntimeError("quotes 13800138000")]
    down = Notes()

    async def failing(connection: Connection[Any], events: list[Any]) -> None:
        if failures and any(isinstance(event, DeliverReceived) for event in events):
            raise failures.pop()
        await down(connection, events)

    up = Notes()
    clock = JumpingClock()
    server = make_server(up, clock=clock)
    async with linked(failing, up, server=server) as (client, _):
        (far,) = server.connections
        far.session.deliver(DELIVER, "mo", far.now())
        far.flush()
        await until(lambda: open_connection(client).session.counters["handler_failed"] == 1)
        clock.now += 60
        far.flush()
        await up.wait_for(DeliverAnswered)
        assert open_connection(client).session.counters["handler_failed"] == 1
        assert far.session.counters["request_resent"] == 1
    assert "RuntimeError" in caplog.text
    assert "13800138000" not in caplog.text


async def test_timers_when_the_loop_stood_still_then_an_answer_in_the_socket_is_seen_first() -> None:
    up, down = Notes(), Notes()
    link = LinkSettings(settle_s=0, request_timeout_s=1)
    server = make_server(up)
    await server.start()
    client = make_client(server.port, down, link)
    client.start()
    await until(lambda: client.state is ClientState.BOUND)
    connection = open_connection(client)
    session = connection.session
    session.submit(SUBMIT, "mt", connection.now())
    connection.flush()
    (far,) = server.connections
    await until(lambda: far.session.data_to_send() == b"" and up.events and isinstance(up.events[-1], SubmitReceived))
    # The answer is on its way or here; nobody looks until long after the deadline.
    threading_free_pause(1.3)
    await down.wait_for(SubmitAccepted)
    assert session.counters["request_resent"] == 0
    await client.stop(1)
    await server.stop(1)


def threading_free_pause(seconds: float) -> None:
    """Block the loop, as a long commit would."""
    with socket.socket() as nobody:
        nobody.settimeout(seconds)
        nobody.bind(("127.0.0.1", 0))
        nobody.listen()
        with pytest.raises(TimeoutError):
            nobody.accept()


# Peers that are no gateway


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http_on_port"),
        (bytes.fromhex("16030102000100") + bytes(100), "tls_on_port"),
        (b"\x7f\xff\xff\xff", "length_out_of_bounds"),
        (b"\x00\x00\x00\x04", "length_out_of_bounds"),
    ],
)
async def test_server_when_no_cmpp_comes_then_hangs_up_and_the_next_peer_is_served(data: bytes, reason: str) -> None:
    notes = Notes()
    server = make_server(notes)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    assert await reader.read() == b""
    assert (await notes.wait_for(LinkClosed))[0].reason == reason
    await hang_up(writer)
    client = make_client(server.port, Notes())
    client.start()
    await until(lambda: client.state is ClientState.BOUND)
    await client.stop(1)
    await server.stop(1)


def login_bytes() -> bytes:
    digest = connect_authenticator(SP, SECRET, 101000000)
    return encode(Connect(1, SP, digest, 0x30, 101000000), Version.V30)


async def test_server_when_bytes_dribble_five_at_a_time_then_understood() -> None:
    notes = Notes()
    server = make_server(notes)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = login_bytes() + encode(SUBMIT, Version.V30)
    for at in range(0, len(data), 5):
        writer.write(data[at : at + 5])
        await asyncio.sleep(0)
    assert len(await reader.readexactly(33 + 24)) == 57
    assert len(await notes.wait_for(SubmitReceived)) == 1
    await hang_up(writer)
    await server.stop(1)


async def test_server_when_several_frames_come_in_one_segment_then_all_are_handled() -> None:
    notes = Notes()
    server = make_server(notes)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(login_bytes() + encode(ActiveTest(2), Version.V30) * 3)
    await reader.readexactly(33 + 13 * 3)
    await hang_up(writer)
    await notes.wait_for(LinkClosed)
    await server.stop(1)


async def test_server_when_the_peer_resets_then_said_so() -> None:
    notes = Notes()
    server = make_server(notes)
    await server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(login_bytes())
    await notes.wait_for(Bound)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await hang_up(writer)
    assert await notes.wait_for(LinkClosed) == [LinkClosed("connection_reset", Fault.REMOTE, Retry.BACKOFF)]
    await until(lambda: not server.connections)
    await server.stop(1)


async def test_server_when_a_stranger_is_silent_then_hangs_up() -> None:
    notes = Notes()
    server = make_server(notes, LinkSettings(login_timeout_s=0.05))
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    assert await reader.read() == b""
    assert notes.events == [LinkClosed("login_timeout", Fault.REMOTE, Retry.BACKOFF)]
    await hang_up(writer)
    await server.stop(1)


async def test_server_when_too_many_connect_then_the_rest_is_refused() -> None:
    server = make_server(Notes(), max_connections=1)
    await server.start()
    _, first = await asyncio.open_connection("127.0.0.1", server.port)
    await until(lambda: server.connections)
    reader, second = await asyncio.open_connection("127.0.0.1", server.port)
    assert await reader.read() == b""
    assert server.counters == {"connection_accepted": 1, "connection_refused": 1}
    await hang_up(second)
    await hang_up(first)
    await until(lambda: not server.connections)
    await server.stop(1)


async def test_connection_when_the_peer_does_not_read_then_it_is_cut_off() -> None:
    notes = Notes()
    settings = StreamSettings(write_stall_s=0.1)
    server = StreamServer(EchoSession, notes, settings=settings)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    del reader
    await flood(writer)
    assert (await notes.wait_for(LinkClosed))[0].reason == "write_stalled"
    writer.transport.abort()
    await server.stop(1)


async def test_connection_when_too_much_is_unsent_then_it_is_cut_off_without_waiting() -> None:
    notes = Notes()
    settings = StreamSettings(write_stall_s=60, max_unsent_bytes=100_000)
    server = StreamServer(EchoSession, notes, settings=settings)
    await server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await flood(writer)
    assert (await notes.wait_for(LinkClosed))[0].reason == "write_stalled"
    writer.transport.abort()
    await server.stop(1)


async def flood(writer: asyncio.StreamWriter) -> None:
    for _ in range(200):
        writer.write(bytes(65536))
        await asyncio.sleep(0)


async def test_connection_when_the_peer_reads_slowly_then_everything_arrives_in_the_end() -> None:
    server = StreamServer(EchoSession, Notes())
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    data = bytes(range(256)) * 2048
    writer.write(data)
    received = b""
    while len(received) < len(data):
        received += await reader.read(30_000)
        await asyncio.sleep(0)
    assert received == data
    await hang_up(writer)
    await server.stop(1)


async def test_connection_when_events_pile_up_then_reading_is_suspended_and_resumed() -> None:
    release = asyncio.Event()
    seen: list[Any] = []

    async def stuck(connection: Connection[Any], events: list[Any]) -> None:
        await release.wait()
        seen.extend(events)

    server = make_server(stuck, settings=StreamSettings(max_pending_events=10))
    await server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(login_bytes())
    await until(lambda: server.connections)
    (connection,) = server.connections
    odd = bytes.fromhex("0000000d8000000800000005" + "00")
    for _ in range(100):
        writer.write(odd)
        await asyncio.sleep(0)
    await until(lambda: connection.session.counters["reading_suspended"] == 1)
    release.set()
    await until(lambda: len(seen) == 101)
    await hang_up(writer)
    await until(lambda: not server.connections)
    await server.stop(1)


async def test_timers_when_reading_is_suspended_then_an_answer_that_lies_unread_is_no_timeout() -> None:
    release = asyncio.Event()

    async def stuck(connection: Connection[Any], events: list[Any]) -> None:
        if any(isinstance(event, DeliverReceived) for event in events):
            await release.wait()
        for event in events:
            answer(connection, event)
        connection.flush()

    up = Notes(answers=False)
    link = LinkSettings(settle_s=0, request_timeout_s=0.1, max_in_hand=50, window=50)
    async with linked(stuck, up, link, settings=StreamSettings(max_pending_events=5)) as (client, server):
        connection = open_connection(client)
        (far,) = server.connections
        for number in range(20):
            far.session.deliver(replace(DELIVER, msg_id=bytes([number] * 8)), number, far.now())
            far.flush()
            await asyncio.sleep(0)
        await until(lambda: connection.session.counters["reading_suspended"])
        connection.session.submit(SUBMIT, "mt", connection.now())
        connection.flush()
        (received,) = await up.wait_for(SubmitReceived)
        answer(far, received)
        far.flush()
        await asyncio.sleep(0.25)
        assert connection.session.outstanding == 1
        release.set()
        await until(lambda: not connection.session.outstanding)
        assert connection.session.counters["request_resent"] == 0


# Shutdown


async def test_stop_when_an_answer_is_outstanding_then_waits_for_it() -> None:
    up, down = Notes(answers=False), Notes()
    async with linked(down, up) as (client, server):
        connection = open_connection(client)
        connection.session.submit(SUBMIT, "mt", connection.now())
        connection.flush()
        (received,) = await up.wait_for(SubmitReceived)
        stopping = asyncio.create_task(client.stop(30))
        await down.wait_for(Draining)
        (far,) = server.connections
        answer(far, received)
        far.flush()
        await stopping
    assert [type(event) for event in down.events] == [Bound, Draining, SubmitAccepted, LinkClosed]
    assert client.state is ClientState.STOPPED


async def test_stop_when_the_peer_never_answers_then_cut_short_at_the_deadline() -> None:
    up, down = Notes(answers=False), Notes()
    async with linked(down, up) as (client, _):
        connection = open_connection(client)
        connection.session.submit(SUBMIT, "mt", connection.now())
        connection.flush()
        await up.wait_for(SubmitReceived)
        before = asyncio.get_running_loop().time()
        await client.stop(0.1)
        assert asyncio.get_running_loop().time() - before < 10
    assert down.events[-1] == LinkClosed("drain_deadline", Fault.LOCAL, Retry.NO)


async def test_stop_when_a_handler_hangs_then_it_is_cancelled_at_the_deadline() -> None:
    entered = asyncio.Event()
    cancelled = asyncio.Event()

    async def hanging(connection: Connection[Any], events: list[Any]) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with linked(hanging, Notes()) as (client, _):
        await entered.wait()
        await client.stop(0.1)
        assert cancelled.is_set()
    assert client.connection is None


async def test_stop_when_the_server_goes_then_clients_are_told_and_drained() -> None:
    up, down = Notes(), Notes()
    async with linked(down, up) as (_, server):
        await server.stop(30)
        assert (await down.wait_for(LinkClosed))[0].reason == "terminated_by_peer"
        assert up.events[-1] == LinkClosed("drained", Fault.LOCAL, Retry.NO)
