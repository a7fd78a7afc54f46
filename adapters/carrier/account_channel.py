"""The account channel of a carrier: WeChat's callbacks, the settings page and the carrier's app, behind one listener.

What comes in is written into the journal before it is answered, and answered before it is carried out; the outcome is
told later, by chat or template. `adapters.carrier.account` has the parts.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from adapters.carrier.account.apps import AppFace, AppParts
from adapters.carrier.account.binding import Binder
from adapters.carrier.account.callbacks import CallbackFace, CallbackParts
from adapters.carrier.account.flow import Flow
from adapters.carrier.account.metrics import AccountMetrics
from adapters.carrier.account.pages import PATH, PageFace, PageParts
from adapters.carrier.account.sender import MessageSender
from adapters.carrier.account.session import Sessions
from adapters.carrier.account.settings import AccountConfig, LoginConfig, LoginSecrets
from adapters.carrier.account.wechat_client import WechatClient
from adapters.carrier.account.worker import CallbackWorker
from adapters.carrier.base import AccountData, Carrier
from adapters.carrier.gateway_client import Gateway
from adapters.carrier.metrics import Metrics
from adapters.carrier.notices import NoticeWriter
from adapters.carrier.number_login import NumberLogin
from adapters.carrier.questions import Asking
from adapters.journal.account import AccountBook
from adapters.journal.base import Journal
from adapters.journal.engine import LogicJournal
from adapters.journal.errors import JournalError
from adapters.transport.http import HttpFace
from adapters.transport.http_client import HttpClient
from adapters.wire.wechat import Account, WechatError, make_account
from optout.kit.clock import Clock
from optout.kit.config import ConfigError, ConfigReason, read_secret, read_secret_bytes

log = logging.getLogger(__name__)

PURGE_EVERY_S = 600.0
_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AccountParts:
    """What the channel works with. `on_notice` is called when a login code waits to be sent as a text."""

    carrier: Carrier
    config: AccountConfig
    journal: Journal
    gateway: Gateway
    writer: NoticeWriter
    metrics: Metrics
    clock: Clock
    on_notice: Callable[[], None]


class AccountChannel:
    """Runs the channel. `start`, and later `stop`; everything durable is in the journal.

    Raises `ConfigError` for secrets that are missing or unfit, and for a carrier without an account.
    """

    def __init__(self, parts: AccountParts) -> None:
        self._parts = parts
        self._config = parts.config
        data = parts.carrier.data.account
        if data is None:
            raise ConfigError(ConfigReason.BAD_VALUE, "account", f"{parts.carrier.id} has no account")
        if not isinstance(parts.journal, LogicJournal):
            raise TypeError("the account needs a journal with records")
        self._data: AccountData = data
        self._secrets = _read_secrets(parts.config)
        self._login_secrets = _read_login(parts.config.login)
        self._book = AccountBook(parts.journal)
        self._asking = Asking(parts.gateway, parts.journal, parts.clock.now_ms)
        self._tasks: list[asyncio.Task[None]] = []
        self._face: HttpFace | None = None
        self.address = ""

    def checks(self) -> Mapping[str, bool]:
        """Whether it listens."""
        return {"account": bool(self.address)}

    async def start(self) -> None:
        """Take up what an earlier process left, then listen. Raises `OSError`."""
        parts, config = self._parts, self._config
        metrics = AccountMetrics(parts.metrics.registry, parts.carrier.id)
        self._wechat = WechatClient(HttpClient(), config.api_url, config.app_id, self._secrets.app_secret, parts.clock)
        self._login = self._make_login()
        self._worker = CallbackWorker(
            parts.carrier.data, self._data, config, self._book, self._asking, metrics, parts.clock
        )
        sender = MessageSender(self._book, self._wechat, metrics, parts.clock, config)
        self._worker.on_message = sender.wake
        self._face = HttpFace(config.listen, self._make_routes(metrics), request_limit_s=30.0)
        self.address = await self._face.start()
        for work in (self._worker.run, sender.run, self._sweep):
            self._tasks.append(asyncio.create_task(work()))

    async def stop(self, drain_s: float) -> None:
        """Stop listening, finish what is at hand, and leave the rest to the journal."""
        self.address = ""
        if self._face is None:
            return
        await self._face.stop()
        await self._worker.drain(drain_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._wechat.close()
        if self._login is not None:
            await self._login.close()

    def _make_login(self) -> NumberLogin | None:
        if self._login_secrets is None or self._parts.carrier.make_login is None:
            return None
        return self._parts.carrier.make_login(self._login_secrets, self._parts.clock)

    def _make_routes(self, metrics: AccountMetrics) -> list[web.RouteDef]:
        parts, config, book = self._parts, self._config, self._book
        data, gateway, clock = parts.carrier.data, self._asking, parts.clock
        flow = Flow(self._data, f"{config.public_url}{PATH}")
        callbacks = CallbackFace(
            CallbackParts(
                self._secrets.account, self._data, flow, book, metrics, clock, config.answer_limit_s, self._worker.take
            )
        )
        binder = Binder(book, parts.journal, parts.writer, self._login, metrics, clock, parts.on_notice)
        sessions = Sessions(self._secrets.session_key, config.session_life_s, clock)
        pages = PageFace(
            PageParts(data, self._data, config, sessions, book, binder, self._wechat, gateway, metrics, clock)
        )
        apps = AppFace(AppParts(data, self._data, self._secrets.app_keys, book, gateway, metrics, clock))
        return [
            web.get("/wechat", callbacks.verify),
            web.post("/wechat", callbacks.receive),
            web.post("/app/bookings", apps.book),
            *pages.routes,
        ]

    async def _sweep(self) -> None:
        while True:
            try:
                await self._book.purge(self._parts.clock.now_ms())
            except JournalError as error:
                log.error("journal failed", extra={"reason": error.reason})
            await self._parts.clock.sleep(PURGE_EVERY_S)


@dataclass(frozen=True, slots=True, repr=False)
class _Secrets:
    account: Account
    app_secret: str
    session_key: bytes
    app_keys: dict[str, str]


def _read_secrets(config: AccountConfig) -> _Secrets:
    session_key = read_secret(config.session_key)
    if not _HEX_KEY.fullmatch(session_key):
        raise ConfigError(ConfigReason.BAD_VALUE, "account.session_key", "64 hexadecimal digits are expected")
    try:
        account = make_account(config.app_id, read_secret(config.token), read_secret(config.aes_key))
    except WechatError as error:
        raise ConfigError(ConfigReason.BAD_VALUE, "account.aes_key", error.reason) from None
    keys = {app.key_id: read_secret(app.secret) for app in config.apps}
    return _Secrets(account, read_secret(config.app_secret), bytes.fromhex(session_key), keys)


def _read_login(config: LoginConfig | None) -> LoginSecrets | None:
    if config is None:
        return None
    key = read_secret(config.key) if config.key is not None else ""
    rsa_key = read_secret_bytes(config.rsa_key) if config.rsa_key is not None else b""
    return LoginSecrets(config, key, rsa_key)
