"""China Telecom's link over SMGP, against a centre's end on a socket."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

import pytest

from adapters.carrier.settings import SmgpConfig
from adapters.carrier.sms_link import (
    LinkDownError,
    LinkUp,
    MoReceived,
    ReportReceived,
    SendAccepted,
    SendGivenUp,
    SendRefused,
    SendReturned,
    UnsendableError,
)
from adapters.carrier.stream_link import seconds_until
from adapters.journal.rows import SmsBody
from adapters.telecom import CARRIER
from adapters.wire.longmessage import split_message
from adapters.wire.smgp import Deliver
from adapters.wire.smgp_report import SmgpReport, encode_smgp_report
from adapters.wire.tlv import NO_TLVS, Tag, make_tlvs
from tests.carrier.far_ends import PHONE, SECRET, SmgpCentre, linked, make_sms
from tests.carrier.waiting import leaks, wait_until

MO = Deliver(0, b"\x02" * 10, dest_term_id="11810001", src_term_id=PHONE, msg_content=b"KTFSR")


@pytest.fixture
async def world() -> AsyncIterator[Any]:
    centre = SmgpCentre()
    async with linked(CARRIER, centre) as (link, upstairs):
        await wait_until(lambda: link.is_up)
        yield centre, link, upstairs


async def test_link_when_started_then_bound_and_said_so(world: Any) -> None:
    centre, link, upstairs = world
    assert upstairs.of(LinkUp)
    assert (link.account, link.service_code, link.capacity, link.silent_s) == ("901234", "10001", 16, None)
    assert centre.lines[0].session.account == "901234"


@pytest.mark.parametrize(
    ("changes", "destination", "tag"),
    [
        ({}, "10001", b""),
        ({"dest_term_id": "10001"}, "10001", b""),
        ({"dest_term_id": "1181000112"}, "1000112", b""),
        ({"dest_term_id": "118100"}, "118100", b""),
        ({"tlvs": make_tlvs({Tag.LINK_ID: "LINK-9"})}, "10001", b"LINK-9"),
    ],
)
async def test_mo_when_delivered_then_read_and_answered_once_acknowledged(
    world: Any, changes: dict[str, Any], destination: str, tag: bytes
) -> None:
    centre, link, upstairs = world
    upstairs.acknowledges = False
    centre.deliver(replace(MO, **changes), "token")
    await wait_until(lambda: upstairs.of(MoReceived))
    [mo] = upstairs.of(MoReceived)
    assert (mo.msg_id, mo.source, mo.destination, mo.link_tag) == (MO.msg_id, PHONE, destination, tag)
    assert mo.body == SmsBody(0, 0, b"KTFSR")
    assert not centre.answered
    link.acknowledge(mo)
    await wait_until(lambda: centre.answered)
    assert (centre.answered[0].msg_id, centre.answered[0].result) == (MO.msg_id, 0)


async def test_mo_when_released_then_it_comes_again_with_the_same_digest(world: Any) -> None:
    centre, link, upstairs = world
    upstairs.acknowledges = False
    centre.deliver(MO)
    await wait_until(lambda: upstairs.of(MoReceived))
    link.release(upstairs.of(MoReceived)[0])
    await wait_until(lambda: len(upstairs.of(MoReceived)) == 2)
    first, again = upstairs.of(MoReceived)
    assert (first.digest, first.msg_id) == (again.digest, again.msg_id)
    link.acknowledge(again)
    await wait_until(lambda: centre.answered)


@pytest.mark.parametrize(("believes", "tp_udhi"), [(True, 1), (False, 0)])
async def test_mo_when_its_header_is_not_announced_then_as_the_switch_says(believes: bool, tp_udhi: int) -> None:
    centre = SmgpCentre()
    content = b"\x05\x00\x03\x07\x02\x01KTFSR"
    async with linked(CARRIER, centre, smgp=SmgpConfig(udh_without_udhi=believes)) as (link, upstairs):
        await wait_until(lambda: link.is_up)
        centre.deliver(replace(MO, msg_content=content))
        await wait_until(lambda: upstairs.of(MoReceived))
        assert upstairs.of(MoReceived)[0].body == SmsBody(0, tp_udhi, content)


async def test_submit_when_sent_then_free_to_the_subscriber_and_from_our_code(world: Any) -> None:
    centre, link, upstairs = world
    link.send(make_sms(link_tag=b"LINK-9"))
    await wait_until(lambda: upstairs.sends)
    [submit] = centre.submits
    assert upstairs.sends == [SendAccepted(make_sms().key, submit.sequence, centre.msg_id(1))]
    assert (submit.fee_type, submit.fee_code, submit.fixed_fee, submit.charge_term_id) == ("00", "000000", "000000", "")
    assert (submit.src_term_id, submit.dest_term_ids, submit.service_id) == ("11810001", (PHONE,), "FSR")
    assert (submit.msg_type, submit.need_report, submit.msg_content) == (6, 1, b"hello")
    assert submit.tlvs.text(Tag.LINK_ID) == "LINK-9"
    link.send(make_sms())
    await wait_until(lambda: len(centre.submits) == 2)
    assert centre.submits[1].tlvs == NO_TLVS


async def test_submit_when_it_is_a_part_then_announced_by_parameters(world: Any) -> None:
    centre, link, _ = world
    segments = split_message("骚扰电话拒接" * 20, 7)
    for part, segment in enumerate(segments, 1):
        body = SmsBody(int(segment.msg_fmt), segment.tp_udhi, segment.content)
        link.send(make_sms(body, part=part, parts=len(segments)))
    await wait_until(lambda: len(centre.submits) == len(segments))
    numbers = [
        tuple(submit.tlvs.number(tag) for tag in (Tag.TP_UDHI, Tag.PK_TOTAL, Tag.PK_NUMBER))
        for submit in centre.submits
    ]
    assert numbers == [(1, 2, 1), (1, 2, 2)]
    assert [submit.msg_format for submit in centre.submits] == [8, 8]


@pytest.mark.parametrize(
    ("content", "delivered", "code"),
    [
        (encode_smgp_report(SmgpReport(b"\x00" * 9 + b"\x01", stat="DELIVRD")), True, "DELIVRD"),
        (encode_smgp_report(SmgpReport(b"\x00" * 9 + b"\x01", stat="UNDELIV", err="005")), False, "UNDELIV:005"),
        (b"id:" + b"\x00" * 9 + b"\x01sSub:001sDlvrd:001stat:EXPIRED err:001", False, "EXPIRED:001"),
    ],
)
async def test_report_when_of_any_kind_then_read_with_the_id_of_the_submit(
    world: Any, content: bytes, delivered: bool, code: str
) -> None:
    centre, _, upstairs = world
    centre.deliver(replace(MO, is_report=1, msg_content=content))
    await wait_until(lambda: centre.answered)
    [report] = upstairs.of(ReportReceived)
    assert (report.msg_id, report.number, report.delivered, report.code) == (
        centre.msg_id(1),
        f"+86{PHONE}",
        delivered,
        code,
    )


@pytest.mark.parametrize("content", [encode_smgp_report(SmgpReport(bytes(10), stat="ACCEPTD")), b"id:short", b""])
async def test_report_when_not_final_or_not_readable_then_answered_and_counted(world: Any, content: bytes) -> None:
    centre, link, upstairs = world
    centre.deliver(replace(MO, is_report=1, msg_content=content))
    await wait_until(lambda: centre.answered)
    assert upstairs.of(ReportReceived) == []
    assert link.counters()["reports_ignored"] == 1


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (12, SendGivenUp(make_sms().key, 2)),
        (36, SendRefused(make_sms().key, 2, "RESULT:36")),
        (128, SendRefused(make_sms().key, 2, "RESULT:128")),
        (76, SendReturned(make_sms().key, "account", 600.0)),
    ],
)
async def test_submit_when_refused_then_the_channel_is_told_what_to_do(world: Any, result: int, expected: Any) -> None:
    centre, link, upstairs = world
    centre.results = [result]
    link.send(make_sms())
    await wait_until(lambda: upstairs.sends)
    assert upstairs.sends == [expected]
    assert link.counters().get("account_refused", 0) == (1 if result == 76 else 0)


@pytest.mark.parametrize(("result", "reason"), [(74, "out_of_hours"), (75, "quota")])
async def test_submit_when_refused_until_later_then_the_link_knows_for_how_long_to_rest(
    world: Any, result: int, reason: str
) -> None:
    centre, link, upstairs = world
    centre.results = [result]
    link.send(make_sms())
    await wait_until(lambda: upstairs.sends)
    [returned] = upstairs.sends
    assert (returned.key, returned.reason) == (make_sms().key, reason)
    assert 0 < returned.rest_s <= 86_400


@pytest.mark.parametrize(
    ("now", "moment", "seconds"),
    [
        ("2026-11-24T23:59:59+00:00", time(8), 1),  # 07:59:59 in China
        ("2026-11-25T00:00:00+00:00", time(8), 86_400),
        ("2026-11-24T15:00:00+00:00", time(), 3600),  # 23:00 in China
        ("2026-11-24T16:00:00+00:00", time(), 86_400),
    ],
)
def test_rest_when_counted_then_until_the_clocks_of_china_show_it(now: str, moment: time, seconds: float) -> None:
    now_ms = int(datetime.fromisoformat(now).astimezone(UTC).timestamp() * 1000)
    assert seconds_until(moment, now_ms) == seconds


async def test_send_when_it_does_not_encode_or_the_link_is_down_then_said_so(world: Any) -> None:
    centre, link, _ = world
    with pytest.raises(UnsendableError):
        link.send(make_sms(SmsBody(0, 0, bytes(256))))
    await centre.stop()
    await wait_until(lambda: not link.is_up)
    with pytest.raises(LinkDownError):
        link.send(make_sms())


async def test_login_when_the_secret_is_wrong_then_never_up_and_neither_secret_nor_number_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    centre = SmgpCentre()
    async with linked(CARRIER, centre, secret="wrong-secret") as (link, _):
        await wait_until(lambda: centre.closings == ["login_rejected"])
        await wait_until(lambda: link.counters().get("LoginRefused"))
        assert not link.is_up
    assert "wrong-secret" not in caplog.text
    assert SECRET not in caplog.text
    assert leaks(caplog.records) == []
