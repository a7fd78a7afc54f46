"""What is peculiar to the simulated SMGW: statuses, login modes, versions, parameters and report texts of SMGP."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.session.events import Bound, DeliverReceived, Event, SubmitAccepted
from adapters.session.settings import LinkSettings
from adapters.session.smgp import ClientSettings, SmgpClient
from adapters.simulators.smsc import (
    Account,
    EntryFilter,
    Fate,
    Happening,
    MobileOriginated,
    Operation,
    ReportScript,
    SmscFault,
)
from adapters.testing import SP_ID, SP_SECRET, FaultPlan
from adapters.transport.client import StreamClient
from adapters.transport.stream import Connection
from adapters.wire.longmessage import split_message
from adapters.wire.smgp import (
    Deliver,
    LoginMode,
    LoginResp,
    Query,
    QueryResp,
    SubmitResp,
    Unknown,
    Version,
    encode,
    parse_msg_id,
    server_authenticator,
)
from adapters.wire.smgp_report import decode_smgp_report
from adapters.wire.tlv import Tag, make_tlvs
from tests.simulators.sp import QUICK_RECONNECT, pause
from tests.simulators.speech import CODE, SMGP, dialling, gateway, texts, violations
from tests.simulators.submits import OTHER_SUBSCRIBER, SUBSCRIBER


async def test_login_when_accepted_then_the_server_proves_that_it_knows_the_secret() -> None:
    async with gateway(SMGP, bound=False) as (_, sp):
        login = SMGP.login(1, SP_ID, SP_SECRET)
        await sp.send(login)
        proof = server_authenticator(bytes(4), login.authenticator_client, SP_SECRET)
        assert await sp.read() == LoginResp(1, 0, proof, 0x30)


async def test_login_when_the_dialect_answers_a_wrong_secret_with_3_then_3() -> None:
    async with gateway(SMGP, bound=False, bad_secret_status=3) as (sim, sp):
        answer = await sp.log_in(secret="wrong")
        assert (answer.status, answer.authenticator_server) == (3, bytes(16))
        assert await sp.read_to_end() == b""
        (entry,) = await sim.wait_for(EntryFilter(happening=Happening.LOGIN_REJECTED))
        assert entry.detail == "3 authentication"


async def test_login_when_version_is_too_high_for_the_account_then_status_22_names_the_highest() -> None:
    accounts = (Account(SP_ID, SP_SECRET, CODE, version=Version.V13),)
    async with gateway(SMGP, bound=False, accounts=accounts) as (_, sp):
        answer = await sp.log_in()
        assert (answer.status, answer.server_version) == (22, 0x13)


async def test_login_when_answered_in_another_version_then_says_so() -> None:
    async with gateway(SMGP, bound=False) as (sim, sp):
        sim.set_faults(SmscFault(Operation.CONNECT, FaultPlan(count=1), answered_version=0x13))
        assert (await sp.log_in()).server_version == 0x13
        assert len(sim.find(EntryFilter(command="LOGIN_RESP", fate=Fate.ALTERED))) == 1


async def test_login_when_answered_with_another_proof_then_bears_it() -> None:
    async with gateway(SMGP, bound=False) as (sim, sp):
        sim.set_faults(SmscFault(Operation.CONNECT, FaultPlan(count=1), answered_proof=b"x" * 16))
        answer = await sp.log_in()
        assert (answer.status, answer.authenticator_server, answer.server_version) == (0, b"x" * 16, 0x30)


async def test_submit_when_the_client_speaks_1_3_then_its_layout_is_understood() -> None:
    async with gateway(SMGP, bound=False) as (sim, sp):
        login = SMGP.login(1, SP_ID, SP_SECRET)
        await sp.send(replace(login, client_version=0x13))
        assert (await sp.read()).server_version == 0x13
        await sp.send_bytes(encode(SMGP.submit(2, fixed_fee=""), Version.V13))
        await sp.read_answers()
        assert texts(sim) == ["Refused."]


@pytest.mark.parametrize(("mode", "gets"), [(LoginMode.SEND, False), (LoginMode.RECEIVE, True), (LoginMode.BOTH, True)])
async def test_mo_when_a_client_only_sends_then_goes_to_the_one_that_receives(mode: LoginMode, gets: bool) -> None:
    async with gateway(SMGP, bound=False) as (sim, sp), dialling(SMGP, sim.port, sp.ear) as receiver:
        await sp.send(replace(SMGP.login(1, SP_ID, SP_SECRET), login_mode=int(mode)))
        assert (await sp.read()).status == 0
        if not gets:
            sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
            await receiver.log_in()
            await receiver.take_delivery()
        else:
            sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
            await sp.take_delivery()
        await sim.wait_settled()


async def test_mo_when_laid_out_then_has_parameters_time_and_an_id_of_digits() -> None:
    async with gateway(SMGP, gateway_code=10106) as (sim, sp):
        sim.send_mo(MobileOriginated(SUBSCRIBER, "拒" * 71, link_id=b"link"))
        first, second = [await sp.take_delivery() for _ in range(2)]
        assert isinstance(first, Deliver)
        assert (first.tp_udhi, first.msg_format, first.tlvs.text(Tag.LINK_ID)) == (1, 15, "link")
        assert (first.dest_term_id, first.src_term_id, len(first.recv_time)) == ("118" + CODE, SUBSCRIBER, 14)
        ids = [parse_msg_id(pdu.msg_id) for pdu in (first, second)]
        assert [(found.gateway, found.sequence) for found in ids if found] == [
            ("010106", "000000"),
            ("010106", "000001"),
        ]


async def test_mo_when_its_sender_does_not_fit_the_field_then_is_refused_and_nothing_waits() -> None:
    async with gateway(SMGP) as (sim, _):
        sim.send_mo(MobileOriginated("1" * 22, "KTFSR"))
        (refused,) = await sim.wait_for(EntryFilter(happening=Happening.REFUSED))
        assert (refused.detail, sim.unacknowledged) == ("field_too_long", [])


@pytest.mark.parametrize(
    ("stat", "err"), [("DELIVRD", "000"), ("EXPIRED", "001"), ("UNDELIV", "006"), ("MK:0012", "999")]
)
@pytest.mark.parametrize("odd", [False, True])
async def test_report_when_sent_then_reads_the_same_in_either_spelling(stat: str, err: str, odd: bool) -> None:
    async with gateway(SMGP) as (sim, sp):
        script = ReportScript(stat=stat, old_layout=odd)
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(), report=script))
        await sp.send(SMGP.submit(2))
        pdu = await sp.take_delivery()
        report = decode_smgp_report(pdu.msg_content)
        (accepted,) = sim.find(EntryFilter(happening=Happening.SUBMIT_ACCEPTED))
        assert (report.msg_id, report.stat, report.err) == (accepted.msg_id, stat, err)
        assert (len(pdu.msg_content) == 122) is not odd
        assert (b" sub:" in pdu.msg_content) is not odd


async def test_query_when_something_was_sent_then_counts_it() -> None:
    async with gateway(SMGP) as (sim, sp):
        await sp.send(SMGP.submit(2), SMGP.submit(3, service_id="OTHER"))
        await sp.read_answers(2)
        today = (sim.history[-1].time + timedelta(hours=8)).strftime("%Y%m%d")
        await sp.send(Query(4, today, 0, ""), Query(5, today, 1, "OTHER"))
        answers = [pdu for pdu in await sp.read_answers(2) if isinstance(pdu, QueryResp)]
        assert [(answer.mt_tl_msg, answer.mt_scs) for answer in answers] == [(2, 2), (1, 1)]


BROKEN: list[tuple[dict[str, Any], list[str]]] = [
    ({"fee_type": "01"}, ["paid_submit"]),
    ({"fee_code": "10"}, ["fee_code_not_zero"]),
    ({"fixed_fee": "500"}, ["fee_code_not_zero"]),
    ({"need_report": 0}, ["report_not_requested"]),
    ({"dest_term_ids": (SUBSCRIBER, OTHER_SUBSCRIBER)}, ["several_destinations"]),
    ({"dest_term_ids": (CODE,)}, ["bad_destination"]),
    ({"src_term_id": "11810010"}, ["wrong_src_id"]),
    ({"src_term_id": CODE}, ["wrong_src_id"]),
    ({"tlvs": make_tlvs({Tag.MSG_SRC: "999999"})}, ["wrong_msg_src"]),
    ({"msg_type": 0}, ["illegal_field"]),
    ({"priority": 4}, ["illegal_field"]),
    ({"valid_time": "tomorrow"}, ["illegal_field"]),
    ({"tlvs": make_tlvs({Tag.TP_UDHI: 2})}, ["illegal_field", "udh_inconsistent"]),
    ({"msg_content": b"x" * 141}, ["text_too_long"]),
    ({"msg_format": 15, "msg_content": b"\xff"}, ["undecodable_text"]),
    ({"tlvs": make_tlvs({Tag.TP_UDHI: 1})}, ["udh_inconsistent"]),
    ({"tlvs": make_tlvs({Tag.PK_TOTAL: 2, Tag.PK_NUMBER: 1})}, ["pk_mismatch"]),
]


@pytest.mark.parametrize(("changes", "broken"), BROKEN)
async def test_submit_when_it_breaks_a_rule_then_the_violation_is_written_down(
    changes: dict[str, Any], broken: list[str]
) -> None:
    async with gateway(SMGP, clean=False) as (sim, sp):
        await sp.send(SMGP.submit(2, **changes))
        await sp.read_answers()
        assert violations(sim) == broken


async def test_parts_when_numbered_by_parameters_too_then_are_clean_and_arrive_whole() -> None:
    text = "您已开通营销电话拦截服务。" * 12
    async with gateway(SMGP) as (sim, sp):
        for sequence, part in enumerate(split_message(text, 7, gb=True), start=2):
            parameters = make_tlvs({Tag.TP_UDHI: 1, Tag.PK_TOTAL: part.pk_total, Tag.PK_NUMBER: part.pk_number})
            await sp.send(SMGP.submit(sequence, part.content, msg_format=part.msg_fmt, tlvs=parameters))
            await sp.read_answers()
        assert texts(sim) == [text]


async def test_command_when_nobody_defined_it_then_is_a_violation_and_the_link_lives() -> None:
    async with gateway(SMGP, clean=False) as (sim, sp):
        await sp.send(Unknown(2, 0x99, b"?"), SMGP.submit(3))
        (answer,) = await sp.read_answers()
        assert isinstance(answer, SubmitResp)
        assert violations(sim) == ["unknown_command"]


async def test_receipt_when_it_names_another_message_then_is_a_violation() -> None:
    async with gateway(SMGP, clean=False) as (sim, sp):
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        pdu, _ = await sp.read_delivery()
        await sp.send(replace(SMGP.receipt(pdu, 0), msg_id=b"\1" * 10))
        await sim.wait_for(EntryFilter(happening=Happening.VIOLATION))
        assert violations(sim) == ["wrong_deliver_resp_id"]


async def test_client_when_it_is_the_real_one_then_messages_pass_both_ways() -> None:
    events: list[Event] = []

    async def handle(connection: Connection[SmgpClient], happened: list[Event]) -> None:
        for event in happened:
            events.append(event)
            if isinstance(event, DeliverReceived):
                connection.session.acknowledge(event.sequence, event.pdu.msg_id, 0, connection.now())
        connection.flush()

    settings = ClientSettings(SP_ID, SP_SECRET, link=LinkSettings(settle_s=0.0))
    async with gateway(SMGP, bound=False) as (sim, _):
        client = StreamClient("127.0.0.1", sim.port, lambda: SmgpClient(settings), handle, reconnect=QUICK_RECONNECT)
        client.start()
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await sim.wait_settled()
        assert client.connection is not None
        client.connection.session.submit(SMGP.submit(0), "token", client.connection.now())
        client.connection.flush()
        await sim.wait_for(EntryFilter(happening=Happening.REPORT_ACKNOWLEDGED))
        while not any(isinstance(event, SubmitAccepted) for event in events):
            await pause()
        await client.stop(drain_s=0.5)
        assert [event for event in events if isinstance(event, Bound)] == [Bound("", 0x30)]
