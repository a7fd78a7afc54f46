"""Every rule an SP can break is seen broken; what breaks none is clean."""

from typing import Any

import pytest

from adapters.simulators.history import ViolationsError
from adapters.simulators.smsc import (
    Account,
    EntryFilter,
    Fate,
    Happening,
    MobileOriginated,
    Operation,
    SmscFault,
    SmscSettings,
    SmscSimulator,
)
from adapters.testing import LOST_ANSWER, LOST_REQUEST, SP_ID, SP_SECRET, FaultPlan, smsc_simulator
from adapters.testing.raw import RawSp, raw_sp
from adapters.wire.cmpp import Deliver, DeliverResp, Pdu, SubmitResp, Unknown, Version
from adapters.wire.longmessage import split_message
from tests.simulators.submits import OTHER_SUBSCRIBER, SUBSCRIBER, make_submit

UDH = bytes.fromhex("050003070201")


def violations(sim: SmscSimulator) -> list[str]:
    return [entry.violation for entry in sim.violations]


async def submit(sim: SmscSimulator, *pdus: Pdu, answers: int | None = None) -> None:
    async with raw_sp(sim.port) as sp:
        await sp.login()
        await sp.send(*pdus)
        await read_answers(sp, len(pdus) if answers is None else answers)


async def read_answers(sp: RawSp, count: int) -> None:
    while count:
        count -= isinstance(await sp.read(), SubmitResp)


PAID: list[tuple[dict[str, Any], list[str]]] = [
    ({"fee_type": "02"}, ["paid_submit"]),
    ({"fee_type": ""}, ["paid_submit"]),
    ({"fee_code": "000010"}, ["fee_code_not_zero"]),
    ({"fee_type": "03", "fee_code": "500"}, ["paid_submit", "fee_code_not_zero"]),
    ({"registered_delivery": 0}, ["report_not_requested"]),
    ({"dest_terminal_ids": (SUBSCRIBER, OTHER_SUBSCRIBER)}, ["several_destinations"]),
    ({"dest_terminal_ids": ("10086",)}, ["bad_destination"]),
    ({"dest_terminal_ids": ("1380013800x",)}, ["bad_destination"]),
    ({"msg_src": "999999"}, ["wrong_msg_src"]),
    ({"src_id": "10010"}, ["wrong_src_id"]),
    ({"msg_fmt": 0, "msg_content": "中".encode("gbk")}, ["undecodable_text"]),
    ({"msg_fmt": 8, "msg_content": b"\xd8\x00"}, ["undecodable_text"]),
    ({"msg_fmt": 4, "msg_content": b"binary"}, ["undecodable_text"]),
    ({"msg_fmt": 0, "msg_content": b"x" * 160}, ["text_too_long"]),
    ({"msg_fmt": 8, "msg_content": "中".encode("utf-16-be") * 71}, ["text_too_long"]),
    ({"tp_udhi": 1, "msg_content": b"no header"}, ["udh_inconsistent"]),
    ({"tp_udhi": 1, "msg_content": bytes.fromhex("050003070203") + b"x"}, ["udh_inconsistent", "pk_mismatch"]),
    ({"tp_udhi": 0, "msg_content": UDH + b"x"}, ["udh_inconsistent"]),
    ({"tp_udhi": 1, "msg_content": UDH + b"x", "pk_total": 1, "pk_number": 1}, ["pk_mismatch"]),
    ({"pk_total": 2, "pk_number": 1}, ["pk_mismatch"]),
    ({"fee_user_type": 4}, ["illegal_field"]),
    ({"valid_time": "tomorrow"}, ["illegal_field"]),
    ({"at_time": "991231"}, ["illegal_field"]),
]


@pytest.mark.parametrize(("changes", "broken"), PAID)
async def test_submit_when_it_breaks_a_rule_then_the_violation_is_written_down(
    changes: dict[str, Any], broken: list[str]
) -> None:
    async with smsc_simulator(clean=False) as sim:
        await submit(sim, make_submit(2, **changes))
        assert violations(sim) == broken
        with pytest.raises(ViolationsError, match=broken[0]) as caught:
            sim.assert_clean()
        assert caught.value.rules == broken
        assert SUBSCRIBER not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"fee_code": ""},
        {"valid_time": "261231235959032+"},
        {"fee_code": "000000"},
        {"src_id": "1008622"},
        {"dest_terminal_ids": ("8613800138000",)},
        {"msg_fmt": 8, "msg_content": "已开通。".encode("utf-16-be")},
        {"msg_fmt": 15, "msg_content": "已开通。".encode("gbk")},
    ],
)
async def test_submit_when_it_is_as_it_should_be_then_is_clean(changes: dict[str, Any]) -> None:
    async with smsc_simulator() as sim:
        await submit(sim, make_submit(2, **changes))
        assert len(sim.phones) == 1


async def test_parts_when_they_fit_together_then_are_clean_and_arrive_whole() -> None:
    text = "您已开通营销电话拦截服务。" * 12
    async with smsc_simulator() as sim:
        await submit(sim, *parts_of(text))
        assert [message.text for message in sim.phone(SUBSCRIBER).inbox] == [text]


