"""The CRM simulator steered over gRPC, as a process and as a server beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from adapters.simulators.control import ControlServer, CrmControl
from adapters.simulators.control.crm import SERVICE
from adapters.simulators.crm import CrmSimulator, EnvelopeKind
from adapters.simulators.crm_process import CrmConfig, run_crm
from optout.kit.config import load
from optout.sim.v1 import crm_pb2 as pb
from optout.sim.v1 import crm_pb2_grpc, fault_pb2
from tests.simulators.desks import OPENED, FakeDesk, crm_at
from tests.simulators.test_sim_process import running

ORDER = pb.CrmOrder(verb="open", number="13800138000", booked_by="agent-4711", mandate="M", consent="given")


@asynccontextmanager
async def controlled(crm: CrmSimulator) -> "AsyncIterator[crm_pb2_grpc.CrmServiceAsyncStub]":
    server = ControlServer(CrmControl(crm).add_to, SERVICE)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield crm_pb2_grpc.CrmServiceStub(channel)
    finally:
        await server.stop()


async def test_control_when_told_to_book_then_answers_and_history_wait_and_state_tell() -> None:
    desk = FakeDesk(EnvelopeKind.UNIBSS)
    async with crm_at(desk) as crm, controlled(crm) as control:
        fault = pb.CrmFault(plan=fault_pb2.FaultPlan(name="lost", heard=False, count=1))
        await control.SetFaults(pb.CrmServiceSetFaultsRequest(faults=[fault]))
        booked = await control.Book(pb.CrmServiceBookRequest(order=ORDER, copies=1))
        assert (booked.answer.result, booked.answer.retry, booked.attempts) == ("done", "never", 2)
        assert (booked.answer.state, booked.answer.state_text) == (OPENED.state, OPENED.state_text)
        wanted = pb.CrmFilter(event=pb.CRM_EVENT_HEARD, serial=booked.serial, result="done", number="+8613800138000")
        [entry] = (await control.WaitFor(pb.CrmServiceWaitForRequest(filter=wanted))).entries
        assert (entry.verb, entry.attempt, entry.serial) == ("open", 2, booked.serial)
        spoilt = pb.CrmServiceBookRequest(order=ORDER, spoil=pb.CRM_SPOIL_STALE)
        await control.Book(spoilt)
        state = await control.GetState(pb.CrmServiceGetStateRequest())
        assert [violation.rule for violation in state.violations] == ["spoilt_taken"]
        assert [(status.name, status.used_up) for status in state.faults] == [("lost", True)]
        listed = await control.ListHistory(pb.CrmServiceListHistoryRequest(filter=pb.CrmFilter(violating=True)))
        assert [list(entry.violations) for entry in listed.entries] == [["spoilt_taken"]]
        for desk_name, entries in (("hotline", state.last_index), ("hall", 0)):
            request = pb.CrmServiceListHistoryRequest(filter=pb.CrmFilter(desk=desk_name))
            listed = await control.ListHistory(request)
            assert [entry.desk for entry in listed.entries] == [desk_name] * entries
        await control.Reset(pb.CrmServiceResetRequest())
        assert (await control.GetState(pb.CrmServiceGetStateRequest())).last_index == 0


@pytest.mark.parametrize(
    "order",
    [
        pb.CrmOrder(),
        pb.CrmOrder(verb="open", consent="perhaps"),
        pb.CrmOrder(verb="set_quiet_hours", quiet_hours=["x"]),
    ],
)
async def test_control_when_an_order_makes_no_sense_then_is_invalid_argument(order: pb.CrmOrder) -> None:
    async with crm_at(FakeDesk(EnvelopeKind.UNIBSS)) as crm, controlled(crm) as control:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await control.Book(pb.CrmServiceBookRequest(order=order))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_crm_when_run_as_a_process_then_books_as_configured(tmp_path: Path) -> None:
    desk = FakeDesk(EnvelopeKind.CONTRACTROOT_JSON)
    secret = tmp_path / "crm.secret"
    secret.write_text("shared-by-both\n")
    secret.chmod(0o600)
    async with crm_at(desk) as crm:
        file = tmp_path / "crm.toml"
        file.write_text(
            f'url = "{crm.settings.url}"\nsource = "CRM1"\nenvelope = "contractroot-json"\nsecret_file = "{secret}"\n'
        )
        config = load(CrmConfig, file=file, flags={"control_port": 0})
        async with (
            running(run_crm, config) as ports,
            grpc.aio.insecure_channel(f"127.0.0.1:{ports.control_port}") as channel,
        ):
            booked = await crm_pb2_grpc.CrmServiceStub(channel).Book(pb.CrmServiceBookRequest(order=ORDER))
            assert booked.answer.result == "done"
    assert len(desk.requests) == 1
