"""The settings page: logged in through WeChat, bound, opened with consent, set and closed; without scripts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from adapters.carrier.account.session import COOKIE, Sessions
from adapters.carrier.base import AccountOpening
from adapters.carrier.rpc import Advice, GatewayError
from adapters.journal.account import MAX_CODES, MAX_TRIES
from adapters.simulators.faults import FaultPlan
from adapters.simulators.login import LoginFault
from adapters.simulators.wechat import EntryFilter, Happening, Operation, WechatFault
from optout.kit.clock import FakeClock
from optout.kit.redact import find_numbers
from optout.v1 import types_pb2
from tests.carrier.account_rig import LOGIN_APP, NATIONAL, NUMBER, OTHER_USER, USER, AccountRig, open_account
from tests.carrier.page_browser import Browser
from tests.carrier.waiting import leaks

STATE = types_pb2.EnrolmentState
CONSENT = ("consent", "yes")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[AccountRig]:
    async with open_account(tmp_path, opening=AccountOpening.PAGE) as made:
        yield made
        made.wechat.check()


@pytest.fixture
def browser(rig: AccountRig) -> Browser:
    return Browser(rig)


def issue(rig: AccountRig) -> str:
    return rig.login.issue_token("mobile", LOGIN_APP, NUMBER)


async def test_page_when_visited_then_authorised_through_wechat_and_asked_to_bind(
    rig: AccountRig, browser: Browser
) -> None:
    page = await browser.visit()
    assert (page.status, page.url) == (200, "/account")
    assert set(page.forms) == {"bind", "code", "check"}
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "<script" not in page.text
    assert page.headers["Cache-Control"] == "no-store"
    [cookie] = [cookie for cookie in rig.http.cookie_jar if cookie.key == COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/account")


async def test_page_when_number_is_bound_by_token_then_closed_and_opens_with_consent_as_evidence(
    rig: AccountRig, browser: Browser
) -> None:
    page = await browser.submit(await browser.visit(), "bind", ("token", issue(rig)))
    assert (page.message, page.badge) == ("手机号已绑定。", "未开通")
    assert "138****8000" in page.text
    page = await browser.submit(page, "open", CONSENT)
    assert (page.status, page.badge) == (200, "已开通")
    [instruction] = rig.gateway.seen
    account = rig.carrier.data.account
    assert account is not None
    evidence = instruction.evidence
    assert evidence.notice_version == account.consent.version
    assert evidence.notice_digest == sha256(account.consent.text.encode()).digest()
    assert evidence.separate_consent == types_pb2.CONSENT_GIVEN
    assert tuple(evidence.recipients) == account.consent.recipients
    assert list(evidence.proofs) == [types_pb2.PROOF_ONE_TAP_LOGIN]
    assert (await rig.state()).state == STATE.ENROLMENT_STATE_OPEN


async def test_form_when_it_books_then_the_digest_of_its_bytes_is_evidence(rig: AccountRig, browser: Browser) -> None:
    await rig.bind()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    bodies = []
    for form, field in (("open", CONSENT), ("reject_add", ("value", "400-123-4567"))):
        hidden = (await browser.visit()).forms[form]
        bodies.append(urlencode([*hidden.items(), field]).encode())
        async with rig.http.post(f"{rig.url}/account/{form}", data=bodies[-1], headers=headers) as answer:
            assert answer.status == 200
    digests = [instruction.evidence.original_digest for instruction in rig.gateway.seen]
    assert digests == [sha256(body).digest() for body in bodies]


async def test_form_when_it_is_sent_as_something_else_then_it_has_no_token(rig: AccountRig, browser: Browser) -> None:
    await rig.bind()
    fields = dict([*(await browser.visit()).forms["open"].items(), CONSENT])
    for body in (aiohttp.MultipartWriter("form-data"), json.dumps(fields).encode(), b"\xff=\xfe&form_token=%ff", b""):
        async with rig.http.post(f"{rig.url}/account/open", data=body) as answer:
            assert answer.status == 403
    assert rig.gateway.seen == []


@pytest.mark.parametrize(
    ("fields", "changes"),
    [((), {}), ((CONSENT,), {"notice_version": "older"}), ((CONSENT,), {"notice_digest": "00" * 32})],
    ids=["not ticked", "another version", "another text"],
)
async def test_open_when_consent_is_not_to_this_notice_then_refused(
    rig: AccountRig, browser: Browser, fields: tuple[tuple[str, str], ...], changes: dict[str, str]
) -> None:
    await rig.bind()
    page = await browser.submit(await browser.visit(), "open", *fields, **changes)
    assert page.status == 422
    assert "单独同意" in page.message
    assert rig.gateway.seen == []


async def test_form_when_sent_twice_then_booked_once(rig: AccountRig, browser: Browser) -> None:
    await rig.bind()
    page = await browser.visit()
    for _ in range(2):
        answer = await browser.submit(page, "open", CONSENT)
        assert answer.badge == "已开通"
    assert len({instruction.instruction_id for instruction in rig.gateway.seen}) == 1
    assert (await rig.state()).version == 1


async def test_settings_when_saved_then_each_is_shown_again(rig: AccountRig, browser: Browser) -> None:
    await rig.bind()
    page = await browser.submit(await browser.visit(), "open", CONSENT)
    for form, fields in {
        "categories": [("value", "loan"), ("value", "education")],
        "reject_add": [("value", "400-123-4567")],
        "allow_add": [("value", "95588")],
        "segments": [("value", "overseas"), ("value", "170"), ("value", "")],
        "treatment": [("value", "assistant"), ("value", "challenge")],
        "notices": [("value", "daily"), ("value", "at_night")],
        "quiet_hours": [
            ("days", "weekday"), ("start", "22:00"), ("end", "07:30"),
            ("days", ""), ("start", ""), ("end", ""),
        ],
    }.items():  # fmt: skip
        page = await browser.submit(page, form, *fields)
        assert (page.status, page.message[:4]) == (200, "设置成功"), form
    for shown in ('value="loan" checked', 'value="education" checked', "4001234567", "95588", 'value="22:00"'):
        assert shown in page.text
    for shown in ('value="overseas" checked', 'value="+86170"', 'value="assistant" selected', 'value="daily" selected'):
        assert shown in page.text
    assert 'value="securities" checked' not in page.text
    page = await browser.submit(page, "reject_remove")
    assert "400" not in page.text.partition("黑名单")[2].partition("白名单")[0].replace("号码", "")


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ("reject_add", ("value", "不是号码"), "号码有误"),
        ("treatment", ("value", "explode"), "填写有误"),
        ("reject_add", ("value", "110"), "不能设置"),
    ],
    ids=["no number", "no treatment", "protected"],
)
async def test_setting_when_it_cannot_be_taken_then_told_why(
    rig: AccountRig, browser: Browser, form: str, field: tuple[str, str], words: str
) -> None:
    await rig.bind()
    page = await browser.submit(await browser.visit(), "open", CONSENT)
    page = await browser.submit(page, form, field)
    assert page.status == 422
    assert words in page.message


async def test_setting_when_not_open_then_refused_by_the_registry_and_told_how(
    rig: AccountRig, browser: Browser
) -> None:
    await rig.bind()
    page = await browser.visit()
    assert "categories" not in page.forms
    hidden = list(page.forms["open"].items())
    page = await browser.ask("POST", "/account/categories", [*hidden, ("value", "loan")])
    assert page.status == 422
    assert "KTFSR到10086" in page.message


async def test_close_when_bound_by_token_then_pending_and_by_code_then_closed(
    rig: AccountRig, browser: Browser
) -> None:
    page = await browser.submit(await browser.visit(), "bind", ("token", issue(rig)))
    page = await browser.submit(page, "open", CONSENT)
    assert "防止他人代为关闭" in page.text
    page = await browser.submit(page, "cancel")
    assert page.badge == "待您确认关闭"
    assert "还差一步" in page.message
    await rig.bind()
    page = await browser.submit(await browser.visit(), "cancel")
    assert page.badge == "未开通"


async def test_number_when_bound_by_code_then_code_comes_by_text_and_proves_it(
    rig: AccountRig, browser: Browser
) -> None:
    page = await browser.submit(await browser.visit(), "code", ("number", NATIONAL))
    assert "验证码已发送" in page.message
    [code] = await rig.sent_codes()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    page = await browser.submit(page, "check", ("code", wrong))
    assert (page.status, page.message) == (422, "验证码不正确。")
    page = await browser.submit(page, "check", ("code", code))
    assert page.message == "手机号已绑定。"
    binding = await rig.book.binding(USER, rig.clock.now_ms())
    assert binding is not None
    assert (binding.number, binding.proof) == (NUMBER, "sms_code")


async def test_code_when_expired_tried_too_often_or_asked_too_often_then_refused(
    rig: AccountRig, browser: Browser
) -> None:
    page = await browser.visit()
    for _ in range(MAX_CODES):
        page = await browser.submit(page, "code", ("number", NATIONAL))
        assert page.status == 200
    page = await browser.submit(page, "code", ("number", NATIONAL))
    assert "过于频繁" in page.message
    *_, code = await rig.sent_codes()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(MAX_TRIES):
        page = await browser.submit(page, "check", ("code", wrong))
    page = await browser.submit(page, "check", ("code", code))
    assert "已失效" in page.message


@pytest.mark.parametrize(
    "number", ["1380013800", "10086", "010-65712345", ""], ids=["short", "code", "landline", "none"]
)
async def test_code_when_number_is_no_mobile_then_refused(rig: AccountRig, browser: Browser, number: str) -> None:
    page = await browser.submit(await browser.visit(), "code", ("number", number))
    assert (page.status, page.message[:4]) == (422, "号码有误")
    assert await rig.sent_codes() == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("105013", "其他运营商"),
        ("103511", "暂不可用"),
        ("103911", "稍后再试"),
        ("104201", "重新点击"),
        ("777777", "没有成功"),
    ],
)
async def test_token_when_login_refuses_it_then_told_what_to_do(
    rig: AccountRig, browser: Browser, code: str, words: str
) -> None:
    rig.login.set_faults(LoginFault(FaultPlan(), code=code))
    page = await browser.submit(await browser.visit(), "bind", ("token", issue(rig)))
    assert page.status == 422
    assert words in page.message


async def test_token_when_used_twice_then_second_is_refused(rig: AccountRig, browser: Browser) -> None:
    token = issue(rig)
    page = await browser.submit(await browser.visit(), "bind", ("token", token))
    page = await browser.submit(page, "unbind")
    page = await browser.submit(page, "bind", ("token", token))
    assert "重新点击一键登录" in page.message


async def test_page_when_gateway_is_away_then_error_and_nothing_lost(rig: AccountRig, browser: Browser) -> None:
    await rig.bind()
    page = await browser.visit()
    rig.gateway.failures = [GatewayError("UNAVAILABLE", Advice.LATER)] * 2
    page = await browser.submit(page, "open", CONSENT)
    assert (page.status, page.badge) == (503, "暂时无法显示")
    assert "不会重复办理" in page.message
    page = await browser.visit()
    assert page.badge == "未开通"


async def test_page_when_number_was_ported_away_then_says_so(rig: AccountRig, browser: Browser) -> None:
    await rig.bind()
    rig.gateway.failures = [GatewayError("NOT_SERVED", Advice.NEVER)]
    page = await browser.visit()
    assert (page.status, page.badge) == (422, "暂时无法显示")
    assert "其他运营商" in page.message


async def test_form_when_token_is_another_sessions_or_missing_then_403(rig: AccountRig, browser: Browser) -> None:
    await rig.bind()
    page = await browser.visit()
    for token in ("", "0" * 64):
        refused = await browser.submit(page, "open", CONSENT, form_token=token)
        assert refused.status == 403
    rig.http.cookie_jar.clear()
    await browser.visit(OTHER_USER)
    refused = await browser.submit(page, "open", CONSENT)
    assert refused.status == 403
    assert rig.gateway.seen == []


async def test_login_when_state_is_not_this_browsers_then_403(rig: AccountRig, browser: Browser) -> None:
    async with rig.http.get(f"{rig.url}/account/enter", params={"code": "c", "state": "s"}) as answer:
        assert answer.status == 403
    rig.wechat.set_faults(WechatFault(Operation.LOGIN, FaultPlan(count=1), errcode=40029))
    page = await browser.visit()
    assert page.status == 502
    assert "微信登录没有成功" in page.message


def test_session_when_changed_or_over_then_is_none() -> None:
    clock = FakeClock()
    sessions = Sessions(b"k" * 32, 60, clock)
    cookie = sessions.issue("user")
    session = sessions.read(cookie)
    assert session is not None
    assert session.openid == "user"
    body, _, signature = cookie.partition(".")
    for forged in ("", "x", f"{body}.", f"{body[:-4]}AAAA.{signature}", f"{body}.{signature[:-1]}0x", cookie * 10):
        assert sessions.read(forged) is None
    assert Sessions(b"j" * 32, 60, clock).read(cookie) is None
    assert not sessions.is_state(signature, body)
    clock.advance(60)
    assert sessions.read(cookie) is None


async def test_page_when_used_then_no_url_and_no_log_line_holds_a_number(
    rig: AccountRig, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    page = await browser.submit(await browser.visit(), "code", ("number", NATIONAL))
    [code] = await rig.sent_codes()
    page = await browser.submit(page, "check", ("code", code))
    page = await browser.submit(page, "open", CONSENT)
    page = await browser.submit(page, "reject_add", ("value", "13900139000"))
    page = await browser.submit(page, "cancel")
    assert len(browser.urls) > 5
    assert find_numbers(" ".join(browser.urls)) == []
    assert leaks(caplog.records) == []
    assert code not in caplog.text


async def test_page_when_value_holds_markup_then_it_is_escaped(rig: AccountRig, browser: Browser) -> None:
    await rig.bind()
    page = await browser.submit(await browser.visit(), "open", CONSENT)
    page = await browser.submit(page, "categories", ("value", "<script>alert(1)</script>"))
    assert "<script>" not in page.text


async def test_account_when_it_opens_at_login_then_one_tap_and_consent_open_at_once(tmp_path: Path) -> None:
    async with open_account(tmp_path, opening=AccountOpening.LOGIN) as rig:
        browser = Browser(rig)
        page = await browser.visit()
        refused = await browser.submit(page, "bind", ("token", issue(rig)))
        assert (refused.status, rig.gateway.seen) == (422, [])
        page = await browser.submit(page, "bind", ("token", issue(rig)), CONSENT)
        assert (page.status, page.badge) == (200, "已开通")
        assert rig.gateway.seen[0].evidence.separate_consent == types_pb2.CONSENT_GIVEN


async def test_account_when_it_cannot_open_then_page_tells_how_and_turns_protection_on_afterwards(
    tmp_path: Path,
) -> None:
    async with open_account(tmp_path) as rig:
        await rig.bind()
        browser = Browser(rig)
        page = await browser.visit()
        assert "open" not in page.forms
        assert "KTFSR到10086" in page.text
        await rig.open()
        page = await browser.submit(await browser.visit(), "protect")
        assert page.status == 200
        assert len((await rig.state()).preferences.refused_categories) == 5


async def test_chat_when_account_can_open_then_notice_is_read_agreed_to_and_recorded(rig: AccountRig) -> None:
    await rig.bind(proof="one_tap_login")
    before = rig.wechat.say(USER, "同意")
    rig.wechat.click(USER, "open")
    [asked] = await rig.wechat.wait_for(
        EntryFilter(Happening.CALLBACK_ANSWERED, text_contains="单独同意", after_index=before)
    )
    assert "共享登记系统" in asked.text
    assert rig.gateway.seen == []
    rig.wechat.say(USER, "同意")
    assert "已开通" in (await rig.wechat.wait_for_message(USER)).text
    [instruction] = rig.gateway.seen
    assert instruction.evidence.separate_consent == types_pb2.CONSENT_GIVEN
    assert instruction.evidence.notice_version == "2026-11"