def parts_of(text: str, reference: int = 7, first_sequence: int = 2) -> list[Pdu]:
    return [
        make_submit(
            sequence,
            tp_udhi=part.tp_udhi,
            msg_fmt=part.msg_fmt,
            msg_content=part.content,
            pk_total=part.pk_total,
            pk_number=part.pk_number,
        )
        for sequence, part in enumerate(split_message(text, reference), start=first_sequence)
    ]


async def test_parts_when_one_comes_again_with_other_content_then_is_inconsistent() -> None:
    first, other = parts_of("拦" * 100)[0], parts_of("截" * 100, first_sequence=9)[0]
    async with smsc_simulator(clean=False) as sim:
        await submit(sim, first, other)
        assert violations(sim) == ["udh_inconsistent"]


async def test_parts_when_totals_disagree_then_are_inconsistent() -> None:
    first, other = parts_of("拦" * 100)[0], parts_of("拦" * 200, first_sequence=9)[1]
    async with smsc_simulator(clean=False) as sim:
        await submit(sim, first, other)
        assert violations(sim) == ["udh_inconsistent"]


async def test_parts_when_a_reference_is_used_again_after_completion_then_are_clean() -> None:
    async with smsc_simulator() as sim:
        await submit(sim, *parts_of("拦" * 100), *parts_of("截" * 100, first_sequence=9))
        assert len(sim.phone(SUBSCRIBER).inbox) == 2


@pytest.mark.parametrize(("sent", "broken"), [(4, []), (6, ["window_exceeded", "window_exceeded"])])
async def test_window_when_more_are_unanswered_than_it_allows_then_each_is_a_violation(
    sent: int, broken: list[str]
) -> None:
    settings = SmscSettings((Account(SP_ID, SP_SECRET),), window=4)
    async with smsc_simulator(settings, clean=False) as sim:
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(delay_s=0.05)))
        await submit(sim, *(make_submit(number) for number in range(2, 2 + sent)))
        assert violations(sim) == broken


async def test_sequence_when_reused_while_outstanding_then_is_a_violation() -> None:
    async with smsc_simulator(clean=False) as sim:
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(delay_s=0.05)))
        await submit(sim, make_submit(2), make_submit(2, msg_content=b"Another."))
        assert violations(sim) == ["sequence_reused"]


@pytest.mark.parametrize("plan", [LOST_REQUEST, LOST_ANSWER])
async def test_resend_when_it_bears_a_new_number_then_is_a_violation(plan: FaultPlan) -> None:
    async with smsc_simulator(clean=False) as sim, raw_sp(sim.port) as sp:
        await sp.login()
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(applied=plan.applied, heard=False, count=1)))
        await sp.send(make_submit(2))
        await sim.wait_for(EntryFilter(fate=Fate.DROPPED))
        await sp.send(make_submit(3))
        await read_answers(sp, 1)
        assert violations(sim) == ["resend_renumbered"]


async def test_submits_when_two_equal_ones_are_in_flight_then_are_clean() -> None:
    async with smsc_simulator() as sim:
        await submit(sim, make_submit(2), make_submit(3))
        assert len(sim.phone(SUBSCRIBER).inbox) == 2


@pytest.mark.parametrize("plan", [LOST_REQUEST, LOST_ANSWER])
async def test_resend_when_it_changes_its_content_then_is_a_violation(plan: FaultPlan) -> None:
    async with smsc_simulator(clean=False) as sim:
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(applied=plan.applied, heard=False, count=1)))
        await submit(sim, make_submit(2), make_submit(2, msg_content=b"Another."), answers=1)
        assert violations(sim) == ["sequence_reused"]


async def test_command_when_nobody_defined_it_then_is_a_violation_and_the_link_lives() -> None:
    async with smsc_simulator(clean=False) as sim:
        await submit(sim, Unknown(2, 0x99, b"?"), make_submit(3), answers=1)
        assert violations(sim) == ["unknown_command"]


async def test_deliver_resp_when_it_names_another_message_then_is_a_violation() -> None:
    async with smsc_simulator(clean=False) as sim, raw_sp(sim.port, Version.V30) as sp:
        await sp.login()
        sim.send_mo(MobileOriginated(SUBSCRIBER, "KTFSR"))
        deliver = await sp.read()
        assert isinstance(deliver, Deliver)
        await sp.send(DeliverResp(deliver.sequence, b"\1" * 8, 0))
        await sim.wait_for(EntryFilter(happening=Happening.VIOLATION))
        assert violations(sim) == ["wrong_deliver_resp_id"]


async def test_reset_when_rules_were_broken_then_forgets_it() -> None:
    async with smsc_simulator() as sim:
        await submit(sim, make_submit(2, fee_type="02"))
        assert violations(sim) == ["paid_submit"]
        sim.reset()
        assert (sim.violations, sim.history, sim.phones, sim.unacknowledged) == ([], [], [], [])
