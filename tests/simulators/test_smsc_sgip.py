"""What is peculiar to the simulated SMG: it calls SPs back, messages are known by their numbers, and links may rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.session.events import DeliverReceived, Event, SubmitAccepted
from adapters.session.settings import LinkSettings
from adapters.session.sgip import (
    Answered,
    DialSettings,
    ListenSettings,
    SgipClient,
    SgipDialect,
    SgipListener,
)
from adapters.simulators.smsc import (
    Account,
    CallBack,
    EntryFilter,
    Happening,
    MobileOriginated,
    Operation,
    ReportScript,
    SmscFault,
    SmscSimulator,
)
from adapters.testing import LOST_ANSWER, REFUSED, SP_ID, SP_SECRET, FaultPlan, smsc_simulator
from adapters.transport.client import StreamClient
from adapters.transport.server import StreamServer
from adapters.transport.stream import Connection
from adapters.wire.sgip import Bind, LoginType, Report, Sequence, Unbind, Unknown
from tests.simulators.sp import QUICK_RECONNECT, pause
from tests.simulators.speech import CODE, CORP_ID, SGIP, SMG_NODE, SP_NODE, dialling, gateway, texts, violations
from tests.simulators.submits import OTHER_SUBSCRIBER, SUBSCRIBER

# Calling back


async def test_call_when_there_is_something_to_deliver_then_binds_as_the_smg_and_not_before() -> None:
    async with gateway(SGIP) as (sim, sp):
        assert len(sim.links) == 1
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        pdu = await sp.take_delivery()
        await sim.wait_settled()
        (bind,) = sp.ear.binds
        assert (bind.login_type, bind.login_name, bind.login_password) == (LoginType.SMG_TO_SP, SP_ID, SP_SECRET)
        assert (bind.sequence.node, pdu.sequence.node) == (SMG_NODE, SMG_NODE)
        assert (pdu.user_number, pdu.sp_number) == ("86" + SUBSCRIBER, CODE)
        assert [(link.account, link.number) for link in sim.links] == [(SP_ID, 1), (SP_ID, 2)]


async def test_call_when_the_sp_knows_the_smg_by_another_name_then_that_is_given() -> None:
    async with gateway(SGIP, bound=False) as (_, sp):
        port = sp.ear.port
        account = Account(SP_ID, SP_SECRET, CODE, call_back=CallBack("127.0.0.1", port, "smg", "known to both"))
        async with smsc_simulator(SGIP.settings(accounts=(account,))) as other:
            other.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
            await sp.take_delivery()
            assert [(bind.login_name, bind.login_password) for bind in sp.ear.binds] == [("smg", "known to both")]


async def test_call_when_the_sp_refuses_the_bind_then_says_so_and_tries_again() -> None:
    async with gateway(SGIP) as (sim, sp):
        sp.ear.bind_result = 1
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        (entry,) = await sim.wait_for(EntryFilter(happening=Happening.LOGIN_REJECTED))
        assert entry.detail == "1 authentication"
        sp.ear.bind_result = 0
        await sp.take_delivery()
        await sim.wait_settled()


async def test_call_when_nobody_listens_then_goes_on_dialling() -> None:
    async with gateway(SGIP) as (sim, sp):
        await sp.ear.stop()
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await asyncio.sleep(0.05)
        await sp.ear.start(sp.ear.port)
        await sp.take_delivery()
        await sim.wait_settled()


async def test_call_when_idle_then_is_unbound_and_the_next_message_gets_another() -> None:
    async with gateway(SGIP, idle_close_s=0.5) as (sim, sp):
        for link in (2, 3):
            sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
            await sp.take_delivery()
            (closed,) = await sim.wait_for(EntryFilter(happening=Happening.LINK_CLOSED, link=link))
            assert closed.detail == "drained"
            assert len(sim.find(EntryFilter(command="UNBIND", happening=Happening.PDU_SENT, link=link))) == 1
        assert len(sp.ear.binds) == 2


async def test_sps_link_when_idle_then_is_unbound_too() -> None:
    async with gateway(SGIP, idle_close_s=0.05) as (_, sp):
        assert isinstance(await sp.read(), Unbind)


async def test_mo_when_the_call_is_lost_then_comes_by_the_next_under_its_number() -> None:
    async with gateway(SGIP) as (sim, sp):
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        first, call = await sp.read_delivery()
        await call.close()
        second = await sp.take_delivery()
        await sim.wait_settled()
        assert first == second
        assert len(sp.ear.binds) == 2


async def test_mo_when_the_simulator_dies_unacknowledged_then_comes_in_its_next_life_unasked(tmp_path: Path) -> None:
    path = tmp_path / "smsc.jsonl"
    async with gateway(SGIP, state_file=path) as (sim, sp):
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        first, _ = await sp.read_delivery()
    async with gateway(SGIP, state_file=path, bound=False) as (sim, sp):
        assert await sp.take_delivery() == first
        await sim.wait_settled()


async def test_mo_when_the_number_is_no_mobile_then_goes_as_it_is_written() -> None:
    async with gateway(SGIP) as (sim, sp):
        for number in ("01012345678", "8613800138000", "+8613800138000"):
            sim.send_mo(MobileOriginated(number, "KTFSR"))
            assert (await sp.take_delivery()).user_number == number


@pytest.mark.parametrize(
    ("stat", "state", "error"),
    [("DELIVRD", 0, 0), ("ACCEPTD", 1, 0), ("UNDELIV", 2, 21), ("ERR:069", 2, 69), ("MK:0012", 2, 32)],
)
async def test_report_when_sent_then_is_a_packet_of_its_own(stat: str, state: int, error: int) -> None:
    async with gateway(SGIP) as (sim, sp):
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(), report=ReportScript(stat=stat)))
        await sp.send(SGIP.submit(2))
        report = await sp.take_delivery()
        await sim.wait_settled()
        assert isinstance(report, Report)
        assert (report.submit_sequence_number, report.user_number) == (SGIP.number(2), "86" + SUBSCRIBER)
        assert (report.state, report.error_code) == (state, error)


# Numbers for good


async def test_submit_when_it_comes_again_on_another_link_then_is_answered_and_arrives_once() -> None:
    async with gateway(SGIP) as (sim, sp):
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(heard=False, count=1), close_link=True))
        await sp.send(SGIP.submit(2))
        await sp.read_to_end()
        async with dialling(SGIP, sim.port, sp.ear) as again:
            await again.log_in()
            await again.send(SGIP.submit(2))
            (answer,) = await again.read_answers()
            assert answer.result == 0
        assert texts(sim) == ["Refused."]
        resent = [entry.resend for entry in sim.find(EntryFilter(command="SUBMIT", happening=Happening.PDU_RECEIVED))]
        assert resent == [False, True]


async def test_submit_when_it_comes_again_in_the_next_life_then_arrives_once(tmp_path: Path) -> None:
    path = tmp_path / "smsc.jsonl"
    for _ in range(2):
        async with gateway(SGIP, state_file=path) as (sim, sp):
            await sp.send(SGIP.submit(2))
            (answer,) = await sp.read_answers()
            assert answer.result == 0
            assert texts(sim) == ["Refused."]


async def test_submit_when_its_number_named_another_message_then_error_9_and_a_violation() -> None:
    async with gateway(SGIP, clean=False) as (sim, sp):
        await sp.send(SGIP.submit(2))
        await sp.read_answers()
        await sp.send(SGIP.submit(2, b"Another."))
        (answer,) = await sp.read_answers()
        assert answer.result == 9
        assert violations(sim) == ["sequence_reused"]
        assert texts(sim) == ["Refused."]


# Login


async def test_bind_when_its_type_is_another_then_error_4() -> None:
    async with gateway(SGIP, bound=False) as (_, sp):
        await sp.send(Bind(SGIP.number(1), LoginType.SMG_TO_SP, SP_ID, SP_SECRET, bytes(8)))
        assert (await sp.read()).result == 4
        assert await sp.read_to_end() == b""


@pytest.mark.parametrize(("edition", "result"), [(SgipDialect.V12, 11), (SgipDialect.V13, 33)])
async def test_submit_when_throttled_then_the_editions_code(edition: SgipDialect, result: int) -> None:
    async with gateway(SGIP, edition=edition) as (sim, sp):
        sim.set_faults(SmscFault(Operation.SUBMIT, REFUSED))
        await sp.send(SGIP.submit(2))
        assert (await sp.read_answers())[0].result == result


async def test_version_when_a_fault_asks_for_one_then_is_refused() -> None:
    async with gateway(SGIP) as (sim, _):
        with pytest.raises(ValueError, match="version"):
            sim.set_faults(SmscFault(Operation.CONNECT, FaultPlan(), answered_version=0x30))


# Rules


BROKEN: list[tuple[dict[str, Any], list[str]]] = [
    ({"charge_number": "86" + SUBSCRIBER}, ["paid_submit"]),
    ({"charge_number": ""}, ["paid_submit"]),
    ({"fee_type": 2}, ["paid_submit"]),
    ({"fee_value": "10"}, ["fee_code_not_zero"]),
    ({"given_value": "10"}, ["fee_code_not_zero"]),
    ({"corp_id": "99999"}, ["wrong_msg_src"]),
    ({"sp_number": "10010"}, ["wrong_src_id"]),
    ({"report_flag": 2}, ["report_not_requested"]),
    ({"user_numbers": (SUBSCRIBER,)}, ["bad_destination"]),
    ({"user_numbers": ("86" + SUBSCRIBER, "86" + OTHER_SUBSCRIBER)}, ["several_destinations"]),
    ({"mo_relate_to_mt_flag": 4}, ["illegal_field"]),
    ({"priority": 10}, ["illegal_field"]),
    ({"message_type": 1}, ["illegal_field"]),
    ({"expire_time": "soon"}, ["illegal_field"]),
    ({"message_coding": 8, "message_content": b"x"}, ["undecodable_text"]),
    ({"message_content": b"x" * 160}, ["text_too_long"]),
    ({"tp_udhi": 1}, ["udh_inconsistent"]),
]


@pytest.mark.parametrize(("changes", "broken"), BROKEN)
async def test_submit_when_it_breaks_a_rule_then_the_violation_is_written_down(
    changes: dict[str, Any], broken: list[str]
) -> None:
    async with gateway(SGIP, clean=False) as (sim, sp):
        await sp.send(SGIP.submit(2, **changes))
        await sp.read_answers()
        assert violations(sim) == broken
        assert SUBSCRIBER not in "".join(entry.detail for entry in sim.violations)


@pytest.mark.parametrize(("edition", "broken"), [(SgipDialect.V12, []), (SgipDialect.V13, ["illegal_field"])])
async def test_submit_when_it_claims_to_be_system_feedback_then_only_1_3_minds(
    edition: SgipDialect, broken: list[str]
) -> None:
    async with gateway(SGIP, edition=edition, clean=False) as (sim, sp):
        await sp.send(SGIP.submit(2, mo_relate_to_mt_flag=3))
        await sp.read_answers()
        assert violations(sim) == broken


async def test_command_when_nobody_defined_it_then_is_a_violation_and_the_link_lives() -> None:
    async with gateway(SGIP, clean=False) as (sim, sp):
        await sp.send(Unknown(Sequence(SP_NODE, 1, 2), 0x99, b"?"), SGIP.submit(3))
        assert (await sp.read_answers())[0].sequence == SGIP.number(3)
        assert violations(sim) == ["unknown_command"]


async def test_window_when_32_are_unanswered_then_is_full_and_not_before() -> None:
    async with gateway(SGIP, clean=False) as (sim, sp):
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(delay_s=0.05)))
        await sp.send(*(SGIP.submit(sequence) for sequence in range(2, 35)))
        await sp.read_answers(33)
        assert violations(sim) == ["window_exceeded"]


# The real SP


class RealSp:
    """Our own ends of both connections, over the transport."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        answered = Answered()
        listen = ListenSettings(SP_NODE, {SP_ID: SP_SECRET}, link=LinkSettings(settle_s=0.0))
        self.listener = StreamServer(lambda: SgipListener(listen, answered), self._take)
        self.client: StreamClient[SgipClient] | None = None

    def dial(self, sim: SmscSimulator) -> None:
        dial = DialSettings(SP_NODE, SP_ID, SP_SECRET, link=LinkSettings(settle_s=0.0))
        self.client = StreamClient(
            "127.0.0.1", sim.port, lambda: SgipClient(dial), self._note, reconnect=QUICK_RECONNECT
        )
        self.client.start()

    async def _note(self, connection: Connection[SgipClient], events: list[Event]) -> None:
        self.events += events

    async def _take(self, connection: Connection[SgipListener], events: list[Event]) -> None:
        for event in events:
            self.events.append(event)
            if isinstance(event, DeliverReceived):
                connection.session.acknowledge(event.sequence, event.pdu.sequence.to_bytes(), 0, connection.now())
        connection.flush()


