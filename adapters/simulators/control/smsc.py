"""`optout.sim.v1.SmscService` on an `SmscSimulator`."""

# The methods bear the contract's names.
# ruff: noqa: N802

from __future__ import annotations

import grpc

from adapters.simulators.control.mapping import (
    DEFAULT_LIMIT,
    Context,
    choose_timeout_s,
    translate_errors,
    write_statuses,
)
from adapters.simulators.control.smsc_mapping import (
    read_fault,
    read_filter,
    read_mo,
    write_delivery,
    write_entry,
    write_link,
    write_phone,
    write_violation,
)
from adapters.simulators.smsc.simulator import SmscSimulator
from optout.sim.v1 import smsc_pb2, smsc_pb2_grpc

SERVICE = smsc_pb2.DESCRIPTOR.services_by_name["SmscService"].full_name


class SmscControl(smsc_pb2_grpc.SmscServiceServicer):
    """Every method is one of the simulator's."""

    def __init__(self, simulator: SmscSimulator) -> None:
        self._simulator = simulator

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register with a server."""
        smsc_pb2_grpc.add_SmscServiceServicer_to_server(self, server)

    async def SendMo(
        self, request: smsc_pb2.SmscServiceSendMoRequest, context: Context
    ) -> smsc_pb2.SmscServiceSendMoResponse:
        """Send a text from a phone."""
        async with translate_errors(context):
            sent = self._simulator.send_mo(read_mo(request))
        return smsc_pb2.SmscServiceSendMoResponse(msg_ids=sent.msg_ids, after_index=sent.after_index)

    async def ListHistory(
        self, request: smsc_pb2.SmscServiceListHistoryRequest, context: Context
    ) -> smsc_pb2.SmscServiceListHistoryResponse:
        """List what happened."""
        entries = []
        async with translate_errors(context):
            entries = self._simulator.find(read_filter(request.filter), request.limit or DEFAULT_LIMIT)
        return smsc_pb2.SmscServiceListHistoryResponse(
            entries=map(write_entry, entries),
            last_index=self._simulator.last_index,
            first_index=self._simulator.first_index,
        )

    async def WaitFor(
        self, request: smsc_pb2.SmscServiceWaitForRequest, context: Context
    ) -> smsc_pb2.SmscServiceWaitForResponse:
        """Wait until something has happened."""
        timeout_s = choose_timeout_s(request.timeout, context)
        entries = []
        async with translate_errors(context):
            if request.settled:
                await self._simulator.wait_settled(timeout_s=timeout_s)
            else:
                wanted = read_filter(request.filter)
                entries = await self._simulator.wait_for(wanted, count=request.count or 1, timeout_s=timeout_s)
        return smsc_pb2.SmscServiceWaitForResponse(
            entries=map(write_entry, entries), last_index=self._simulator.last_index
        )

    async def SetFaults(
        self, request: smsc_pb2.SmscServiceSetFaultsRequest, context: Context
    ) -> smsc_pb2.SmscServiceSetFaultsResponse:
        """Set other faults."""
        async with translate_errors(context):
            replaced = self._simulator.set_faults(*map(read_fault, request.faults))
        return smsc_pb2.SmscServiceSetFaultsResponse(replaced=write_statuses(replaced))

    async def Reset(
        self, request: smsc_pb2.SmscServiceResetRequest, context: Context
    ) -> smsc_pb2.SmscServiceResetResponse:
        """Forget."""
        if request.close_links:
            await self._simulator.close_links()
        self._simulator.reset()
        return smsc_pb2.SmscServiceResetResponse()

    async def GetState(
        self, request: smsc_pb2.SmscServiceGetStateRequest, context: Context
    ) -> smsc_pb2.SmscServiceGetStateResponse:
        """Say how things stand."""
        simulator = self._simulator
        phones = [simulator.phone(request.number)] if request.number else simulator.phones
        return smsc_pb2.SmscServiceGetStateResponse(
            links=map(write_link, simulator.links),
            phones=map(write_phone, phones),
            unacknowledged=map(write_delivery, simulator.unacknowledged),
            violations=map(write_violation, simulator.violations),
            faults=write_statuses(simulator.faults),
            last_index=simulator.last_index,
            port=simulator.port,
            protocol=simulator.settings.protocol.value,
        )

    async def CloseLinks(
        self, request: smsc_pb2.SmscServiceCloseLinksRequest, context: Context
    ) -> smsc_pb2.SmscServiceCloseLinksResponse:
        """Take links down."""
        closed = await self._simulator.close_links(request.account, gently=request.gently)
        return smsc_pb2.SmscServiceCloseLinksResponse(closed=closed)
