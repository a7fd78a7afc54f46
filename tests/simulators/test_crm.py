"""The CRM simulator against an adapter that answers as told: what it sends and repeats, which rules it holds up."""

from dataclasses import replace

import pytest

from adapters.simulators.crm import Booking, CrmFault, CrmFilter, CrmSimulator, EnvelopeKind, Event, Spoil
from adapters.simulators.crm.settings import CrmSettings
from adapters.simulators.faults import LOST_ANSWER, LOST_REQUEST, REFUSED, FaultPlan
from adapters.simulators.history import ViolationsError, WaitError
from adapters.wire import contractroot, interboss, unibss
from adapters.wire.answer import Answer, Result
from adapters.wire.order import Order, Verb
from tests.simulators.desks import API, LATER, OPENED, ORDER, FakeDesk, crm_at

KINDS = pytest.mark.parametrize("kind", EnvelopeKind)


def read(kind: EnvelopeKind, content_type: str, body: bytes) -> Order:
    if kind is EnvelopeKind.INTERBOSS:
        return interboss.read_order(interboss.open_envelope(content_type, body))
    if kind is EnvelopeKind.UNIBSS:
        return unibss.read_order(unibss.open_request(content_type, body), API)
    return contractroot.read_order(contractroot.open_request(content_type, body))


@KINDS
async def test_booking_when_answered_then_was_sent_once_and_its_history_tells(kind: EnvelopeKind) -> None:
    desk = FakeDesk(kind)
    async with crm_at(desk) as crm:
        booked = await crm.book(Booking(ORDER))
        assert (booked.answer, booked.attempts) == (OPENED, 1)
        entries = crm.find(CrmFilter(), 10)
        crm.assert_clean()
    assert [read(kind, *request) for request in desk.requests] == [ORDER]
    assert [(entry.event, entry.result, entry.attempt) for entry in entries] == [
        (Event.SENT, None, 1),
        (Event.HEARD, Result.DONE, 1),
    ]
    assert {entry.serial for entry in entries} == {booked.serial}
    assert ORDER.number not in repr(entries)


@KINDS
async def test_booking_when_answered_with_later_then_is_repeated_under_its_serial(kind: EnvelopeKind) -> None:
    async with crm_at(FakeDesk(kind, [LATER, LATER, OPENED])) as crm:
        booked = await crm.book(Booking(ORDER))
        crm.assert_clean()
        serials = {entry.serial for entry in crm.find(CrmFilter(), 10)}
    assert (booked.answer, booked.attempts, serials) == (OPENED, 3, {booked.serial})


async def test_booking_when_never_answered_for_good_then_is_given_up() -> None:
    async with crm_at(FakeDesk(EnvelopeKind.UNIBSS, [LATER])) as crm:
        booked = await crm.book(Booking(ORDER))
        [entry] = crm.find(CrmFilter(event=Event.GIVEN_UP), 10)
    assert (booked.answer, booked.attempts, entry.attempt) == (LATER, 3, 3)


async def test_booking_when_nobody_listens_then_no_answer_came() -> None:
    settings = CrmSettings("http://127.0.0.1:1/orders", EnvelopeKind.INTERBOSS, "CRM1", retry_s=0.0, attempts=2)
    crm = CrmSimulator(settings)
    await crm.start()
    booked = await crm.book(Booking(ORDER))
    await crm.stop()
    assert (booked.answer, booked.attempts) == (None, 2)
    assert {entry.detail for entry in crm.find(CrmFilter(event=Event.UNHEARD), 9)} == {"ClientConnectorError"}


async def test_booking_when_in_copies_then_all_go_out_under_one_serial() -> None:
    desk = FakeDesk(EnvelopeKind.CONTRACTROOT_JSON)
    async with crm_at(desk) as crm:
        await crm.book(Booking(ORDER, serial="CRM120261124000001", copies=4))
        assert len(crm.find(CrmFilter(serial="CRM120261124000001", event=Event.HEARD), 9)) == 4
    assert len(desk.requests) == 4


@KINDS
@pytest.mark.parametrize(
    ("plan", "detail"), [(LOST_REQUEST, "request_cut"), (LOST_ANSWER, "reply_cut")], ids=["request", "reply"]
)
async def test_fault_when_it_cuts_the_connection_then_the_order_is_sent_again(
    kind: EnvelopeKind, plan: FaultPlan, detail: str
) -> None:
    desk = FakeDesk(kind)
    async with crm_at(desk) as crm:
        crm.set_faults(CrmFault(replace(plan, count=1)))
        booked = await crm.book(Booking(ORDER))
        [unheard] = crm.find(CrmFilter(event=Event.UNHEARD), 9)
        [struck] = [entry.fault for entry in crm.find(CrmFilter(event=Event.SENT), 9) if entry.fault]
        assert [(status.name, status.used_up) for status in crm.faults] == [(plan.name, True)]
    assert (booked.answer, booked.attempts, unheard.detail, struck) == (OPENED, 2, detail, plan.name)
    assert len(desk.requests) == (2 if plan.applied else 1)


