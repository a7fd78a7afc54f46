"""The account as part of a whole adapter: from its configuration, with codes that go out by the SMS link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest

from adapters.carrier.account.settings import AccountConfig, AppKeyConfig
from adapters.carrier.account_channel import AccountChannel, AccountParts
from adapters.journal.memory import MemoryJournal
from adapters.mobile import CARRIER
from adapters.simulators.smsc import Account, EntryFilter, Happening, SmscSettings, SmscSimulator
from adapters.simulators.wechat import WechatSettings, WechatSimulator
from optout.kit.clock import SystemClock
from optout.kit.config import ConfigError, ConfigReason
from optout.kit.ports import pick_port
from tests.carrier.account_rig import APP_ID, NATIONAL, TOKEN, USER, make_account_config
from tests.carrier.fake_gateway import FakeGateway
from tests.carrier.page_browser import Browser
from tests.carrier.running import Running, make_config, running_adapter, write_secret
from tests.wire.wechat_samples import OFFICIAL


@dataclass
class Whole:
    """What the browser needs of a rig, around a real process's parts."""

    adapter: Running
    wechat: WechatSimulator
    smsc: SmscSimulator
    http: aiohttp.ClientSession
    url: str


@pytest.fixture
async def whole(tmp_path: Path, gateway: FakeGateway) -> AsyncIterator[Whole]:
    smsc = SmscSimulator(SmscSettings((Account("901234", "s"),)))
    wechat = WechatSimulator(WechatSettings(APP_ID, TOKEN, OFFICIAL["encoding_aes_key"], "app secret", "http://x"))
    await smsc.start()
    await wechat.start()
    account = make_account_config(tmp_path, pick_port(), wechat.port, None)
    config = replace(make_config(tmp_path, gateway_port=gateway.port, smsc_port=smsc.port), account=account)
    async with (
        running_adapter(config) as adapter,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
    ):
        yield Whole(adapter, wechat, smsc, http, f"http://{adapter.addresses.account}")
    await wechat.stop()
    await smsc.stop()


async def test_adapter_when_it_has_an_account_then_serves_it_and_says_that_it_is_ready(whole: Whole) -> None:
    _, text = await whole.adapter.get("/readyz")
    assert '"account": true' in text
    _, metrics = await whole.adapter.get("/metrics")
    assert "optout_account_callback_seconds" in metrics


async def test_code_when_asked_for_on_the_page_then_arrives_on_the_phone_and_binds(whole: Whole) -> None:
    browser = Browser(whole)  # type: ignore[arg-type]
    page = await browser.visit(USER)
    assert "bind" not in page.forms
    page = await browser.submit(page, "code", ("number", NATIONAL))
    [arrived] = await whole.smsc.wait_for(EntryFilter(Happening.ARRIVED, number=NATIONAL))
    code = arrived.text.partition("验证码")[2][:6]
    page = await browser.submit(page, "check", ("code", code))
    assert (page.status, page.message, page.badge) == (200, "手机号已绑定。", "未开通")


@pytest.mark.parametrize(
    ("key", "text"), [("aes_key", "short"), ("session_key", "short")], ids=["aes key", "session key"]
)
async def test_adapter_when_a_secret_is_unfit_then_does_not_start(tmp_path: Path, key: str, text: str) -> None:
    account = replace(
        make_account_config(tmp_path, pick_port(), 1, None), **{key: write_secret(tmp_path / "unfit", text)}
    )
    with pytest.raises(ConfigError) as caught:
        async with running_adapter(replace(make_config(tmp_path), account=account)):
            pass
    assert (caught.value.reason, caught.value.key) == (ConfigReason.BAD_VALUE, f"account.{key}")


def test_account_when_the_carrier_has_none_then_refused(tmp_path: Path) -> None:
    carrier = replace(CARRIER, data=replace(CARRIER.data, account=None))
    parts = AccountParts(
        carrier,
        make_account_config(tmp_path, 1, 1, None),
        MemoryJournal(),
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        SystemClock(),
        lambda: None,
    )
    with pytest.raises(ConfigError):
        AccountChannel(parts)


@pytest.mark.parametrize("change", [{"answer_limit_s": 6.0}, {"apps": (AppKeyConfig("k", Path("a")),) * 2}], ids=str)
def test_configuration_when_it_contradicts_itself_then_refused(tmp_path: Path, change: dict[str, object]) -> None:
    config: AccountConfig = make_account_config(tmp_path, 1, 1, None)
    with pytest.raises(ValueError, match=r"\w"):
        replace(config, **change)  # type: ignore[arg-type]
