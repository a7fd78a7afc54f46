"""From a notice to the handset and back to the gateway: journal, link, reports."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.carrier.sms_link import (
    ReportReceived,
    SendGivenUp,
    SendLost,
    SendRefused,
    SendReturned,
)
from adapters.journal.errors import JournalUnavailableError
from adapters.journal.memory import MemoryJournal
from adapters.journal.rows import PartKey, Waits
from adapters.journal.sqlite import open_journal
from optout.kit.redact import find_numbers
from optout.v1 import carrier_pb2, errors_pb2, registry_pb2
from tests.carrier.conftest import CONFIG, HASTY, Rig
from tests.carrier.script_link import ACCOUNT, make_mo, make_msg_id
from tests.carrier.waiting import leaks, wait_until

NUMBER = "+8613800138000"
MT = make_msg_id(500)
SENT, DELIVERED = registry_pb2.DELIVERY_STATE_SENT, registry_pb2.DELIVERY_STATE_DELIVERED
FAILED, UNKNOWN = registry_pb2.DELIVERY_STATE_FAILED, registry_pb2.DELIVERY_STATE_UNKNOWN
LONG = {
    "template": "changed",
    "parameters": {
        "done": "category:loan,category:insurance,category:securities,category:real_estate,category:education",
        "undone": "reject_number:+864001234567,reject_number:+864001234568,reject_number:+864001234569",
        "already": "",
        "refused": "",
        "effect": "applied",
        "effective_by": "",
    },
}


def make_request(notice_id: str = "n-1", **fields: object) -> carrier_pb2.NotifyRequest:
    wanted = {"number": NUMBER, "template": "cancelled", **fields}
    return carrier_pb2.NotifyRequest(notice_id=notice_id, **wanted)  # type: ignore[arg-type]


def make_report(msg_id: bytes = MT, number: str = NUMBER, code: str = "DELIVRD") -> ReportReceived:
    return ReportReceived(msg_id, number, code == "DELIVRD", code)


def states(rig: Rig, notice_id: str = "n-1") -> list[int]:
    return [report.state for report in rig.gateway.reports if report.notice_id == notice_id]


async def notify(rig: Rig, request: carrier_pb2.NotifyRequest | None = None) -> carrier_pb2.NotifyResponse:
    return await rig.servicer.Notify(request or make_request(), None)


async def test_notice_when_asked_for_then_sent_accepted_delivered_and_the_gateway_told(rig: Rig) -> None:
    answer = await notify(rig)
    assert (answer.parts, answer.replayed) == (1, False)
    await wait_until(lambda: rig.link.sent)
    assert "已关闭" in rig.link.texts[0]
    assert rig.link.sent[0].number == NUMBER
    await rig.link.accept(0, MT)
    await rig.link.say(make_report())
    await wait_until(lambda: states(rig) == [SENT, DELIVERED])
    assert rig.link.acknowledged == [MT]
    report = rig.gateway.reports[-1]
    assert (report.report_id, report.code, report.parts) == ("n-1/delivered", "DELIVRD", 1)
    await asyncio.sleep(0.1)
    assert (await rig.journal.backlog()).deliveries == 0
    assert len(rig.gateway.reports) == 2


async def test_notice_when_asked_for_twice_then_sent_once(rig: Rig) -> None:
    assert not (await notify(rig)).replayed
    assert (await notify(rig)).replayed
    await asyncio.sleep(0.1)
    assert len(rig.link.sent) == 1


async def test_notice_when_long_then_every_part_is_sent_and_reported_together(rig: Rig) -> None:
    assert (await notify(rig, make_request(**LONG))).parts == 2
    await wait_until(lambda: len(rig.link.sent) == 2)
    assert [(sms.part, sms.parts, sms.body.tp_udhi) for sms in rig.link.sent] == [(1, 2, 1), (2, 2, 1)]
    await rig.link.accept(0, make_msg_id(501))
    await asyncio.sleep(0.05)
    assert states(rig) == []
    await rig.link.accept(1, make_msg_id(502))
    await rig.link.say(make_report(make_msg_id(501)), make_report(make_msg_id(502)))
    await wait_until(lambda: states(rig) == [SENT, DELIVERED])


async def test_notice_when_it_answers_a_text_then_the_link_gets_its_tag_back(rig: Rig) -> None:
    await rig.link.say(make_mo("KTFSR", link_tag=b"LINK-7"))
    await wait_until(lambda: rig.gateway.committed)
    [instruction] = rig.gateway.committed.values()
    await notify(rig, make_request(in_reply_to=instruction.reference))
    await wait_until(lambda: rig.link.sent)
    assert rig.link.sent[0].link_tag == b"LINK-7"


async def test_notice_when_it_answers_an_account_of_before_then_sent_all_the_same(rig: Rig) -> None:
    await notify(rig, make_request(in_reply_to={"account": "999999", "id": "b4c5530000010000"}))
    await wait_until(lambda: rig.link.sent)
    assert rig.link.sent[0].link_tag == b""


async def test_notices_when_the_link_is_down_then_they_wait_and_are_sent_in_order(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(stays_down=True)
    await rig.start()
    for index in range(40):
        await notify(rig, make_request(f"n-{index}"))
    assert rig.link.sent == []
    assert (await rig.journal.backlog()).queued == 40
    await rig.link.up()
    await wait_until(lambda: len(rig.link.sent) == rig.link.capacity)
    await asyncio.sleep(0.05)
    assert len(rig.link.sent) == 16
    for index in range(40):
        await wait_until(lambda index=index: len(rig.link.sent) > index)
        await rig.link.accept(index, make_msg_id(600 + index))
    assert [sms.key for sms in rig.link.sent] == [PartKey(f"n-{index}", 1) for index in range(40)]


async def test_notice_when_its_time_has_passed_then_never_sent_and_failed_as_expired(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(stays_down=True)
    await rig.start()
    request = make_request()
    request.expire_time.FromMilliseconds(rig.clock.now_ms() + 60_000)
    await notify(rig, request)
    rig.clock.day_ahead_s += 60
    await wait_until(lambda: states(rig) == [FAILED])
    assert rig.gateway.reports[0].code == "EXPIRED"
    await rig.link.up()
    await asyncio.sleep(0.1)
    assert rig.link.sent == []


async def test_report_when_it_overtakes_the_answer_then_delivered_all_the_same(rig: Rig) -> None:
    await notify(rig)
    await wait_until(lambda: rig.link.sent)
    await rig.link.say(make_report())
    await rig.link.accept(0, MT)
    await wait_until(lambda: states(rig) == [DELIVERED])
    assert rig.link.acknowledged == [MT]


async def test_report_when_it_comes_twice_then_acknowledged_twice_and_told_once(rig: Rig) -> None:
    await notify(rig)
    await wait_until(lambda: rig.link.sent)
    await rig.link.accept(0, MT)
    await rig.link.say(make_report(), make_report())
    await wait_until(lambda: states(rig)[-1:] == [DELIVERED])
    await asyncio.sleep(0.05)
    assert rig.link.acknowledged == [MT, MT]
    assert states(rig) == [SENT, DELIVERED]


@pytest.mark.parametrize("code", ["UNDELIV", "MK:0012", "AF:4"])
async def test_report_when_it_failed_then_told_with_the_carriers_code(rig: Rig, code: str) -> None:
    await notify(rig)
    await wait_until(lambda: rig.link.sent)
    await rig.link.accept(0, MT)
    await rig.link.say(make_report(code=code))
    await wait_until(lambda: states(rig) == [SENT, FAILED])
    assert rig.gateway.reports[-1].code == code


async def test_send_when_refused_for_good_then_failed_with_the_result(rig: Rig) -> None:
    await notify(rig)
    await wait_until(lambda: rig.link.sent)
    await rig.link.say(SendRefused(PartKey("n-1", 1), 1, "RESULT:13"))
    await wait_until(lambda: states(rig) == [FAILED])
    assert rig.gateway.reports[0].code == "RESULT:13"


async def test_send_when_the_centre_cannot_take_it_then_the_link_rests_once_and_sends_again(rig: Rig) -> None:
    for index in range(3):
        await notify(rig, make_request(f"n-{index}"))
    await wait_until(lambda: len(rig.link.sent) == 3)
    for index in range(3):
        await rig.link.say(SendReturned(PartKey(f"n-{index}", 1), "flow_control"))
    await asyncio.sleep(0.05)
    assert len(rig.link.sent) == 3
    rig.clock.waits_ahead_s += CONFIG.sms.throttle_pause_s
    await wait_until(lambda: len(rig.link.sent) == 6)
    assert rig.count("sends", outcome="returned") == 3


async def test_send_when_its_answer_was_lost_with_the_link_then_sent_again(rig: Rig) -> None:
    await notify(rig)
    await wait_until(lambda: rig.link.sent)
    await rig.link.say(SendLost(PartKey("n-1", 1), 1))
    await wait_until(lambda: len(rig.link.sent) == 2)
    await rig.link.accept(1, MT)
    await wait_until(lambda: states(rig) == [SENT])


async def test_send_when_its_answer_was_lost_but_a_report_came_then_not_sent_again(rig: Rig) -> None:
    await notify(rig)
    await wait_until(lambda: rig.link.sent)
    await rig.link.say(SendLost(PartKey("n-1", 1), 1), make_report())
    await wait_until(lambda: states(rig) == [DELIVERED])
    await asyncio.sleep(0.1)
    assert len(rig.link.sent) == 1


async def test_send_when_given_up_on_a_living_link_then_unknown_until_a_report_decides(rig: Rig) -> None:
    await notify(rig)
    await wait_until(lambda: rig.link.sent)
    await rig.link.say(SendGivenUp(PartKey("n-1", 1), 1))
    await wait_until(lambda: states(rig) == [UNKNOWN])
    await rig.link.say(make_report())
    await wait_until(lambda: states(rig) == [UNKNOWN, DELIVERED])
    assert len(rig.link.sent) == 1


async def test_kill_between_journal_and_send_when_restarted_then_sent_exactly_once(
    make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    waits = Waits(resend_after_ms=50)
    first = make_rig(stays_down=True, journal=open_journal(tmp_path / "a", bytes(32), waits, 0))
    await first.start()
    await notify(first)
    for suffix in ("", "-wal"):
        shutil.copy(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")
    second = make_rig(journal=open_journal(tmp_path / "b", bytes(32), waits, 0))
    await second.start()
    await wait_until(lambda: second.link.sent)
    await second.link.accept(0, MT)
    assert (await notify(second)).replayed
    await wait_until(lambda: states(second) == [SENT])
    assert len(second.link.sent) == 1
    await second.journal.close()
    await first.journal.close()


async def test_kill_between_send_and_answer_when_restarted_then_sent_again_unless_a_report_is_there(
    make_rig: Callable[..., Rig],
) -> None:
    journal = MemoryJournal(Waits(resend_after_ms=50))
    first = make_rig(journal=journal)
    await first.start()
    await notify(first, make_request("n-1"))
    await notify(first, make_request("n-2", number="+8613800138001"))
    await wait_until(lambda: len(first.link.sent) == 2)
    await first.link.say(make_report(make_msg_id(502), "+8613800138001"))
    await first.kill()
    second = make_rig(journal=journal)
    await second.start()
    await wait_until(lambda: second.link.sent)
    await asyncio.sleep(0.1)
    assert [sms.key.notice_id for sms in second.link.sent] == ["n-1"]
    await wait_until(lambda: states(second, "n-2") == [DELIVERED])


async def test_gateway_when_down_then_reports_wait_and_are_told_when_it_is_back(rig: Rig) -> None:
    await rig.gateway.stop()
    await notify(rig)
    await wait_until(lambda: rig.link.sent)
    await rig.link.accept(0, MT)
    await rig.link.say(make_report())
    await asyncio.sleep(0.1)
    assert (await rig.journal.backlog()).deliveries == 2
    await rig.gateway.start()
    await wait_until(lambda: states(rig) == [SENT, DELIVERED])


async def test_report_when_the_gateway_refuses_it_for_good_then_dropped_and_for_now_then_told_again(rig: Rig) -> None:
    refusal = registry_pb2.Refusal(reason=errors_pb2.ERROR_REASON_NOT_FOUND)
    rig.gateway.refused_reports["n-1/sent"] = refusal
    later = registry_pb2.Refusal(reason=errors_pb2.ERROR_REASON_OVERLOADED, retryable=True)
    rig.gateway.refused_reports["n-2/sent"] = later
    for index in (1, 2):
        await notify(rig, make_request(f"n-{index}"))
        await wait_until(lambda index=index: len(rig.link.sent) == index)
        await rig.link.accept(index - 1, make_msg_id(500 + index))
    await wait_until(lambda: len(states(rig, "n-2")) > 1)
    assert len(states(rig, "n-1")) == 1
    rig.gateway.refused_reports.clear()
    async with asyncio.timeout(30):
        while (await rig.journal.backlog()).deliveries:
            await asyncio.sleep(0.01)


class FlakyJournal(MemoryJournal):
    """Fails the first acceptance it is told of, and the first report."""

    failures = 1

    async def accept(self, key: PartKey, account: str, sequence: int, msg_id: bytes, now_ms: int) -> None:
        if self.failures:
            self.failures -= 1
            raise JournalUnavailableError
        await super().accept(key, account, sequence, msg_id, now_ms)


async def test_journal_when_it_fails_on_an_answer_then_the_answer_is_written_later(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(journal=FlakyJournal())
    await rig.start()
    await notify(rig)
    await wait_until(lambda: rig.link.sent)
    await rig.link.accept(0, MT)
    await wait_until(lambda: states(rig) == [SENT])


async def test_journal_when_it_fails_on_a_report_then_the_report_is_left_to_the_centre(
    make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig()
    await rig.start()

    async def fail(*_: object) -> None:
        raise JournalUnavailableError

    monkeypatch.setattr(rig.journal, "take_report", fail)
    await rig.link.say(make_report())
    assert rig.link.released == [MT]
    assert rig.link.acknowledged == []


async def test_metrics_when_the_channel_ran_then_they_tell_what_waits_and_name_nobody(rig: Rig) -> None:
    await notify(rig)
    await rig.link.say(make_mo("KTFSR"))
    await wait_until(lambda: rig.link.acknowledged)
    registry = rig.metrics.registry
    await wait_until(lambda: registry.get_sample_value("optout_adapter_backlog", {"kind": "unanswered"}) == 1)
    assert registry.get_sample_value("optout_adapter_link_up", {"link": "script"}) == 1
    labels = [str(sample) for metric in registry.collect() for sample in metric.samples]
    assert find_numbers(" ".join(labels)) == []


async def test_logs_when_everything_goes_wrong_then_no_number_and_no_text_in_any_record(
    make_rig: Callable[..., Rig], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    rig = make_rig(journal=FlakyJournal(), config=replace(HASTY, sms=replace(CONFIG.sms, max_waiting=5)))
    await rig.start()
    rig.gateway.refusals = ["NOT_SERVED", "INVALID_FIELD", "WRONG_CARRIER", "STORE_UNAVAILABLE"]
    for serial, text in enumerate(["KTFSR", "HMDTJ13900139000", "CXFSR", "QXFSR", "CSFZ", "HMDTJ139", "13900139000"]):
        await rig.link.say(make_mo(text, serial))
    await notify(rig, make_request(**LONG))
    await wait_until(lambda: rig.link.sent)
    await rig.link.accept(0, MT)
    await rig.link.say(SendRefused(rig.link.sent[-1].key, 2, "RESULT:13"), make_report(code="UNDELIV"))
    await rig.gateway.stop()
    await rig.link.down()
    await rig.link.say(make_mo("KTFSR", 20))
    await wait_until(lambda: rig.link.released)
    await asyncio.sleep(0.2)
    assert len(caplog.records) > 5
    assert leaks(caplog.records) == []
    assert ACCOUNT not in " ".join(record.getMessage() for record in caplog.records)


async def test_link_when_told_to_rest_then_sends_nothing_for_as_long_as_the_centre_said(rig: Rig) -> None:
    await notify(rig)
    await wait_until(lambda: len(rig.link.sent) == 1)
    await rig.link.say(SendReturned(PartKey("n-1", 1), "out_of_hours", 400.0))
    rig.clock.waits_ahead_s += 390
    await asyncio.sleep(0.2)
    assert len(rig.link.sent) == 1
    rig.clock.waits_ahead_s += 10
    await wait_until(lambda: len(rig.link.sent) == 2)
