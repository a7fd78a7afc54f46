"""The gRPC server: services of the contract, health and reflection, behind the guard; with a drain before the stop."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.api.audit import AuditServicer
from gateway.api.identity import CertificateIdentifier, Identifier, KnowsParty, MetadataIdentifier, is_loopback
from gateway.api.interceptors import CallLimits, Guard
from gateway.api.numbers import NumberServicer
from gateway.api.offering import make_handler
from gateway.api.operations import OperationsServicer
from gateway.api.policy import PolicyServicer
from gateway.api.registry import RegistryServicer
from gateway.api.screening import ScreeningServicer
from gateway.service.audit import AuditService
from gateway.service.interceptions import InterceptionBook
from gateway.service.numbers import NumberService
from gateway.service.operations import OperationsService
from gateway.service.policy import PolicyService
from gateway.service.registry import RegistryService
from gateway.service.screening import ScreeningService
from gateway.telemetry import Telemetry
from optout.kit.clock import Clock
from optout.kit.tls import DenyList, TlsFiles, server_credentials
from optout.v1 import audit_pb2, number_pb2, operations_pb2, policy_pb2, registry_pb2, screening_pb2

log = logging.getLogger(__name__)

SERVED = (
    registry_pb2.DESCRIPTOR.services_by_name["RegistryService"],
    screening_pb2.DESCRIPTOR.services_by_name["ScreeningService"],
    number_pb2.DESCRIPTOR.services_by_name["NumberService"],
    policy_pb2.DESCRIPTOR.services_by_name["PolicyService"],
    operations_pb2.DESCRIPTOR.services_by_name["OperationsService"],
    audit_pb2.DESCRIPTOR.services_by_name["AuditService"],
)
"""The services of the contract that a gateway serves; CarrierService is what it calls."""

MAX_METADATA_BYTES = 16 * 1024


class ListenError(Exception):
    """The server cannot listen as configured: ``reason`` is NO_CERTIFICATES, NOT_LOOPBACK or ADDRESS_UNUSABLE."""

    def __init__(self, reason: str, address: str) -> None:
        super().__init__(f"{reason}: {address}")
        self.reason = reason
        self.address = address


@dataclass(frozen=True, slots=True)
class Services:
    """What the server offers, and who is let in."""

    registry: RegistryService
    numbers: NumberService
    screening: ScreeningService
    policy: PolicyService
    interceptions: InterceptionBook
    operations: OperationsService
    audit: AuditService
    knows_party: KnowsParty
    clock: Clock


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How to listen. ``listen`` is ``host:port`` (port 0 picks one) or ``unix:path``.

    Without ``insecure_dev`` ``tls`` is needed; with it there is no TLS at all, the caller's word is taken for who it
    is, and only loopback addresses are accepted.
    """

    listen: str
    tls: TlsFiles | None = None
    deny_list: Path | None = None
    insecure_dev: bool = False
    max_message_bytes: int = 4 * 1024 * 1024
    max_streams_per_connection: int = 256
    keepalive_s: float = 30.0
    limits: CallLimits = field(default_factory=CallLimits)


class GatewayServer:
    """A gRPC server, bound to ``port`` and not yet started."""

    def __init__(
        self, server: grpc.aio.Server, port: int, checker: health.aio.HealthServicer, draining: asyncio.Event
    ) -> None:
        self.port = port
        self.draining = draining
        self._server = server
        self._health = checker

    async def start(self) -> None:
        """Take calls."""
        await self._server.start()

    async def drain(self, grace_s: float) -> None:
        """Stop gently: say NOT_SERVING, end change feeds, let other calls finish within ``grace_s``, then stop."""
        log.info("draining", extra={"grace_s": grace_s})
        await self._health.enter_graceful_shutdown()
        self.draining.set()
        await self._server.stop(grace_s)

    async def stop(self) -> None:
        """Stop at once; after a drain there is nothing left to do."""
        await self._server.stop(None)

    async def wait(self) -> None:
        """Return once the server has stopped."""
        await self._server.wait_for_termination()


async def build_server(services: Services, settings: ServerSettings, telemetry: Telemetry) -> GatewayServer:
    """Make the server and bind it. Raises ListenError, and TlsError for unfit certificates or deny list."""
    identifier = _make_identifier(services.knows_party, settings)
    draining = asyncio.Event()
    server = grpc.aio.server(
        interceptors=(Guard(identifier, telemetry, draining, settings.limits),), options=_make_options(settings)
    )
    servicers = {
        "optout.v1.RegistryService": RegistryServicer(services.registry, telemetry, draining),
        "optout.v1.NumberService": NumberServicer(services.numbers, telemetry, draining),
        "optout.v1.ScreeningService": ScreeningServicer(
            services.screening, services.interceptions, telemetry, services.clock, draining
        ),
        "optout.v1.PolicyService": PolicyServicer(services.policy, services.clock, draining),
        "optout.v1.OperationsService": OperationsServicer(services.operations, telemetry),
        "optout.v1.AuditService": AuditServicer(services.audit),
    }
    server.add_generic_rpc_handlers([make_handler(service, servicers.get(service.full_name)) for service in SERVED])
    checker = await _add_health(server)
    return GatewayServer(server, _bind(server, settings), checker, draining)


def _make_identifier(knows_party: KnowsParty, settings: ServerSettings) -> Identifier:
    if settings.insecure_dev:
        if not is_loopback(settings.listen):
            raise ListenError("NOT_LOOPBACK", settings.listen)
        log.warning("insecure: callers are who they say they are", extra={"listen": settings.listen})
        return MetadataIdentifier(knows_party)
    if settings.tls is None:
        raise ListenError("NO_CERTIFICATES", settings.listen)
    return CertificateIdentifier(knows_party, DenyList(settings.deny_list) if settings.deny_list else None)


def _make_options(settings: ServerSettings) -> list[tuple[str, int]]:
    keepalive_ms = round(settings.keepalive_s * 1000)
    return [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.max_concurrent_streams", settings.max_streams_per_connection),
        ("grpc.keepalive_time_ms", keepalive_ms),
        ("grpc.keepalive_timeout_ms", keepalive_ms),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        # Two gateways on one port would share its calls, and one store allows one gateway.
        ("grpc.so_reuseport", 0),
    ]


async def _add_health(server: grpc.aio.Server) -> health.aio.HealthServicer:
    checker = health.aio.HealthServicer()
    for service in SERVED:
        await checker.set(service.full_name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(checker, server)
    names = (*(service.full_name for service in SERVED), health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return checker


def _bind(server: grpc.aio.Server, settings: ServerSettings) -> int:
    try:
        if settings.insecure_dev or settings.tls is None:
            return server.add_insecure_port(settings.listen)
        return server.add_secure_port(settings.listen, server_credentials(settings.tls))
    except RuntimeError:
        raise ListenError("ADDRESS_UNUSABLE", settings.listen) from None
