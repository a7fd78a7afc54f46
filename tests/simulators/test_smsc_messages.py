"""What every protocol's gateway does with messages: those of SPs, reports on them, those of phones, and every fault."""

import pytest

from adapters.simulators.smsc import (
    EntryFilter,
    Fate,
    Happening,
    MobileOriginated,
    Operation,
    ReportScript,
    ReportTiming,
    SmscFault,
    TextEncoding,
)
from adapters.testing import LOST_ANSWER, LOST_REQUEST, REFUSED, FaultPlan
from adapters.wire.longmessage import join_segments
from tests.simulators.speech import SGIP, Speech, dialling, every, gateway, once, texts, violations
from tests.simulators.submits import SUBSCRIBER

LONG = "我要拒接贷款推销电话，" * 20


# Messages of the SP


@every
async def test_submit_when_sent_then_arrives_and_its_report_names_it(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        await sp.send(speech.submit(2))
        (answer,) = await sp.read_answers()
        report = await sp.take_delivery()
        await sim.wait_settled()
        assert texts(sim) == ["Refused."]
        assert speech.is_report(report)
        (accepted,) = sim.find(EntryFilter(happening=Happening.SUBMIT_ACCEPTED))
        (acknowledged,) = sim.find(EntryFilter(happening=Happening.REPORT_ACKNOWLEDGED))
        assert speech.id_of(answer) == accepted.msg_id == acknowledged.msg_id
        (sent,) = sim.find(EntryFilter(stat="DELIVRD", number=SUBSCRIBER))
        assert sent.reading is not None
        assert sent.reading.msg_id == accepted.msg_id


@every
async def test_pdus_when_dribbled_byte_by_byte_then_are_understood(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        for byte in speech.encode(speech.submit(2)):
            await sp.send_bytes(bytes([byte]))
        await sp.read_answers()
        assert texts(sim) == ["Refused."]


@every
async def test_pdus_when_four_share_a_segment_then_each_is_answered(speech: Speech) -> None:
    async with gateway(speech) as (_, sp):
        await sp.send(*map(speech.submit, range(2, 6)))
        answers = await sp.read_answers(4)
        assert [answer.sequence for answer in answers] == [speech.number(sequence) for sequence in range(2, 6)]
        assert len(set(map(speech.id_of, answers))) == 4


@every
async def test_submit_when_it_does_not_decode_then_is_refused_and_the_link_lives(speech: Speech) -> None:
    async with gateway(speech, clean=False) as (sim, sp):
        frame = speech.encode(speech.submit(2))[:-40]
        await sp.send_bytes(len(frame).to_bytes(4, "big") + frame[4:])
        await sp.send(speech.submit(3))
        answers = await sp.read_answers(2)
        assert [speech.result_of(answer) for answer in answers] == [speech.malformed, 0]
        assert violations(sim) == ["malformed_pdu"]


@every
async def test_terminate_when_asked_then_answered_and_closed(speech: Speech) -> None:
    async with gateway(speech) as (_, sp):
        await sp.send(speech.terminate(3))
        (answer,) = await sp.read_answers()
        assert answer.sequence == speech.number(3)
        assert await sp.read_to_end() == b""


@every
async def test_submit_when_request_is_lost_then_the_resend_arrives_once(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        sim.set_faults(SmscFault(Operation.SUBMIT, once(LOST_REQUEST)))
        await sp.send(speech.submit(2))
        await sim.wait_for(EntryFilter(command="SUBMIT", fate=Fate.DROPPED))
        await sp.send(speech.submit(2))
        assert speech.result_of((await sp.read_answers())[0]) == 0
        assert texts(sim) == ["Refused."]


@every
async def test_submit_when_answer_is_lost_then_the_resend_gets_the_same_and_the_phone_one(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        sim.set_faults(SmscFault(Operation.SUBMIT, once(LOST_ANSWER)))
        await sp.send(speech.submit(2))
        await sim.wait_for(EntryFilter(command="SUBMIT_RESP", fate=Fate.DROPPED))
        await sp.send(speech.submit(2))
        (answer,) = await sp.read_answers()
        (accepted,) = sim.find(EntryFilter(happening=Happening.SUBMIT_ACCEPTED))
        assert speech.id_of(answer) == accepted.msg_id
        assert texts(sim) == ["Refused."]


@every
async def test_submit_when_refused_then_flow_control_and_nothing_arrives(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        sim.set_faults(SmscFault(Operation.SUBMIT, once(REFUSED)))
        await sp.send(speech.submit(2))
        assert speech.result_of((await sp.read_answers())[0]) == speech.flow_control
        assert texts(sim) == []


@every
@pytest.mark.parametrize("applied", [False, True])
async def test_submit_when_answered_with_a_result_then_both_bits_hold(speech: Speech, applied: bool) -> None:
    async with gateway(speech) as (sim, sp):
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(applied=applied), result=99))
        await sp.send(speech.submit(2))
        assert speech.result_of((await sp.read_answers())[0]) == 99
        assert texts(sim) == (["Refused."] if applied else [])


@every
async def test_submit_when_the_link_is_cut_for_it_then_unheard_though_applied(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        script = ReportScript(ReportTiming.NEVER)
        sim.set_faults(SmscFault(Operation.SUBMIT, LOST_ANSWER, report=script, close_link=True))
        await sp.send(speech.submit(2))
        assert await sp.read_to_end() == b""
        assert texts(sim) == ["Refused."]


@every
async def test_answer_when_another_command_then_bears_the_number_of_the_request(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        fault = SmscFault(Operation.SUBMIT, FaultPlan(count=1), answered_command=speech.answer_command)
        sim.set_faults(fault)
        await sp.send(speech.submit(2), speech.submit(3))
        odd, answer = await sp.read_answers(2)
        assert (odd.sequence, answer.sequence) == (speech.number(2), speech.number(3))
        assert type(odd) is not type(answer)


@every
async def test_answer_when_nobody_asked_then_leaves_ahead_of_the_one_asked_for(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        async with gateway(speech) as (_, other):
            await other.send(speech.submit(77))
            unsolicited = speech.encode((await other.read_answers())[0])
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(count=1), garbage=unsolicited))
        await sp.send(speech.submit(2))
        answers = await sp.read_answers(2)
        assert [answer.sequence for answer in answers] == [speech.number(77), speech.number(2)]


@every
async def test_bytes_when_dribbled_then_arrive_in_pieces_and_make_sense(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        fault = SmscFault(Operation.SUBMIT, FaultPlan(count=1), dribble_bytes=5, dribble_interval_s=0.0005)
        sim.set_faults(fault)
        await sp.send(speech.submit(2))
        assert speech.result_of((await sp.read_answers())[0]) == 0


# Reports


@every
async def test_report_when_before_response_then_overtakes_it(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        plan = FaultPlan(delay_s=0.05)
        sim.set_faults(SmscFault(Operation.SUBMIT, plan, report=ReportScript(ReportTiming.BEFORE_RESPONSE)))
        await sp.send(speech.submit(2))
        assert speech.is_report(await sp.take_delivery())
        await sim.wait_for(EntryFilter(happening=Happening.REPORT_ACKNOWLEDGED))
        assert sim.find(EntryFilter(command="SUBMIT_RESP")) == []
        await sp.read_answers()


@every
async def test_report_when_copied_then_every_copy_comes(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(), report=ReportScript(copies=3)))
        await sp.send(speech.submit(2))
        reports = [await sp.take_delivery() for _ in range(3)]
        await sim.wait_settled()
        assert all(map(speech.is_report, reports))
        subjects = {entry.msg_id for entry in sim.find(EntryFilter(happening=Happening.REPORT_ACKNOWLEDGED))}
        assert len(subjects) == 1


@every
async def test_report_when_message_failed_then_says_so(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(), report=ReportScript(stat="UNDELIV")))
        await sp.send(speech.submit(2))
        await sp.take_delivery()
        (sent,) = await sim.wait_for(EntryFilter(stat="ERR:021" if speech is SGIP else "UNDELIV"))
        assert sent.reading is not None
        assert sent.reading.number.endswith(SUBSCRIBER)


# Messages of phones


@every
@pytest.mark.parametrize(
    ("text", "encoding", "formats"),
    [
        ("KTFSR", TextEncoding.AUTO, {0}),
        ("我要开通", TextEncoding.UCS2, {8}),
        ("我要开通", TextEncoding.GBK, {15}),
        (LONG, TextEncoding.AUTO, {8, 15}),
        ("x" * 500, TextEncoding.ASCII, {0}),
        ("拒接😀" * 40, TextEncoding.AUTO, {8}),
    ],
)
async def test_mo_when_sent_then_joins_to_the_same_text(
    speech: Speech, text: str, encoding: TextEncoding, formats: set[int]
) -> None:
    async with gateway(speech) as (sim, sp):
        sent = sim.send_mo(MobileOriginated(SUBSCRIBER, text, to="1008611", encoding=encoding))
        parts = [await sp.take_delivery() for _ in sent.msg_ids]
        await sim.wait_settled()
        assert [speech.id_of(part) for part in parts] == list(sent.msg_ids)
        segments = [speech.segment_of(part) for part in parts]
        assert join_segments(segments).value == text
        assert {segment.msg_fmt for segment in segments} <= formats
        (entry, *_) = sim.find(EntryFilter(command="DELIVER"))
        assert entry.reading is not None
        assert (entry.reading.service_code, entry.reading.number.removeprefix("86")) == ("1008611", SUBSCRIBER)


@every
async def test_mo_when_unacknowledged_then_comes_again(speech: Speech) -> None:
    async with gateway(speech, resend_s=0.4, resend_attempts=2) as (sim, sp):
        (msg_id,) = sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR")).msg_ids
        seen = [(await sp.read_delivery())[0] for _ in range(4)]
        assert {speech.id_of(pdu) for pdu in seen} == {msg_id}
        assert (seen[0], seen[2]) == (seen[1], seen[3])
        # An SGIP message is known by its number alone, so that this stays; elsewhere it is numbered anew.
        assert (seen[1].sequence == seen[2].sequence) is (speech is SGIP)
        await sp.take_delivery()
        await sim.wait_settled()


@every
async def test_mo_when_link_is_lost_then_comes_again_under_its_id(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        first, wire = await sp.read_delivery()
        await wire.close()
        async with dialling(speech, sim.port, sp.ear) as again:
            await again.log_in()
            second = await again.take_delivery()
            await sim.wait_settled()
        assert speech.id_of(first) == speech.id_of(second)


@every
async def test_mo_when_answered_with_flow_control_then_comes_again_and_with_an_error_does_not(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await sp.take_delivery(speech.flow_control)
        await sp.take_delivery(5)
        (refused,) = await sim.wait_for(EntryFilter(happening=Happening.REFUSED))
        assert (refused.detail, sim.unacknowledged) == ("result 5", [])


@every
@pytest.mark.parametrize("plan", [LOST_REQUEST, LOST_ANSWER])
async def test_mo_when_struck_then_comes_again_until_heard(speech: Speech, plan: FaultPlan) -> None:
    async with gateway(speech, resend_s=0.1) as (sim, sp):
        sim.set_faults(SmscFault(Operation.MO, once(plan)))
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        for _ in range(2 if plan is LOST_ANSWER else 1):
            await sp.take_delivery()
        await sim.wait_settled()
        assert len(sim.find(EntryFilter(happening=Happening.MO_ACKNOWLEDGED))) == 1


@every
async def test_mo_when_cut_with_its_link_then_comes_by_the_next(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        sim.set_faults(SmscFault(Operation.MO, once(LOST_REQUEST), close_link=True))
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        await sim.wait_for(EntryFilter(command="DELIVER", fate=Fate.DROPPED))
        async with dialling(speech, sim.port, sp.ear) as again:
            await again.log_in()
            await again.take_delivery()
            await sim.wait_settled()


@every
async def test_mo_when_copied_then_every_copy_comes_under_its_id(speech: Speech) -> None:
    async with gateway(speech) as (sim, sp):
        (msg_id,) = sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR", copies=3)).msg_ids
        seen = [await sp.take_delivery() for _ in range(3)]
        await sim.wait_settled()
        assert [speech.id_of(pdu) for pdu in seen] == [msg_id] * 3


@every
async def test_mo_when_ids_are_of_another_width_then_is_refused(speech: Speech) -> None:
    async with gateway(speech) as (sim, _):
        with pytest.raises(ValueError, match="msg_id has"):
            sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR", msg_ids=(b"123",)))
