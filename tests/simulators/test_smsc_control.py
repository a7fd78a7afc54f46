"""The SMS gateway simulator steered over gRPC, as from another process."""

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc

from adapters.simulators.control import ControlServer, SmscControl
from adapters.simulators.control.smsc import SERVICE
from adapters.simulators.loopback import NotLoopbackError
from adapters.simulators.smsc import SmscSimulator
from adapters.testing import SP_ID, smsc_control, smsc_simulator
from adapters.testing.harness import QUICK
from adapters.testing.raw import raw_sp
from adapters.wire.cmpp import Version, encode
from optout.sim.v1 import fault_pb2, smsc_pb2
from tests.simulators.sp import running_sp
from tests.simulators.submits import SUBSCRIBER, make_submit


def mo(text: str, number: str = SUBSCRIBER, **fields: object) -> smsc_pb2.SmscServiceSendMoRequest:
    request = smsc_pb2.SmscServiceSendMoRequest(text=text, **fields)  # type: ignore[arg-type]  # the fields have their types
    setattr(request, "from", number)
    return request


def wait_for(count: int = 1, **fields: object) -> smsc_pb2.SmscServiceWaitForRequest:
    wanted = smsc_pb2.SmscFilter(**fields)  # type: ignore[arg-type]  # the fields have their types
    return smsc_pb2.SmscServiceWaitForRequest(filter=wanted, count=count)


async def test_control_when_a_text_is_sent_then_history_and_state_tell_its_way() -> None:
    async with smsc_simulator() as sim, smsc_control(sim) as stub:
        sent = await stub.SendMo(mo("我要开通", encoding=smsc_pb2.TEXT_ENCODING_GBK, link_id=b"x"))
        state = await stub.GetState(smsc_pb2.SmscServiceGetStateRequest())
        assert [(item.msg_id, item.report, item.account) for item in state.unacknowledged] == [
            (sent.msg_ids[0], False, SP_ID)
        ]
        async with running_sp(sim):
            found = await stub.WaitFor(wait_for(event=smsc_pb2.SMSC_EVENT_MO_ACKNOWLEDGED, number="+8613800138000"))
            assert (found.entries[0].text, found.entries[0].msg_id) == ("我要开通", sent.msg_ids[0])
            await stub.WaitFor(smsc_pb2.SmscServiceWaitForRequest(settled=True))
            state = await stub.GetState(smsc_pb2.SmscServiceGetStateRequest())
            assert [(link.account, link.version, link.state) for link in state.links] == [(SP_ID, 0x30, "bound")]
            assert (list(state.unacknowledged), state.port) == ([], sim.port)
        listed = await stub.ListHistory(
            smsc_pb2.SmscServiceListHistoryRequest(filter=smsc_pb2.SmscFilter(command="DELIVER"))
        )
        (entry,) = listed.entries
        assert (entry.pdu.text, entry.pdu.msg_fmt, entry.pdu.number) == ("我要开通", 15, SUBSCRIBER)
        assert entry.time.ToDatetime().year >= 2024
        assert listed.last_index == sim.last_index


async def test_control_when_sps_submit_then_the_phone_shows_it_and_violations_are_told() -> None:
    async with smsc_simulator(clean=False) as sim, smsc_control(sim) as stub, raw_sp(sim.port) as sp:
        await sp.login()
        await sp.send(make_submit(2, fee_type="02"))
        found = await stub.WaitFor(wait_for(event=smsc_pb2.SMSC_EVENT_ARRIVED, text_contains="Refused"))
        state = await stub.GetState(smsc_pb2.SmscServiceGetStateRequest(number="+8613800138000"))
        (phone,) = state.phones
        assert [(message.text, getattr(message, "from")) for message in phone.inbox] == [("Refused.", "10086")]
        assert phone.inbox[0].msg_ids[0] == found.entries[0].msg_id
        assert [(violation.rule, violation.detail) for violation in state.violations] == [
            ("paid_submit", "fee_type '02'")
        ]
        entries = (await stub.ListHistory(smsc_pb2.SmscServiceListHistoryRequest())).entries
        submits = [entry for entry in entries if entry.pdu.command == "SUBMIT" and entry.pdu.frame]
        assert submits[0].pdu.frame == encode(make_submit(2, fee_type="02"), Version.V30)
        assert submits[0].pdu.fee_type == "02"


async def test_control_when_faults_are_set_then_they_strike_and_are_accounted_for() -> None:
    async with smsc_simulator() as sim, smsc_control(sim) as stub, raw_sp(sim.port) as sp:
        fault = smsc_pb2.SmscFault(
            operation=smsc_pb2.SMSC_OPERATION_SUBMIT,
            plan=fault_pb2.FaultPlan(name="no room", applied=False, heard=True, count=1),
            report=smsc_pb2.ReportScript(timing=smsc_pb2.REPORT_TIMING_NEVER),
        )
        await stub.SetFaults(smsc_pb2.SmscServiceSetFaultsRequest(faults=[fault]))
        await sp.login()
        await sp.send(make_submit(2))
        await stub.WaitFor(wait_for(command="SUBMIT_RESP"))
        entries = (await stub.ListHistory(smsc_pb2.SmscServiceListHistoryRequest())).entries
        assert [entry.pdu.result for entry in entries if entry.pdu.command == "SUBMIT_RESP"] == [8]
        assert [entry.detail for entry in entries if entry.event == smsc_pb2.SMSC_EVENT_FAULT] == ["no room"]
        replaced = (await stub.SetFaults(smsc_pb2.SmscServiceSetFaultsRequest())).replaced
        assert [(status.name, status.struck, status.used_up) for status in replaced] == [("no room", 1, True)]


