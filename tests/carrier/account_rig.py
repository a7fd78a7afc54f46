"""An account channel between WeChat, a number login and a registry: simulators over HTTP, the real rules in memory."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from adapters.carrier.account.settings import AccountConfig, AppKeyConfig, LoginConfig
from adapters.carrier.account_channel import AccountChannel, AccountParts
from adapters.carrier.base import AccountOpening, Carrier
from adapters.carrier.metrics import Metrics
from adapters.carrier.notices import NoticeWriter
from adapters.carrier.rpc import Advice, GatewayError
from adapters.journal.account import AccountBook, Binding
from adapters.journal.engine import LogicJournal
from adapters.journal.memory import MemoryJournal
from adapters.journal.rows import Delivery
from adapters.mobile import CARRIER
from adapters.simulators.login import LoginApp, LoginSettings, LoginSimulator
from adapters.simulators.wechat import WechatSettings, WechatSimulator
from adapters.wire import app_order
from gateway.api.mapping_instruction import read_instruction
from gateway.api.mapping_subscription import write_outcome, write_subscription
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.preferences import Medium
from optout.kit.clock import SystemClock
from optout.kit.identity import Identity, Role
from optout.kit.number import PhoneNumber
from optout.kit.ports import pick_port
from optout.v1 import types_pb2
from tests.carrier.running import write_secret
from tests.service.house import House, open_house
from tests.wire.wechat_samples import OFFICIAL

USER = "oyORnuP8q7ou2gfYjqLzSIWZf0rs"
OTHER_USER = "oOther0000000000000000000000"
NUMBER = "+8613800138000"
NATIONAL = "13800138000"
APP_ID = "wx2c2769f8efd9abc2"
LOGIN_APP = "300011999999"
APP_KEY, APP_SECRET = "app-1", "a secret that the carrier's app signs with"
TOKEN, APP_LOGIN_KEY = "spamtest", "a key shared with the number login"


class ShiftedClock(SystemClock):
    """The system's clock, somewhat later."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now_ms(self) -> int:
        return super().now_ms() + round(self.ahead_s * 1000)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


@dataclass
class RegistryGateway:
    """`Gateway` on the registry itself; `failures` are raised first, one a call."""

    house: House
    carrier: str = "mobile"
    seen: list[types_pb2.Instruction] = field(default_factory=list)
    failures: list[GatewayError] = field(default_factory=list)

    async def submit(self, instruction: types_pb2.Instruction) -> types_pb2.Outcome:
        self.seen.append(instruction)
        if self.failures:
            raise self.failures.pop(0)
        try:
            outcome = await self.house.registry.submit(
                Identity(Role.CARRIER, self.carrier), read_instruction(instruction)
            )
        except RefusedError as error:
            raise GatewayError(error.reason.value, Advice.NEVER) from None
        return write_outcome(outcome)

    async def find_subscription(self, number: PhoneNumber) -> types_pb2.Subscription | None:
        if self.failures:
            raise self.failures.pop(0)
        try:
            view, _ = await self.house.registry.get(Identity(Role.CARRIER, self.carrier), number, Medium.VOICE)
        except RefusedError as error:
            if error.reason is Reason.NOT_FOUND:
                return None
            raise GatewayError(error.reason.value, Advice.NEVER) from None
        return write_subscription(view)

    async def report_deliveries(self, deliveries: Sequence[Delivery]) -> list[str]:
        return [delivery.report_id for delivery in deliveries]


