"""The settings page in real Chromium at phone width: used as people use it, and photographed in each of its states.

Screenshots go to `build/screenshots`, for people to look at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.carrier.base import AccountOpening
from adapters.carrier.rpc import Advice, GatewayError
from optout.kit.redact import find_numbers
from tests.carrier.account_rig import LOGIN_APP, NATIONAL, NUMBER, USER, AccountRig, open_account

pytestmark = pytest.mark.interop

FOLDER = Path(__file__).resolve().parents[2] / "build" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PARTY = "13300133000"
PHONE = {"width": 390, "height": 844}


class Phone:
    """A page in a phone's browser, and everything it asked the network or complained of."""

    def __init__(self, page: Any, rig: AccountRig) -> None:
        self.page = page
        self.rig = rig
        self.urls: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def visit(self) -> None:
        self.rig.wechat.set_visitor(USER)
        await self.page.goto(f"{self.rig.url}/account")

    async def press(self, name: str) -> None:
        async with self.page.expect_navigation():
            await self.page.get_by_role("button", name=name, exact=True).click()

    async def badge(self) -> str:
        return str(await self.page.locator(".badge").inner_text())

    async def photograph(self, name: str) -> None:
        """Keep the whole page, and see to it that nothing hangs over the edge of a phone."""
        width = await self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]
        await self.page.screenshot(path=FOLDER / f"{name}.png", full_page=True)


@asynccontextmanager
async def open_phone(rig: AccountRig) -> AsyncIterator[Phone]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = await chromium.new_context(
            viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, locale="zh-CN"
        )
        yield Phone(await context.new_page(), rig)
        await chromium.close()


@pytest.fixture
def folder() -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER


async def test_page_when_used_in_chromium_then_every_state_is_reached_and_photographed(
    tmp_path: Path, folder: Path
) -> None:
    async with open_account(tmp_path, opening=AccountOpening.PAGE) as rig, open_phone(rig) as phone:
        await phone.visit()
        await phone.photograph("unbound")
        await phone.page.get_by_label("本机号码认证凭证").fill(rig.login.issue_token("mobile", LOGIN_APP, NUMBER))
        await phone.press("本机号码一键登录")
        assert await phone.badge() == "未开通"
        await phone.photograph("closed")
        await phone.press("免费开通")
        assert "单独同意" in await phone.page.locator(".message").inner_text()
        await phone.photograph("error-consent")
        await phone.page.get_by_label("我已阅读").check()
        await phone.press("免费开通")
        assert await phone.badge() == "已开通"
        await phone.page.get_by_label("贷款理财").check()
        await phone.page.locator("form[action='/account/categories'] button").click()
        await phone.page.get_by_label("黑名单号码").fill("400 123 4567")
        await phone.page.locator("form[action='/account/reject_add'] button").click()
        await phone.page.get_by_text("4001234567").wait_for()
        assert await phone.page.get_by_label("贷款理财").is_checked()
        await phone.photograph("open")
        for summary in await phone.page.locator("summary").all():
            await summary.click()
        await phone.photograph("open-unfolded")
        await phone.press("关闭骚扰电话拒接")
        assert await phone.badge() == "待您确认关闭"
        await phone.photograph("pending-cancel")
        await phone.press("发送验证码到本机")
        [code] = await rig.sent_codes()
        await phone.page.get_by_label("验证码", exact=True).fill(code)
        await phone.press("验证")
        await phone.page.get_by_label("要守护的家人手机号").fill(PARTY)
        await phone.press("申请守护")
        assert "已向对方发送守护申请" in await phone.page.locator(".message").inner_text()
        await phone.photograph("ward-asked")
        rig.gateway.failures = [GatewayError("UNAVAILABLE", Advice.LATER)] * 2
        await phone.page.goto(f"{rig.url}/account")
        assert await phone.badge() == "暂时无法显示"
        await phone.photograph("error")
        # Chromium counts the page that is served with 422 or 503 as an error of its own; of the policy it says nothing.
        assert [line for line in phone.complaints if "status of 422" not in line and "status of 503" not in line] == []
        assert find_numbers(" ".join(phone.urls)) == []


async def test_page_when_a_guardian_asks_and_everything_is_erased_in_chromium_then_each_step_is_photographed(
    tmp_path: Path, folder: Path
) -> None:
    from gateway.domain.instruction import AskGuardian, Confirm
    from gateway.domain.ties import GuardianScope
    from optout.kit.number import PhoneNumber

    number, party = PhoneNumber(NUMBER), PhoneNumber(f"+86{PARTY}")
    async with open_account(tmp_path) as rig, open_phone(rig) as phone:
        house = rig.gateway.house
        await rig.open()
        await rig.bind(proof="one_tap_login")
        await house.submit(AskGuardian(number, GuardianScope.SETTINGS), number=party, carrier="telecom")
        await phone.visit()
        await phone.page.get_by_role("button", name=f"拒绝守护：{PARTY}").wait_for()
        assert await phone.page.get_by_role("button", name="申请删除").count() == 0
        await phone.photograph("guardian-asks")
        await house.submit(Confirm(guardian=True))
        await rig.bind()
        await house.submit(AskGuardian(party, GuardianScope.PRESETS))
        await house.submit(Confirm(guardian=True), number=party, carrier="telecom")
        await house.timers.ring()
        await phone.page.reload()
        await phone.page.get_by_role("button", name=f"为{PARTY}套用长辈守护").click()
        assert "已为对方办理" in await phone.page.locator(".message").inner_text()
        await phone.photograph("guardians")
        await phone.press("申请删除")
        await phone.photograph("erase-warning")
        await phone.page.get_by_role("button", name="确认删除，不能撤回").click()
        assert await phone.page.locator(":invalid").count() > 0, "the box has to be ticked first"
        assert (await rig.state()).erasure.erase_by.seconds == 0
        await phone.page.get_by_role("link", name="返回，不删除").click()
        assert await phone.badge() == "已开通"
        await phone.press("申请删除")
        await phone.page.get_by_label("我已了解以上内容").check()
        await phone.press("确认删除，不能撤回")
        assert await phone.badge() == "已停用"
        assert "后全部删除" in await phone.page.locator("section", has_text="骚扰电话拒接").first.inner_text()
        await phone.photograph("restricted")
        assert phone.complaints == []
        assert find_numbers(" ".join(phone.urls)) == []


async def test_page_when_number_is_bound_by_code_in_chromium_then_pending_and_closed_are_photographed(
    tmp_path: Path, folder: Path
) -> None:
    from gateway.domain.instruction import Open
    from optout.kit.number import PhoneNumber

    async with open_account(tmp_path) as rig, open_phone(rig) as phone:
        await phone.visit()
        await phone.page.get_by_label("手机号", exact=True).fill(NATIONAL)
        await phone.press("获取验证码")
        [code] = await rig.sent_codes()
        await phone.page.get_by_label("验证码", exact=True).fill(code)
        await phone.press("绑定")
        assert await phone.badge() == "未开通"
        assert "KTFSR到10086" in await phone.page.locator("main").inner_text()
        await phone.photograph("closed-elsewhere")
        await rig.gateway.house.submit(Open(), number=PhoneNumber(NUMBER))
        await phone.page.goto(f"{rig.url}/account")
        assert await phone.badge() == "待您确认开通"
        await phone.photograph("pending")
        await rig.open()
        await phone.page.goto(f"{rig.url}/account")
        await phone.press("开启防护")
        assert await phone.badge() == "已开通"
        await phone.photograph("protected")
        assert phone.complaints == []
        assert find_numbers(" ".join(phone.urls)) == []
