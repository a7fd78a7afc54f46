"""A user of the carrier's WeChat account, as the suite plays one: follows, logs in, taps, types, fills in the page."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp

from adapters.carrier import login_cmpassport
from adapters.carrier.base import Carrier
from adapters.simulators.history import WaitError
from adapters.simulators.login import LoginApp, LoginSettings, LoginSimulator
from adapters.simulators.wechat import EntryFilter, Happening, WechatSettings, WechatSimulator
from adapters.testing.browser import Page, PageBrowser
from adapters.testing.cases import Row, Trouble

APP_ID, LOGIN_APP = "wx0000000000000000", "300011000000"


@dataclass(frozen=True, slots=True)
class WechatSystems:
    """WeChat and the carrier's number login, and where the account's page is (`http://HOST:PORT`)."""

    wechat: WechatSimulator
    login: LoginSimulator
    page_url: str


async def start_systems(
    carrier: Carrier, passwords: dict[str, str], port: int, cleanup: AsyncExitStack
) -> WechatSystems:
    """Start both, for an account that will listen on this port of loopback; `cleanup` stops them."""
    page_url = f"http://127.0.0.1:{port}"
    wechat = WechatSimulator(
        WechatSettings(
            APP_ID, passwords["wechat.token"], passwords["wechat.aes"], passwords["wechat.secret"], f"{page_url}/wechat"
        )
    )
    login = LoginSimulator(LoginSettings((LoginApp(carrier.id, LOGIN_APP, passwords["login.key"]),)))
    for simulator in (wechat, login):
        await simulator.start()
        cleanup.push_async_callback(simulator.stop)
    return WechatSystems(wechat, login, page_url)


def find_login_url(carrier: Carrier, login: LoginSimulator) -> str:
    """Find where the simulator answers this carrier: China Mobile's own exchange, or CAMARA's of its name."""
    is_own = carrier.make_login is login_cmpassport.make_login
    return login.url if is_own else f"{login.url}/{carrier.id}"


class WechatUser:
    """One user, who holds one number (11 digits). Raises `WaitError` for an answer that does not come."""

    def __init__(self, carrier: Carrier, systems: WechatSystems, browser: PageBrowser, number: str, wait_s: float):
        self._carrier = carrier
        self._systems = systems
        self._browser = browser
        self._number = number
        self._openid = f"oUser{number[::-1]}"
        self._wait_s = wait_s
        self.seen: list[str] = []

    async def play(self, row: Row) -> str:
        """Do a row's steps one after the other; return everything that was shown."""
        for step in row.booking:
            act, _, what = step.partition(" ")
            if act in ("bind", "page"):
                await self._use_page(act, what, row)
            else:
                await self._chat(act, what)
        return " ".join(self.seen)

    async def _use_page(self, act: str, form: str, row: Row) -> None:
        self._systems.wechat.set_visitor(self._openid)
        page = await self._browser.get()
        if act == "bind":
            is_forged = row.trouble is Trouble.FORGED
            token = "STsidforged" if is_forged else self._issue_token()
            page = await self._browser.submit(page, "bind", ("token", token), ("consent", "yes"))
        else:
            page = await self._fill_in(page, form)
        self.seen.append(f"{page.message} {page.badge}")

    async def _fill_in(self, page: Page, form: str) -> Page:
        form, _, consent = form.partition(" ")
        if form not in page.forms:
            return Page(page.status, "", page.headers, page.url)
        return await self._browser.submit(page, form, *([("consent", consent)] if consent else []))

    async def _chat(self, act: str, what: str) -> None:
        """Tap or type, and wait for the answer; for the outcome as well, if something was received."""
        wechat = self._systems.wechat
        if act == "follow":
            before = wechat.subscribe(self._openid)
        else:
            before = wechat.click(self._openid, what) if act == "tap" else wechat.say(self._openid, what)
        answered = EntryFilter(Happening.CALLBACK_ANSWERED, self._openid, after_index=before)
        (reply,) = await wechat.wait_for(answered, timeout_s=self._wait_s)
        self.seen.append(reply.text)
        account = self._carrier.data.account
        if account is not None and reply.text == account.replies.get("received"):
            told = EntryFilter(Happening.MESSAGE, self._openid, after_index=before)
            self.seen.append((await wechat.wait_for(told, timeout_s=self._wait_s))[0].text)

    def _issue_token(self) -> str:
        return self._systems.login.issue_token(self._carrier.id, LOGIN_APP, self._number)


async def play_user(carrier: Carrier, systems: WechatSystems, row: Row, number: str, wait_s: float) -> str:
    """Play a row by a user with a browser of their own; return what they saw, or why nothing."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        user = WechatUser(carrier, systems, PageBrowser(http, systems.page_url), number, wait_s)
        try:
            return await user.play(row)
        except (WaitError, aiohttp.ClientError, KeyError) as error:
            return f"{' '.join(user.seen)} {type(error).__name__}"
