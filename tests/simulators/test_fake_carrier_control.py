"""The fake carrier steered over gRPC, as from another process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from adapters.simulators.control import ControlServer, FakeCarrierControl
from adapters.simulators.control.fake_carrier import SERVICE
from adapters.simulators.fake_carrier import (
    FakeCarrier,
    FakeCarrierSettings,
    GatewayLink,
    make_capabilities,
)
from adapters.testing import fake_carrier, make_instruction
from optout.sim.v1 import fake_carrier_pb2, fake_carrier_pb2_grpc, fault_pb2
from optout.v1 import registry_pb2, types_pb2
from tests.simulators.gateways import NUMBER, calling, listening_registry, notice, order


@asynccontextmanager
async def controlled(carrier: FakeCarrier) -> "AsyncIterator[fake_carrier_pb2_grpc.FakeCarrierServiceAsyncStub]":
    server = ControlServer(FakeCarrierControl(carrier).add_to, SERVICE)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield fake_carrier_pb2_grpc.FakeCarrierServiceStub(channel)
    finally:
        await server.stop()


async def test_control_when_the_gateway_calls_then_history_wait_and_state_tell() -> None:
    async with fake_carrier(clean=False) as carrier, calling(carrier) as stub, controlled(carrier) as control:
        fault = fake_carrier_pb2.CarrierFault(
            method=fake_carrier_pb2.CARRIER_METHOD_NOTIFY,
            plan=fault_pb2.FaultPlan(name="lost", heard=False, count=1),
        )
        await control.SetFaults(fake_carrier_pb2.FakeCarrierServiceSetFaultsRequest(faults=[fault]))
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Notify(notice())
        await stub.Apply(order())
        wanted = fake_carrier_pb2.CarrierFilter(number=NUMBER, applied=True)
        found = await control.WaitFor(fake_carrier_pb2.FakeCarrierServiceWaitForRequest(filter=wanted, count=2))
        assert [(entry.WhichOneof("request"), entry.heard, entry.fault) for entry in found.entries] == [
            ("notify", False, "lost"),
            ("apply", True, ""),
        ]
        await stub.Notify(notice(template="cancelled"))
        state = await control.GetState(fake_carrier_pb2.FakeCarrierServiceGetStateRequest())
        assert (state.carrier, state.port) == ("mobile", carrier.port)
        assert [one.notice_id for one in state.notices] == ["n-1"]
        assert [one.order_id for one in state.orders] == ["o-1"]
        assert [(violation.index, violation.rule) for violation in state.violations] == [(3, "notice_id_reused")]
        assert [(status.name, status.used_up) for status in state.faults] == [("lost", True)]
        await control.Reset(fake_carrier_pb2.FakeCarrierServiceResetRequest())
        listed = await control.ListHistory(fake_carrier_pb2.FakeCarrierServiceListHistoryRequest())
        assert (list(listed.entries), listed.last_index) == ([], 0)


async def test_control_when_told_to_submit_then_answers_item_by_item() -> None:
    async with listening_registry() as (_, target):
        settings = FakeCarrierSettings("telecom", gateway=GatewayLink(target))
        async with fake_carrier(settings) as carrier, controlled(carrier) as control:
            instructions = [
                make_instruction(NUMBER, types_pb2.OpenAction(), carrier="", instruction_id="i-1"),
                make_instruction(NUMBER, types_pb2.OpenAction(), carrier="unicom"),
            ]
            request = fake_carrier_pb2.FakeCarrierServiceSubmitRequest(instructions=instructions)
            good, bad = (await control.Submit(request)).results
            assert good.outcome.instruction_id == "i-1"
            assert (bad.error.code, bad.error.reason) == (9, "WRONG_CARRIER")
            deliveries = await control.ReportDelivery(
                fake_carrier_pb2.FakeCarrierServiceReportDeliveryRequest(
                    reports=[registry_pb2.ReportDeliveryRequest(report_id="r-1"), registry_pb2.ReportDeliveryRequest()]
                )
            )
            assert [one.report_id for one in deliveries.responses] == ["r-1", ""]
            applied = await control.ReportApplied(
                fake_carrier_pb2.FakeCarrierServiceReportAppliedRequest(
                    reports=[registry_pb2.ReportAppliedRequest(report_id="r-2")]
                )
            )
            assert [one.revision for one in applied.responses] == [9]
            listed = await control.ListHistory(fake_carrier_pb2.FakeCarrierServiceListHistoryRequest())
            assert [entry.WhichOneof("request") for entry in listed.entries] == [
                "instruction",
                "instruction",
                "delivery",
                "delivery",
                "applied_report",
            ]


async def test_control_when_there_is_no_gateway_or_no_sense_then_says_which() -> None:
    async with fake_carrier() as carrier, controlled(carrier) as control:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await control.Submit(
                fake_carrier_pb2.FakeCarrierServiceSubmitRequest(
                    instructions=[make_instruction(NUMBER, types_pb2.OpenAction())]
                )
            )
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        fault = fake_carrier_pb2.CarrierFault(method=fake_carrier_pb2.CARRIER_METHOD_SUBMIT)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await control.SetFaults(fake_carrier_pb2.FakeCarrierServiceSetFaultsRequest(faults=[fault]))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        await control.SetCapabilities(
            fake_carrier_pb2.FakeCarrierServiceSetCapabilitiesRequest(
                capabilities=make_capabilities("mobile", version="9")
            )
        )
        assert carrier.book.capabilities.version == "9"
