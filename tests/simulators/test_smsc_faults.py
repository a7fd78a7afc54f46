"""Every fault, seen from the SP: the session's real client, and what it makes of it."""

import asyncio

import pytest

from adapters.session.events import (
    Bound,
    LinkClosed,
    LoginRefused,
    ServerAuthenticatorMismatch,
    SubmitAccepted,
    SubmitRejected,
    SubmitThrottled,
    SubmitUnknown,
    VersionMismatch,
)
from adapters.session.settings import LinkSettings
from adapters.simulators.smsc import (
    EntryFilter,
    Fate,
    Happening,
    MobileOriginated,
    Operation,
    ReportScript,
    ReportTiming,
    SmscFault,
    SmscSimulator,
)
from adapters.testing import LOST_ANSWER, LOST_REQUEST, REFUSED, FaultPlan, smsc_simulator
from adapters.testing.raw import raw_sp
from adapters.wire.cmpp import ActiveTest, ActiveTestResp, Command, ConnectResp, SubmitResp, Terminate, Version
from adapters.wire.report import decode_cmpp_report
from tests.simulators.sp import Sp, pause, running_sp
from tests.simulators.submits import OTHER_SUBSCRIBER, SUBSCRIBER, make_submit

ONE_TRY = LinkSettings(settle_s=0.0, request_timeout_s=0.3, request_attempts=1, keepalive_s=30.0)


def once(plan: FaultPlan, **changes: object) -> FaultPlan:
    fields = {"applied": plan.applied, "heard": plan.heard, "count": 1} | changes
    return FaultPlan(plan.name, **fields)  # type: ignore[arg-type]  # the fields have their types


async def seen(sp: Sp, kind: type, count: int = 1) -> list[object]:
    async with asyncio.timeout(30):
        while len(sp.of(kind)) < count:
            await pause()
    return list(sp.of(kind))


def texts(sim: SmscSimulator, number: str = SUBSCRIBER) -> list[str]:
    return [message.text for message in sim.phone(number).inbox]


# SUBMIT: the four ways to fail


async def test_submit_when_request_is_lost_then_it_is_resent_with_its_sequence_and_arrives_once() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.SUBMIT, once(LOST_REQUEST)))
        sequence = sp.submit(make_submit(), "token")
        (accepted,) = await seen(sp, SubmitAccepted)
        assert accepted.sequence == sequence  # type: ignore[attr-defined]
        received = sim.find(EntryFilter(happening=Happening.PDU_RECEIVED, command="SUBMIT"))
        assert [(entry.fate, entry.resend) for entry in received] == [(Fate.DROPPED, False), (Fate.PASSED, True)]
        assert texts(sim) == ["Refused."]


async def test_submit_when_answer_is_lost_then_the_resend_gets_the_same_id_and_the_phone_one_message() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.SUBMIT, once(LOST_ANSWER)))
        sp.submit(make_submit(), "token")
        (accepted,) = await seen(sp, SubmitAccepted)
        (entry,) = sim.find(EntryFilter(happening=Happening.SUBMIT_ACCEPTED))
        assert accepted.msg_id == entry.msg_id  # type: ignore[attr-defined]
        assert [e.fate for e in sim.find(EntryFilter(command="SUBMIT_RESP"))] == [Fate.DROPPED, Fate.PASSED]
        assert texts(sim) == ["Refused."]


async def test_submit_when_every_answer_is_lost_then_unknown_though_it_arrived() -> None:
    async with smsc_simulator() as sim, running_sp(sim, link=ONE_TRY) as sp:
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(heard=False)))
        sp.submit(make_submit(), "token")
        await seen(sp, SubmitUnknown)
        await sim.wait_for(EntryFilter(happening=Happening.REPORT_ACKNOWLEDGED))
        assert texts(sim) == ["Refused."]


@pytest.mark.parametrize("version", [Version.V20, Version.V30])
async def test_submit_when_refused_for_flow_control_then_is_tried_again_and_arrives_once(version: Version) -> None:
    async with smsc_simulator() as sim, running_sp(sim, version=version) as sp:
        sim.set_faults(SmscFault(Operation.SUBMIT, once(REFUSED)))
        sp.submit(make_submit(), "token")
        await seen(sp, SubmitAccepted)
        assert len(sp.of(SubmitThrottled)) == 1
        assert texts(sim) == ["Refused."]


