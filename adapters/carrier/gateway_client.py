"""The gateway, as an adapter sees it: a client of `RegistryService` that a stranger could have written.

When the carrier's certificate changes on disk, later calls go over a new channel; those under way finish on the old.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from typing import Protocol, TypeVar

import grpc
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_before_delay, wait_exponential_jitter

from adapters.carrier.contract import name_reason, write_time
from adapters.carrier.rpc import PARTY_METADATA, Advice, GatewayError, read_failure
from adapters.carrier.settings import GatewayConfig
from adapters.journal.rows import Delivery, Progress
from optout.kit.clock import Clock
from optout.kit.identity import Identity, Role
from optout.kit.number import PhoneNumber
from optout.kit.tls import CertificateWatcher, TlsFiles, channel_credentials, channel_options
from optout.v1 import errors_pb2, registry_pb2, registry_pb2_grpc, screening_pb2, screening_pb2_grpc, types_pb2

log = logging.getLogger(__name__)

_CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]
_STATES = {
    Progress.SENT: registry_pb2.DELIVERY_STATE_SENT,
    Progress.DELIVERED: registry_pb2.DELIVERY_STATE_DELIVERED,
    Progress.FAILED: registry_pb2.DELIVERY_STATE_FAILED,
    Progress.UNKNOWN: registry_pb2.DELIVERY_STATE_UNKNOWN,
}


class Answer(Protocol):
    """An answer to one report of a stream."""

    report_id: str


R = TypeVar("R")
A = TypeVar("A", bound=Answer)
# A refusal of an interception carries a reason alone; these say "not now".
_LATER = frozenset(
    {
        errors_pb2.ERROR_REASON_OVERLOADED,
        errors_pb2.ERROR_REASON_STORE_UNAVAILABLE,
        errors_pb2.ERROR_REASON_COMMIT_UNKNOWN,
    }
)


class Gateway(Protocol):
    """What a channel asks of the gateway."""

    async def submit(self, instruction: types_pb2.Instruction) -> types_pb2.Outcome:
        """Have an instruction carried out; returns once it is durable. Raises `GatewayError`."""
        ...

    async def report_deliveries(self, deliveries: Sequence[Delivery]) -> list[str]:
        """Tell what became of notices; returns the report ids that are done with. Raises `GatewayError`."""
        ...

    async def find_subscription(self, number: PhoneNumber) -> types_pb2.Subscription | None:
        """Return a subscriber's state; None if there never was one. Raises `GatewayError`."""
        ...

    async def report_applied(self, reports: Sequence[registry_pb2.ReportAppliedRequest]) -> list[str]:
        """Tell what took effect; returns the report ids that are done with. Raises `GatewayError`."""
        ...

    async def report_interceptions(self, reports: Sequence[screening_pb2.ReportInterceptionsRequest]) -> list[str]:
        """Tell what became of calls; returns the report ids that are done with. Raises `GatewayError`."""
        ...


