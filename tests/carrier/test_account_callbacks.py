"""WeChat's callbacks at the running channel: proved, written down, answered, carried out once, told later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import pytest

from adapters.carrier.account.callbacks import RETRY_MS
from adapters.carrier.rpc import Advice, GatewayError
from adapters.journal.errors import JournalUnavailableError
from adapters.simulators.faults import LOST_REQUEST, FaultPlan
from adapters.simulators.wechat import EntryFilter, Happening, Operation, WechatFault
from adapters.wire import wechat
from optout.v1 import types_pb2
from tests.carrier.account_rig import APP_ID, NUMBER, TOKEN, USER, AccountRig, open_account
from tests.carrier.waiting import leaks, wait_until
from tests.wire.wechat_samples import ACCOUNT, RANDOM, TO_USER

ANSWERED = EntryFilter(Happening.CALLBACK_ANSWERED)
RECEIVED = "已收到"


hastily = pytest.mark.parametrize("rig", [1.0], indirect=True, ids=["hastily"])
"""WeChat waits for an answer no longer than a second, for what goes unanswered."""


@pytest.fixture
async def rig(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[AccountRig]:
    async with open_account(tmp_path, answer_limit_s=getattr(request, "param", 30.0)) as made:
        yield made
        made.wechat.check()
        made.login.check()


async def post(rig: AccountRig, query: wechat.CallbackQuery, body: bytes) -> tuple[int, bytes]:
    async with rig.http.post(f"{rig.url}/wechat", params=asdict(query), data=body) as answer:
        return answer.status, await answer.read()


def seal(
    rig: AccountRig, xml: bytes | None = None, nonce: str = "n1", msg_id: str = "1", age_s: int = 0
) -> tuple[wechat.CallbackQuery, bytes]:
    now_s = rig.clock.now_ms() // 1000
    message = wechat.TextMessage(to_user=TO_USER, from_user=USER, create_time_s=now_s, msg_id=msg_id, content="查询")
    return wechat.seal_callback(
        ACCOUNT,
        xml or wechat.write_message(message),
        to_user=TO_USER,
        openid=USER,
        timestamp=str(now_s - age_s),
        nonce=nonce,
        random=RANDOM,
    )


async def test_url_when_wechat_asks_then_echo_is_answered_and_a_wrong_signature_refused(rig: AccountRig) -> None:
    timestamp, nonce = str(rig.clock.now_ms() // 1000), "abc"
    query = {"timestamp": timestamp, "nonce": nonce, "echostr": "echo123"}
    query["signature"] = wechat.sign(TOKEN, timestamp, nonce)
    async with rig.http.get(f"{rig.url}/wechat", params=query) as answer:
        assert (answer.status, await answer.text()) == (200, "echo123")
    async with rig.http.get(f"{rig.url}/wechat", params=query | {"nonce": "abd"}) as answer:
        assert (answer.status, await answer.read()) == (403, b"")


async def test_setting_when_service_is_open_then_received_at_once_and_outcome_told_later(rig: AccountRig) -> None:
    await rig.open()
    await rig.bind()
    rig.wechat.say(USER, "拒接1")
    [answer] = await rig.wechat.wait_for(ANSWERED)
    assert RECEIVED in answer.text
    message = await rig.wechat.wait_for_message(USER)
    assert "设置成功" in message.text
    assert "loan" in (await rig.state()).preferences.refused_categories
    [instruction] = rig.gateway.seen
    assert instruction.channel == types_pb2.CHANNEL_APP
    assert instruction.reference.account == APP_ID
    assert instruction.instruction_id == instruction.reference.id
    assert instruction.instruction_id.startswith("msg:")
    assert list(instruction.evidence.proofs) == [types_pb2.PROOF_SMS_CODE]
    assert len(instruction.evidence.original_digest) == 32


async def test_setting_when_service_is_not_open_then_told_how_to_open(rig: AccountRig) -> None:
    await rig.bind()
    rig.wechat.say(USER, "拒接1")
    message = await rig.wechat.wait_for_message(USER)
    assert "尚未开通" in message.text
    assert "KTFSR到10086" in message.text


async def test_menu_open_when_account_cannot_open_then_turns_protection_on_or_tells_how(rig: AccountRig) -> None:
    await rig.bind()
    rig.wechat.click(USER, "open")
    assert "KTFSR到10086" in (await rig.wechat.wait_for_message(USER)).text
    await rig.open()
    rig.wechat.say(USER, "开启防护")
    assert "设置成功" in (await rig.wechat.wait_for_message(USER, "设置成功")).text
    assert len((await rig.state()).preferences.refused_categories) == 5


async def test_menu_close_when_only_one_tap_login_speaks_then_a_second_word_is_needed(rig: AccountRig) -> None:
    await rig.open()
    await rig.bind(proof="one_tap_login")
    rig.wechat.click(USER, "close")
    message = await rig.wechat.wait_for_message(USER)
    assert "还差一步" in message.text
    assert (await rig.state()).state == types_pb2.ENROLMENT_STATE_PENDING_CANCEL


async def test_menu_close_when_a_code_proved_the_number_then_is_done(rig: AccountRig) -> None:
    await rig.open()
    await rig.bind()
    rig.wechat.click(USER, "close")
    assert "已关闭" in (await rig.wechat.wait_for_message(USER)).text
    assert (await rig.state()).state == types_pb2.ENROLMENT_STATE_CLOSED


@pytest.mark.parametrize("what", ["拒接1", "查询"])
async def test_text_when_no_number_is_bound_then_told_to_bind_and_nothing_is_submitted(
    rig: AccountRig, what: str
) -> None:
    rig.wechat.say(USER, what)
    [answer] = await rig.wechat.wait_for(ANSWERED)
    assert "请先绑定手机号" in answer.text
    assert f"{rig.url}/account" in answer.text
    assert rig.gateway.seen == []


async def test_user_when_follows_writes_nonsense_and_leaves_then_welcomed_helped_and_unbound(rig: AccountRig) -> None:
    await rig.bind()
    rig.wechat.subscribe(USER, "qrscene_hall-7")
    rig.wechat.say(USER, "你好")
    answers = await rig.wechat.wait_for(ANSWERED, count=2)
    assert sorted("欢迎" in answer.text for answer in answers) == [False, True]
    assert sorted("可以回复" in answer.text for answer in answers) == [False, True]
    rig.wechat.unsubscribe(USER)
    await rig.wechat.wait_for(ANSWERED, count=3)
    assert await rig.book.binding(USER, rig.clock.now_ms()) is None
    assert rig.gateway.seen == []


async def test_events_without_an_answer_when_they_come_then_success_is_said_and_they_are_counted(
    rig: AccountRig,
) -> None:
    head = {"to_user": "gh_optout0000", "from_user": USER, "create_time_s": rig.clock.now_ms() // 1000}
    choice = wechat.TemplateChoice("T1", "accept")
    fate = wechat.TemplateFate("T1", "77", 0)
    for message in (
        wechat.View(**head, event_key=f"{rig.url}/account"),
        wechat.TemplateSent(**head, msg_id="5", status="failed:user block"),
        wechat.SubscriptionPopup(**head, items=(choice,)),
        wechat.SubscriptionChange(**head, items=(choice,)),
        wechat.SubscriptionSent(**head, items=(fate,)),
        wechat.Location(**head),
        wechat.UnknownMessage(**head, msg_type="voice", msg_id="6"),
    ):
        rig.wechat.act(message)
    answers = await rig.wechat.wait_for(ANSWERED, count=7)
    assert {answer.text for answer in answers} == {""}
    for kind in ("view", "templatesent", "subscriptionpopup", "subscriptionchange", "subscriptionsent", "location"):
        assert rig.count("callbacks", kind) == 1


@hastily
async def test_callback_when_answer_is_lost_then_retry_gets_the_same_reply_and_books_once(rig: AccountRig) -> None:
    await rig.open()
    await rig.bind()
    rig.wechat.set_faults(WechatFault(Operation.CALLBACK, FaultPlan(applied=True, heard=False, count=2)))
    rig.wechat.say(USER, "拒接2")
    [answer] = await rig.wechat.wait_for(ANSWERED)
    assert (answer.attempt, RECEIVED in answer.text) == (3, True)
    await rig.wechat.wait_for_message(USER)
    assert len(rig.gateway.seen) == 1
    assert rig.count("callbacks", "repeated") == 2


@hastily
async def test_callback_when_requests_are_lost_then_user_sees_out_of_service_and_nothing_is_done(
    rig: AccountRig,
) -> None:
    rig.wechat.set_faults(WechatFault(Operation.CALLBACK, LOST_REQUEST))
    rig.wechat.click(USER, "open")
    await rig.wechat.wait_for(EntryFilter(Happening.OUT_OF_SERVICE))
    assert rig.count("callbacks", "click") == 0


@hastily
async def test_callback_when_journal_cannot_write_then_not_answered_and_taken_when_it_comes_again(
    rig: AccountRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.bind()
    whole = rig.journal.run
    fails = 1

    async def run(call: object, *args: object, **kwargs: object) -> object:
        nonlocal fails
        if getattr(call, "__name__", "") == "take_callback" and fails:
            fails -= 1
            raise JournalUnavailableError
        return await whole(call, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(rig.channel._book, "_run", run)
    rig.wechat.say(USER, "查询")
    [failed] = await rig.wechat.wait_for(EntryFilter(Happening.CALLBACK_FAILED))
    assert failed.status == 503
    [answer] = await rig.wechat.wait_for(ANSWERED)
    assert answer.attempt == 2


async def test_callback_when_a_bit_is_flipped_anywhere_then_is_refused(rig: AccountRig) -> None:
    query, body = seal(rig)
    whole = body.decode()
    start, end = whole.index("<Encrypt><![CDATA[") + 18, whole.index("]]></Encrypt>")
    positions = range(start, end, 7)
    for at in positions:
        forged = whole[:at] + chr(ord(whole[at]) ^ 1) + whole[at + 1 :]
        assert (await post(rig, query, forged.encode()))[0] == 403
    for name in ("timestamp", "nonce", "msg_signature", "signature"):
        value = getattr(query, name)
        forged_query = wechat.CallbackQuery(**asdict(query) | {name: value[:-1] + chr(ord(value[-1]) ^ 1)})
        assert (await post(rig, forged_query, body))[0] == 403
    assert (await post(rig, query, body))[0] == 200


async def test_callback_when_replayed_late_then_refused_and_within_retries_answered_as_before(rig: AccountRig) -> None:
    query, body = seal(rig)
    status, first = await post(rig, query, body)
    assert status == 200
    assert await post(rig, query, body) == (200, first)
    rig.clock.ahead_s = RETRY_MS / 1000 + 1
    assert (await post(rig, query, body))[0] == 403
    assert await post(rig, *seal(rig, nonce="n2")) == (200, first)


@pytest.mark.parametrize("age_s", [301, -301])
async def test_callback_when_timestamp_is_stale_then_refused(rig: AccountRig, age_s: int) -> None:
    assert (await post(rig, *seal(rig, age_s=age_s)))[0] == 403
    assert rig.count("callbacks", "stale_timestamp") == 1


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><xml><ToUserName>&b;</ToUserName></xml>'
EXTERNAL = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><ToUserName>&e;</ToUserName></xml>'


@pytest.mark.parametrize("xml", [BOMB, EXTERNAL, b"<xml>", b"", b"\xff\xfe<xml/>"], ids=range(5))
async def test_callback_when_xml_is_hostile_then_refused_sealed_and_bare(rig: AccountRig, xml: bytes) -> None:
    assert (await post(rig, *seal(rig, xml or b" ")))[0] == 403
    query, _ = seal(rig)
    assert (await post(rig, query, xml))[0] == 403


async def test_callback_when_plain_or_too_large_then_refused(rig: AccountRig) -> None:
    query, body = seal(rig)
    plain = wechat.CallbackQuery(**asdict(query) | {"encrypt_type": ""})
    assert (await post(rig, plain, body))[0] == 403
    assert (await post(rig, query, b"<xml>" + b" " * 70_000))[0] == 413


async def test_outcome_when_gateway_is_away_then_told_once_it_is_back(rig: AccountRig) -> None:
    await rig.open()
    await rig.bind()
    rig.gateway.failures = [GatewayError("UNAVAILABLE", Advice.LATER)] * 2
    rig.wechat.say(USER, "拒接1")
    assert RECEIVED in (await rig.wechat.wait_for(ANSWERED))[0].text
    assert "设置成功" in (await rig.wechat.wait_for_message(USER)).text
    assert len({instruction.instruction_id for instruction in rig.gateway.seen}) == 1
    assert len(rig.gateway.seen) == 3


async def test_outcome_when_gateway_refuses_for_good_then_the_reason_is_told(rig: AccountRig) -> None:
    await rig.bind()
    rig.gateway.failures = [GatewayError("NOT_SERVED", Advice.NEVER)]
    rig.wechat.say(USER, "查询")
    assert "其他运营商" in (await rig.wechat.wait_for_message(USER)).text


async def test_outcome_when_gateway_stays_away_for_a_day_then_given_up_and_told(rig: AccountRig) -> None:
    await rig.bind()
    rig.gateway.failures = [GatewayError("UNAVAILABLE", Advice.LATER)] * 1000
    rig.wechat.say(USER, "查询")
    await rig.wechat.wait_for(ANSWERED)
    rig.clock.ahead_s = 86_401
    assert "没有回应" in (await rig.wechat.wait_for_message(USER)).text


async def test_channel_when_killed_after_answering_then_carried_out_by_the_next_one(tmp_path: Path) -> None:
    async with open_account(tmp_path) as first:
        await first.open()
        await first.bind()
        first.gateway.failures = [GatewayError("UNAVAILABLE", Advice.LATER)] * 1000
        first.wechat.say(USER, "拒接1")
        await first.wechat.wait_for(ANSWERED)
        journal = first.journal
    async with open_account(tmp_path, journal=journal) as second:
        await second.open()
        await wait_until(lambda: second.gateway.seen)
        assert second.gateway.seen[0].number == NUMBER


@pytest.mark.parametrize(("errcode", "tokens"), [(40001, 2), (40014, 2), (42001, 2)], ids=["40001", "40014", "42001"])
async def test_message_when_access_token_is_refused_then_refreshed_once_and_sent(
    rig: AccountRig, errcode: int, tokens: int
) -> None:
    await rig.bind()
    rig.wechat.set_faults(WechatFault(Operation.CHAT, FaultPlan(count=1), errcode=errcode))
    rig.wechat.say(USER, "查询")
    await rig.wechat.wait_for_message(USER)
    assert rig.wechat.tokens == tokens


@pytest.mark.parametrize(
    "fault",
    [
        WechatFault(Operation.CHAT, FaultPlan(count=2), errcode=45009),
        WechatFault(Operation.CHAT, FaultPlan(count=2), errcode=-1),
        WechatFault(Operation.CHAT, FaultPlan(count=2, applied=False), http_status=502),
        WechatFault(Operation.CHAT, FaultPlan(count=1, applied=False), garbage=b"{not json"),
        WechatFault(Operation.TOKEN, FaultPlan(count=2, applied=False, heard=False)),
        WechatFault(Operation.TOKEN, FaultPlan(count=1), garbage=b'{"access_token": 5}'),
    ],
    ids=["rate", "busy", "502", "garbage", "token lost", "token malformed"],
)
async def test_message_when_wechat_fails_for_a_while_then_sent_later(rig: AccountRig, fault: WechatFault) -> None:
    await rig.bind()
    rig.wechat.set_faults(fault)
    rig.wechat.say(USER, "查询")
    await rig.wechat.wait_for_message(USER)
    await asyncio.sleep(0)
    assert rig.wechat.faults[0].used_up


async def test_message_when_applied_but_not_heard_then_sent_again(rig: AccountRig) -> None:
    await rig.bind()
    rig.wechat.set_faults(WechatFault(Operation.CHAT, FaultPlan(heard=False, count=1)))
    rig.wechat.say(USER, "查询")
    await rig.wechat.wait_for(EntryFilter(Happening.MESSAGE, USER), count=2)


async def test_message_when_chat_is_closed_then_goes_by_template(rig: AccountRig) -> None:
    await rig.bind()
    rig.wechat.set_faults(WechatFault(Operation.CHAT, FaultPlan(count=1), errcode=45015))
    rig.wechat.say(USER, "查询")
    message = await rig.wechat.wait_for_message(USER)
    assert message.detail == "template"


async def test_message_when_user_left_then_dropped_and_counted(rig: AccountRig) -> None:
    await rig.bind()
    rig.wechat.set_faults(WechatFault(Operation.CHAT, FaultPlan(count=1), errcode=43004))
    rig.wechat.say(USER, "查询")
    await wait_until(lambda: rig.count("messages", "user") == 1)
    assert await rig.book.due_messages(10, rig.clock.now_ms() + 10**7) == []


async def test_channel_when_it_fails_and_refuses_then_no_log_line_gives_a_number_or_user_away(
    rig: AccountRig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.bind()
    rig.gateway.failures = [GatewayError("WRONG_CARRIER", Advice.OPERATOR)]
    rig.wechat.set_faults(WechatFault(Operation.CHAT, FaultPlan(count=1), errcode=47003))
    rig.wechat.say(USER, "拉黑13900139000")
    await post(rig, *seal(rig, b"<xml>"))
    await rig.wechat.wait_for_message(USER)
    assert any(record.name.startswith("adapters.carrier") for record in caplog.records)
    assert leaks(caplog.records) == []
    assert USER not in caplog.text