@dataclass
class AccountRig:
    """Everything at work; `url` is the channel's."""

    channel: AccountChannel
    wechat: WechatSimulator
    login: LoginSimulator
    gateway: RegistryGateway
    journal: LogicJournal
    book: AccountBook
    clock: ShiftedClock
    metrics: Metrics
    url: str
    carrier: Carrier
    http: aiohttp.ClientSession

    async def bind(self, number: str = NUMBER, proof: str = "sms_code", user: str = USER) -> None:
        await self.book.bind(Binding(user, number, proof, self.clock.now_ms()))

    async def open(self, number: str = NUMBER) -> None:
        """Open the service by SMS, as China Mobile's subscribers do first."""
        from gateway.domain.instruction import Confirm, Open

        for action in (Open(), Confirm()):
            await self.gateway.house.submit(action, number=PhoneNumber(number))

    async def state(self, number: str = NUMBER) -> types_pb2.Subscription:
        found = await self.gateway.find_subscription(PhoneNumber(number))
        assert found is not None
        return found

    def count(self, name: str, result: str) -> float:
        labels = {"carrier": self.carrier.id, "result": result}
        return self.metrics.registry.get_sample_value(f"optout_account_{name}_total", labels) or 0

    async def sent_codes(self) -> list[str]:
        """The codes that wait in the journal to be sent as texts."""
        sends = await self.journal.claim("any", 100, self.clock.now_ms())
        texts = [send.body.content.decode("utf-16-be") for send in sends]
        return [text.partition("验证码")[2][:6] for text in texts]

    async def book_by_app(self, order: dict[str, Any] | bytes, **changes: str) -> tuple[int, dict[str, Any]]:
        """Send a booking of the carrier's app, signed; `changes` replace headers by their last word."""
        body = order if isinstance(order, bytes) else json.dumps(order).encode()
        timestamp = changes.pop("timestamp", str(self.clock.now_ms()))
        nonce = changes.pop("nonce", secrets.token_hex(8))
        signature = app_order.sign(APP_SECRET, timestamp, nonce, body)
        headers = {
            "X-Optout-Key": changes.get("key", APP_KEY),
            "X-Optout-Timestamp": timestamp,
            "X-Optout-Nonce": nonce,
            "X-Optout-Signature": changes.get("signature", signature),
        }
        async with self.http.post(f"{self.url}/app/bookings", data=body, headers=headers) as answer:
            return answer.status, await answer.json()


def make_carrier(opening: AccountOpening | None = None) -> Carrier:
    """China Mobile, or one whose account lets the service be opened in another place."""
    if opening is None:
        return CARRIER
    assert CARRIER.data.account is not None
    account = replace(CARRIER.data.account, opening=opening, protection=())
    return replace(CARRIER, data=replace(CARRIER.data, account=account))


def make_account_config(folder: Path, port: int, wechat_port: int, login: LoginConfig | None) -> AccountConfig:
    api_url = f"http://127.0.0.1:{wechat_port}"
    return AccountConfig(
        app_id=APP_ID,
        token=write_secret(folder / "wechat.token", TOKEN),
        aes_key=write_secret(folder / "wechat.aes", OFFICIAL["encoding_aes_key"]),
        app_secret=write_secret(folder / "wechat.secret", "app secret"),
        session_key=write_secret(folder / "session.key", "5e" * 32),
        public_url=f"http://127.0.0.1:{port}",
        listen=f"127.0.0.1:{port}",
        api_url=api_url,
        authorize_url=api_url,
        template_id="OUTCOME",
        login=login,
        apps=(AppKeyConfig(APP_KEY, write_secret(folder / "app.secret", APP_SECRET)),),
        poll_s=0.05,
        retry_first_s=0.05,
    )


@asynccontextmanager
async def open_account(
    folder: Path,
    *,
    opening: AccountOpening | None = None,
    carrier: Carrier | None = None,
    answer_limit_s: float = 30.0,
    journal: LogicJournal | None = None,
) -> AsyncIterator[AccountRig]:
    async with AsyncExitStack() as cleanup:
        port, clock = pick_port(), ShiftedClock()
        carrier = carrier or make_carrier(opening)
        wechat = WechatSimulator(
            WechatSettings(
                APP_ID,
                TOKEN,
                OFFICIAL["encoding_aes_key"],
                "app secret",
                f"http://127.0.0.1:{port}/wechat",
                templates=("OUTCOME",),
                answer_limit_s=answer_limit_s,
            ),
            clock,
        )
        login = LoginSimulator(LoginSettings((LoginApp(carrier.id, LOGIN_APP, APP_LOGIN_KEY),)), clock)
        for simulator in (wechat, login):
            await simulator.start()
            cleanup.push_async_callback(simulator.stop)
        key = write_secret(folder / "login.key", APP_LOGIN_KEY)
        login_url = login.url if carrier.id == "mobile" else f"{login.url}/{carrier.id}"  # CAMARA's
        config = make_account_config(folder, port, wechat.port, LoginConfig(login_url, LOGIN_APP, key))
        house = await cleanup.enter_async_context(open_house())
        journal = journal or MemoryJournal()
        gateway, metrics = RegistryGateway(house, carrier.id), Metrics(carrier.id)
        writer = NoticeWriter(carrier.data.notices)
        parts = AccountParts(carrier, config, journal, gateway, writer, metrics, clock, lambda: None)
        channel = AccountChannel(parts)
        await channel.start()
        cleanup.push_async_callback(channel.stop, 1.0)
        http = await cleanup.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)))
        url = f"http://{channel.address}"
        book = AccountBook(journal)
        yield AccountRig(channel, wechat, login, gateway, journal, book, clock, metrics, url, carrier, http)
