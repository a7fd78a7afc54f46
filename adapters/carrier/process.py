"""An adapter as a running whole: journal, gateway, channel, service, health; from a configuration to a graceful end."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from adapters.carrier.account_channel import AccountChannel, AccountParts
from adapters.carrier.base import Carrier
from adapters.carrier.eraser import Eraser
from adapters.carrier.gateway_client import GatewayClient
from adapters.carrier.guard import Guard
from adapters.carrier.http import HealthServer, require_certificates
from adapters.carrier.metrics import Metrics
from adapters.carrier.notices import NoticeWriter
from adapters.carrier.order_channel import OrderChannel, OrderParts
from adapters.carrier.platform_channel import PlatformChannel
from adapters.carrier.servicer import CarrierServicer, ServicerParts
from adapters.carrier.settings import AdapterConfig, LinkConfig, OrdersConfig, TlsConfig
from adapters.carrier.sms_channel import ChannelParts, SmsChannel
from adapters.carrier.sms_link import LinkHandler, LinkParts, SmsLink
from adapters.carrier.switch_off import SwitchOffReporter
from adapters.journal.base import Journal
from adapters.journal.rows import Waits
from adapters.journal.seal import parse_key
from adapters.journal.sqlite import open_journal
from adapters.transport.platform import PlatformClient
from optout.kit.clock import Clock
from optout.kit.config import ConfigError, ConfigReason, read_secret
from optout.kit.tls import DenyList, server_credentials
from optout.v1 import carrier_pb2, carrier_pb2_grpc

log = logging.getLogger(__name__)

SERVICE = carrier_pb2.DESCRIPTOR.services_by_name["CarrierService"].full_name
MAX_MESSAGE_BYTES = 1 << 20
_SERVER_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),  # a second adapter on the same port is a mistake to be told of
]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a started adapter listens; `http`, `orders` and `account` are empty if it serves none."""

    grpc: str
    http: str
    orders: str = ""
    account: str = ""


class Channel(Protocol):
    """One way by which subscribers reach the carrier."""

    async def start(self) -> None:
        """Begin. Raises `JournalError` and `OSError`."""
        ...

    async def stop(self, drain_s: float) -> None:
        """Finish what is at hand within about `drain_s`, and end."""
        ...

    def checks(self) -> Mapping[str, bool]:
        """Say of each thing it needs whether it works."""
        ...


async def run_adapter(
    carrier: Carrier,
    config: AdapterConfig,
    *,
    clock: Clock,
    ready: Callable[[Addresses], None],
    stop: asyncio.Event,
) -> None:
    """Run until `stop` is set, then drain; `ready` is called once everything listens.

    Raises `ConfigError`, `TlsError`, `JournalError` and `OSError` for what keeps it from starting.
    """
    async with AsyncExitStack() as cleanup:
        adapter = await _build(carrier, config, clock, cleanup)
        ready(adapter)
        log.info("adapter serves", extra={"carrier": carrier.id, "grpc": adapter.grpc, "http": adapter.http})
        await stop.wait()
        log.info("adapter drains", extra={"carrier": carrier.id})


async def _build(carrier: Carrier, config: AdapterConfig, clock: Clock, cleanup: AsyncExitStack) -> Addresses:
    """Start part by part; `cleanup` stops them in the reverse order: health last but for the journal."""
    _check_listen(config)
    drain_s = config.grpc.drain_s
    metrics = Metrics(carrier.id)
    writer = NoticeWriter(carrier.data.notices)
    journal = _open_journal(config, clock)
    cleanup.push_async_callback(journal.close)
    tls = None if config.grpc.insecure_dev else config.tls.files()
    gateway = GatewayClient(config.gateway, carrier.id, tls, clock)
    cleanup.push_async_callback(gateway.close)
    links = _plan_links(carrier, config, clock)
    sms = SmsChannel(ChannelParts(carrier.data, config, journal, gateway, writer, metrics, clock, links))
    channels: list[Channel] = [sms]
    orders = None
    if config.orders.listen:
        tls_face = _plan_tls(config.orders)
        orders = OrderChannel(OrderParts(carrier, config.orders, journal, gateway, metrics, clock, tls_face))
        channels.append(orders)
    account = None
    if config.account is not None:
        account = AccountChannel(
            AccountParts(carrier, config.account, journal, gateway, writer, metrics, clock, sms.wake_sender)
        )
        channels.append(account)
    platform = _make_platform(carrier, config, journal, gateway, metrics, clock)
    orders_out = platform or SwitchOffReporter(journal, gateway, clock, config.gateway, config.sms.poll_s)
    channels.append(orders_out)
    eraser = Eraser(journal, gateway, metrics)
    channels.append(eraser)
    http_address = ""
    if config.http.listen:
        web = HealthServer(config.http.listen, metrics.registry, lambda: _check(channels))
        http_address = await web.start()
        cleanup.push_async_callback(web.stop)
    for channel in channels:
        cleanup.push_async_callback(channel.stop, drain_s)
        await channel.start()
    servicer = CarrierServicer(
        ServicerParts(
            carrier.data,
            journal,
            writer,
            metrics,
            clock,
            sms.accounts,
            config.sms.notice_life_s,
            sms.wake_sender,
            on_order=orders_out.wake,
            on_erasure=eraser.wake,
            by_platform=platform is not None,
        )
    )
    address = await _serve(config, servicer, metrics, cleanup)
    return Addresses(address, http_address, orders.address if orders else "", account.address if account else "")


