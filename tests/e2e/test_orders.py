"""Agents and clerks of three carriers, each CRM in its own envelope, before real adapters and one real gateway."""

import asyncio
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from adapters.simulators.crm import Booking, CrmFault, CrmSimulator
from adapters.simulators.faults import LOST_ANSWER
from adapters.wire.answer import Answer, ItemAnswer, Result
from adapters.wire.order import Consent, Desk, Order, Proof, Verb
from optout.kit.ports import pick_port
from optout.kit.redact import find_numbers
from optout.sim.v1 import crm_pb2, crm_pb2_grpc, smsc_pb2
from tests.e2e.desks import ENVELOPES, open_desks
from tests.e2e.federation import Process, open_federation, read_ledger

OPEN = Order(
    verb=Verb.OPEN,
    number="13800138000",
    desk=Desk.HOTLINE,
    booked_by="agent-4711",
    mandate="CRM-ORDER/2026",
    notice_version="2026-11",
    consent=Consent.GIVEN,
)
NUMBERS = {"telecom": "13300133000", "mobile": "13800138000", "unicom": "13000130000"}


async def ask(crm: CrmSimulator, order: Order, serial: str = "") -> Answer:
    booked = await crm.book(Booking(order, serial))
    assert booked.answer is not None
    return booked.answer


async def tell_story(crm: CrmSimulator, number: str) -> list[Result]:
    """One subscriber at one carrier's desk, from opening to closing."""
    opening = replace(OPEN, number=number)
    story = (
        replace(opening, verb=Verb.QUERY),
        replace(opening, verb=Verb.SET_CATEGORIES, refuse=("loan",)),
        replace(opening, mandate=""),
        opening,
        opening,
        replace(opening, verb=Verb.SET_CATEGORIES, refuse=("loan", "占星")),
        replace(opening, verb=Verb.EDIT_REJECT_LIST, desk=Desk.HALL, add=("13900139000", "110")),
        replace(opening, verb=Verb.CONFIRM),
        replace(opening, verb=Verb.QUERY, desk=Desk.HALL, proof=Proof.IDENTITY_DOCUMENT),
    )
    answers = [await ask(crm, order) for order in story]
    assert answers[5].items == (
        ItemAnswer("category:loan", Result.DONE),
        ItemAnswer("category:占星", Result.MALFORMED),
    )
    assert answers[-1].state == "open"
    assert "贷款理财" in answers[-1].state_text
    return [answer.result for answer in answers]


async def test_desks_when_three_carriers_book_then_each_is_answered_in_its_envelope_and_all_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_desks(tmp_path, *ENVELOPES) as crms:
        for name, number in NUMBERS.items():
            assert await tell_story(crms[name], number) == [
                Result.DONE,
                Result.NOT_OPEN,
                Result.NO_MANDATE,
                Result.DONE,
                Result.ALREADY_SO,
                Result.DONE,
                Result.DONE,
                Result.NOT_CONFIRMED,
                Result.DONE,
            ]
        foreign = replace(OPEN, number=NUMBERS["mobile"])
        assert (await ask(crms["telecom"], foreign)).result is Result.NOT_SERVED
        assert (await ask(crms["unicom"], replace(foreign, verb=Verb.QUERY))).result is Result.NOT_SERVED
        for crm in crms.values():
            crm.assert_clean()
    ledger = read_ledger(tmp_path)
    assert ledger.root_holds
    channels = Counter(payload["instruction"]["channel"] for payload in ledger.instructions())
    assert channels == {"hotline": 3 * 7 + 2, "hall": 3 * 2}
    opened = next(one["instruction"] for one in ledger.instructions() if "open" in str(one["instruction"]["action"]))
    assert len(opened["evidence"]["notice_digest"]) == 64
    assert opened["evidence"]["separate_consent"] == "given"
    assert find_numbers(" ".join(record.getMessage() for record in caplog.records)) == []