@pytest.mark.parametrize("applied", [False, True])
async def test_submit_when_answered_with_a_result_then_is_rejected_whether_applied_or_not(applied: bool) -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(applied=applied), result=9))
        sp.submit(make_submit(), "token")
        (rejected,) = await seen(sp, SubmitRejected)
        assert rejected.result == 9  # type: ignore[attr-defined]
        assert texts(sim) == (["Refused."] if applied else [])


async def test_submit_when_delayed_then_is_answered_late_and_says_so() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(delay_s=0.02)))
        sp.submit(make_submit(), "token")
        await seen(sp, SubmitAccepted)
        (answer,) = sim.find(EntryFilter(command="SUBMIT_RESP"))
        (request,) = sim.find(EntryFilter(command="SUBMIT", happening=Happening.PDU_RECEIVED))
        assert answer.fate is Fate.DELAYED
        assert 0.015 <= (answer.time - request.time).total_seconds() < 10


@pytest.mark.parametrize(
    ("plan", "arrives", "answered"),
    [
        (FaultPlan(count=1), True, True),
        (FaultPlan(count=1, heard=False), True, False),
        (FaultPlan(count=1, heard=False, applied=False), False, False),
        (FaultPlan(count=1, applied=False), False, True),
    ],
)
async def test_submit_when_link_is_cut_too_then_the_two_bits_hold(
    plan: FaultPlan, arrives: bool, answered: bool
) -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port) as sp:
        await sp.login()
        sim.set_faults(SmscFault(Operation.SUBMIT, plan, close_link=True, report=ReportScript(ReportTiming.NEVER)))
        await sp.send(make_submit(2))
        last = await sp.read_to_end()
        (closed,) = await sim.wait_for(EntryFilter(happening=Happening.LINK_CLOSED))
        assert closed.detail == "cut_by_fault"
        assert bool(last) is answered
        assert texts(sim) == (["Refused."] if arrives else [])


async def test_submit_when_fault_names_a_subscriber_then_strikes_nobody_else() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(applied=False, number="+8613900139000"), result=13))
        sp.submit(make_submit(), "one")
        sp.submit(make_submit(dest_terminal_ids=(OTHER_SUBSCRIBER,)), "other")
        await seen(sp, SubmitRejected)
        assert (texts(sim), texts(sim, OTHER_SUBSCRIBER)) == (["Refused."], [])


# Reports


async def test_report_when_before_response_then_overtakes_it() -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port) as sp:
        await sp.login()
        script = ReportScript(ReportTiming.BEFORE_RESPONSE)
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(), report=script))
        await sp.send(make_submit(2))
        kinds = [type(await sp.read()).__name__ for _ in range(2)]
        assert kinds == ["Deliver", "SubmitResp"]


async def test_report_when_never_then_none_is_queued() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(), report=ReportScript(ReportTiming.NEVER)))
        sp.submit(make_submit())
        await seen(sp, SubmitAccepted)
        await sim.wait_settled()
        assert sim.find(EntryFilter(happening=Happening.REPORT_QUEUED)) == []


@pytest.mark.parametrize("version", [Version.V20, Version.V30])
@pytest.mark.parametrize("old_layout", [False, True])
async def test_report_when_scripted_then_has_its_stat_copies_and_layout(version: Version, old_layout: bool) -> None:
    async with smsc_simulator() as sim, running_sp(sim, version=version) as sp:
        script = ReportScript(stat="MK:0012", copies=2, old_layout=old_layout)
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(), report=script))
        sp.submit(make_submit())
        await sim.wait_for(EntryFilter(happening=Happening.REPORT_ACKNOWLEDGED), count=2)
        (accepted,) = sim.find(EntryFilter(happening=Happening.SUBMIT_ACCEPTED))
        assert len(sp.delivers) == 2
        for deliver in sp.delivers:
            report = decode_cmpp_report(deliver.msg_content)
            assert (report.msg_id, report.stat, report.dest_terminal_id) == (accepted.msg_id, "MK:0012", SUBSCRIBER)
            assert len(deliver.msg_content) == (60 if old_layout or version is Version.V20 else 71)


async def test_report_when_delayed_then_comes_after_other_things_and_counts_as_unsettled() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(count=1), report=ReportScript(delay_s=0.05)))
        sp.submit(make_submit())
        await seen(sp, SubmitAccepted)
        assert len(sim.unacknowledged) == 1
        await sim.wait_settled()
        (report,) = sim.find(EntryFilter(happening=Happening.REPORT_ACKNOWLEDGED))
        (answer,) = sim.find(EntryFilter(command="SUBMIT_RESP"))
        assert (report.time - answer.time).total_seconds() >= 0.04


