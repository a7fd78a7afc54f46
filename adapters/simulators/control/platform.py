"""`optout.sim.v1.PlatformService` on a `PlatformSimulator`."""

# The methods bear the contract's names.
# ruff: noqa: N802

from __future__ import annotations

import grpc

from adapters.simulators.control.mapping import (
    DEFAULT_LIMIT,
    Context,
    choose_timeout_s,
    read_enum,
    read_plan,
    read_seconds,
    translate_errors,
    write_statuses,
    write_time,
)
from adapters.simulators.platform import (
    PlatformEntry,
    PlatformFault,
    PlatformFilter,
    PlatformPath,
    PlatformSimulator,
)
from adapters.simulators.spelling import spell_number
from optout.sim.v1 import platform_pb2 as pb
from optout.sim.v1 import platform_pb2_grpc

SERVICE = pb.DESCRIPTOR.services_by_name["PlatformService"].full_name
_PATH = "PLATFORM_PATH_"


class PlatformControl(platform_pb2_grpc.PlatformServiceServicer):
    """Every method is one of the simulator's."""

    def __init__(self, simulator: PlatformSimulator) -> None:
        self._simulator = simulator

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register with a server."""
        platform_pb2_grpc.add_PlatformServiceServicer_to_server(self, server)

    async def Call(self, request: pb.PlatformServiceCallRequest, context: Context) -> pb.PlatformServiceCallResponse:
        """Have a call arrive."""
        event = self._simulator.call(request.called, request.caller, withheld=request.withheld)
        if event is None:
            return pb.PlatformServiceCallResponse()
        return pb.PlatformServiceCallResponse(act=event.act.value, rule=event.rule)

    async def SetVolte(
        self, request: pb.PlatformServiceSetVolteRequest, context: Context
    ) -> pb.PlatformServiceSetVolteResponse:
        """Switch a line's VoLTE."""
        self._simulator.set_volte(request.number, on=request.on)
        return pb.PlatformServiceSetVolteResponse()

    async def SetDelay(
        self, request: pb.PlatformServiceSetDelayRequest, context: Context
    ) -> pb.PlatformServiceSetDelayResponse:
        """Choose the delay."""
        self._simulator.set_delay(read_seconds(request.delay))
        return pb.PlatformServiceSetDelayResponse()

    async def SetFaults(
        self, request: pb.PlatformServiceSetFaultsRequest, context: Context
    ) -> pb.PlatformServiceSetFaultsResponse:
        """Set other faults."""
        async with translate_errors(context):
            faults = [PlatformFault(read_plan(fault.plan), _read_path(fault.path)) for fault in request.faults]
            replaced = self._simulator.set_faults(*faults)
        return pb.PlatformServiceSetFaultsResponse(replaced=write_statuses(replaced))

    async def GetHeld(
        self, request: pb.PlatformServiceGetHeldRequest, context: Context
    ) -> pb.PlatformServiceGetHeldResponse:
        """Say what is in force for a number."""
        held = self._simulator.book.in_force.get(spell_number(request.number))
        if held is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "nothing was ever in force for this number")
        return pb.PlatformServiceGetHeldResponse(
            on=held.on,
            version=held.version,
            epoch=held.epoch,
            categories=held.categories,
            reject=held.reject,
            allow=held.allow,
        )

    async def ListHistory(
        self, request: pb.PlatformServiceListHistoryRequest, context: Context
    ) -> pb.PlatformServiceListHistoryResponse:
        """List what happened."""
        entries = self._simulator.find(_read_filter(request.filter), request.limit or DEFAULT_LIMIT)
        return pb.PlatformServiceListHistoryResponse(
            entries=map(_write_entry, entries), last_index=self._simulator.last_index
        )

    async def WaitFor(
        self, request: pb.PlatformServiceWaitForRequest, context: Context
    ) -> pb.PlatformServiceWaitForResponse:
        """Wait for entries."""
        timeout_s = choose_timeout_s(request.timeout, context)
        async with translate_errors(context):
            entries = await self._simulator.wait_for(
                _read_filter(request.filter), count=request.count or 1, timeout_s=timeout_s
            )
        return pb.PlatformServiceWaitForResponse(
            entries=map(_write_entry, entries), last_index=self._simulator.last_index
        )

    async def Reset(self, request: pb.PlatformServiceResetRequest, context: Context) -> pb.PlatformServiceResetResponse:
        """Forget."""
        self._simulator.reset()
        return pb.PlatformServiceResetResponse()

    async def GetState(
        self, request: pb.PlatformServiceGetStateRequest, context: Context
    ) -> pb.PlatformServiceGetStateResponse:
        """Say how things stand."""
        simulator = self._simulator
        return pb.PlatformServiceGetStateResponse(
            port=simulator.port,
            events=len(simulator.book.events),
            waiting=len(simulator.book.waiting()),
            violations=[pb.PlatformViolation(index=index, rule=rule) for index, rule in simulator.violations],
            faults=write_statuses(simulator.deck.statuses()),
        )


def _read_path(value: pb.PlatformPath.ValueType) -> PlatformPath | None:
    return read_enum(PlatformPath, pb.PlatformPath.Name(value), _PATH)


def _read_filter(message: pb.PlatformFilter) -> PlatformFilter:
    return PlatformFilter(_read_path(message.path), message.number, message.after_index, message.version)


def _write_entry(entry: PlatformEntry) -> pb.PlatformEntry:
    return pb.PlatformEntry(
        index=entry.index,
        time=write_time(entry.time),
        path=pb.PlatformPath.Value(f"{_PATH}{entry.path.name}"),
        number=entry.number,
        order=entry.order,
        version=entry.version,
        on=entry.on,
        result=entry.result,
        status=entry.status,
        fault=entry.fault,
        violations=entry.violations,
    )
