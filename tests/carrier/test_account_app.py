"""The carrier's own app books by signed requests: proved, taken once, answered with the outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from adapters.carrier.base import ConsentData
from adapters.carrier.rpc import Advice, GatewayError
from adapters.mobile import CARRIER
from adapters.wire.app_order import AppOrderError, read_order
from gateway.domain.instruction import AskGuardian, Confirm, Disposition
from gateway.domain.ties import GuardianScope
from optout.kit.number import PhoneNumber
from optout.v1 import types_pb2
from tests.carrier.account_rig import APP_KEY, NATIONAL, NUMBER, AccountRig, open_account
from tests.carrier.waiting import leaks

WARD = "13300133000"
assert CARRIER.data.account is not None
CONSENT = CARRIER.data.account.consent
NOTICE = CONSENT.digest.hex()
FORMER = ConsentData("2026-05", "以前的告知。", ("以前的接收方",), ("以前的目的",))
OPEN = {
    "serial": "A1",
    "number": NATIONAL,
    "proof": "one_tap_login",
    "action": "open",
    "notice_version": "2026-11",
    "notice_digest": NOTICE,
    "consent": True,
}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[AccountRig]:
    async with open_account(tmp_path) as made:
        yield made


def order(serial: str, action: str, *values: str, proof: str = "one_tap_login") -> dict[str, Any]:
    return {"serial": serial, "number": NATIONAL, "proof": proof, "action": action, "values": list(values)}


async def test_open_when_booked_by_app_then_open_with_the_consent_as_evidence(rig: AccountRig) -> None:
    status, answer = await rig.book_by_app(OPEN)
    assert (status, answer["disposition"], answer["state"], answer["replayed"]) == (200, "done", "open", False)
    [instruction] = rig.gateway.seen
    assert (instruction.number, instruction.channel) == (NUMBER, types_pb2.CHANNEL_APP)
    assert (instruction.reference.account, instruction.instruction_id) == (APP_KEY, "app:A1")
    evidence = instruction.evidence
    assert evidence.separate_consent == types_pb2.CONSENT_GIVEN
    assert (evidence.notice_version, evidence.notice_digest.hex()) == ("2026-11", NOTICE)
    assert list(evidence.proofs) == [types_pb2.PROOF_ONE_TAP_LOGIN]
    assert tuple(evidence.recipients) == CONSENT.recipients


@pytest.mark.parametrize(
    "named",
    [
        {"notice_digest": sha256(b"what the app showed").hexdigest()},
        {"notice_version": "2026-05"},
        {"notice_version": "2026-05", "notice_digest": FORMER.digest.hex()},
    ],
    ids=["another text", "another version", "a notice that is none of the carrier's"],
)
async def test_open_when_the_notice_is_not_one_of_the_carriers_then_refused(
    rig: AccountRig, named: dict[str, str]
) -> None:
    assert await rig.book_by_app(OPEN | named) == (400, {"reason": "unknown_notice"})
    assert rig.gateway.seen == []


async def test_open_when_the_app_shows_a_former_notice_then_it_is_the_evidence(tmp_path: Path) -> None:
    assert CARRIER.data.account is not None
    account = replace(CARRIER.data.account, former_consents=(FORMER,))
    carrier = replace(CARRIER, data=replace(CARRIER.data, account=account))
    async with open_account(tmp_path, carrier=carrier) as rig:
        named = {"notice_version": FORMER.version, "notice_digest": FORMER.digest.hex()}
        assert (await rig.book_by_app(OPEN | named))[0] == 200
        assert (await rig.book_by_app(OPEN | {"serial": "A2"}))[0] == 200
        former, present = (instruction.evidence for instruction in rig.gateway.seen)
        assert (former.notice_version, former.notice_digest) == (FORMER.version, FORMER.digest)
        assert (tuple(former.recipients), tuple(former.purposes)) == (FORMER.recipients, FORMER.purposes)
        assert tuple(present.recipients) == CONSENT.recipients
        mixed = {"notice_version": FORMER.version, "notice_digest": NOTICE}
        assert await rig.book_by_app(OPEN | {"serial": "A3"} | mixed) == (400, {"reason": "unknown_notice"})


async def test_booking_when_sent_again_freshly_signed_then_first_outcome_again(rig: AccountRig) -> None:
    await rig.book_by_app(OPEN)
    status, answer = await rig.book_by_app(OPEN)
    assert (status, answer["disposition"], answer["replayed"]) == (200, "done", True)
    status, answer = await rig.book_by_app(OPEN | {"serial": "A1", "action": "cancel"})
    assert (status, answer["reason"]) == (409, "ID_REUSED")


async def test_settings_when_booked_by_app_then_each_is_carried_out(rig: AccountRig) -> None:
    await rig.book_by_app(OPEN)
    for number, (action, *values) in enumerate(
        [
            ("refuse", "loan", "insurance"),
            ("accept", "insurance"),
            ("reject_add", "4001234567"),
            ("allow_add", "95588"),
            ("segments", "400", "overseas", "170"),
            ("treatment", "assistant", "challenge"),
            ("notices", "daily", "at_night"),
            ("quiet_hours", "every_day 22:00-08:00"),
        ]
    ):
        status, answer = await rig.book_by_app(order(f"s{number}", action, *values))
        assert (status, answer["disposition"]) == (200, "done"), action
    wishes = (await rig.state()).preferences
    assert "loan" in wishes.refused_categories
    assert "insurance" not in wishes.refused_categories
    assert list(wishes.reject_list) == ["+864001234567"]
    assert [segment.prefix for segment in wishes.refused_segments if segment.prefix] == ["+86170"]
    assert wishes.treatment == types_pb2.TREATMENT_ASSISTANT
    assert wishes.notices.at_night
    assert (wishes.quiet_hours[0].start_minute, wishes.quiet_hours[0].end_minute) == (1320, 480)


async def test_cancel_when_one_tap_login_alone_then_second_word_and_code_then_done(rig: AccountRig) -> None:
    await rig.book_by_app(OPEN)
    status, answer = await rig.book_by_app(order("c1", "cancel"))
    assert (status, answer["disposition"], answer["state"]) == (200, "needs_confirmation", "pending_cancel")
    assert answer["confirm_by_ms"] > 0
    status, answer = await rig.book_by_app(order("c2", "cancel", proof="sms_code"))
    assert (status, answer["disposition"], answer["state"]) == (200, "done", "closed")


async def test_undo_when_booked_by_app_then_the_service_is_on_again(rig: AccountRig) -> None:
    await rig.book_by_app(OPEN)
    await rig.book_by_app(order("c1", "cancel", proof="sms_code"))
    status, answer = await rig.book_by_app(order("u1", "undo"))
    assert (status, answer["disposition"], answer["state"]) == (200, "done", "open")


async def test_erase_when_booked_by_app_then_needs_the_warning_and_a_code_and_tells_both_dates(rig: AccountRig) -> None:
    await rig.book_by_app(OPEN)
    assert await rig.book_by_app(order("e1", "erase", proof="sms_code")) == (400, {"reason": "not_understood"})
    status, answer = await rig.book_by_app(order("e2", "erase", "understood"))
    assert (status, answer["disposition"], answer["reason"]) == (200, "refused", "PROOF_REQUIRED")
    assert "短信验证码" in answer["text"]
    status, answer = await rig.book_by_app(order("e3", "erase", "understood", proof="sms_code"))
    assert (status, answer["disposition"], answer["state"]) == (200, "done", "restricted")
    erasure = (await rig.state()).erasure
    assert answer["restrict_ms"] == erasure.restrict_time.ToMilliseconds()
    assert answer["erase_by_ms"] == erasure.erase_by.ToMilliseconds()
    status, again = await rig.book_by_app(order("e4", "erase", "understood", proof="sms_code"))
    assert (again["disposition"], again["erase_by_ms"]) == ("already_so", answer["erase_by_ms"])


async def test_guardian_when_booked_by_app_then_asks_acts_and_ends_with_a_code_alone(rig: AccountRig) -> None:
    status, answer = await rig.book_by_app(order("g1", "ask_guardian", WARD))
    assert (status, answer["disposition"], answer["reason"]) == (200, "refused", "PROOF_REQUIRED")
    status, answer = await rig.book_by_app(order("g2", "ask_guardian", WARD, "settings", proof="sms_code"))
    assert (status, answer["disposition"]) == (200, "needs_confirmation")
    assert "对方" in answer["text"]
    house = rig.gateway.house
    agreed = await house.submit(Confirm(guardian=True), number=PhoneNumber(f"+86{WARD}"), carrier="telecom")
    assert agreed.verdict.disposition is Disposition.DONE
    status, answer = await rig.book_by_app(order("g3", "act_for_ward", WARD, "elder", proof="sms_code"))
    assert (status, answer["disposition"]) == (200, "done")
    for serial, values, disposition in (("g4", (WARD,), "done"), ("g5", (), "already_so")):
        status, answer = await rig.book_by_app(order(serial, "end_guardian", *values))
        assert (status, answer["disposition"]) == (200, disposition)
    assert [one.WhichOneof("action") for one in rig.gateway.seen[1:4]] == [
        "ask_guardian",
        "act_for_ward",
        "end_guardian",
    ]
    assert rig.gateway.seen[1].ask_guardian.scope == types_pb2.GUARDIAN_SCOPE_SETTINGS


async def test_confirm_when_booked_by_app_for_a_guardians_question_then_answers_that_alone(rig: AccountRig) -> None:
    house = rig.gateway.house
    ask = AskGuardian(PhoneNumber(NUMBER), GuardianScope.PRESETS)
    await house.submit(ask, number=PhoneNumber(f"+86{WARD}"), carrier="telecom")
    status, answer = await rig.book_by_app(order("q1", "confirm", "closed", proof="sms_code"))
    assert (status, answer["reason"]) == (200, "NOTHING_PENDING")
    status, answer = await rig.book_by_app(order("q2", "confirm", "guardian", proof="sms_code"))
    assert (status, answer["disposition"]) == (200, "done")
    [guardian] = (await rig.state()).guardians
    assert guardian.state == types_pb2.GUARDIAN_STATE_ACTIVE


@pytest.mark.parametrize(
    ("action", "values", "reason"),
    [
        ("ask_guardian", (), "bad_number"),
        ("ask_guardian", ("10086",), "bad_number"),
        ("ask_guardian", (WARD, "everything"), "bad_value"),
        ("end_guardian", (WARD, WARD), "bad_number"),
        ("act_for_ward", (WARD,), "bad_value"),
        ("confirm", ("pending_open",), "bad_value"),
        ("erase", ("understood", "again"), "not_understood"),
    ],
)
async def test_booking_about_people_when_malformed_then_400(
    rig: AccountRig, action: str, values: tuple[str, ...], reason: str
) -> None:
    assert await rig.book_by_app(order("m1", action, *values)) == (400, {"reason": reason})
    assert rig.gateway.seen == []


async def test_setting_when_not_open_then_refused_and_told_how(rig: AccountRig) -> None:
    status, answer = await rig.book_by_app(order("s1", "refuse", "loan"))
    assert (status, answer["disposition"], answer["reason"]) == (200, "refused", "NOT_OPEN")
    assert "10086" in answer["text"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"signature": "0" * 64}, "bad_signature"),
        ({"signature": "zz"}, "bad_header"),
        ({"key": "another"}, "unknown_key"),
        ({"timestamp": "1700000000000"}, "stale_timestamp"),
        ({"timestamp": "now"}, "bad_header"),
        ({"nonce": "x"}, "bad_header"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
async def test_booking_when_not_proved_then_401(rig: AccountRig, changes: dict[str, str], reason: str) -> None:
    assert await rig.book_by_app(OPEN, **changes) == (401, {"reason": reason})
    assert rig.gateway.seen == []


async def test_booking_when_nonce_comes_again_then_409(rig: AccountRig) -> None:
    assert (await rig.book_by_app(OPEN, nonce="abcdefgh"))[0] == 200
    assert await rig.book_by_app(OPEN, nonce="abcdefgh") == (409, {"reason": "replayed_nonce"})
    assert len(rig.gateway.seen) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"number": "12"}, "TOO_SHORT"),
        ({"number": "10086"}, "NOT_A_SUBSCRIBER"),
        ({"action": "explode"}, "unknown_action"),
        ({"proof": "trust_me"}, "malformed_field"),
        ({"serial": ""}, "missing_field"),
        ({"serial": "x" * 101}, "malformed_field"),
        ({"values": [1]}, "malformed_field"),
        ({"values": ["lo\ud800an"]}, "not_json"),
        ({"consent": "yes"}, "malformed_field"),
        ({"consent": False}, "consent_required"),
        ({"consent": None}, "consent_required"),
        ({"surprise": 1}, "unknown_field"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
async def test_booking_when_malformed_then_400_with_the_reason(
    rig: AccountRig, change: dict[str, Any], reason: str
) -> None:
    assert await rig.book_by_app(OPEN | change) == (400, {"reason": reason})


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"serial":"1","serial":"2"}', b"\xff", b"[" * 100_000])
def test_body_when_hostile_then_reasoned_refusal(body: bytes) -> None:
    with pytest.raises(AppOrderError) as caught:
        read_order(body)
    assert caught.value.reason in {"not_json", "too_large"}


async def test_booking_when_gateway_is_away_then_503_and_when_it_refuses_then_422(
    rig: AccountRig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.gateway.failures = [GatewayError("UNAVAILABLE", Advice.LATER), GatewayError("NOT_SERVED", Advice.NEVER)]
    assert await rig.book_by_app(OPEN) == (503, {"reason": "UNAVAILABLE"})
    assert await rig.book_by_app(OPEN) == (422, {"reason": "NOT_SERVED"})
    assert leaks(caplog.records) == []
