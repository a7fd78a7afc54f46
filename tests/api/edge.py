"""A gateway on loopback, with real certificates, for tests of its gRPC edge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from gateway.api.counting import listen
from gateway.api.identity import known_party
from gateway.api.server import GatewayServer, ServerSettings, Services, build_server
from gateway.service.audit import AuditService, LogRooms
from gateway.service.interceptions import InterceptionBook
from gateway.service.operations import OperationsService
from gateway.service.operator_keys import OperatorKeys
from gateway.service.policy import PolicyService
from gateway.service.screening import ScreeningService
from gateway.telemetry import Telemetry
from optout.kit.certificates import files_of, make_development_ca
from optout.kit.identity import Identity, Role
from optout.kit.tls import TlsFiles, channel_credentials, channel_options
from optout.v1 import audit_pb2_grpc, number_pb2_grpc, policy_pb2_grpc, registry_pb2_grpc, screening_pb2_grpc
from tests.service.house import MOBILE, ROSTER, SCREENER, TELECOM, House, open_house

GATEWAY = Identity(Role.GATEWAY, "gateway")
OTHER_OPERATOR = Identity(Role.OPERATOR, "operator-b")
WITNESS = Identity(Role.WITNESS, "witness-a")
GHOST = Identity(Role.CARRIER, "ghost")
"""A carrier that the authority has certified and the policy does not know."""

STRANGERS = tuple(Identity(role, "stranger") for role in Role if role not in {Role.CARRIER, Role.GATEWAY})
"""One of each role that the authority has certified and the roster does not know."""

PARTIES = (GATEWAY, MOBILE, TELECOM, *ROSTER.parties(), GHOST, *STRANGERS)


def make_pki(folder: Path) -> dict[Identity, TlsFiles]:
    """An authority and everybody's certificates."""
    return make_development_ca(folder, PARTIES)


def issue_nameless(folder: Path) -> TlsFiles:
    """A certificate of the same authority that names a host and no party."""
    ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    ca_key = load_pem_private_key((folder / "ca.key").read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("printer.example")]), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    files = TlsFiles(folder / "nameless.pem", folder / "nameless.key", folder / "ca.pem")
    files.cert.write_bytes(cert.public_bytes(Encoding.PEM))
    files.key.touch(mode=0o600)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


@dataclass(slots=True)
class Edge:
    """A running gateway and channels to it."""

    house: House
    screening: ScreeningService
    services: Services
    server: GatewayServer
    telemetry: Telemetry
    folder: Path
    rooms: LogRooms
    channels: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def target(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.server.port}"

    async def channel(self, party: Identity | TlsFiles) -> grpc.aio.Channel:
        """A channel that presents a party's certificate."""
        files = files_of(self.folder, party) if isinstance(party, Identity) else party
        channel = grpc.aio.secure_channel(self.target, channel_credentials(files), channel_options(GATEWAY))
        return await self.channels.enter_async_context(channel)

    async def registry(self, party: Identity | TlsFiles) -> registry_pb2_grpc.RegistryServiceAsyncStub:
        """The registry, as a party."""
        return registry_pb2_grpc.RegistryServiceStub(await self.channel(party))

    async def numbers(self, party: Identity) -> number_pb2_grpc.NumberServiceAsyncStub:
        """The life of numbers, as a party."""
        return number_pb2_grpc.NumberServiceStub(await self.channel(party))

    async def screener(self, party: Identity = SCREENER) -> screening_pb2_grpc.ScreeningServiceAsyncStub:
        """Screening, as a party."""
        return screening_pb2_grpc.ScreeningServiceStub(await self.channel(party))

    async def policy(self, party: Identity) -> policy_pb2_grpc.PolicyServiceAsyncStub:
        """The rules, as a party."""
        return policy_pb2_grpc.PolicyServiceStub(await self.channel(party))

    async def audit(self, party: Identity) -> audit_pb2_grpc.AuditServiceAsyncStub:
        """The audit, as a party."""
        return audit_pb2_grpc.AuditServiceStub(await self.channel(party))

    async def catch_up(self) -> None:
        """Wait until screening has seen the whole log."""
        async with asyncio.timeout(30):
            while await self.screening.lag():
                await asyncio.sleep(0.001)


@asynccontextmanager
async def open_edge(folder: Path, keys: OperatorKeys | None = None, **changes: object) -> AsyncIterator[Edge]:
    """A gateway over a store in memory, behind mTLS unless told otherwise. ``keys`` are operators' offline keys."""
    telemetry = Telemetry()
    async with open_house(hearing=listen(telemetry)) as house:
        screening = ScreeningService(house.store, house.recorder, house.policies, ROSTER)
        await screening.load()
        policy = PolicyService(house.store, house.recorder, house.policies, screening, keys, house.clock, ROSTER)
        rooms = house.log_rooms()
        await rooms.signer.start()
        services = Services(
            house.registry,
            house.numbers,
            screening,
            policy,
            InterceptionBook(house.store, house.recorder, house.policies, ROSTER),
            OperationsService(house.store, house.recorder),
            AuditService(house.store, house.recorder, house.policies, rooms),
            known_party(house.policies, ROSTER),
            house.clock,
        )
        fields = {"listen": "127.0.0.1:0", "tls": files_of(folder, GATEWAY)} | changes
        server = await build_server(services, ServerSettings(**fields), telemetry)  # type: ignore[arg-type]
        await server.start()
        follower = asyncio.create_task(screening.run())
        edge = Edge(house, screening, services, server, telemetry, folder, rooms)
        try:
            async with edge.channels:
                yield edge
        finally:
            await server.drain(0.2)
            await rooms.epochs.close()
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)


def info_of(error: grpc.aio.AioRpcError) -> ErrorInfo:
    """The ErrorInfo of a failed call."""
    status, info = rpc_status.from_call(error), ErrorInfo()
    assert status is not None
    assert status.code == error.code().value[0]
    assert status.details[0].Unpack(info)
    assert info.domain == "optout.v1"
    return info
