"""From a subscriber's text to the gateway's commit, and only then back: over real gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from adapters.journal.errors import JournalUnavailableError
from adapters.journal.memory import MemoryJournal
from adapters.journal.rows import Notice, Origin, Prompt
from optout.v1 import carrier_pb2, types_pb2
from tests.carrier.conftest import CONFIG, HASTY, Rig
from tests.carrier.script_link import ACCOUNT, make_mo, make_mos, make_msg_id
from tests.carrier.waiting import wait_until

ID = make_msg_id(1)
SUBSCRIBER = "+8613800138000"
FAR_MS = 4_070_908_800_000
LONG = "HMDTJ 400 123 4567" + " " * 200


async def ask(rig: Rig, notice_id: str = "n-1") -> None:
    """Have the gateway ask the subscriber for a confirmation."""
    parameters = {"confirm_by": "2099-01-01 10:00"}
    request = carrier_pb2.NotifyRequest(
        notice_id=notice_id, number=SUBSCRIBER, template="confirm_open", parameters=parameters
    )
    await rig.servicer.Notify(request, None)


async def test_text_when_the_gateway_has_not_committed_then_not_acknowledged_until_it_has(rig: Rig) -> None:
    rig.gateway.gate.clear()
    await rig.link.say(make_mo("KTFSR"))
    await wait_until(lambda: rig.gateway.calls)
    await asyncio.sleep(0.05)
    assert rig.link.acknowledged == []
    rig.gateway.gate.set()
    await wait_until(lambda: rig.link.acknowledged)
    assert rig.link.acknowledged == [ID]
    assert rig.link.released == []


async def test_instruction_when_made_of_a_text_then_says_where_it_came_from(rig: Rig) -> None:
    mo = make_mo("ktfsr", link_tag=b"LINK-7")
    await rig.link.say(mo)
    await wait_until(lambda: rig.gateway.committed)
    instruction = rig.gateway.committed[ID.hex()]
    assert instruction.carrier == "mobile"
    assert instruction.channel == types_pb2.CHANNEL_SMS
    assert instruction.medium == types_pb2.MEDIUM_VOICE
    assert instruction.number == SUBSCRIBER
    assert instruction.reference.account == ACCOUNT
    assert instruction.reference.id == f"{ID.hex()}.{b'LINK-7'.hex()}"
    assert instruction.evidence.original_digest == mo.digest
    assert list(instruction.evidence.proofs) == [types_pb2.PROOF_SIM]
    assert list(instruction.open.defaults.refused_categories) == ["securities", "real_estate"]
    assert rig.gateway.metadata[0]["x-optout-party"] == "carrier/mobile"


@pytest.mark.parametrize(
    ("text", "action", "values"),
    [
        ("QXFSR", "cancel", []),
        ("HFFSR", "undo_cancel", []),
        ("QRSCFSR", "erase", []),
        ("CXFSR", "query", []),
        ("QRFSR", "confirm", []),
        ("KTFSR1", "set_refused_categories", ["loan"]),
        ("QXFSR2", "set_refused_categories", ["insurance"]),
        ("HMDTJ95588", "edit_reject_list", ["95588"]),
        ("HMDSC95588", "edit_reject_list", ["95588"]),
        ("BMDTJ95588", "edit_allow_list", ["95588"]),
        ("BMDSC95588", "edit_allow_list", ["95588"]),
    ],
)
async def test_text_when_a_verb_then_that_action(rig: Rig, text: str, action: str, values: list[str]) -> None:
    await rig.link.say(make_mo(text))
    await wait_until(lambda: rig.link.acknowledged)
    instruction = rig.gateway.committed[ID.hex()]
    assert instruction.WhichOneof("action") == action
    fields = getattr(instruction, action).ListFields()
    assert [value for _, listed in fields for value in listed] == values
    removes = {field.name for field, _ in fields} & {"remove", "accept"}
    assert bool(removes) == (text[:3] in ("QXF", "HMD", "BMD") and ("SC" in text or text == "QXFSR2"))


@pytest.mark.parametrize("text", ["0000", "KTVOLTE", "QXGJLH", "CXXZ#1", "Y"])
async def test_text_when_not_ours_then_acknowledged_counted_and_nothing_kept_or_sent(rig: Rig, text: str) -> None:
    await rig.link.say(make_mo(text))
    await wait_until(lambda: rig.link.acknowledged)
    assert rig.count("texts", reading="not_ours") == 1
    assert rig.gateway.calls == []
    assert await rig.journal.backlog() == await MemoryJournal().backlog()
    assert rig.link.sent == []


@pytest.mark.parametrize(
    ("source", "destination", "reading"),
    [
        ("13800138000", "10010", "other_code"),
        ("10086", "10086", "not_a_subscriber"),
        ("pseudo-1f", "10086", "not_a_subscriber"),
        ("01012345678", "10086", "not_a_subscriber"),
        ("", "10086", "not_a_subscriber"),
    ],
)
async def test_text_when_from_nobody_or_for_others_then_acknowledged_and_counted(
    rig: Rig, source: str, destination: str, reading: str
) -> None:
    await rig.link.say(make_mo("KTFSR", source=source, destination=destination))
    await wait_until(lambda: rig.link.acknowledged)
    assert rig.count("texts", reading=reading) == 1
    assert rig.gateway.calls == []


async def test_text_when_its_extension_follows_the_code_then_ours(rig: Rig) -> None:
    await rig.link.say(make_mo("KTFSR", source="8613800138000", destination="1008601"))
    await wait_until(lambda: rig.gateway.committed)
    assert rig.gateway.committed[ID.hex()].number == SUBSCRIBER


async def test_text_when_it_comes_twice_then_committed_once_and_both_acknowledged(rig: Rig) -> None:
    await rig.link.say(make_mo("KTFSR"), make_mo("KTFSR"))
    await wait_until(lambda: len(rig.link.acknowledged) == 2)
    assert len(rig.gateway.committed) == 1
    first, second = rig.gateway.calls
    assert first.evidence == second.evidence


async def test_texts_of_one_subscriber_when_the_first_is_slow_then_the_second_waits_and_others_do_not(rig: Rig) -> None:
    rig.gateway.gate.clear()
    await rig.link.say(make_mo("KTFSR", 1), make_mo("QXFSR", 2), make_mo("CXFSR", 3, source="13800138001"))
    await wait_until(lambda: len(rig.gateway.calls) == 2)
    assert {call.instruction_id for call in rig.gateway.calls} == {make_msg_id(1).hex(), make_msg_id(3).hex()}
    rig.gateway.gate.set()
    await wait_until(lambda: len(rig.link.acknowledged) == 3)


async def test_text_when_the_gateway_is_down_then_left_unanswered_and_taken_when_it_comes_again(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(config=HASTY)
    await rig.start()
    await rig.gateway.stop()
    await rig.link.say(make_mo("KTFSR"))
    await wait_until(lambda: rig.link.released)
    assert rig.link.acknowledged == []
    assert rig.link.is_up
    await rig.link.say(make_mo("0000", 2))
    await wait_until(lambda: rig.link.acknowledged)
    await rig.gateway.start()
    async with asyncio.timeout(30):
        while not rig.gateway.committed:
            await rig.link.say(make_mo("KTFSR"))
            await asyncio.sleep(0.1)
    await wait_until(lambda: ID in rig.link.acknowledged)
    assert len(rig.gateway.committed) == 1


async def test_text_when_the_gateway_says_later_then_repeated_until_committed(rig: Rig) -> None:
    rig.gateway.refusals = ["STORE_UNAVAILABLE", "OVERLOADED"]
    await rig.link.say(make_mo("KTFSR"))
    await wait_until(lambda: rig.link.acknowledged)
    assert len(rig.gateway.calls) == 3
    assert len({call.SerializeToString() for call in rig.gateway.calls}) == 1


async def test_text_when_the_number_is_served_elsewhere_then_acknowledged_and_told_so_once(rig: Rig) -> None:
    rig.gateway.refusals = ["NOT_SERVED", "NOT_SERVED"]
    await rig.link.say(make_mo("KTFSR"))
    await rig.link.say(make_mo("KTFSR"))
    await wait_until(lambda: len(rig.link.acknowledged) == 2 and rig.link.sent)
    await asyncio.sleep(0.05)
    assert ["其他运营商" in text for text in rig.link.texts] == [True]
    assert rig.count("submits", result="NOT_SERVED") == 2


async def test_text_when_refused_for_a_reason_subscribers_cannot_help_then_acknowledged_in_silence(rig: Rig) -> None:
    rig.gateway.refusals = ["INVALID_FIELD"]
    await rig.link.say(make_mo("KTFSR"))
    await wait_until(lambda: rig.link.acknowledged)
    await asyncio.sleep(0.05)
    assert rig.link.sent == []
    assert rig.count("submits", result="INVALID_FIELD") == 1


@pytest.mark.parametrize("reason", ["WRONG_CARRIER", "UNKNOWN_PARTY"])
async def test_text_when_it_is_us_who_are_refused_then_left_unanswered_at_once(rig: Rig, reason: str) -> None:
    rig.gateway.refusals = [reason]
    await rig.link.say(make_mo("KTFSR"))
    await wait_until(lambda: rig.link.released)
    assert rig.link.acknowledged == []
    assert rig.count("unacknowledged", reason=reason) == 1
    assert len(rig.gateway.calls) == 1


@pytest.mark.parametrize(("text", "words"), [("CSFZ", "KTFSR"), ("LJDB", "KTFSR"), ("HMDTJ12", "号码有误")])
async def test_text_when_wrong_but_meant_for_us_then_helped_once_however_often_it_comes(
    rig: Rig, text: str, words: str
) -> None:
    for _ in range(3):
        await rig.link.say(make_mo(text))
    await wait_until(lambda: len(rig.link.acknowledged) == 3 and rig.link.sent)
    await asyncio.sleep(0.05)
    assert len(rig.link.texts) == 1
    assert words in rig.link.texts[0]
    assert rig.gateway.calls == []
    await rig.link.accept(0, make_msg_id(900))
    await asyncio.sleep(0.05)
    assert rig.gateway.reports == []


async def test_yes_when_a_question_of_ours_is_open_then_a_confirmation_with_the_notice_shown(rig: Rig) -> None:
    await ask(rig)
    await wait_until(lambda: rig.link.sent)
    await rig.link.say(make_mo("y"))
    await wait_until(lambda: rig.link.acknowledged)
    evidence = rig.gateway.committed[ID.hex()].evidence
    assert rig.gateway.committed[ID.hex()].WhichOneof("action") == "confirm"
    asked = rig.link.texts[0]
    assert evidence.notice_version == "2026-11.4"
    assert evidence.notice_digest == sha256(asked.encode()).digest()
    assert evidence.separate_consent == types_pb2.CONSENT_GIVEN
    assert evidence.recipients
    assert evidence.purposes
    assert all(name in asked for name in (*evidence.recipients, *evidence.purposes))
    await rig.link.say(make_mo("Y", 2))
    await wait_until(lambda: len(rig.link.acknowledged) == 2)
    assert rig.count("texts", reading="not_ours") == 1


async def test_yes_when_the_question_ran_out_then_told_once_that_it_is_too_late_and_nothing_is_asked(rig: Rig) -> None:
    notice = Notice("n-1", Origin.GATEWAY, SUBSCRIBER, (), 0, FAR_MS)
    await rig.journal.add_notice(
        notice, Prompt(SUBSCRIBER, rig.clock.now_ms() - 1, "2026-11.4", b"d" * 32, "n-1", "open")
    )
    await rig.link.say(make_mo("Y"))
    await wait_until(lambda: rig.link.acknowledged and rig.link.sent)
    (told,) = rig.link.texts
    assert "已超过确认时限" in told
    assert rig.gateway.calls == []
    await rig.link.say(make_mo("Y", 2))
    await wait_until(lambda: len(rig.link.acknowledged) == 2)
    assert rig.count("texts", reading="too_late") == 1
    assert rig.count("texts", reading="not_ours") == 1
    assert len(rig.link.texts) == 1


@pytest.mark.parametrize(
    ("version", "target"), [("2026-11.3", "open"), ("2026-11.4", "closed"), ("2026-11.4", "")], ids=str
)
async def test_yes_when_the_question_named_no_recipient_then_no_separate_consent_is_claimed(
    rig: Rig, version: str, target: str
) -> None:
    notice = Notice("n-1", Origin.GATEWAY, SUBSCRIBER, (), 0, FAR_MS)
    await rig.journal.add_notice(notice, Prompt(SUBSCRIBER, FAR_MS, version, b"d" * 32, "n-1", target))
    await rig.link.say(make_mo("y"))
    await wait_until(lambda: rig.link.acknowledged)
    evidence = rig.gateway.committed[ID.hex()].evidence
    assert (evidence.notice_version, evidence.notice_digest) == (version, b"d" * 32)
    assert evidence.separate_consent == types_pb2.CONSENT_UNSPECIFIED
    assert not evidence.recipients


@pytest.mark.parametrize(("template", "names"), [("guardian_asked", (0, True)), ("confirm_open", (3, False))])
async def test_yes_when_a_question_is_open_then_the_confirmation_names_which(
    rig: Rig, template: str, names: tuple[int, bool]
) -> None:
    guardian = {"guardian": "+8613300133000", "scope": "presets", "until": "", "opens": ""}
    parameters = {"confirm_by": "2099-01-01 10:00", **(guardian if template == "guardian_asked" else {})}
    request = carrier_pb2.NotifyRequest(notice_id="n-1", number=SUBSCRIBER, template=template, parameters=parameters)
    await rig.servicer.Notify(request, None)
    await wait_until(lambda: rig.link.sent)
    await rig.link.say(make_mo("y"))
    await wait_until(lambda: rig.link.acknowledged)
    confirm = rig.gateway.committed[ID.hex()].confirm
    assert (confirm.target, confirm.guardian) == names


async def test_yes_when_the_question_stays_open_then_asked_again(rig: Rig) -> None:
    rig.gateway.is_pending = True
    await ask(rig)
    for serial in (1, 2):
        await rig.link.say(make_mo("确认", serial))
    await wait_until(lambda: len(rig.gateway.committed) == 2)


async def test_long_text_when_whole_then_one_instruction_under_its_first_parts_id(rig: Rig) -> None:
    first, second = make_mos(LONG, [11, 12])
    rig.gateway.gate.clear()
    await rig.link.say(second)
    await wait_until(lambda: rig.link.acknowledged)
    await rig.link.say(first)
    await wait_until(lambda: rig.gateway.calls)
    assert rig.link.acknowledged == [second.msg_id]
    rig.gateway.gate.set()
    await wait_until(lambda: len(rig.link.acknowledged) == 2)
    assert list(rig.gateway.committed) == [first.msg_id.hex()]
    evidence = rig.gateway.committed[first.msg_id.hex()].evidence
    assert evidence.original_digest == sha256(first.digest + second.digest).digest()
    assert await rig.journal.segments() == []


async def test_long_text_when_the_gateway_was_down_for_its_last_part_then_a_copy_of_that_part_suffices(
    rig: Rig,
) -> None:
    first, second = make_mos(LONG, [11, 12])
    await rig.link.say(first)
    rig.gateway.refusals = ["UNKNOWN_PARTY"]
    await rig.link.say(second)
    await wait_until(lambda: rig.link.released == [second.msg_id])
    await rig.link.say(second)
    await wait_until(lambda: rig.link.acknowledged == [first.msg_id, second.msg_id])
    assert list(rig.gateway.committed) == [first.msg_id.hex()]


async def test_long_text_when_the_adapter_is_killed_between_its_parts_then_the_last_one_completes_it(
    rig: Rig, make_rig: Callable[..., Rig]
) -> None:
    first, second = make_mos(LONG, [11, 12])
    await rig.link.say(first)
    await wait_until(lambda: rig.link.acknowledged)
    restarted = make_rig(journal=rig.journal)
    await restarted.start()
    await restarted.link.say(second)
    await wait_until(lambda: restarted.link.acknowledged)
    assert list(rig.gateway.committed) == [first.msg_id.hex()]


async def test_long_text_when_copies_of_its_parts_come_late_then_acknowledged_and_nothing_kept(rig: Rig) -> None:
    parts = make_mos(LONG, [11, 12])
    await rig.link.say(*parts)
    await wait_until(lambda: len(rig.link.acknowledged) == 2)
    await rig.link.say(*parts)
    await wait_until(lambda: len(rig.link.acknowledged) == 4)
    assert len(rig.gateway.calls) == 1
    assert await rig.journal.segments() == []


async def test_flood_when_the_gateway_hangs_then_what_is_too_much_is_left_to_the_centre(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(config=replace(CONFIG, sms=replace(CONFIG.sms, max_waiting=3, max_in_flight=1)))
    await rig.start()
    rig.gateway.gate.clear()
    for serial in range(1, 8):
        await rig.link.say(make_mo("KTFSR", serial, source=f"1380013800{serial}"))
    assert rig.count("unacknowledged", reason="overloaded") == 4
    assert len(rig.link.released) == 4
    rig.gateway.gate.set()
    await wait_until(lambda: len(rig.link.acknowledged) == 3)


class BrokenJournal(MemoryJournal):
    async def add_notice(self, notice: Notice, prompt: Prompt | None = None) -> tuple[int, bool]:
        raise JournalUnavailableError


async def test_text_when_the_journal_fails_then_left_unanswered(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(journal=BrokenJournal())
    await rig.start()
    await rig.link.say(make_mo("CSFZ"))
    await wait_until(lambda: rig.link.released)
    assert rig.link.acknowledged == []
    await rig.link.say(make_mo("KTFSR", 2))
    await wait_until(lambda: rig.link.acknowledged)


async def test_text_when_the_channel_drains_then_not_begun(rig: Rig) -> None:
    stopping = asyncio.create_task(rig.channel.stop(0.5))
    await asyncio.sleep(0)
    await rig.link.say(make_mo("KTFSR"))
    await stopping
    assert rig.link.released == [ID]
    assert rig.gateway.calls == []
    assert rig.link.stopped
