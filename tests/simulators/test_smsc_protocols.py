"""What every protocol's gateway does, whatever it calls it: login, bytes, silence, restart, control."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from adapters.session.state import LinkState
from adapters.simulators.smsc import (
    Account,
    EntryFilter,
    Happening,
    MobileOriginated,
    Operation,
    Protocol,
    SmscFault,
    SmscSimulator,
)
from adapters.testing import LOST_REQUEST, SP_ID, SP_SECRET, FaultPlan, smsc_control
from adapters.wire.longmessage import join_segments
from optout.sim.v1 import smsc_pb2
from tests.simulators.speech import CMPP, CODE, SGIP, SMGP, Speech, dialling, every, gateway, once, texts, violations
from tests.simulators.submits import OTHER_SUBSCRIBER, SUBSCRIBER

LONG = "我要拒接贷款推销电话，" * 20

with_active_test = pytest.mark.parametrize("speech", [CMPP, SMGP], ids=["cmpp", "smgp"])


# Login


@every
async def test_login_when_secret_is_right_then_bound(speech: Speech) -> None:
    async with gateway(speech) as (sim, _):
        (link,) = sim.links
        assert (link.account, link.state) == (SP_ID, LinkState.BOUND)
        (login,) = sim.find(EntryFilter(command=speech.login_name))
        assert login.reading is not None
        assert login.reading.account == SP_ID


@every
@pytest.mark.parametrize(("name", "secret"), [(SP_ID, "wrong"), ("999999", SP_SECRET)])
async def test_login_when_credentials_are_wrong_then_the_protocols_status_and_closed(
    speech: Speech, name: str, secret: str
) -> None:
    async with gateway(speech, bound=False) as (sim, sp):
        assert speech.result_of(await sp.log_in(name, secret)) == speech.bad_secret
        assert await sp.read_to_end() == b""
        (entry,) = await sim.wait_for(EntryFilter(happening=Happening.LOGIN_REJECTED))
        assert (entry.detail, entry.account) == (f"{speech.bad_secret} authentication", name)


@every
async def test_login_when_repeated_then_is_ignored_and_the_link_lives(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        await sp.send(speech.login(7, SP_ID, SP_SECRET), speech.submit(8))
        (answer,) = await sp.read_answers()
        assert (speech.result_of(answer), answer.sequence) == (0, speech.number(8))
        assert len(sim.find(EntryFilter(command=speech.login_name))) == 2


@every
async def test_login_when_accepted_and_hung_up_on_then_the_sp_reads_ok_and_the_end(speech: Speech) -> None:
    async with gateway(speech, bound=False) as (sim, sp):
        sim.set_faults(SmscFault(Operation.CONNECT, FaultPlan(count=1), close_link=True))
        assert speech.result_of(await sp.log_in()) == 0
        assert await sp.read_to_end() == b""
        async with dialling(speech, sim.port, sp.ear) as again:
            assert speech.result_of(await again.log_in()) == 0


@every
async def test_login_when_scripted_then_is_refused_with_that_status(speech: Speech) -> None:
    async with gateway(speech, bound=False) as (sim, sp):
        sim.set_faults(SmscFault(Operation.CONNECT, FaultPlan(applied=False), result=2))
        assert speech.result_of(await sp.log_in()) == 2
        assert await sp.read_to_end() == b""


@every
async def test_submit_when_nobody_logged_in_then_closes_and_is_a_violation(speech: Speech) -> None:
    async with gateway(speech, bound=False, clean=False) as (sim, sp):
        await sp.send(speech.submit(1))
        assert await sp.read_to_end() == b""
        assert violations(sim) == ["submit_before_connect"]
        assert sim.phones == []


@every
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "http_on_port"),
        (bytes.fromhex("16030100c4010000c00303"), "tls_on_port"),
        (b"\x7f\xff\xff\xff\0\0\0\1\0\0\0\1", "length_out_of_bounds"),
        (b"\0\0\0\4", "length_out_of_bounds"),
    ],
)
async def test_port_when_bytes_are_no_frame_then_closes_and_says_why(speech: Speech, data: bytes, reason: str) -> None:
    async with gateway(speech, bound=False) as (sim, sp):
        await sp.send_bytes(data)
        assert await sp.read_to_end() == b""
        (entry,) = await sim.wait_for(EntryFilter(happening=Happening.LINK_CLOSED))
        assert entry.detail == reason


# Silence


@with_active_test
async def test_active_test_when_unanswered_then_comes_again_with_its_sequence_and_closes_after_three(
    speech: Speech,
) -> None:
    async with gateway(speech, clean=False, keepalive_s=0.02, resend_s=0.02) as (sim, sp):
        tests = [await sp.read() for _ in range(3)]
        assert tests == [tests[0]] * 3
        assert await sp.read_to_end() == b""
        assert (await sim.wait_for(EntryFilter(happening=Happening.LINK_CLOSED)))[0].detail == "keepalive_timeout"
        assert violations(sim) == ["active_test_unanswered"]


@with_active_test
async def test_active_test_when_struck_then_stays_unanswered_or_is_answered_with_a_question(speech: Speech) -> None:
    assert speech.active_test is not None
    async with gateway(speech) as (sim, sp):
        question = speech.encode(speech.active_test(9))
        command = int.from_bytes(question[4:8], "big")
        sim.set_faults(
            SmscFault(Operation.ACTIVE_TEST, once(LOST_REQUEST)),
            SmscFault(Operation.ACTIVE_TEST, FaultPlan(count=1), answered_command=command),
        )
        await sp.send_bytes(question)
        await sp.send_bytes(question)
        assert await sp.read_frame() == question


# Restart


@every
async def test_restart_when_there_is_a_state_file_then_nothing_is_lost_or_doubled(
    speech: Speech, tmp_path: Path
) -> None:
    path = tmp_path / "smsc.jsonl"
    async with gateway(speech, state_file=path) as (sim, sp):
        await sp.send(speech.submit(2))
        await sp.read_answers()
        await sp.take_delivery()
        await sim.wait_settled()
        sim.send_mo(MobileOriginated(OTHER_SUBSCRIBER, LONG, link_id=b"x"))
        waiting = [item.parcel for item in sim.unacknowledged]
    async with gateway(speech, state_file=path, bound=False) as (sim, sp):
        assert texts(sim) == ["Refused."]
        assert [item.parcel for item in sim.unacknowledged] == waiting
        await sp.log_in()
        parts = [await sp.take_delivery() for _ in waiting]
        await sim.wait_settled()
        assert join_segments(map(speech.segment_of, parts)).value == LONG
        (fresh,) = sim.send_mo(MobileOriginated(SUBSCRIBER, "Y")).msg_ids
        assert fresh not in {parcel.msg_id for parcel in waiting}
        await sp.take_delivery()


# Control


@every
async def test_control_when_steered_from_outside_then_history_names_the_protocols_pdus(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp), smsc_control(sim) as stub:
        request = smsc_pb2.SmscServiceSendMoRequest(text="KTFSR", to=CODE)
        setattr(request, "from", SUBSCRIBER)
        sent = await stub.SendMo(request)
        await sp.take_delivery()
        await sp.send(speech.submit(2))
        await sp.take_delivery()
        await stub.WaitFor(smsc_pb2.SmscServiceWaitForRequest(settled=True))
        state = await stub.GetState(smsc_pb2.SmscServiceGetStateRequest(number=SUBSCRIBER))
        assert (state.protocol, list(state.violations)) == (speech.protocol.value, [])
        assert [message.text for message in state.phones[0].inbox] == ["Refused."]
        listed = await stub.ListHistory(smsc_pb2.SmscServiceListHistoryRequest())
        commands = {entry.pdu.command for entry in listed.entries if entry.pdu.frame}
        assert commands >= {speech.login_name, f"{speech.login_name}_RESP", "SUBMIT", "SUBMIT_RESP", "DELIVER"}
        (mo,) = [entry for entry in listed.entries if entry.event == smsc_pb2.SMSC_EVENT_MO_ACKNOWLEDGED]
        assert mo.msg_id == sent.msg_ids[0]


@pytest.mark.parametrize(
    ("speech", "changes"),
    [
        (CMPP, {"bad_secret_status": 3}),
        (SGIP, {"bad_secret_status": 3}),
        (SGIP, {"protocol": Protocol.SMGP}),
        (CMPP, {"version": 0x13}),
        (SMGP, {"version": 0x20}),
        (SGIP, {"version": 0x30}),
        (SMGP, {"accounts": (Account(SP_ID, SP_SECRET, version=0x20),)}),
        (SGIP, {"accounts": (Account(SP_ID, "longer than 16 letters"),)}),
    ],
)
def test_settings_when_they_are_of_another_protocol_then_are_refused(speech: Speech, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"only|version|16 bytes"):
        SmscSimulator(speech.settings(**changes))


@every
async def test_close_links_when_asked_then_all_are_down(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await sp.take_delivery()
        await sim.wait_settled()
        assert await sim.close_links() == (2 if speech is SGIP else 1)
        assert await sp.read_to_end() == b""
        await asyncio.sleep(0)
        assert sim.links == []
