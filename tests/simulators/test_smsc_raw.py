"""The SMS gateway simulator against raw bytes: what a gateway in service does, and no more."""

import asyncio
from datetime import timedelta

import pytest

from adapters.session.state import LinkState
from adapters.simulators.smsc import Account, EntryFilter, Happening, SmscSettings, SmscSimulator
from adapters.testing import SP_ID, SP_SECRET, smsc_simulator
from adapters.testing.raw import TIMESTAMP, RawSp, raw_sp
from adapters.wire.cmpp import (
    ActiveTest,
    ActiveTestResp,
    Cancel,
    CancelResp,
    Connect,
    ConnectResp,
    Query,
    QueryResp,
    Submit,
    SubmitResp,
    Terminate,
    TerminateResp,
    Version,
    connect_authenticator,
    encode,
    ismg_authenticator,
)
from tests.simulators.submits import SUBSCRIBER, make_submit

VERSIONS = [Version.V20, Version.V30]


async def read_submit_resps(sp: RawSp, count: int) -> list[SubmitResp]:
    """Read so many answers; reports in between are left unanswered."""
    found: list[SubmitResp] = []
    while len(found) < count:
        pdu = await sp.read()
        if isinstance(pdu, SubmitResp):
            found.append(pdu)
    return found


def closed(link: int = 1) -> EntryFilter:
    return EntryFilter(happening=Happening.LINK_CLOSED, link=link)


@pytest.mark.parametrize("version", VERSIONS)
async def test_login_when_secret_is_right_then_is_answered_in_the_clients_version(version: Version) -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port, version) as sp:
        authenticator = connect_authenticator(SP_ID, SP_SECRET, TIMESTAMP)
        await sp.send(Connect(7, SP_ID, authenticator, int(version), TIMESTAMP))
        frame = await sp.read_frame()
        assert len(frame) == (30 if version is Version.V20 else 33)
        width = 1 if version is Version.V20 else 4
        proof = ismg_authenticator(0, authenticator, SP_SECRET, width)
        assert frame == encode(ConnectResp(7, 0, proof, int(version)), version)
        (link,) = sim.links
        assert (link.account, link.version, link.state) == (SP_ID, version, LinkState.BOUND)


@pytest.mark.parametrize(("sp_id", "secret"), [(SP_ID, "wrong"), ("999999", SP_SECRET)])
async def test_login_when_credentials_are_wrong_then_status_3_zeros_and_closed(sp_id: str, secret: str) -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port) as sp:
        answer = await sp.login(sp_id, secret)
        assert (answer.status, answer.authenticator_ismg) == (3, bytes(16))
        assert await sp.read_to_end() == b""
        (entry,) = await sim.wait_for(EntryFilter(happening=Happening.LOGIN_REJECTED))
        assert (entry.detail, entry.account) == ("3 authentication", sp_id)


async def test_login_when_version_is_too_high_for_the_account_then_status_4_names_the_highest() -> None:
    settings = SmscSettings((Account(SP_ID, SP_SECRET, version=Version.V20),))
    async with smsc_simulator(settings) as sim, raw_sp(sim.port) as sp:
        answer = await sp.login()
        assert (answer.status, answer.version) == (4, 0x20)


async def test_login_when_gateway_has_its_own_version_then_answers_in_that() -> None:
    settings = SmscSettings((Account(SP_ID, SP_SECRET),), version=Version.V20)
    async with smsc_simulator(settings) as sim, raw_sp(sim.port) as sp:
        authenticator = connect_authenticator(SP_ID, SP_SECRET, TIMESTAMP)
        await sp.send(Connect(1, SP_ID, authenticator, 0x30, TIMESTAMP))
        assert len(await sp.read_frame()) == 30


async def test_active_test_when_asked_then_answered_also_before_login() -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port) as sp:
        await sp.send(ActiveTest(9))
        assert await sp.read() == ActiveTestResp(9)


async def test_query_when_something_was_sent_then_counts_it_by_day_and_service() -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port) as sp:
        await sp.login()
        await sp.send(make_submit(2), make_submit(3, service_id="OTHER"))
        await read_submit_resps(sp, 2)
        today = (sim.history[-1].time + timedelta(hours=8)).strftime("%Y%m%d")
        answers = await ask(sp, Query(4, today, 0, ""), Query(5, today, 1, "REFUSE"), Query(6, "19990101", 0, ""))
        assert [(answer.mt_tl_msg, answer.mt_tl_usr, answer.mt_scs) for answer in answers] == [
            (2, 2, 2),
            (1, 1, 1),
            (0, 0, 0),
        ]


async def ask(sp: RawSp, *queries: Query) -> list[QueryResp]:
    await sp.send(*queries)
    answers: list[QueryResp] = []
    while len(answers) < len(queries):
        pdu = await sp.read()
        if isinstance(pdu, QueryResp):
            answers.append(pdu)
    return answers


async def test_cancel_when_message_is_delivered_then_fails() -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port) as sp:
        await sp.login()
        await sp.send(Cancel(2, bytes(8)))
        assert await sp.read() == CancelResp(2, 1)


async def test_submit_when_resent_before_and_after_its_answer_then_reaches_the_phone_once() -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port) as sp:
        await sp.login()
        await sp.send(make_submit(2), make_submit(2))
        await sp.send(make_submit(2))
        answers = await read_submit_resps(sp, 3)
        assert len(set(answers)) == 1
        assert len(sim.phone(SUBSCRIBER).inbox) == 1
        resent = [entry.resend for entry in sim.find(EntryFilter(command="SUBMIT", happening=Happening.PDU_RECEIVED))]
        assert resent == [False, True, True]


async def test_simulator_when_stopped_then_says_terminate() -> None:
    sim = SmscSimulator(SmscSettings((Account(SP_ID, SP_SECRET),)))
    await sim.start()
    async with raw_sp(sim.port) as sp:
        await sp.login()
        stopping = asyncio.create_task(sim.stop())
        pdu = await sp.read()
        assert isinstance(pdu, Terminate)
        await sp.send(TerminateResp(pdu.sequence))
        assert await sp.read_to_end() == b""
        await stopping


async def test_history_when_read_then_holds_every_pdu_with_its_frame_and_no_number_in_its_repr() -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port) as sp:
        await sp.login()
        await sp.send(make_submit(2))
        await read_submit_resps(sp, 1)
        (submit,) = sim.find(EntryFilter(command="SUBMIT", happening=Happening.PDU_RECEIVED))
        assert submit.frame == encode(make_submit(2), Version.V30)
        assert isinstance(submit.pdu, Submit)
        assert submit.reading is not None
        assert (submit.reading.text, submit.reading.number) == ("Refused.", SUBSCRIBER)
        assert SUBSCRIBER not in "".join(repr((entry, entry.reading)) for entry in sim.history)
        assert "Refused" not in "".join(repr((entry, entry.reading)) for entry in sim.history)