@asynccontextmanager
async def real_sp() -> AsyncIterator[tuple[SmscSimulator, RealSp]]:
    sp = RealSp()
    await sp.listener.start()
    try:
        async with smsc_simulator(SGIP.settings(sp.listener.port)) as sim:
            sp.dial(sim)
            yield sim, sp
            if sp.client is not None:
                await sp.client.stop(drain_s=0.5)
    finally:
        await sp.listener.stop(drain_s=0.5)


async def test_sp_when_it_is_the_real_one_then_messages_pass_both_ways() -> None:
    async with real_sp() as (sim, sp):
        await sim.wait_for(EntryFilter(happening=Happening.LINK_BOUND))
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await sim.wait_settled()
        while sp.client is None or sp.client.connection is None or sp.client.connection.session.bound_at is None:
            await pause()
        connection = sp.client.connection
        sequence = connection.session.submit(replace(SGIP.submit(0), corp_id=CORP_ID), "token", connection.now())
        connection.flush()
        (reported,) = await sim.wait_for(EntryFilter(happening=Happening.REPORT_ACKNOWLEDGED))
        assert int.from_bytes(reported.msg_id, "big") == sequence
        while not any(isinstance(event, SubmitAccepted) for event in sp.events):
            await pause()
        assert len([event for event in sp.events if isinstance(event, DeliverReceived)]) == 2


async def test_sp_when_its_receipt_is_lost_then_it_is_asked_again_and_hands_the_message_over_once() -> None:
    async with real_sp() as (sim, sp):
        sim.set_faults(SmscFault(Operation.MO, FaultPlan(LOST_ANSWER.name, heard=False, count=1)))
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await sim.wait_settled()
        assert len(sim.find(EntryFilter(command="DELIVER"))) == 2
        assert len([event for event in sp.events if isinstance(event, DeliverReceived)]) == 1