class GatewayClient:
    """The gateway over gRPC. Raises `TlsError` when made, if the certificates are unfit."""

    def __init__(self, config: GatewayConfig, carrier: str, tls: TlsFiles | None, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._metadata = () if tls else ((PARTY_METADATA, str(Identity(Role.CARRIER, carrier))),)
        self._watcher = CertificateWatcher(tls) if tls else None
        self._channel = self._open()
        self._bind()
        self._closing: set[asyncio.Task[None]] = set()

    async def submit(self, instruction: types_pb2.Instruction) -> types_pb2.Outcome:
        """Submit, and repeat under a growing wait what may be repeated, until `submit_timeout_s` have passed."""
        request = registry_pb2.SubmitRequest(instruction=instruction)
        deadline = self._clock.monotonic() + self._config.submit_timeout_s
        try:
            # Nearly every call ends here, without the price of a retry machine.
            return await self._submit_once(request, deadline)
        except GatewayError as error:
            if not _may_repeat(error):
                raise
        await self._clock.sleep(self._config.retry_first_s)
        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_repeat),
            wait=wait_exponential_jitter(
                multiplier=self._config.retry_first_s, max=self._config.retry_most_s, jitter=self._config.retry_first_s
            ),
            stop=stop_before_delay(deadline - self._clock.monotonic()),
            sleep=self._clock.sleep,
            before_sleep=_note_retry,
            reraise=True,
        )
        return await retrying(self._submit_once, request, deadline)

    async def report_deliveries(self, deliveries: Sequence[Delivery]) -> list[str]:
        """Send a batch over one stream; what the gateway refuses for good is done with, too."""
        call = self._follow_certificates().ReportDelivery(
            _each([_write_delivery(delivery) for delivery in deliveries]),
            timeout=self._config.submit_timeout_s,
            metadata=self._metadata,
        )
        return await _hear(call, lambda answer: answer.refusal.reason, lambda answer: not answer.refusal.retryable)

    async def report_applied(self, reports: Sequence[registry_pb2.ReportAppliedRequest]) -> list[str]:
        """Send a batch over one stream; what the gateway refuses for good is done with, too."""
        call = self._follow_certificates().ReportApplied(
            _each(reports), timeout=self._config.submit_timeout_s, metadata=self._metadata
        )
        return await _hear(call, lambda answer: answer.refusal.reason, lambda answer: not answer.refusal.retryable)

    async def report_interceptions(self, reports: Sequence[screening_pb2.ReportInterceptionsRequest]) -> list[str]:
        """Send a batch over one stream; what the gateway refuses for good is done with, too."""
        self._follow_certificates()
        call = self._screening.ReportInterceptions(
            _each(reports), timeout=self._config.submit_timeout_s, metadata=self._metadata
        )
        return await _hear(call, lambda answer: answer.reason, lambda answer: answer.reason not in _LATER)

    async def find_subscription(self, number: PhoneNumber) -> types_pb2.Subscription | None:
        """Ask once: somebody waits before a page."""
        request = registry_pb2.GetSubscriptionRequest(number=number, medium=types_pb2.MEDIUM_VOICE)
        try:
            answer = await self._follow_certificates().GetSubscription(
                request, timeout=self._config.attempt_timeout_s, metadata=self._metadata
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise read_failure(error) from None
        return answer.subscription

    async def close(self) -> None:
        """Close the channel; calls still open end."""
        await self._channel.close()
        await asyncio.gather(*self._closing)

    async def _submit_once(self, request: registry_pb2.SubmitRequest, deadline: float) -> types_pb2.Outcome:
        left_s = max(deadline - self._clock.monotonic(), 0.05)
        try:
            answer = await self._follow_certificates().Submit(
                request, timeout=min(left_s, self._config.attempt_timeout_s), metadata=self._metadata
            )
        except grpc.aio.AioRpcError as error:
            raise read_failure(error) from None
        return answer.outcome

    def _follow_certificates(self) -> registry_pb2_grpc.RegistryServiceAsyncStub:
        if self._watcher is not None and self._watcher.poll() is not None:
            old, self._channel = self._channel, self._open()
            self._bind()
            closing = asyncio.create_task(old.close(grace=self._config.submit_timeout_s))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        return self._stub

    def _bind(self) -> None:
        self._stub = registry_pb2_grpc.RegistryServiceStub(self._channel)
        self._screening = screening_pb2_grpc.ScreeningServiceStub(self._channel)

    def _open(self) -> grpc.aio.Channel:
        address = self._config.address
        if self._watcher is None:
            return grpc.aio.insecure_channel(address, _CHANNEL_OPTIONS)
        gateway = Identity(Role.GATEWAY, self._config.party)
        options = [*_CHANNEL_OPTIONS, *channel_options(gateway)]
        return grpc.aio.secure_channel(address, channel_credentials(self._watcher.current), options)


def _may_repeat(error: BaseException) -> bool:
    return isinstance(error, GatewayError) and error.advice is Advice.LATER


def _note_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    reason = error.reason if isinstance(error, GatewayError) else ""
    log.warning("gateway did not take an instruction", extra={"reason": reason, "attempt": state.attempt_number})


def _write_delivery(delivery: Delivery) -> registry_pb2.ReportDeliveryRequest:
    return registry_pb2.ReportDeliveryRequest(
        report_id=delivery.report_id,
        notice_id=delivery.notice_id,
        state=_STATES[delivery.progress],
        code=delivery.code,
        report_time=write_time(delivery.report_ms),
        parts=delivery.parts,
    )


async def _each(requests: Sequence[R]) -> AsyncIterator[R]:
    for request in requests:
        yield request


async def _hear(call: AsyncIterable[A], reason_of: Callable[[A], int], is_done: Callable[[A], bool]) -> list[str]:
    """Read a report stream's answers: the ids that are done with. An end before the first answer is a failure."""
    done: list[str] = []
    try:
        async for answer in call:
            if is_done(answer):
                done.append(answer.report_id)
            if reason := reason_of(answer):
                log.warning("report refused", extra={"reason": name_reason(reason)})
    except grpc.aio.AioRpcError as error:
        if not done:
            raise read_failure(error) from None
    return done
