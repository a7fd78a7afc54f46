"""China Unicom's link over SGIP, both directions, against an SMG's ends on sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.carrier.links import make_link
from adapters.carrier.settings import LinkProtocol, SgipConfig
from adapters.carrier.sgip_link import is_on_list
from adapters.carrier.sms_link import (
    LinkDown,
    LinkParts,
    LinkUp,
    MoReceived,
    ReportReceived,
    SendAccepted,
    SendGivenUp,
    SendRefused,
    SendReturned,
)
from adapters.journal.rows import SmsBody
from adapters.telecom import CARRIER as TELECOM
from adapters.unicom import CARRIER
from adapters.wire.longmessage import split_message
from adapters.wire.sgip import SP_PAYS, Deliver, Report, Sequence
from optout.kit.clock import SystemClock
from optout.kit.config import ConfigError
from tests.carrier.far_ends import (
    ACCOUNT,
    PHONE,
    SECRET,
    SP_NODE,
    SgipCentre,
    Upstairs,
    linked,
    make_config,
    make_sms,
    numbered,
)
from tests.carrier.waiting import leaks, wait_until

NO_SEQUENCE = Sequence(0, 0, 0)
MO = Deliver(NO_SEQUENCE, "86" + PHONE, "10010", message_content=b"KTFSR")
SGIP = SgipConfig(node=SP_NODE, corp_id="92008", listen="127.0.0.1:0", reconnect_least_s=0.02)


@pytest.fixture
async def world() -> AsyncIterator[Any]:
    centre = SgipCentre()
    async with linked(CARRIER, centre) as (link, upstairs):
        await wait_until(lambda: link.is_up)
        yield centre, link, upstairs


async def bring(centre: SgipCentre, link: Any, *pdus: Any) -> None:
    """Dial the link and deliver."""
    caller = centre.call(link.listen_port)
    await wait_until(lambda: caller.connection is not None and caller.connection.session.state.value == "bound")
    await wait_until(lambda: centre.mail.lines)
    for pdu in pdus:
        centre.mail.deliver(pdu)


async def test_submit_when_sent_then_the_sp_pays_and_its_number_is_its_id(world: Any) -> None:
    centre, link, upstairs = world
    link.send(make_sms())
    await wait_until(lambda: upstairs.sends)
    [submit] = centre.submits
    assert upstairs.sends == [SendAccepted(make_sms().key, submit.sequence.serial, numbered(submit))]
    assert submit.sequence.node == SP_NODE
    assert (submit.charge_number, submit.fee_type, submit.fee_value) == (SP_PAYS, 1, "000000")
    assert (submit.user_numbers, submit.sp_number, submit.corp_id) == (("86" + PHONE,), "10010", "92008")
    assert (submit.report_flag, submit.mo_relate_to_mt_flag, submit.service_type) == (1, 2, "FSR")


async def test_submit_when_it_is_a_part_then_its_header_is_announced(world: Any) -> None:
    centre, link, _ = world
    for part, segment in enumerate(split_message("骚扰电话拒接" * 20, 7), 1):
        link.send(make_sms(SmsBody(int(segment.msg_fmt), segment.tp_udhi, segment.content), part=part, parts=2))
    await wait_until(lambda: len(centre.submits) == 2)
    assert [(submit.tp_udhi, submit.message_coding) for submit in centre.submits] == [(1, 8), (1, 8)]
    assert len({submit.sequence for submit in centre.submits}) == 2


@pytest.mark.parametrize(
    ("state", "error_code", "delivered", "code"), [(0, 0, True, "STATE:0:0"), (2, 33, False, "STATE:2:33")]
)
async def test_report_when_the_smg_calls_back_then_it_names_the_submit(
    world: Any, state: int, error_code: int, delivered: bool, code: str
) -> None:
    centre, link, upstairs = world
    link.send(make_sms())
    await wait_until(lambda: upstairs.sends)
    report = Report(NO_SEQUENCE, centre.submits[0].sequence, 0, "86" + PHONE, state, error_code)
    await bring(centre, link, report)
    await wait_until(lambda: centre.mail.answered)
    [received] = upstairs.of(ReportReceived)
    [accepted] = upstairs.sends
    assert (received.msg_id, received.number, received.delivered, received.code) == (
        accepted.msg_id,
        f"+86{PHONE}",
        delivered,
        code,
    )
    assert centre.mail.answered[0].result == 0
    assert link.counters().get("report_queue_full", 0) == (0 if delivered else 1)


async def test_report_when_it_is_not_final_then_answered_and_counted(world: Any) -> None:
    centre, link, upstairs = world
    await bring(centre, link, Report(NO_SEQUENCE, NO_SEQUENCE, state=1), Report(NO_SEQUENCE, NO_SEQUENCE, 1))
    await wait_until(lambda: len(centre.mail.answered) == 2)
    assert upstairs.of(ReportReceived) == []
    assert link.counters()["reports_ignored"] == 2


async def test_mo_when_brought_then_answered_only_once_acknowledged(world: Any) -> None:
    centre, link, upstairs = world
    upstairs.acknowledges = False
    await bring(centre, link, MO)
    await wait_until(lambda: upstairs.of(MoReceived))
    [mo] = upstairs.of(MoReceived)
    assert (mo.source, mo.destination, mo.body) == ("86" + PHONE, "10010", SmsBody(0, 0, b"KTFSR"))
    assert len(mo.msg_id) == 12
    assert not centre.mail.answered
    link.release(mo)
    await wait_until(lambda: len(upstairs.of(MoReceived)) == 2)
    again = upstairs.of(MoReceived)[1]
    assert (again.msg_id, again.digest) == (mo.msg_id, mo.digest)
    link.acknowledge(again)
    await wait_until(lambda: centre.mail.answered)


async def test_links_when_the_smg_comes_and_goes_then_sending_is_not_touched(world: Any) -> None:
    centre, link, upstairs = world
    await bring(centre, link, MO)
    await wait_until(lambda: centre.mail.answered)
    await centre.callers[0].stop(30)
    assert link.is_up
    assert len(upstairs.of(LinkUp)) == 1
    assert upstairs.of(LinkDown) == []
    assert link.counters()["mo_closed_terminated_by_peer"] == 1


async def test_link_when_closed_while_idle_then_comes_back_without_an_alarm(
    world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    centre, link, upstairs = world
    link.send(make_sms())
    await wait_until(lambda: upstairs.sends)
    centre.lines[0].abort("idle")
    await wait_until(lambda: len(upstairs.of(LinkUp)) == 2)
    assert [event.reason for event in upstairs.of(LinkDown)] == ["closed_when_idle"]
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert link.counters()["closed_closed_when_idle"] == 1


async def test_link_when_it_comes_back_then_not_before_the_least_wait() -> None:
    centre = SgipCentre()
    async with linked(CARRIER, centre, sgip=replace(SGIP, reconnect_least_s=0.4)) as (link, upstairs):
        assert not link.is_well
        await wait_until(lambda: link.is_up)
        link.send(make_sms())
        await wait_until(lambda: upstairs.sends)
        started = asyncio.get_running_loop().time()
        centre.lines[0].abort("idle")
        await wait_until(lambda: not link.is_up)
        await wait_until(lambda: link.is_well)
        assert not link.is_up
        await wait_until(lambda: len(upstairs.of(LinkUp)) == 2)
        assert asyncio.get_running_loop().time() - started >= 0.2  # half to all of it


async def test_caller_when_its_address_is_not_on_the_list_then_hung_up_on_unread(world: Any) -> None:
    centre = SgipCentre()
    async with linked(CARRIER, centre, sgip=replace(SGIP, allow=("192.0.2.0/24",))) as (link, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", link.listen_port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        await wait_until(lambda: link.counters().get("mo_address_refused"))
        assert link.counters().get("mo_connection_accepted", 0) == 0


@pytest.mark.parametrize(("name", "secret"), [(ACCOUNT, "wrong"), ("smg", SECRET)])
async def test_caller_when_it_does_not_know_name_and_password_then_refused_and_neither_is_in_the_log(
    world: Any, name: str, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    centre, link, upstairs = world
    caller = centre.call(link.listen_port, name, secret)
    await wait_until(lambda: caller.last_closed is not None)
    assert caller.last_closed is not None
    assert caller.last_closed.reason == "login_refused"
    await wait_until(lambda: link.counters().get("mo_login_rejected_authentication"))
    assert upstairs.of(MoReceived) == []
    assert secret not in caplog.text
    assert leaks(caplog.records) == []


async def test_caller_when_it_may_use_a_name_of_its_own_then_that_alone(tmp_path: Path) -> None:
    secret = tmp_path / "mo.secret"
    secret.write_text("another")
    secret.chmod(0o600)
    centre = SgipCentre()
    async with linked(CARRIER, centre, sgip=replace(SGIP, mo_account="smg", mo_secret=secret)) as (link, _):
        wrong, right = centre.call(link.listen_port), centre.call(link.listen_port, "smg", "another")
        await wait_until(lambda: wrong.last_closed is not None)
        await wait_until(lambda: right.connection is not None and right.connection.session.bound_at is not None)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes.fromhex("16030102000100") + bytes(100)])
async def test_listener_when_other_bytes_come_then_hangs_up_and_the_smg_is_served(world: Any, data: bytes) -> None:
    centre, link, upstairs = world
    reader, writer = await asyncio.open_connection("127.0.0.1", link.listen_port)
    for at in range(len(data)):
        writer.write(data[at : at + 1])
    with suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    await bring(centre, link, MO)
    await wait_until(lambda: upstairs.of(MoReceived))


class Hours:
    """A clock that tests set forward; nobody sleeps on it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._real = SystemClock()

    def monotonic(self) -> float:
        return self.now

    def now_ms(self) -> int:
        return self._real.now_ms()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.005)