async def test_report_when_lost_then_is_sent_again_until_acknowledged() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.REPORT, FaultPlan(applied=False, heard=False, count=1)))
        sp.submit(make_submit())
        await sim.wait_for(EntryFilter(happening=Happening.REPORT_ACKNOWLEDGED))
        assert [e.fate for e in sim.find(EntryFilter(command="DELIVER"))] == [Fate.DROPPED, Fate.PASSED]
        assert len(sp.delivers) == 1


# MO


async def test_mo_when_lost_then_comes_again() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.MO, once(LOST_REQUEST)))
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await sim.wait_settled()
        assert len(sp.delivers) == 1


async def test_mo_when_acknowledgement_is_lost_then_the_sp_gets_it_twice() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.MO, once(LOST_ANSWER)))
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await sim.wait_settled()
        assert len(sp.delivers) == 2
        assert sp.delivers[0] == sp.delivers[1]
        assert len(sim.find(EntryFilter(happening=Happening.MO_ACKNOWLEDGED))) == 1


async def test_mo_when_acknowledgement_is_lost_with_the_link_then_comes_again_on_the_next_login() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.MO, once(LOST_ANSWER), close_link=True))
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await sim.wait_settled()
        assert [deliver.msg_id for deliver in sp.delivers] == [sp.delivers[0].msg_id] * 2
        assert len(sp.of(Bound)) == 2


async def test_mo_when_lost_with_the_link_then_comes_on_the_next_login() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.MO, once(LOST_REQUEST), close_link=True))
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await sim.wait_settled()
        assert len(sp.delivers) == 1
        assert len(sp.of(Bound)) == 2


async def test_mo_when_delayed_then_is_held_back() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.MO, FaultPlan(delay_s=0.03)))
        sent = sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await sim.wait_settled()
        (entry,) = sim.find(EntryFilter(command="DELIVER", msg_id=sent.msg_ids[0]))
        assert entry.fate is Fate.DELAYED
        assert len(sp.delivers) == 1


# Login


@pytest.mark.parametrize(
    ("result", "reason"), [(1, "structure"), (2, "illegal_source"), (4, "version_too_high"), (9, "other")]
)
async def test_login_when_scripted_then_is_refused_with_that_status(result: int, reason: str) -> None:
    async with smsc_simulator() as sim:
        sim.set_faults(SmscFault(Operation.CONNECT, FaultPlan(applied=False, count=1), result=result))
        async with running_sp(sim) as sp:
            (refused,) = await seen(sp, LoginRefused)
            assert (refused.status, refused.reason) == (result, reason)  # type: ignore[attr-defined]
            assert sim.faults[0].used_up


async def test_login_when_answered_in_another_version_then_the_client_names_both() -> None:
    async with smsc_simulator() as sim:
        plan = FaultPlan(count=1)
        sim.set_faults(SmscFault(Operation.CONNECT, plan, answered_version=Version.V20))
        async with running_sp(sim) as sp:
            (mismatch,) = await seen(sp, VersionMismatch)
            assert (mismatch.configured_version, mismatch.answered_version) == (0x30, 0x20)  # type: ignore[attr-defined]
            (altered,) = sim.find(EntryFilter(command="CONNECT_RESP", fate=Fate.ALTERED))
            assert len(altered.frame) == 30


async def test_login_when_the_gateway_proves_itself_in_a_way_of_its_own_then_the_client_notices_and_stays() -> None:
    async with smsc_simulator() as sim:
        sim.set_faults(SmscFault(Operation.CONNECT, FaultPlan(count=1), answered_proof=b"mockauth".ljust(16, b"\0")))
        async with running_sp(sim) as sp:
            (mismatch,) = await seen(sp, ServerAuthenticatorMismatch)
            assert mismatch.enforced is False  # type: ignore[attr-defined]
            assert len(sp.of(Bound)) == 1


@pytest.mark.parametrize("plan", [LOST_REQUEST, LOST_ANSWER])
async def test_login_when_unheard_then_client_gives_up_and_dials_again(plan: FaultPlan) -> None:
    link = LinkSettings(settle_s=0.0, login_timeout_s=0.5)
    async with smsc_simulator() as sim:
        sim.set_faults(SmscFault(Operation.CONNECT, once(plan)))
        async with running_sp(sim, link=link, bound=False) as sp:
            await seen(sp, Bound)
            (closed,) = sp.of(LinkClosed)
            assert closed.reason == "login_timeout"  # type: ignore[attr-defined]


