"""`optout.sim.v1.CrmService` on a `CrmSimulator`."""

# The methods bear the contract's names.
# ruff: noqa: N802

from __future__ import annotations

import grpc

from adapters.simulators.control.crm_mapping import (
    read_booking,
    read_fault,
    read_filter,
    write_answer,
    write_entry,
)
from adapters.simulators.control.mapping import (
    DEFAULT_LIMIT,
    Context,
    choose_timeout_s,
    translate_errors,
    write_statuses,
)
from adapters.simulators.crm.simulator import CrmSimulator
from optout.sim.v1 import crm_pb2 as pb
from optout.sim.v1 import crm_pb2_grpc

SERVICE = pb.DESCRIPTOR.services_by_name["CrmService"].full_name


class CrmControl(crm_pb2_grpc.CrmServiceServicer):
    """Every method is one of the simulator's."""

    def __init__(self, simulator: CrmSimulator) -> None:
        self._simulator = simulator

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register with a server."""
        crm_pb2_grpc.add_CrmServiceServicer_to_server(self, server)

    async def Book(self, request: pb.CrmServiceBookRequest, context: Context) -> pb.CrmServiceBookResponse:
        """Book an order."""
        async with translate_errors(context):
            booked = await self._simulator.book(read_booking(request))
        return pb.CrmServiceBookResponse(
            serial=booked.serial, answer=write_answer(booked.answer), attempts=booked.attempts
        )

    async def ListHistory(
        self, request: pb.CrmServiceListHistoryRequest, context: Context
    ) -> pb.CrmServiceListHistoryResponse:
        """List what happened."""
        async with translate_errors(context):
            entries = self._simulator.find(read_filter(request.filter), request.limit or DEFAULT_LIMIT)
        return pb.CrmServiceListHistoryResponse(
            entries=map(write_entry, entries), last_index=self._simulator.last_index
        )

    async def WaitFor(self, request: pb.CrmServiceWaitForRequest, context: Context) -> pb.CrmServiceWaitForResponse:
        """Wait until something has happened."""
        timeout_s = choose_timeout_s(request.timeout, context)
        async with translate_errors(context):
            wanted = read_filter(request.filter)
            entries = await self._simulator.wait_for(wanted, count=request.count or 1, timeout_s=timeout_s)
        return pb.CrmServiceWaitForResponse(entries=map(write_entry, entries), last_index=self._simulator.last_index)

    async def SetFaults(
        self, request: pb.CrmServiceSetFaultsRequest, context: Context
    ) -> pb.CrmServiceSetFaultsResponse:
        """Set other faults."""
        async with translate_errors(context):
            replaced = self._simulator.set_faults(*map(read_fault, request.faults))
        return pb.CrmServiceSetFaultsResponse(replaced=write_statuses(replaced))

    async def Reset(self, request: pb.CrmServiceResetRequest, context: Context) -> pb.CrmServiceResetResponse:
        """Forget."""
        self._simulator.reset()
        return pb.CrmServiceResetResponse()

    async def GetState(self, request: pb.CrmServiceGetStateRequest, context: Context) -> pb.CrmServiceGetStateResponse:
        """Say how things stand."""
        simulator = self._simulator
        return pb.CrmServiceGetStateResponse(
            violations=[pb.CrmViolation(index=index, rule=rule) for index, rule in simulator.violations],
            faults=write_statuses(simulator.faults),
            last_index=simulator.last_index,
        )
