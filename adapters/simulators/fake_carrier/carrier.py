"""The fake carrier: serves `CarrierService`, calls `RegistryService`, writes everything down."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import grpc

from adapters.simulators.fake_carrier.book import Book, apply_effects
from adapters.simulators.fake_carrier.entries import CarrierEntry, CarrierFault, CarrierFilter, Method, Request
from adapters.simulators.fake_carrier.errors import read_error
from adapters.simulators.fake_carrier.gateway import GatewayError, RegistryClient
from adapters.simulators.fake_carrier.servicer import CarrierServicer
from adapters.simulators.fake_carrier.settings import FakeCarrierSettings, make_capabilities
from adapters.simulators.faults import FaultDeck, FaultStatus
from adapters.simulators.history import DEFAULT_WAIT_S, History, ViolationsError, read_wall
from optout.kit.clock import Clock, SystemClock
from optout.kit.tls import server_credentials
from optout.v1 import carrier_pb2, carrier_pb2_grpc, registry_pb2, types_pb2

_T = TypeVar("_T")
_RETRY_S = 0.2


class FakeCarrier:
    """One carrier without a network. `history` holds every call both ways, `violations` what the gateway did wrong."""

    def __init__(self, settings: FakeCarrierSettings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.port = settings.port
        self.deck: FaultDeck[CarrierFault] = FaultDeck()
        self.clock = clock or SystemClock()
        self._history: History[CarrierEntry] = History(settings.history_limit)
        self._violating: list[CarrierEntry] = []
        self._declared = settings.capabilities or make_capabilities(settings.carrier)
        self.book = Book(settings.carrier, self._declared)
        self._server: grpc.aio.Server | None = None
        self._gateway: RegistryClient | None = None
        self._reports: set[asyncio.Task[None]] = set()

    # Life

    async def start(self) -> None:
        """Listen; raise `RuntimeError` where that is not possible, and `TlsError` for unfit files."""
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        carrier_pb2_grpc.add_CarrierServiceServicer_to_server(CarrierServicer(self), server)
        address = f"{self.settings.host}:{self.settings.port}"
        if self.settings.tls is None:
            self.port = server.add_insecure_port(address)
        else:
            self.port = server.add_secure_port(address, server_credentials(self.settings.tls))
        await server.start()
        self._server = server
        if self.settings.gateway is not None:
            self._gateway = RegistryClient(self.settings)

    async def stop(self, grace_s: float = 0.5) -> None:
        """Finish the calls at hand, cut them after `grace_s`, and hang up."""
        for task in self._reports:
            task.cancel()
        if self._server is not None:
            await self._server.stop(grace_s)
        if self._gateway is not None:
            await self._gateway.close()

    # Steering

    def set_capabilities(self, capabilities: carrier_pb2.GetCapabilitiesResponse) -> None:
        """Declare something else from now on."""
        declared = carrier_pb2.GetCapabilitiesResponse()
        declared.CopyFrom(capabilities)
        declared.carrier = declared.carrier or self.settings.carrier
        self.book.capabilities = declared

    def set_faults(self, *faults: CarrierFault) -> list[FaultStatus]:
        """Set other faults; return how the old ones fared."""
        return self.deck.replace(faults)

    def reset(self) -> None:
        """Forget history, violations, faults, notices and orders; declare what was declared at first."""
        self.deck.replace(())
        self.book = Book(self.settings.carrier, self._declared)
        self._violating.clear()
        self._history.clear()

    # Calls to the gateway

    async def submit(self, instruction: types_pb2.Instruction) -> types_pb2.Outcome:
        """Submit an instruction, as this carrier where it names none.

        Raises `grpc.aio.AioRpcError` as the gateway does, and `GatewayError` without one.
        """
        request = types_pb2.Instruction()
        request.CopyFrom(instruction)
        request.carrier = request.carrier or self.settings.carrier
        return await self._call(Method.SUBMIT, [request], lambda gateway: gateway.submit(request))

    async def report_delivery(
        self, reports: Sequence[registry_pb2.ReportDeliveryRequest]
    ) -> list[registry_pb2.ReportDeliveryResponse]:
        """Report deliveries; the gateway's answers in order. Raises as `submit`."""
        return await self._call(Method.REPORT_DELIVERY, reports, lambda gateway: gateway.report_delivery(reports))

    async def report_applied(
        self, reports: Sequence[registry_pb2.ReportAppliedRequest]
    ) -> list[registry_pb2.ReportAppliedResponse]:
        """Report effects; the gateway's answers in order. Raises as `submit`."""
        return await self._call(Method.REPORT_APPLIED, reports, lambda gateway: gateway.report_applied(reports))

    async def _call(
        self, method: Method, requests: Sequence[Request], send: Callable[[RegistryClient], Awaitable[_T]]
    ) -> _T:
        if self._gateway is None:
            raise GatewayError
        try:
            answer = await send(self._gateway)
        except grpc.aio.AioRpcError as error:
            code, info = read_error(error)
            for request in requests:
                self.record(method, request, applied=False, code=code, reason=info.reason)
            raise
        for request in requests:
            self.record(method, request)
        return answer

    # Looking

    @property
    def history(self) -> list[CarrierEntry]:
        """Every call that is still kept, in order."""
        return list(self._history.after(0))

    @property
    def last_index(self) -> int:
        """Index of the newest entry; 0 before the first."""
        return self._history.last_index

    @property
    def violations(self) -> list[tuple[int, str]]:
        """Every rule the gateway broke since the last reset, with the entry's index."""
        return [(entry.index, rule) for entry in self._violating for rule in entry.violations]

    @property
    def notices(self) -> list[carrier_pb2.NotifyRequest]:
        """The notices taken on, each once, in order."""
        return list(self.book.notices.values())

    @property
    def orders(self) -> list[carrier_pb2.ApplyRequest]:
        """The newest order of every subscription."""
        return list(self.book.newest.values())

    def find(self, wanted: CarrierFilter, limit: int | None = None) -> list[CarrierEntry]:
        """Return the entries that fit, the earliest `limit` of them."""
        fitting = filter(wanted.fits, self._history.after(wanted.after_index))
        return list(itertools.islice(fitting, limit))

    async def wait_for(
        self, wanted: CarrierFilter, *, count: int = 1, timeout_s: float = DEFAULT_WAIT_S
    ) -> list[CarrierEntry]:
        """Return the first `count` entries that fit, as soon as they are there; raise `WaitError`."""
        return await self._history.wait_for(
            wanted.fits, count=count, after_index=wanted.after_index, timeout_s=timeout_s
        )

    def assert_clean(self) -> None:
        """Raise `ViolationsError` if the gateway broke a rule."""
        if self._violating:
            raise ViolationsError(self.violations)

    # For the servicer

    def record(self, method: Method, request: Request, **details: Any) -> CarrierEntry:
        """Write a call down; `details` are the other fields of `CarrierEntry`."""
        entry = self._history.append(
            lambda index: CarrierEntry(index, read_wall(self.clock), method, request, **details)
        )
        if entry.violations:
            self._violating.append(entry)
        return entry

    def follow_notice(self, request: carrier_pb2.NotifyRequest) -> None:
        """Report that a notice arrived, if the carrier does so by itself."""
        report = registry_pb2.ReportDeliveryRequest(
            report_id=f"{request.notice_id}-delivered",
            notice_id=request.notice_id,
            state=registry_pb2.DELIVERY_STATE_DELIVERED,
            code="DELIVRD",
            parts=1,
        )
        self._follow(lambda: self.report_delivery([_stamp(report, self.clock)]))

    def follow_order(self, request: carrier_pb2.ApplyRequest, effects: list[types_pb2.Effect]) -> None:
        """Report that an order is in effect, if the carrier does so by itself."""
        report = registry_pb2.ReportAppliedRequest(
            report_id=f"{request.order_id}-applied",
            number=request.subscription.number,
            medium=request.subscription.medium,
            version=request.subscription.version,
            epoch=request.subscription.epoch,
            effects=apply_effects(effects),
            switched_off=request.switch_off,
            erased=request.subscription.HasField("erasure"),
        )
        self._follow(lambda: self.report_applied([_stamp(report, self.clock)]))

    def _follow(self, report: Callable[[], Coroutine[Any, Any, object]]) -> None:
        if self._gateway is None or not self.settings.reports_by_itself:
            return
        task = asyncio.get_running_loop().create_task(self._report_until_heard(report))
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def _report_until_heard(self, report: Callable[[], Coroutine[Any, Any, object]]) -> None:
        await self.clock.sleep(self.settings.report_delay_s)
        while True:
            try:
                await report()
            except grpc.aio.AioRpcError as error:
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
                    return
            else:
                return
            await self.clock.sleep(_RETRY_S)


_Report = TypeVar("_Report", registry_pb2.ReportDeliveryRequest, registry_pb2.ReportAppliedRequest)


def _stamp(report: _Report, clock: Clock) -> _Report:
    report.report_time.FromDatetime(read_wall(clock))
    return report