def _check(channels: Iterable[Channel]) -> Mapping[str, bool]:
    return {name: works for channel in channels for name, works in channel.checks().items()}


def _make_platform(
    carrier: Carrier, config: AdapterConfig, journal: Journal, gateway: GatewayClient, metrics: Metrics, clock: Clock
) -> PlatformChannel | None:
    """A carrier with an interception platform of its own carries orders out by it; others leave them to the gateway.

    Raises `ConfigError` for one that declares its platform and does not say where it is: its orders would be answered
    as if they were carried out.
    """
    if not config.platform.url:
        if carrier.data.capabilities.enforcement == "platform":
            raise ConfigError(ConfigReason.MISSING, "platform.url", f"{carrier.id} enforces by its own platform")
        return None
    secret = read_secret(config.platform.secret)
    client = PlatformClient(config.platform.url, secret, timeout_s=config.platform.timeout_s)
    delay_s = carrier.data.capabilities.effect_delay_s
    return PlatformChannel(client, journal, gateway, metrics, clock, config.platform, carrier.data.platform, delay_s)


def _open_journal(config: AdapterConfig, clock: Clock) -> Journal:
    key = parse_key(read_secret(config.journal.key))
    waits = Waits(
        resend_after_ms=round(config.journal.resend_after_s * 1000),
        report_wait_ms=round(config.journal.report_wait_h * 3_600_000),
        max_attempts=config.journal.max_attempts,
    )
    return open_journal(config.journal.path, key, waits, clock.now_ms())


def _plan_links(carrier: Carrier, config: AdapterConfig, clock: Clock) -> Callable[[LinkHandler], Sequence[SmsLink]]:
    """Read the links' secrets now, so that what is missing is told at the start. A carrier may do without links."""
    make = carrier.make_sms_link
    if make is None and config.links:
        raise ConfigError(ConfigReason.BAD_VALUE, "links", f"{carrier.id} has no SMS links")
    if not (config.links or config.orders.listen or config.account):
        hint = f"{carrier.id} needs at least one SMS link, orders or an account"
        raise ConfigError(ConfigReason.MISSING, "links", hint)
    secrets: list[tuple[LinkConfig, str]] = [(link, read_secret(link.secret)) for link in config.links]

    def make_links(handler: LinkHandler) -> Sequence[SmsLink]:
        return [make(LinkParts(carrier.data, link, secret, handler, clock)) for link, secret in secrets if make]

    return make_links


async def _serve(config: AdapterConfig, servicer: CarrierServicer, metrics: Metrics, cleanup: AsyncExitStack) -> str:
    deny_list = DenyList(config.tls.deny_serials) if config.tls.deny_serials else None
    guard = Guard(metrics, insecure_dev=config.grpc.insecure_dev, deny_list=deny_list)
    server = grpc.aio.server(interceptors=[guard], options=_SERVER_OPTIONS)
    carrier_pb2_grpc.add_CarrierServiceServicer_to_server(servicer, server)
    status = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    listen = config.grpc.listen
    if config.grpc.insecure_dev:
        log.warning("serving without TLS: for development on this machine only")
        port = server.add_insecure_port(listen)
    else:
        port = server.add_secure_port(listen, server_credentials(config.tls.files()))
    await server.start()
    for name in ("", SERVICE):
        await status.set(name, health_pb2.HealthCheckResponse.SERVING)
    cleanup.push_async_callback(server.stop, config.grpc.drain_s)
    cleanup.push_async_callback(status.enter_graceful_shutdown)
    return f"{listen.rpartition(':')[0]}:{port}"


def _plan_tls(config: OrdersConfig) -> ssl.SSLContext | None:
    """Ask callers for their certificates, if TLS is configured; on loopback alone it need not be."""
    if config.tls == TlsConfig() and _is_loopback(config.listen.rpartition(":")[0]):
        return None
    return require_certificates(config.tls.files())


def _check_listen(config: AdapterConfig) -> None:
    listens = {"grpc": config.grpc.listen, "http": config.http.listen, "orders": config.orders.listen}
    if config.account is not None:
        listens["account"] = config.account.listen
    for key, listen in ((f"{section}.listen", listen) for section, listen in listens.items() if listen):
        host, separator, port = listen.rpartition(":")
        if not separator or not port.isascii() or not port.isdigit():
            raise ConfigError(ConfigReason.BAD_VALUE, key, "HOST:PORT is expected")
        if key == "grpc.listen" and config.grpc.insecure_dev and not _is_loopback(host):
            raise ConfigError(ConfigReason.BAD_VALUE, key, "insecure_dev serves on loopback only")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
