"""Hotline and hall: what agents and clerks book in the carrier's CRM, over HTTP, in the carrier's own envelope.

1. What nobody can be answered for, since its head cannot be read, gets HTTP 400 and a reason; everything else gets HTTP
   200 and a reply in the envelope, whose code says whether to send the order again.
2. An order is believed if its source is one of those configured and, where the envelope has a signature, if that is
   right and of now. Only then does it hold its serial.
3. The reply is written after the gateway has committed.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from aiohttp import web

from adapters.carrier.base import Carrier, OrderData
from adapters.carrier.gateway_client import Gateway
from adapters.carrier.metrics import Metrics
from adapters.carrier.order_desk import DeskParts, OrderDesk
from adapters.carrier.order_envelope import Believing, BookingRequest, OrderEnvelope, Reply
from adapters.carrier.order_instruction import Booking
from adapters.carrier.settings import OrdersConfig
from adapters.journal.base import Journal
from adapters.journal.errors import JournalError
from adapters.transport.http import HttpFace
from adapters.wire.answer import Answer, Result
from adapters.wire.errors import WireError
from adapters.wire.order import Order
from optout.kit.clock import Clock
from optout.kit.config import ConfigError, ConfigReason, read_secret

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OrderParts:
    """What the channel works with."""

    carrier: Carrier
    config: OrdersConfig
    journal: Journal
    gateway: Gateway
    metrics: Metrics
    clock: Clock
    tls: ssl.SSLContext | None = None


class OrderChannel:
    """Runs the channel: `start`, and later `stop`. Raises `ConfigError` for what it cannot run with."""

    def __init__(self, parts: OrderParts) -> None:
        self._parts = parts
        data, self._envelope = _read_data(parts.carrier)
        self._secrets = _read_secrets(parts.config, is_signed=self._envelope.is_signed)
        self._desk = OrderDesk(
            DeskParts(parts.carrier.data, data, parts.journal, parts.gateway, parts.metrics, parts.clock)
        )
        self._gate = asyncio.Semaphore(parts.config.max_in_flight)
        self._waiting = 0
        self._face = HttpFace(
            parts.config.listen,
            [web.post(parts.config.path, self._serve)],
            max_body_bytes=self._envelope.max_body_bytes,
            tls=parts.tls,
        )
        self.address = ""
        """Where it really listens, once started."""

    async def start(self) -> None:
        """Begin to serve. Raises `OSError`."""
        self.address = await self._face.start()
        log.info("orders are taken", extra={"orders": self.address})

    async def stop(self, drain_s: float) -> None:
        """Take no more orders, and answer those at hand."""
        await self._face.stop()

    def checks(self) -> Mapping[str, bool]:
        """Say whether orders can come in."""
        return {"orders": bool(self.address)}

    async def _serve(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            opened = self._envelope.open(request.headers.get("Content-Type", ""), body)
        except WireError as error:
            self._count(Result.MALFORMED, error.reason)
            return web.Response(status=400, text=error.reason)
        with self._parts.metrics.order_seconds.time():
            reply = await self._answer(opened, body)
        content_type, written = _write_reply(opened, reply)
        return web.Response(body=written, headers={"Content-Type": content_type})

    async def _answer(self, opened: BookingRequest, body: bytes) -> Reply:
        try:
            order = self._believe(opened)
        except _DisbelievedError as error:
            self._count(error.result, error.reason)
            return self._desk.make_reply(opened.source, opened.serial, Answer(result=error.result))
        booking = Booking(opened.source, opened.serial, order, sha256(body).digest(), self._parts.clock.now_ms())
        reply = await self._book(booking)
        self._count(reply.answer.result)
        return reply

    def _believe(self, opened: BookingRequest) -> Order:
        """Read the order and check whose it is; a stranger learns nothing of what it wrote."""
        secret = self._secrets.get(opened.source)
        if secret is None:
            raise _DisbelievedError(Result.BAD_SIGNATURE, "unknown_source")
        try:
            order = opened.read_order()
        except WireError as error:
            raise _DisbelievedError(Result.MALFORMED, error.reason) from None
        window_ms = round(self._parts.config.clock_skew_s * 1000)
        try:
            opened.check(order, Believing(secret, self._parts.clock.now_ms(), window_ms))
        except WireError as error:
            raise _DisbelievedError(Result.BAD_SIGNATURE, error.reason) from None
        return order

    async def _book(self, booking: Booking) -> Reply:
        reason = "OVERLOADED"
        if self._waiting < self._parts.config.max_waiting:
            self._waiting += 1
            try:
                async with asyncio.timeout(self._parts.config.answer_within_s), self._gate:
                    return await self._desk.book(booking)
            except TimeoutError:
                reason = "ANSWER_LATE"
            except JournalError as error:
                reason = error.reason
            finally:
                self._waiting -= 1
        log.warning("an order could not be booked now", extra={"reason": reason})
        return self._desk.make_reply(booking.source, booking.serial, Answer(result=Result.UNAVAILABLE))

    def _count(self, result: Result, reason: str = "") -> None:
        self._parts.metrics.order(result.value)
        if reason:
            log.warning("an order was not taken", extra={"reason": reason})


def _write_reply(opened: BookingRequest, reply: Reply) -> tuple[str, bytes]:
    """Write a reply; where the envelope has no room for what the gateway told, the result alone: it is committed."""
    try:
        return opened.write_reply(reply)
    except WireError as error:
        log.error("a reply was cut down to its result", extra={"reason": error.reason, "field": error.field})
        return opened.write_reply(replace(reply, answer=Answer(result=reply.answer.result)))


class _DisbelievedError(Exception):
    """An order that is not looked at further."""

    def __init__(self, result: Result, reason: str) -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason


def _read_data(carrier: Carrier) -> tuple[OrderData, OrderEnvelope]:
    data, make = carrier.data.orders, carrier.make_order_envelope
    if data is None or make is None:
        raise ConfigError(ConfigReason.BAD_VALUE, "orders.listen", f"{carrier.id} has no hotline orders")
    if missing := sorted(set(Result) - data.sentences.keys()):
        raise ConfigError(ConfigReason.MISSING, f"orders.sentences.{missing[0]}")
    try:
        return data, make(data)
    except ValueError as error:
        raise ConfigError(ConfigReason.BAD_VALUE, "orders", str(error)) from None


def _read_secrets(config: OrdersConfig, *, is_signed: bool) -> Mapping[str, str]:
    """Read the sources' secrets now, so that what is missing is told at the start."""
    if not config.sources:
        raise ConfigError(ConfigReason.MISSING, "orders.sources", "at least one CRM that may book")
    secrets = {}
    for source in config.sources:
        if source.secret is None and is_signed:
            raise ConfigError(ConfigReason.MISSING, "orders.sources.secret", "this envelope is signed")
        secrets[source.id] = "" if source.secret is None else read_secret(source.secret)
    return secrets