async def test_fault_when_slow_then_the_body_arrives_whole() -> None:
    desk = FakeDesk(EnvelopeKind.INTERBOSS)
    async with crm_at(desk) as crm:
        crm.set_faults(CrmFault(FaultPlan("slow", delay_s=0.05)))
        assert (await crm.book(Booking(ORDER))).attempts == 1
    assert read(EnvelopeKind.INTERBOSS, *desk.requests[0]) == ORDER


def test_fault_when_it_makes_no_sense_then_is_refused() -> None:
    with pytest.raises(ValueError, match="not refused"):
        CrmFault(REFUSED)
    with pytest.raises(ValueError, match="copy"):
        Booking(ORDER, copies=0)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(Spoil.SIGNATURE, "wrong_token"), (Spoil.STALE, "stale_timestamp"), (Spoil.BODY, "unexpected_element")],
)
async def test_spoil_when_chosen_then_the_request_is_wrong_in_that_way(spoil: Spoil, reason: str) -> None:
    bad = Answer(result=Result.MALFORMED if spoil is Spoil.BODY else Result.BAD_SIGNATURE)
    desk = FakeDesk(EnvelopeKind.UNIBSS, [bad])
    async with crm_at(desk) as crm:
        await crm.book(Booking(ORDER, spoil=spoil))
        crm.assert_clean()
        now_ms = crm.settings.clock.now_ms()
    request = unibss.open_request(*desk.requests[0])

    def believe() -> None:
        unibss.check_token(request, crm.settings.secret, now_ms, 60_000)
        unibss.read_order(request, API)

    with pytest.raises(unibss.UniBssError, match=reason):
        believe()


async def violations(desk: FakeDesk, *bookings: Booking) -> set[str]:
    async with crm_at(desk, attempts=1) as crm:
        for booking in bookings:
            await crm.book(booking)
        return {rule for _, rule in crm.violations}


@KINDS
async def test_rule_when_the_reply_is_not_of_the_envelope_then_is_broken(kind: EnvelopeKind) -> None:
    assert await violations(FakeDesk(kind, reword=lambda _: b"thanks"), Booking(ORDER)) == {"reply_unreadable"}
    assert await violations(FakeDesk(kind, sentence="", status=500), Booking(ORDER)) == {"http_status"}


CANCEL = replace(ORDER, verb=Verb.CANCEL)
PENDING = Answer(result=Result.NEEDS_CONFIRMATION, state="pending_open", state_text="待确认")
SERIAL = "CRM120261124000001"


@pytest.mark.parametrize(
    ("rule", "answers", "bookings"),
    [
        ("booked_without_state", [Answer(result=Result.DONE)], [Booking(ORDER)]),
        ("pending_without_time", [PENDING], [Booking(ORDER)]),
        ("spoilt_taken", [OPENED], [Booking(ORDER, spoil=Spoil.SIGNATURE)]),
        ("spoilt_taken", [Answer(result=Result.MALFORMED)], [Booking(ORDER, spoil=Spoil.STALE)]),
        ("reuse_taken", [OPENED], [Booking(ORDER, SERIAL), Booking(CANCEL, SERIAL)]),
        (
            "answer_changed",
            [OPENED, replace(OPENED, result=Result.ALREADY_SO)],
            [Booking(ORDER, SERIAL), Booking(ORDER, SERIAL)],
        ),
    ],
)
async def test_rule_when_an_answer_breaks_it_then_is_named(
    rule: str, answers: list[Answer], bookings: list[Booking]
) -> None:
    assert await violations(FakeDesk(EnvelopeKind.CONTRACTROOT_XML, list(answers)), *bookings) == {rule}


async def test_rule_when_the_serial_is_another_or_no_sentence_is_given_then_is_broken() -> None:
    desk = FakeDesk(EnvelopeKind.CONTRACTROOT_JSON, sentence="x", reword=lambda body: body.replace(b'"x"', b'""'))
    assert await violations(desk, Booking(ORDER)) == {"reply_without_text"}
    desk = FakeDesk(EnvelopeKind.CONTRACTROOT_JSON, reword=lambda body: body.replace(b"0001", b"0002"))
    assert await violations(desk, Booking(ORDER, SERIAL)) == {"serial_not_echoed"}


async def test_rules_when_kept_then_repeats_and_reuse_are_clean() -> None:
    answers = [LATER, OPENED, OPENED, Answer(result=Result.SERIAL_REUSED), OPENED]
    async with crm_at(FakeDesk(EnvelopeKind.INTERBOSS, answers)) as crm:
        for order in (ORDER, ORDER, CANCEL, ORDER):
            await crm.book(Booking(order, "S1"))
        crm.assert_clean()


async def test_history_when_waited_for_and_reset_then_tells_and_forgets() -> None:
    async with crm_at(FakeDesk(EnvelopeKind.UNIBSS, [Answer(result=Result.DONE)])) as crm:
        await crm.book(Booking(ORDER))
        [entry] = await crm.wait_for(CrmFilter(result=Result.DONE, number="+8613800138000", violating=True))
        with pytest.raises(ViolationsError, match="booked_without_state"):
            crm.assert_clean()
        with pytest.raises(WaitError):
            await crm.wait_for(CrmFilter(after_index=entry.index), timeout_s=0.01)
        crm.reset()
        assert (crm.last_index, crm.violations, crm.find(CrmFilter(), 9)) == (0, [], [])
