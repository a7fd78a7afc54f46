"""Hotline and hall orders, from the CRM's request to its reply, in each envelope against a real gateway client."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from adapters.carrier.base import OrderData
from adapters.carrier.notices import NoticeRequest, NoticeWriter
from adapters.carrier.order_channel import OrderChannel, OrderParts
from adapters.carrier.settings import OrdersConfig, OrderSourceConfig
from adapters.journal.rows import Origin
from adapters.mobile import CARRIER
from adapters.simulators.crm import EnvelopeKind, Spoil
from adapters.wire.answer import Answer, ItemAnswer, Result
from adapters.wire.order import Consent, Days, Desk, Interception, Medium, Order, Proof, Scope, Treatment, Verb, Window
from optout.kit.clock import SystemClock
from optout.kit.config import ConfigError
from optout.kit.number import parse_number
from optout.v1 import errors_pb2, types_pb2
from tests.carrier.fake_gateway import FakeGateway
from tests.carrier.order_rig import KINDS, NUMBER, OPEN, QUERY, OrderRig, open_state, order_rig
from tests.carrier.waiting import leaks

SIGNED = [kind for kind in EnvelopeKind if kind is not EnvelopeKind.INTERBOSS]


@pytest.fixture
async def rig(gateway: FakeGateway, tmp_path: Path) -> AsyncIterator[OrderRig]:
    async with order_rig(gateway, tmp_path) as made:
        yield made


@KINDS
async def test_order_when_booked_then_is_committed_and_its_agent_sees_the_state(
    kind: EnvelopeKind, gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.decide = open_state
    async with order_rig(gateway, tmp_path, kind=kind) as rig:
        booked = await rig.book()
        rig.crm.assert_clean()
    assert booked.answer is not None
    assert booked.answer.result is Result.DONE
    assert booked.answer.state == "open"
    assert booked.answer.state_text == (
        "骚扰电话拒接：已开通。拒接贷款理财、保险推销。拒接境外来电。黑名单1个。由智能助理接听。免打扰工作日22:00-08:00。"
    )
    [instruction] = gateway.committed.values()
    assert instruction.instruction_id == booked.serial
    assert (instruction.reference.account, instruction.reference.id) == ("CRM1", booked.serial)
    assert instruction.channel == types_pb2.CHANNEL_HOTLINE
    assert instruction.number == "+8613800138000"
    assert list(instruction.open.defaults.refused_categories) == ["securities", "real_estate"]


async def test_order_when_booked_then_its_evidence_says_who_under_which_notice_and_consent(
    rig: OrderRig, gateway: FakeGateway
) -> None:
    await rig.book(replace(OPEN, desk=Desk.HALL, proof=Proof.IDENTITY_DOCUMENT))
    [instruction] = gateway.committed.values()
    evidence, orders = instruction.evidence, CARRIER.data.orders
    assert orders is not None
    assert instruction.channel == types_pb2.CHANNEL_HALL
    assert (evidence.booked_by, evidence.mandate) == ("agent-4711", "CRM-ORDER/2026")
    assert list(evidence.proofs) == [types_pb2.PROOF_IDENTITY_DOCUMENT]
    assert evidence.notice_version == "2026-11"
    assert evidence.notice_digest == sha256(orders.notices[0].text.encode()).digest()
    assert evidence.separate_consent == types_pb2.CONSENT_GIVEN
    assert tuple(evidence.recipients) == orders.notices[0].recipients
    assert tuple(evidence.purposes) == orders.notices[0].purposes
    assert len(evidence.original_digest) == 32


@pytest.mark.parametrize(
    "change",
    [
        {"consent": Consent.NOT_ASKED},
        {"consent": Consent.WITHHELD},
        {"notice_version": ""},
        {"notice_version": "1999"},
    ],
)
async def test_opening_when_notice_or_consent_is_missing_then_is_not_booked(
    rig: OrderRig, gateway: FakeGateway, change: dict[str, Any]
) -> None:
    assert await rig.result(replace(OPEN, **change)) is Result.NOT_CONFIRMED
    assert await rig.result(replace(QUERY, **change)) is Result.DONE
    assert len(gateway.committed) == 1


ACTIONS = [
    (replace(OPEN, verb=Verb.CANCEL), "cancel", {}),
    (replace(OPEN, verb=Verb.CONFIRM), "confirm", {}),
    (QUERY, "query", {}),
    (
        replace(OPEN, verb=Verb.SET_CATEGORIES, refuse=("loan", "房产中介"), replace=True),
        "set_refused_categories",
        {"refuse": ["loan", "房产中介"], "accept": [], "replace": True},
    ),
    (
        replace(OPEN, verb=Verb.EDIT_REJECT_LIST, add=("13900139000", "95588"), remove=("01012345678",)),
        "edit_reject_list",
        {"add": ["+8613900139000", "95588"], "remove": ["+861012345678"]},
    ),
    (replace(OPEN, verb=Verb.EDIT_ALLOW_LIST, add=("4001234567",)), "edit_allow_list", {"add": ["+864001234567"]}),
    (
        replace(OPEN, verb=Verb.SET_SEGMENTS, segments=("400", "170")),
        "set_refused_segments",
        {
            "segments": [
                types_pb2.Segment(kind=types_pb2.SEGMENT_KIND_400),
                types_pb2.Segment(kind=types_pb2.SEGMENT_KIND_CUSTOM, prefix="+86170"),
            ]
        },
    ),
    (replace(OPEN, verb=Verb.SET_SEGMENTS), "set_refused_segments", {"segments": []}),
    (
        replace(OPEN, verb=Verb.CHOOSE_TREATMENT, treatment=Treatment.CHALLENGE),
        "choose_treatment",
        {"treatment": types_pb2.TREATMENT_CHALLENGE, "stranger_policy": types_pb2.STRANGER_POLICY_UNSPECIFIED},
    ),
    (
        replace(OPEN, verb=Verb.CHOOSE_NOTICES, interception=Interception.DAILY, at_night=True),
        "choose_notices",
        {"notices": types_pb2.NoticeChoice(interception=types_pb2.INTERCEPTION_NOTICE_DAILY, at_night=True)},
    ),
    (
        replace(OPEN, verb=Verb.SET_QUIET_HOURS, quiet_hours=(Window(Days.WEEKEND, 1320, 480),)),
        "set_quiet_hours",
        {"windows": [types_pb2.QuietWindow(days=types_pb2.DAY_TYPE_WEEKEND, start_minute=1320, end_minute=480)]},
    ),
    (
        replace(OPEN, verb=Verb.ASK_GUARDIAN, party="13300133000", scope=Scope.SETTINGS),
        "ask_guardian",
        {"ward": "+8613300133000", "scope": types_pb2.GUARDIAN_SCOPE_SETTINGS},
    ),
    (replace(OPEN, verb=Verb.END_GUARDIAN), "end_guardian", {"party": ""}),
    (
        replace(OPEN, verb=Verb.ACT_FOR_WARD, party="13300133000", preset="elder"),
        "act_for_ward",
        {"ward": "+8613300133000", "preset": "elder"},
    ),
]


@pytest.mark.parametrize(("order", "action", "fields"), ACTIONS, ids=[action for _, action, _ in ACTIONS])
async def test_order_when_of_any_verb_then_is_its_action(
    rig: OrderRig, gateway: FakeGateway, order: Order, action: str, fields: dict[str, Any]
) -> None:
    assert await rig.result(order) is Result.DONE
    [instruction] = gateway.committed.values()
    assert instruction.WhichOneof("action") == action
    for name, value in fields.items():
        found = getattr(getattr(instruction, action), name)
        assert (list(found) if isinstance(value, list) else found) == value


def refuse(reason: str) -> Any:
    def decide(_: types_pb2.Instruction, outcome: types_pb2.Outcome) -> None:
        outcome.disposition = types_pb2.DISPOSITION_REFUSED
        outcome.reason = errors_pb2.ErrorReason.Value(f"ERROR_REASON_{reason}")

    return decide


@KINDS
@pytest.mark.parametrize(
    ("reason", "result"),
    [
        ("NUMBER_FROZEN", Result.NUMBER_FROZEN),
        ("MANDATE_REQUIRED", Result.NO_MANDATE),
        ("PROOF_REQUIRED", Result.NO_MANDATE),
        ("LIST_FULL", Result.CAP_REACHED),
        ("NOTHING_PENDING", Result.NOT_CONFIRMED),
        ("CONFIRMATION_EXPIRED", Result.NOT_CONFIRMED),
        ("NOT_OPEN", Result.NOT_OPEN),
        ("RESTRICTED", Result.REFUSED),
    ],
)
async def test_order_when_refused_as_an_outcome_then_the_crm_is_told_why(
    kind: EnvelopeKind, reason: str, result: Result, gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.decide = refuse(reason)
    async with order_rig(gateway, tmp_path, kind=kind) as rig:
        assert await rig.result() is result
        rig.crm.assert_clean()


@pytest.mark.parametrize(
    ("reason", "result"),
    [("NOT_SERVED", Result.NOT_SERVED), ("ID_REUSED", Result.SERIAL_REUSED), ("INVALID_FIELD", Result.MALFORMED)],
)
async def test_order_when_refused_as_a_call_then_the_crm_is_told_why(
    rig: OrderRig, gateway: FakeGateway, reason: str, result: Result
) -> None:
    gateway.refusals = [reason]
    assert await rig.result() is result
    assert len(gateway.calls) == 1


async def test_order_when_it_awaits_the_subscriber_then_the_agent_sees_until_when(
    rig: OrderRig, gateway: FakeGateway
) -> None:
    def decide(_: types_pb2.Instruction, outcome: types_pb2.Outcome) -> None:
        outcome.disposition = types_pb2.DISPOSITION_NEEDS_CONFIRMATION
        outcome.subscription.state = types_pb2.ENROLMENT_STATE_PENDING_CANCEL
        outcome.subscription.pending.target = types_pb2.ENROLMENT_STATE_CLOSED
        outcome.subscription.pending.expire_time.seconds = 1_795_512_000  # 2026-11-24 12:00 in China
        outcome.items.add(
            item=types_pb2.Item(kind=types_pb2.ITEM_KIND_SERVICE),
            disposition=types_pb2.DISPOSITION_NEEDS_CONFIRMATION,
        )

    gateway.decide = decide
    booked = await rig.book(replace(OPEN, verb=Verb.CANCEL))
    rig.crm.assert_clean()
    assert booked.answer is not None
    assert booked.answer.result is Result.NEEDS_CONFIRMATION
    assert (booked.answer.state, len(booked.answer.confirm_by)) == ("pending_cancel", 14)
    assert booked.answer.state_text.startswith("骚扰电话拒接：待您确认关闭（")
    assert booked.answer.items == (ItemAnswer("service", Result.NEEDS_CONFIRMATION),)


async def test_order_when_the_network_falls_short_then_the_agent_reads_how(rig: OrderRig, gateway: FakeGateway) -> None:
    def decide(_: types_pb2.Instruction, outcome: types_pb2.Outcome) -> None:
        for value in ("loan", "insurance"):
            item = types_pb2.Item(kind=types_pb2.ITEM_KIND_CATEGORY, value=value)
            outcome.items.add(item=item, disposition=types_pb2.DISPOSITION_DONE, limitation="贷款与保险合并拦截")

    gateway.decide = decide
    booked = await rig.book(replace(OPEN, verb=Verb.SET_CATEGORIES, refuse=("loan", "insurance")))
    assert booked.answer is not None
    assert booked.answer.state_text.count("贷款与保险合并拦截") == 1


async def test_order_when_items_differ_then_each_is_told(rig: OrderRig, gateway: FakeGateway) -> None:
    def decide(_: types_pb2.Instruction, outcome: types_pb2.Outcome) -> None:
        for value, disposition, reason in (
            ("loan", types_pb2.DISPOSITION_DONE, 0),
            ("insurance", types_pb2.DISPOSITION_ALREADY_SO, 0),
            ("占星", types_pb2.DISPOSITION_REFUSED, errors_pb2.ERROR_REASON_UNKNOWN_CATEGORY),
        ):
            item = types_pb2.Item(kind=types_pb2.ITEM_KIND_CATEGORY, value=value)
            outcome.items.add(item=item, disposition=disposition, reason=reason)  # type: ignore[arg-type]

    gateway.decide = decide
    booked = await rig.book(replace(OPEN, verb=Verb.SET_CATEGORIES, refuse=("loan", "insurance", "占星")))
    assert booked.answer is not None
    assert booked.answer.items == (
        ItemAnswer("category:loan", Result.DONE),
        ItemAnswer("category:insurance", Result.ALREADY_SO),
        ItemAnswer("category:占星", Result.MALFORMED),
    )


SPOILT = {
    Spoil.SIGNATURE: Result.BAD_SIGNATURE,
    Spoil.STALE: Result.BAD_SIGNATURE,
    Spoil.SERVICE: Result.MALFORMED,
    Spoil.BODY: Result.MALFORMED,
}
SPOILT_KINDS = [
    (kind, spoil)
    for kind in EnvelopeKind
    for spoil in SPOILT
    if (kind, spoil) != (EnvelopeKind.INTERBOSS, Spoil.STALE)  # it proves no time
]


@pytest.mark.parametrize(("kind", "spoil"), SPOILT_KINDS)
async def test_request_when_spoilt_then_is_answered_and_its_serial_stays_free(
    kind: EnvelopeKind, spoil: Spoil, gateway: FakeGateway, tmp_path: Path
) -> None:
    async with order_rig(gateway, tmp_path, kind=kind) as rig:
        serial = (await rig.book(QUERY)).serial[:-1] + "7"
        gateway.calls.clear()
        assert await rig.result(OPEN, serial, spoil) is SPOILT[spoil]
        assert not gateway.calls
        assert await rig.result(OPEN, serial) is Result.DONE
        rig.crm.assert_clean()


@pytest.mark.parametrize("number", ["10086", "138001380", "4001234567"])
async def test_order_when_for_no_subscriber_then_is_malformed(rig: OrderRig, gateway: FakeGateway, number: str) -> None:
    assert await rig.result(replace(OPEN, number=number)) is Result.MALFORMED
    assert not gateway.calls


@pytest.mark.parametrize(
    "order",
    [
        replace(OPEN, verb=Verb.EDIT_REJECT_LIST, add=("123456789012345",)),
        replace(OPEN, verb=Verb.SET_SEGMENTS, segments=("99",)),
    ],
)
async def test_order_when_it_names_no_number_or_segment_then_is_malformed(
    rig: OrderRig, gateway: FakeGateway, order: Order
) -> None:
    assert await rig.result(order) is Result.MALFORMED
    assert not gateway.calls


async def test_order_when_about_messages_then_says_so(rig: OrderRig, gateway: FakeGateway) -> None:
    await rig.book(replace(OPEN, medium=Medium.MESSAGE))
    assert [call.medium for call in gateway.calls] == [types_pb2.MEDIUM_MESSAGE]


async def test_order_when_a_whole_list_is_exchanged_then_every_item_is_told(
    rig: OrderRig, gateway: FakeGateway
) -> None:
    numbers = [f"139{index:08}" for index in range(200)]

    def decide(_: types_pb2.Instruction, outcome: types_pb2.Outcome) -> None:
        for number in numbers:
            item = types_pb2.Item(kind=types_pb2.ITEM_KIND_REJECT_NUMBER, value=f"+86{number}")
            outcome.items.add(item=item, disposition=types_pb2.DISPOSITION_DONE)

    gateway.decide = decide
    edit = replace(OPEN, verb=Verb.EDIT_REJECT_LIST, add=tuple(numbers[:100]), remove=tuple(numbers[100:]))
    booked = await rig.book(edit)
    rig.crm.assert_clean()
    assert booked.answer is not None
    assert len(booked.answer.items) == 200


@KINDS
async def test_reply_when_the_envelope_has_no_room_for_an_item_then_still_tells_the_result(
    kind: EnvelopeKind, gateway: FakeGateway, tmp_path: Path
) -> None:
    def decide(_: types_pb2.Instruction, outcome: types_pb2.Outcome) -> None:
        item = types_pb2.Item(kind=types_pb2.ITEM_KIND_CATEGORY, value="two words")
        outcome.items.add(item=item, disposition=types_pb2.DISPOSITION_DONE)

    gateway.decide = decide
    async with order_rig(gateway, tmp_path, kind=kind) as rig:
        booked = await rig.book(QUERY)
    assert booked.answer == Answer(result=Result.DONE)


@KINDS
async def test_request_when_no_head_can_be_read_then_is_400_with_a_reason(
    kind: EnvelopeKind, gateway: FakeGateway, tmp_path: Path
) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "' + b"b" * 1000 + b'">]><ContractRoot>' + b"&b;" * 1000 + b"</ContractRoot>"
    bodies = (b"", b"{}", bomb, b"[" * 60_000, b"\xff\xfe")
    async with order_rig(gateway, tmp_path, kind=kind) as rig:
        for content_type in ("text/xml", "application/json", "multipart/form-data; boundary=x", "", "x" * 500):
            for body in bodies:
                status, text = await rig.post(content_type, body)
                assert status == 400
                assert text.decode().isascii()
        assert (await rig.post("text/xml", b"x" * 200_000))[0] == 413
        assert await rig.result() is Result.DONE


async def test_opening_when_confirmed_by_an_agent_then_the_question_by_sms_is_closed(
    rig: OrderRig, gateway: FakeGateway
) -> None:
    now_ms = SystemClock().now_ms()
    parameters = {"confirm_by": "2099-01-01 00:00"}
    asked = NoticeRequest("n-1", Origin.GATEWAY, parse_number(NUMBER), "confirm_open", parameters, now_ms + 60_000)
    await rig.journal.add_notice(*NoticeWriter(CARRIER.data.notices).write(asked, now_ms))
    assert await rig.journal.find_prompt("+8613800138000", now_ms) is not None
    gateway.is_pending = True
    await rig.book(QUERY)
    await rig.book(replace(OPEN, verb=Verb.CANCEL))
    assert await rig.journal.find_prompt("+8613800138000", now_ms) is not None
    gateway.is_pending = False
    await rig.book(replace(OPEN, verb=Verb.CONFIRM))
    assert await rig.journal.find_prompt("+8613800138000", now_ms) is None


async def test_orders_when_taken_and_refused_then_no_log_line_or_metric_holds_a_number(
    gateway: FakeGateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with order_rig(gateway, tmp_path, kind=EnvelopeKind.UNIBSS) as rig:
            await rig.book(OPEN)
            for spoil in (Spoil.SIGNATURE, Spoil.BODY, Spoil.SERVICE):
                await rig.book(OPEN, spoil=spoil)
            gateway.refusals = ["STORE_UNAVAILABLE"]
            await rig.book(OPEN)
            await rig.post("application/json", NUMBER.encode())
            counted = rig.metrics.registry.get_sample_value(
                "optout_adapter_orders_total", {"carrier": "mobile", "result": "bad_signature"}
            )
    assert counted == 1
    ours = [record for record in caplog.records if record.name.startswith("adapters.")]
    assert len(ours) > 3
    assert leaks(ours) == []
    assert "shared-by-both" not in caplog.text


def make_channel(gateway: FakeGateway, config: OrdersConfig, orders: OrderData | None) -> OrderChannel:
    carrier = replace(CARRIER, data=replace(CARRIER.data, orders=orders))
    rig = OrderRig(gateway, Path())
    return OrderChannel(OrderParts(carrier, config, rig.journal, None, None, rig.clock))  # type: ignore[arg-type]


def test_channel_when_configuration_or_data_lack_something_then_does_not_start(tmp_path: Path) -> None:
    gateway = FakeGateway()
    good = CARRIER.data.orders
    assert good is not None
    listening = OrdersConfig(listen="127.0.0.1:0", sources=(OrderSourceConfig("CRM1"),))
    for config, orders, key in (
        (listening, None, "orders.listen"),
        (replace(listening, sources=()), good, "orders.sources"),
        (listening, replace(good, sentences={"done": "办理成功"}), "orders.sentences.already_so"),
        (listening, replace(good, results={"1": Result.DONE, "2": Result.DONE}), "orders"),
        (listening, replace(good, results={"1": Result.DONE}), "orders"),
        (replace(listening, sources=(OrderSourceConfig("CRM1", tmp_path / "missing"),)), good, str(tmp_path)),
    ):
        with pytest.raises(ConfigError) as caught:
            make_channel(gateway, config, orders)
        assert key in caught.value.key


@pytest.mark.parametrize("kind", SIGNED)
async def test_source_when_the_envelope_is_signed_and_no_secret_configured_then_does_not_start(
    kind: EnvelopeKind, gateway: FakeGateway, tmp_path: Path
) -> None:
    async with order_rig(gateway, tmp_path, kind=kind) as rig:
        config = OrdersConfig(listen="127.0.0.1:0", sources=(OrderSourceConfig("CRM1"),))
        carrier = rig.channel._parts.carrier
        with pytest.raises(ConfigError, match="signed"):
            OrderChannel(OrderParts(carrier, config, rig.journal, rig.client, rig.metrics, rig.clock))
