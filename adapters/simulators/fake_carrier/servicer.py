"""`CarrierService`, as the fake carrier serves it: the two bits decide what is done and what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from adapters.simulators.fake_carrier.entries import CarrierFault, Method, Request, number_of
from adapters.simulators.fake_carrier.errors import code_of, name_reason, refuse
from adapters.simulators.history import read_wall
from optout.v1 import carrier_pb2, carrier_pb2_grpc, errors_pb2

if TYPE_CHECKING:
    from adapters.simulators.fake_carrier.carrier import FakeCarrier

_R = TypeVar("_R")


class CarrierServicer(carrier_pb2_grpc.CarrierServiceServicer):
    """Every call is checked, written down and then answered, unless a fault says otherwise."""

    def __init__(self, carrier: FakeCarrier) -> None:
        self._carrier = carrier

    async def GetCapabilities(  # noqa: N802 - the contract's name
        self,
        request: carrier_pb2.GetCapabilitiesRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> carrier_pb2.GetCapabilitiesResponse:
        """Answer what was declared."""
        return await self._serve(
            Method.GET_CAPABILITIES, request, context, (), lambda: (self._carrier.book.capabilities, False)
        )

    async def Apply(  # noqa: N802 - the contract's name
        self, request: carrier_pb2.ApplyRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> carrier_pb2.ApplyResponse:
        """Take an order on."""
        carrier = self._carrier

        def act() -> tuple[carrier_pb2.ApplyResponse, bool]:
            replayed = carrier.book.take_order(request)
            effects = carrier.book.expect_effects(request.subscription)
            if not replayed:
                carrier.follow_order(request, effects)
            return carrier_pb2.ApplyResponse(effects=effects, replayed=replayed), replayed

        return await self._serve(Method.APPLY, request, context, carrier.book.check_order(request), act)

    async def Notify(  # noqa: N802 - the contract's name
        self, request: carrier_pb2.NotifyRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> carrier_pb2.NotifyResponse:
        """Take a notice on; one of an undeclared template is refused."""
        carrier = self._carrier
        rules = tuple(carrier.book.check_notice(request, read_wall(carrier.clock)))
        if "unknown_template" in rules:
            reason = errors_pb2.ERROR_REASON_UNKNOWN_TEMPLATE
            self._write(Method.NOTIFY, request, rules, reason=reason)
            await refuse(context, reason, "the template is not declared")

        def act() -> tuple[carrier_pb2.NotifyResponse, bool]:
            replayed = carrier.book.take_notice(request)
            if not replayed:
                carrier.follow_notice(request)
            return carrier_pb2.NotifyResponse(parts=1, replayed=replayed), replayed

        return await self._serve(Method.NOTIFY, request, context, rules, act)

    async def _serve(
        self,
        method: Method,
        request: Request,
        context: grpc.aio.ServicerContext[Any, Any],
        rules: Iterable[str],
        act: Callable[[], tuple[_R, bool]],
    ) -> _R:
        fault = self._draw(method, request)
        if fault is None:
            answer, replayed = act()
            self._write(method, request, rules, replayed=replayed)
            return answer
        applied, replayed = act() if fault.plan.applied else (None, False)
        reason = None if fault.plan.applied and fault.plan.heard else _reason_of(fault)
        self._write(method, request, rules, replayed=replayed, fault=fault, reason=reason)
        await self._carrier.clock.sleep(fault.plan.delay_s)
        if not fault.plan.heard and fault.silent:
            # The caller's deadline, or its hanging up, cancels this.
            await asyncio.get_running_loop().create_future()
        if applied is None or reason is not None:
            await refuse(context, reason or fault.reason, fault.plan.name or "a fault of the carrier")
        return applied

    def _draw(self, method: Method, request: Request) -> CarrierFault | None:
        template = getattr(request, "template", "")

        def fits(fault: CarrierFault) -> bool:
            return fault.method in (None, method) and fault.template in ("", template)

        return self._carrier.deck.draw(fits, number_of(request))

    def _write(
        self,
        method: Method,
        request: Request,
        rules: Iterable[str],
        *,
        replayed: bool = False,
        fault: CarrierFault | None = None,
        reason: errors_pb2.ErrorReason.ValueType | None = None,
    ) -> None:
        code, _ = grpc.StatusCode.OK.value if reason is None else code_of(reason).value
        self._carrier.record(
            method,
            request,
            applied=fault.plan.applied if fault else reason is None,
            heard=fault is None or fault.plan.heard,
            replayed=replayed,
            fault=(fault.plan.name or method.value) if fault else "",
            code=code,
            reason="" if reason is None else name_reason(reason),
            violations=tuple(rules),
        )


def _reason_of(fault: CarrierFault) -> errors_pb2.ErrorReason.ValueType:
    return fault.reason if fault.plan.heard else errors_pb2.ERROR_REASON_LINK_DOWN
