"""Connections to an SP's listener, made when there is something to deliver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from adapters.session.events import Fault, LinkClosed, Retry
from adapters.simulators.smsc.postman import SmscConnection, SmscSession
from adapters.simulators.smsc.settings import CallBack
from adapters.transport.client import ClientState, ReconnectSettings, StreamClient
from adapters.transport.stream import Handler
from optout.kit.clock import Clock

_GOOD_ORDER = ("never_opened", "drained")
_NEVER_OPENED = LinkClosed("never_opened", Fault.LOCAL, Retry.NO)
_LONGEST_WAIT = 30
_STABLE_S = 5.0


class Caller:
    """Dials one SP when asked to, and again for as long as it does not get through; an idle link ends it."""

    def __init__(
        self,
        call_back: CallBack,
        make_session: Callable[[], SmscSession],
        handler: Handler[SmscSession],
        *,
        redial_s: float,
        clock: Clock,
    ) -> None:
        self._call_back = call_back
        self._make_session = make_session
        self._handler = handler
        self._clock = clock
        self._redial_s = redial_s
        longest = redial_s * _LONGEST_WAIT
        self._reconnect = ReconnectSettings(redial_s, longest, refused_wait_s=longest, stable_s=_STABLE_S)
        self._clients: list[StreamClient[SmscSession]] = []
        self._redial: asyncio.TimerHandle | None = None
        self._is_stopped = False

    @property
    def connections(self) -> list[SmscConnection]:
        """The connection that is open, if one is."""
        return [client.connection for client in self._clients if client.connection is not None]

    def call(self) -> None:
        """See to it that there is a connection, or that one is being made.

        One that was closed in good order is followed by another at once, one that was cut on purpose after a wait.
        """
        closing = _closing_of(self._clients[-1]) if self._clients else _NEVER_OPENED
        if self._is_stopped or self._redial is not None or closing is None or closing.retry is not Retry.NO:
            return
        if closing.fault is Fault.LOCAL and closing.reason in _GOOD_ORDER:
            self._dial()
        else:
            self._redial = asyncio.get_running_loop().call_later(self._redial_s, self._dial)

    async def stop(self, drain_s: float) -> None:
        """Take the connection down gently, cut after `drain_s`, and dial no more."""
        self._is_stopped = True
        if self._redial is not None:
            self._redial.cancel()
        await asyncio.gather(*(client.stop(drain_s) for client in self._clients))

    def _dial(self) -> None:
        self._redial = None
        self._clients = [client for client in self._clients if client.state is not ClientState.STOPPED]
        host, port = self._call_back.host, self._call_back.port
        client = StreamClient(
            host, port, self._make_session, self._handler, reconnect=self._reconnect, clock=self._clock
        )
        self._clients.append(client)
        client.start()


def _closing_of(client: StreamClient[SmscSession]) -> LinkClosed | None:
    """Why the client's last connection closed; None while one is open. The client itself may learn of it later."""
    return client.last_closed if client.connection is None else client.connection.session.closing