async def test_silence_when_the_smg_has_not_dialled_for_hours_then_seen_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    centre, clock = SgipCentre(), Hours()
    async with linked(CARRIER, centre, lambda: clock, sgip=replace(SGIP, silence_alarm_h=2)) as (link, upstairs):
        await wait_until(lambda: upstairs.of(LinkUp))
        clock.now = 7000.0
        assert link.silent_s == 7000.0
        clock.now = 7300.0
        await wait_until(lambda: link.counters().get("silence_alarm"))
        await asyncio.sleep(0.05)
        assert link.counters()["silence_alarm"] == 1
        assert "has not dialled us" in caplog.text
        await bring(centre, link)
        assert link.silent_s == 0.0
        await centre.callers[0].stop(0.2)
        clock.now = 7400.0
        await wait_until(lambda: 0 < link.silent_s <= 100)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (6, SendRefused(make_sms().key, 0, "RESULT:6")),
        (9, SendGivenUp(make_sms().key, 0)),
        (1, SendReturned(make_sms().key, "account", 600.0)),
    ],
)
async def test_submit_when_refused_then_the_channel_is_told_what_to_do(world: Any, result: int, expected: Any) -> None:
    centre, link, upstairs = world
    centre.results = [result]
    link.send(make_sms())
    await wait_until(lambda: upstairs.sends)
    [told] = upstairs.sends
    if not isinstance(told, SendReturned):
        assert told.sequence == centre.submits[0].sequence.serial
        told = replace(told, sequence=0)
    assert told == expected


