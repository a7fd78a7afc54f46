"""Coming back: how soon, how often, and what shows meanwhile."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.session.cmpp import CmppServer, ServerSettings
from adapters.session.events import Bound, LinkClosed, Retry
from adapters.session.settings import LinkSettings
from adapters.transport.client import Backoff, ClientState, ReconnectSettings
from adapters.transport.server import StreamServer
from adapters.wire.cmpp import Connect
from tests.transport.loopback import SECRET, SP, JumpingClock, Notes, make_client, make_server, until

SETTINGS = ReconnectSettings(first_wait_s=1, max_wait_s=60, refused_wait_s=600, stable_s=60)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@given(failures=st.integers(1, 200))
def test_backoff_when_links_fail_in_a_row_then_the_wait_doubles_up_to_the_cap(failures: int) -> None:
    backoff = Backoff(SETTINGS)
    for _ in range(failures):
        wait_s = backoff.next_wait_s(Retry.BACKOFF, 0)
    longest = min(2.0 ** (failures - 1), 60)
    assert longest / 2 <= wait_s <= longest


def test_backoff_when_asked_often_then_jittered() -> None:
    waits = set()
    for _ in range(20):
        backoff = Backoff(SETTINGS)
        waits.add(backoff.next_wait_s(Retry.BACKOFF, 0))
    assert len(waits) > 10


def test_backoff_when_a_link_was_stable_then_begins_anew_and_only_then() -> None:
    backoff = Backoff(SETTINGS)
    for _ in range(8):
        backoff.next_wait_s(Retry.BACKOFF, 59.9)
    assert backoff.next_wait_s(Retry.BACKOFF, 59.9) >= 30
    assert backoff.next_wait_s(Retry.BACKOFF, 60) <= 1
    assert 1 <= backoff.next_wait_s(Retry.BACKOFF, 0) <= 2


def test_backoff_when_refused_then_slow_at_once() -> None:
    assert 300 <= Backoff(SETTINGS).next_wait_s(Retry.SLOW, 0) <= 600


async def test_client_when_nobody_listens_then_tries_again_with_growing_waits() -> None:
    clock = JumpingClock(most_sleeps=8)
    client = make_client(closed_port(), Notes(), clock=clock, reconnect=SETTINGS)
    assert client.state is ClientState.IDLE
    client.start()
    await asyncio.wait_for(clock.enough.wait(), 30)
    assert client.state is ClientState.WAITING
    assert all(min(2**n, 60) / 2 <= wait <= min(2**n, 60) for n, wait in enumerate(clock.sleeps))
    assert client.counters == {"dialled": 8, "closed_connect_failed": 8}
    await client.stop(1)
    assert client.state is ClientState.STOPPED


async def test_client_when_refused_then_visible_and_slow(caplog: pytest.LogCaptureFixture) -> None:
    server = make_server(Notes())
    await server.start()
    clock = JumpingClock(most_sleeps=2)
    client = make_client(server.port, Notes(), secret="wrong", clock=clock, reconnect=SETTINGS)
    client.start()
    await asyncio.wait_for(clock.enough.wait(), 30)
    assert client.state is ClientState.REFUSED
    assert client.last_closed is not None
    assert client.last_closed.reason == "login_refused"
    assert all(300 <= wait <= 600 for wait in clock.sleeps)
    assert "wrong" not in caplog.text
    await client.stop(1)
    await server.stop(1)


async def test_client_when_the_link_is_cut_then_comes_back_with_a_new_session() -> None:
    down = Notes()
    server = make_server(Notes())
    await server.start()
    client = make_client(server.port, down)
    client.start()
    await down.wait_for(Bound)
    first = client.connection
    (far,) = server.connections
    far.abort("test")
    await down.wait_for(Bound, 2)
    assert client.connection is not None
    assert client.connection is not first
    assert [type(event) for event in down.events] == [Bound, LinkClosed, Bound]
    await client.stop(1)
    await server.stop(1)


async def test_client_when_the_peer_accepts_and_hangs_up_then_never_bound_and_backs_off() -> None:
    server = make_server(HangUpOnLogin())
    await server.start()
    clock = JumpingClock(most_sleeps=4)
    down = Notes()
    client = make_client(server.port, down, LinkSettings(settle_s=5), clock=clock, reconnect=SETTINGS)
    client.start()
    await asyncio.wait_for(clock.enough.wait(), 30)
    assert {event.reason for event in await down.wait_for(LinkClosed, 4)} == {"closed_while_settling"}
    assert not [event for event in down.events if isinstance(event, Bound)]
    assert clock.sleeps[3] >= 4
    await client.stop(1)
    await server.stop(1)


class HangUpOnLogin:
    async def __call__(self, connection: object, events: list[object]) -> None:
        if any(isinstance(event, Bound) for event in events):
            connection._transport.close()  # type: ignore[attr-defined]


async def test_client_when_its_old_handler_hangs_then_the_new_link_comes_up_all_the_same() -> None:
    bound = 0

    async def hanging(connection: object, events: list[object]) -> None:
        nonlocal bound
        bound += any(isinstance(event, Bound) for event in events)
        if bound == 1:
            await asyncio.Event().wait()

    server = make_server(Notes())
    await server.start()
    client = make_client(server.port, hanging)
    client.start()
    await until(lambda: bound == 1)
    for connection in server.connections:
        connection.abort("test")
    await until(lambda: bound == 2)
    await client.stop(0.1)
    await server.stop(1)


async def test_client_when_stopped_while_waiting_then_stops_at_once() -> None:
    client = make_client(closed_port(), Notes(), reconnect=ReconnectSettings(first_wait_s=100, max_wait_s=100))
    client.start()
    client.start()
    await until(lambda: client.state is ClientState.WAITING)
    await asyncio.wait_for(client.stop(120), 30)
    assert client.state is ClientState.STOPPED
    assert client.counters["dialled"] == 1


async def test_client_when_stopped_before_it_started_then_stopped() -> None:
    client = make_client(closed_port(), Notes())
    await client.stop(1)
    assert client.state is ClientState.STOPPED


async def test_client_when_the_dial_hangs_then_given_up_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*args: object, **kwargs: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
    clock = JumpingClock(most_sleeps=2)
    reconnect = ReconnectSettings(connect_timeout_s=0.01)
    client = make_client(1, Notes(), clock=clock, reconnect=reconnect)
    client.start()
    await asyncio.wait_for(clock.enough.wait(), 30)
    assert client.counters["closed_connect_failed"] == 2
    await client.stop(1)


async def test_client_when_it_logs_in_then_the_time_of_day_is_that_of_its_clock() -> None:
    seen: list[Connect] = []

    def judge(connect: Connect) -> int:
        seen.append(connect)
        return 0

    settings = ServerSettings({SP: SECRET}, judge_login=judge)
    server = StreamServer(lambda: CmppServer(settings), Notes())
    await server.start()
    client = make_client(server.port, Notes(), clock=JumpingClock())
    client.start()
    await until(lambda: seen)
    assert seen[0].timestamp == 1124120007
    await client.stop(1)
    await server.stop(1)