async def test_control_when_fault_fields_are_set_then_all_of_them_arrive() -> None:
    async with smsc_simulator() as sim, smsc_control(sim) as stub:
        plan = fault_pb2.FaultPlan(
            heard=False, skip=1, count=2, probability=0.5, seed=3, number=SUBSCRIBER, delay=Duration(nanos=50_000_000)
        )
        fault = smsc_pb2.SmscFault(
            operation=smsc_pb2.SMSC_OPERATION_SUBMIT,
            plan=plan,
            result=9,
            report=smsc_pb2.ReportScript(
                timing=smsc_pb2.REPORT_TIMING_BEFORE_RESPONSE,
                stat="EXPIRED",
                copies=3,
                delay=Duration(seconds=1),
                old_layout=True,
            ),
            close_link=True,
            garbage=b"?",
            dribble_bytes=7,
            answered_command=8,
            dribble_interval=Duration(nanos=2_000_000),
        )
        await stub.SetFaults(smsc_pb2.SmscServiceSetFaultsRequest(faults=[fault]))
        drawn = sim._deck._cards[0].fault
        assert (drawn.plan.applied, drawn.plan.heard, drawn.plan.skip, drawn.plan.count) == (True, False, 1, 2)
        assert (drawn.plan.probability, drawn.plan.seed, drawn.plan.number) == (0.5, 3, SUBSCRIBER)
        assert (drawn.plan.delay_s, drawn.result, drawn.close_link, drawn.garbage) == (0.05, 9, True, b"?")
        assert (drawn.dribble_bytes, drawn.dribble_interval_s, drawn.answered_command) == (7, 0.002, 8)
        assert (drawn.report.stat, drawn.report.copies, drawn.report.delay_s) == ("EXPIRED", 3, 1.0)
        assert (drawn.report.timing.name, drawn.report.old_layout) == ("BEFORE_RESPONSE", True)


@pytest.mark.parametrize(
    "fault",
    [
        smsc_pb2.SmscFault(),
        smsc_pb2.SmscFault(operation=smsc_pb2.SMSC_OPERATION_MO, result=8),
        smsc_pb2.SmscFault(operation=smsc_pb2.SMSC_OPERATION_CONNECT, answered_proof=b"short"),
        smsc_pb2.SmscFault(operation=smsc_pb2.SMSC_OPERATION_CONNECT, answered_version=33),
        smsc_pb2.SmscFault(operation=smsc_pb2.SMSC_OPERATION_SUBMIT, plan=fault_pb2.FaultPlan(probability=2.0)),
    ],
)
async def test_control_when_a_fault_makes_no_sense_then_invalid_argument(fault: smsc_pb2.SmscFault) -> None:
    async with smsc_simulator() as sim, smsc_control(sim) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.SetFaults(smsc_pb2.SmscServiceSetFaultsRequest(faults=[fault]))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert sim.faults == []


@pytest.mark.parametrize(
    "request_", [mo(""), mo("x", number=""), mo("x", copies=1001), mo("x", account="999999"), mo("x", part_order=[2])]
)
async def test_control_when_a_text_cannot_be_sent_then_invalid_argument(
    request_: smsc_pb2.SmscServiceSendMoRequest,
) -> None:
    async with smsc_simulator() as sim, smsc_control(sim) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.SendMo(request_)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert SUBSCRIBER not in (caught.value.details() or "")


async def test_control_when_raw_content_is_sent_then_it_arrives_as_it_is() -> None:
    async with smsc_simulator() as sim, smsc_control(sim) as stub, running_sp(sim) as sp:
        raw = smsc_pb2.RawContent(msg_fmt=4, content=b"\x00\xff")
        await stub.SendMo(mo("", raw=raw, msg_ids=[b"12345678"], to="1008611"))
        await stub.WaitFor(smsc_pb2.SmscServiceWaitForRequest(settled=True))
        assert [(pdu.msg_fmt, pdu.msg_content, pdu.msg_id, pdu.dest_id) for pdu in sp.delivers] == [
            (4, b"\x00\xff", b"12345678", "1008611")
        ]


@pytest.mark.parametrize("patience", [Duration(nanos=20_000_000), None])
async def test_control_when_waiting_is_in_vain_then_deadline_exceeded(patience: Duration | None) -> None:
    async with smsc_simulator() as sim, smsc_control(sim) as stub:
        request = smsc_pb2.SmscServiceWaitForRequest(
            filter=smsc_pb2.SmscFilter(violation="paid_submit"), timeout=patience
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.WaitFor(request, timeout=None if patience else 0.1)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_control_when_reset_and_closed_then_links_go_only_if_asked() -> None:
    async with smsc_simulator() as sim, smsc_control(sim) as stub, raw_sp(sim.port) as sp:
        await sp.login()
        await stub.Reset(smsc_pb2.SmscServiceResetRequest())
        assert len(sim.links) == 1
        assert (await stub.CloseLinks(smsc_pb2.SmscServiceCloseLinksRequest(account=SP_ID))).closed == 1
        assert await sp.read_to_end() == b""
        async with raw_sp(sim.port) as another:
            await another.login()
            await stub.Reset(smsc_pb2.SmscServiceResetRequest(close_links=True))
            assert await another.read_to_end() == b""
        assert sim.history == []


async def test_control_when_asked_for_health_then_serves() -> None:
    server = ControlServer(SmscControl(SmscSimulator(QUICK)).add_to, SERVICE)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for name in ("", SERVICE):
                answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
    finally:
        await server.stop()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "gateway.example"])
def test_control_when_it_would_listen_beyond_loopback_then_is_refused(host: str) -> None:
    with pytest.raises(NotLoopbackError, match="not_loopback"):
        ControlServer(lambda server: None, SERVICE, host=host)