# Active test, terminate, bytes


async def test_active_test_when_unanswered_then_client_asks_thrice_and_leaves() -> None:
    link = LinkSettings(settle_s=0.0, request_timeout_s=0.02, keepalive_s=0.02)
    async with smsc_simulator() as sim, running_sp(sim, link=link) as sp:
        sim.set_faults(SmscFault(Operation.ACTIVE_TEST, LOST_REQUEST))
        (closed,) = await seen(sp, LinkClosed)
        assert closed.reason == "keepalive_timeout"  # type: ignore[attr-defined]
        asked = sim.find(EntryFilter(command="ACTIVE_TEST", fate=Fate.DROPPED, link=1))
        assert len(asked) == 3
        assert len({entry.reading.sequence for entry in asked if entry.reading}) == 1


async def test_answer_when_its_command_needs_a_body_then_the_history_names_it_all_the_same() -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port) as sp:
        await sp.login()
        sim.set_faults(SmscFault(Operation.ACTIVE_TEST, FaultPlan(count=1), answered_command=Command.SUBMIT_RESP))
        await sp.send(ActiveTest(9))
        assert await sp.read_frame() == bytes.fromhex("0000000c 80000004 00000009")
        (altered,) = sim.find(EntryFilter(happening=Happening.PDU_SENT, fate=Fate.ALTERED))
        assert (altered.pdu, altered.detail) == (None, "SUBMIT_RESP")


async def test_terminate_when_unanswered_then_client_leaves_all_the_same() -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port) as sp:
        await sp.login()
        sim.set_faults(SmscFault(Operation.TERMINATE, LOST_REQUEST))
        await sp.send(Terminate(3), ActiveTest(4))
        assert await sp.read() == ActiveTestResp(4)


async def test_garbage_when_sent_then_client_drops_the_link_and_comes_back() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(count=1), garbage=b"\xff" * 12))
        sp.submit(make_submit(), "token")
        (closed,) = await seen(sp, LinkClosed)
        assert closed.reason == "length_out_of_bounds"  # type: ignore[attr-defined]
        await seen(sp, Bound, count=2)
        assert sim.find(EntryFilter(happening=Happening.BYTES_SENT))[0].detail == "12 bytes"


@pytest.mark.parametrize("piece_bytes", [1, 5])
async def test_bytes_when_dribbled_then_arrive_in_pieces_and_make_sense(piece_bytes: int) -> None:
    async with smsc_simulator() as sim, raw_sp(sim.port) as sp:
        plan = FaultPlan(count=1)
        sim.set_faults(SmscFault(Operation.CONNECT, plan, dribble_bytes=piece_bytes, dribble_interval_s=0.0005))
        answer = await sp.login()
        assert isinstance(answer, ConnectResp)
        assert answer.status == 0
        await sp.send(make_submit(2))
        assert isinstance(await sp.read(), SubmitResp)


async def test_links_when_closed_by_the_operator_then_gently_says_terminate() -> None:
    async with smsc_simulator() as sim, running_sp(sim) as sp:
        assert await sim.close_links(gently=True) == 1
        (closed,) = await seen(sp, LinkClosed)
        assert closed.reason == "terminated_by_peer"  # type: ignore[attr-defined]
        assert await sim.close_links("999999") == 0


@pytest.mark.parametrize(
    ("operation", "changes"),
    [
        (Operation.MO, {"result": 8}),
        (Operation.SUBMIT, {"answered_version": Version.V20}),
        (Operation.MO, {"plan": REFUSED}),
        (Operation.ACTIVE_TEST, {"plan": REFUSED}),
        (Operation.SUBMIT, {"garbage": bytes(4097)}),
        (Operation.SUBMIT, {"dribble_bytes": -1}),
        (Operation.REPORT, {"answered_command": 8}),
        (Operation.SUBMIT, {"answered_proof": bytes(16)}),
        (Operation.CONNECT, {"answered_proof": b"mockauth"}),
        (Operation.SUBMIT, {"answered_command": 1 << 32}),
    ],
)
def test_fault_when_its_operation_cannot_suffer_it_then_is_refused(
    operation: Operation, changes: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=r"only|garbage|command|proof"):
        SmscFault(operation, **({"plan": FaultPlan()} | changes))  # type: ignore[arg-type]  # that is the point