async def test_desks_when_serials_repeat_race_and_lie_then_each_is_booked_once(tmp_path: Path) -> None:
    async with open_desks(tmp_path, *ENVELOPES) as crms:
        for name, number in NUMBERS.items():
            crm, opening = crms[name], replace(OPEN, number=number)
            crm.set_faults(CrmFault(replace(LOST_ANSWER, count=1)))
            booked = await crm.book(Booking(opening, copies=4))
            repeats = [ask(crm, opening, booked.serial) for _ in range(4)]
            lies = [ask(crm, replace(opening, verb=Verb.CANCEL), booked.serial) for _ in range(2)]
            results = [answer.result for answer in await asyncio.gather(*repeats, *lies)]
            assert results == [Result.DONE] * 4 + [Result.SERIAL_REUSED] * 2
            crm.assert_clean()
    assert len(read_ledger(tmp_path).instructions()) == len(NUMBERS)


ORDERS = """
[orders]
listen = "127.0.0.1:{port}"

[[orders.sources]]
id = "CRM1"
"""
CRM = """\
url = "http://127.0.0.1:{port}/orders"
source = "CRM1"
control_port = {control}
retry_s = 0.1
attempts = 300
timeout_s = 5.0
"""


def book(stub: crm_pb2_grpc.CrmServiceStub, verb: str, number: str, **wishes: object) -> crm_pb2.CrmServiceBookResponse:
    order = crm_pb2.CrmOrder(
        verb=verb, number=number, booked_by="agent-1", mandate="M", consent="given", notice_version="2026-11", **wishes
    )  # type: ignore[arg-type]
    return stub.Book(crm_pb2.CrmServiceBookRequest(order=order), timeout=60)


def test_desk_when_gateway_and_adapter_are_killed_meanwhile_then_every_order_is_booked_once(tmp_path: Path) -> None:
    port, control = pick_port(), pick_port()
    (tmp_path / "crm.toml").write_text(CRM.format(port=port, control=control))
    crm = Process("crm", ("simulate", "crm"), tmp_path)
    with (
        open_federation(tmp_path, adapter_extra=ORDERS.format(port=port)) as federation,
        grpc.insecure_channel(f"127.0.0.1:{control}") as channel,
    ):
        crm.start()
        stub = crm_pb2_grpc.CrmServiceStub(channel)
        try:
            for round_, victim in enumerate((federation.gateway, federation.adapter, federation.gateway)):
                number = f"138001380{round_:02}"
                bomb = threading.Timer(0.05, lambda victim=victim: (victim.kill(), victim.start()))
                bomb.start()
                results = [
                    book(stub, "open", number).answer.result,
                    book(stub, "set_categories", number, refuse=["loan"]).answer.result,
                    book(stub, "query", number).answer.result,
                ]
                bomb.join()
                assert results == ["done"] * 3
            federation.ask("13700137000", "KTFSR", "同意请于")
            pending = book(stub, "query", "13700137000").answer
            assert (pending.state, len(pending.confirm_by)) == ("pending_open", 14)
            assert "待您确认开通" in pending.state_text
            after = federation.state().last_index
            assert book(stub, "confirm", "13700137000").answer.state == "open"
            federation.wait_for(smsc_pb2.SMSC_EVENT_ARRIVED, "13700137000", after, "已开通")
            assert list(stub.GetState(crm_pb2.CrmServiceGetStateRequest(), timeout=10).violations) == []
            federation.settle()
        finally:
            crm.stop()
        assert (federation.adapter.stop(), federation.gateway.stop()) == (0, 0)
        ledger = read_ledger(tmp_path)
        booked = Counter(payload["instruction"]["reference"] for payload in ledger.instructions())
        assert ledger.root_holds
        assert set(booked.values()) == {1}
        assert len(booked) == 3 * 3 + 3
        for process in (federation.gateway, federation.adapter, crm):
            assert find_numbers(process.log.read_text(encoding="utf-8", errors="replace")) == [], process.name