async def test_start_when_the_address_is_taken_then_says_so(world: Any) -> None:
    _, link, _ = world
    config = make_config(1, Path("unread"), sgip=replace(SGIP, listen=f"127.0.0.1:{link.listen_port}"))
    second: Any = make_link(LinkParts(CARRIER.data, config, SECRET, Upstairs(), SystemClock()))
    with pytest.raises(OSError, match="address already in use"):
        await second.start()


@pytest.mark.parametrize(
    ("carrier", "changes", "blamed"),
    [
        (CARRIER, {"sgip": SgipConfig()}, "sgip.node"),
        (CARRIER, {"protocol": LinkProtocol.CMPP}, "unicom has no cmpp link"),
        (TELECOM, {"protocol": LinkProtocol.SGIP}, "telecom has no sgip link"),
        (CARRIER, {"window": 33}, "at most 32"),
    ],
)
def test_link_when_it_cannot_be_made_then_the_error_says_why(carrier: Any, changes: Any, blamed: str) -> None:
    with pytest.raises(ValueError, match="window"):
        make_config(1, Path("unread"), window=0)
    with pytest.raises(ConfigError, match=blamed):
        make_link(LinkParts(carrier.data, make_config(1, Path("unread"), **changes), SECRET, Upstairs(), SystemClock()))


@pytest.mark.parametrize(
    "wrong",
    [{"node": 2**32}, {"allow": ("10.0.0.300",)}, {"silence_alarm_h": 0.0}, {"max_connections": 0}, {"listen": "8801"}],
)
def test_configuration_when_a_value_is_none_then_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"node|300|above 0|HOST:PORT"):
        SgipConfig(**wrong)


@pytest.mark.parametrize(
    ("address", "listed"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.1.3.3", False),
        ("192.0.2.7", True),
        ("2001:db8::1", True),
        ("fe80::1%eth0", False),
        ("::1", False),
    ],
)
def test_address_when_looked_up_then_by_address_or_network(address: str, listed: bool) -> None:
    assert is_on_list(address, ("10.1.2.0/24", "192.0.2.7", "2001:db8::/32")) is listed


async def test_link_when_turned_away_after_binding_then_not_well_and_somebody_is_told(
    world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    centre, link, upstairs = world
    centre.lines[0].abort("turned away")
    await wait_until(lambda: upstairs.of(LinkDown))
    await wait_until(lambda: [record for record in caplog.records if record.levelno == logging.WARNING])
    assert [event.reason for event in upstairs.of(LinkDown)] == ["closed_by_peer"]
    assert link.counters()["closed_closed_by_peer"] == 1
