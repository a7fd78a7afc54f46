"""The gateway's side of CarrierService: one carrier's adapter over gRPC, as dispatch sees it.

The adapter has to present the certificate of that very carrier: a certificate of another party is refused in the
handshake. When the gateway's own certificates change, later calls go over a new channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from gateway.api.errors import DOMAIN, Retry
from gateway.api.identity import PARTY_METADATA
from gateway.api.mapping_carrier import read_capabilities, write_apply, write_notice
from gateway.api.mapping_effects import read_effects
from gateway.domain.capability import Capabilities
from gateway.domain.errors import RefusedError
from gateway.domain.knowledge import ReportedEffect
from gateway.service.dispatch import CarrierCallError
from gateway.service.outbox import ApplyOrder, NoticeOrder
from optout.kit.identity import Identity, Role
from optout.kit.tls import CertificateWatcher, TlsFiles, channel_credentials, channel_options
from optout.v1 import carrier_pb2, carrier_pb2_grpc

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)

_CODE = grpc.StatusCode
_UNTOLD = {
    _CODE.UNAVAILABLE: ("LINK_DOWN", True),
    _CODE.DEADLINE_EXCEEDED: ("LINK_DOWN", True),
    _CODE.CANCELLED: ("LINK_DOWN", True),
    _CODE.RESOURCE_EXHAUSTED: ("OVERLOADED", True),
    _CODE.UNIMPLEMENTED: ("NOT_OFFERED", False),
}
"""What a failure means that carries no ErrorInfo: it comes from gRPC itself. (Reason, whether to repeat.)"""

_CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 10_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]


@dataclass(frozen=True, slots=True)
class CarrierLink:
    """Where a carrier's adapter listens. Without ``tls`` the link is plain: for ``--insecure-dev``."""

    carrier: str
    target: str
    tls: TlsFiles | None = None
    deadline_s: float = 10.0


class GrpcCarrier:
    """A CarrierPort over gRPC. Raises TlsError when made, if the certificates are unfit."""

    def __init__(self, link: CarrierLink, gateway_party: str = "gateway") -> None:
        self._link = link
        self._metadata = ((PARTY_METADATA, f"{Role.GATEWAY.value}/{gateway_party}"),) if link.tls is None else ()
        self._watcher = CertificateWatcher(link.tls) if link.tls is not None else None
        self._channel = self._open()
        self._closing: set[asyncio.Task[None]] = set()

    async def capabilities(self) -> Capabilities:
        """Ask what the carrier can do. CarrierCallError."""
        answer = await self._call(lambda stub: stub.GetCapabilities, carrier_pb2.GetCapabilitiesRequest())
        try:
            return read_capabilities(answer)
        except RefusedError as error:
            raise CarrierCallError(error.reason.value, retryable=False) from error

    async def notify(self, order: NoticeOrder) -> None:
        """Have a notice sent. CarrierCallError."""
        await self._call(lambda stub: stub.Notify, write_notice(order))

    async def apply(self, order: ApplyOrder) -> tuple[ReportedEffect, ...]:
        """Have a state carried out; what is known of it at once. CarrierCallError."""
        answer = await self._call(lambda stub: stub.Apply, write_apply(order))
        try:
            return read_effects(answer.effects, "effects")
        except RefusedError as error:
            raise CarrierCallError(error.reason.value, retryable=False) from error

    async def close(self) -> None:
        """Close the link; calls still open end as LINK_DOWN."""
        await self._channel.close()
        await asyncio.gather(*self._closing)

    async def _call(
        self,
        choose: Callable[[carrier_pb2_grpc.CarrierServiceAsyncStub], Callable[..., Awaitable[A]]],
        request: Q,
    ) -> A:
        self._follow_certificates()
        method = choose(carrier_pb2_grpc.CarrierServiceStub(self._channel))
        try:
            return await method(request, timeout=self._link.deadline_s, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            reason, retryable = read_failure(error)
            raise CarrierCallError(reason, retryable=retryable) from error

    def _follow_certificates(self) -> None:
        if self._watcher is None or self._watcher.poll() is None:
            return
        old, self._channel = self._channel, self._open()
        closing = asyncio.create_task(old.close(grace=self._link.deadline_s))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _open(self) -> grpc.aio.Channel:
        if self._watcher is None:
            return grpc.aio.insecure_channel(self._link.target, _CHANNEL_OPTIONS)
        carrier = Identity(Role.CARRIER, self._link.carrier)
        options = [*_CHANNEL_OPTIONS, *channel_options(carrier)]
        return grpc.aio.secure_channel(self._link.target, channel_credentials(self._watcher.current), options)


def read_failure(error: grpc.aio.AioRpcError) -> tuple[str, bool]:
    """The reason of a failed call, and whether to repeat it.

    The adapter's ErrorInfo decides. UNAUTHENTICATED is repeated whatever it says: it speaks of the link, not of the
    order, and no order is to be given up because a certificate was.
    """
    reason, retryable = _UNTOLD.get(error.code(), ("INTERNAL", False))
    info = find_info(error)
    if info is not None:
        reason, retryable = info.reason, info.metadata.get("retry") == Retry.LATER
    return reason, retryable or error.code() is _CODE.UNAUTHENTICATED


def find_info(error: grpc.RpcError) -> ErrorInfo | None:
    """The contract's ErrorInfo, if there is one and the details can be read at all."""
    info = ErrorInfo()
    try:
        status = rpc_status.from_call(error)
        found = status is not None and any(detail.Unpack(info) and info.domain == DOMAIN for detail in status.details)
    except (ValueError, DecodeError):
        return None
    return info if found else None
