"""`optout.sim.v1.FakeCarrierService` on a `FakeCarrier`."""

# The methods bear the contract's names.
# ruff: noqa: N802

from __future__ import annotations

import grpc

from adapters.simulators.control.fake_carrier_mapping import (
    read_fault,
    read_filter,
    write_entry,
    write_error,
)
from adapters.simulators.control.mapping import (
    DEFAULT_LIMIT,
    Context,
    choose_timeout_s,
    translate_errors,
    write_statuses,
)
from adapters.simulators.fake_carrier.carrier import FakeCarrier
from adapters.simulators.fake_carrier.gateway import GatewayError
from optout.sim.v1 import fake_carrier_pb2 as pb
from optout.sim.v1 import fake_carrier_pb2_grpc
from optout.v1 import registry_pb2, types_pb2

SERVICE = pb.DESCRIPTOR.services_by_name["FakeCarrierService"].full_name


class FakeCarrierControl(fake_carrier_pb2_grpc.FakeCarrierServiceServicer):
    """Every method is one of the fake carrier's."""

    def __init__(self, carrier: FakeCarrier) -> None:
        self._carrier = carrier

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register with a server."""
        fake_carrier_pb2_grpc.add_FakeCarrierServiceServicer_to_server(self, server)

    async def SetCapabilities(
        self, request: pb.FakeCarrierServiceSetCapabilitiesRequest, context: Context
    ) -> pb.FakeCarrierServiceSetCapabilitiesResponse:
        """Declare something else."""
        self._carrier.set_capabilities(request.capabilities)
        return pb.FakeCarrierServiceSetCapabilitiesResponse()

    async def SetFaults(
        self, request: pb.FakeCarrierServiceSetFaultsRequest, context: Context
    ) -> pb.FakeCarrierServiceSetFaultsResponse:
        """Set other faults."""
        async with translate_errors(context):
            replaced = self._carrier.set_faults(*map(read_fault, request.faults))
        return pb.FakeCarrierServiceSetFaultsResponse(replaced=write_statuses(replaced))

    async def Submit(
        self, request: pb.FakeCarrierServiceSubmitRequest, context: Context
    ) -> pb.FakeCarrierServiceSubmitResponse:
        """Submit instructions one after the other."""
        results = [await self._submit(instruction, context) for instruction in request.instructions]
        return pb.FakeCarrierServiceSubmitResponse(results=results)

    async def ReportDelivery(
        self, request: pb.FakeCarrierServiceReportDeliveryRequest, context: Context
    ) -> pb.FakeCarrierServiceReportDeliveryResponse:
        """Report deliveries."""
        responses: list[registry_pb2.ReportDeliveryResponse] = []
        try:
            responses = await self._carrier.report_delivery(request.reports)
        except grpc.aio.AioRpcError as error:
            return pb.FakeCarrierServiceReportDeliveryResponse(error=write_error(error))
        except GatewayError as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, error.reason)
        return pb.FakeCarrierServiceReportDeliveryResponse(responses=responses)

    async def ReportApplied(
        self, request: pb.FakeCarrierServiceReportAppliedRequest, context: Context
    ) -> pb.FakeCarrierServiceReportAppliedResponse:
        """Report what took effect."""
        responses: list[registry_pb2.ReportAppliedResponse] = []
        try:
            responses = await self._carrier.report_applied(request.reports)
        except grpc.aio.AioRpcError as error:
            return pb.FakeCarrierServiceReportAppliedResponse(error=write_error(error))
        except GatewayError as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, error.reason)
        return pb.FakeCarrierServiceReportAppliedResponse(responses=responses)

    async def ListHistory(
        self, request: pb.FakeCarrierServiceListHistoryRequest, context: Context
    ) -> pb.FakeCarrierServiceListHistoryResponse:
        """List the calls."""
        entries = []
        async with translate_errors(context):
            entries = self._carrier.find(read_filter(request.filter), request.limit or DEFAULT_LIMIT)
        return pb.FakeCarrierServiceListHistoryResponse(
            entries=map(write_entry, entries), last_index=self._carrier.last_index
        )

    async def WaitFor(
        self, request: pb.FakeCarrierServiceWaitForRequest, context: Context
    ) -> pb.FakeCarrierServiceWaitForResponse:
        """Wait for calls."""
        timeout_s = choose_timeout_s(request.timeout, context)
        entries = []
        async with translate_errors(context):
            wanted = read_filter(request.filter)
            entries = await self._carrier.wait_for(wanted, count=request.count or 1, timeout_s=timeout_s)
        return pb.FakeCarrierServiceWaitForResponse(
            entries=map(write_entry, entries), last_index=self._carrier.last_index
        )

    async def Reset(
        self, request: pb.FakeCarrierServiceResetRequest, context: Context
    ) -> pb.FakeCarrierServiceResetResponse:
        """Forget."""
        self._carrier.reset()
        return pb.FakeCarrierServiceResetResponse()

    async def GetState(
        self, request: pb.FakeCarrierServiceGetStateRequest, context: Context
    ) -> pb.FakeCarrierServiceGetStateResponse:
        """Say how things stand."""
        carrier = self._carrier
        return pb.FakeCarrierServiceGetStateResponse(
            carrier=carrier.settings.carrier,
            notices=carrier.notices,
            orders=carrier.orders,
            violations=[pb.CarrierViolation(index=index, rule=rule) for index, rule in carrier.violations],
            faults=write_statuses(carrier.deck.statuses()),
            port=carrier.port,
        )

    async def _submit(self, instruction: types_pb2.Instruction, context: Context) -> pb.SubmitResult:
        result = pb.SubmitResult()
        try:
            result.outcome.CopyFrom(await self._carrier.submit(instruction))
        except grpc.aio.AioRpcError as error:
            result.error.CopyFrom(write_error(error))
        except GatewayError as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, error.reason)
        return result
