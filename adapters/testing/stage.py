"""The stage of the carrier suite: a carrier's real adapter between its simulated systems and a recording gateway."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from adapters.carrier.account.settings import AccountConfig, AppKeyConfig, LoginConfig
from adapters.carrier.base import Carrier
from adapters.carrier.process import Addresses, run_adapter
from adapters.carrier.settings import (
    AdapterConfig,
    GatewayConfig,
    GrpcConfig,
    HttpConfig,
    JournalConfig,
    LinkConfig,
    OrdersConfig,
    OrderSourceConfig,
    PlatformConfig,
    SgipConfig,
    SmsConfig,
)
from adapters.simulators.platform import PlatformSettings, PlatformSimulator
from adapters.simulators.smsc import Account, SmscSettings, SmscSimulator
from adapters.simulators.smsc.settings import CallBack, Protocol
from adapters.testing.recording_gateway import RecordingGateway
from adapters.testing.wechat import APP_ID, LOGIN_APP, WechatSystems, find_login_url, start_systems
from optout.kit.clock import SystemClock
from optout.kit.ports import pick_port
from optout.kit.redact import find_numbers

SP_ID, SOURCE, APP_KEY = "901234", "CRM1", "app-1"
_NODE, _CORP_ID = 3010092008, "92008"
_STANDARD = frozenset(vars(logging.makeLogRecord({})))


class LogBook(logging.Handler):
    """Keeps what was logged, as nobody redacted it."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep message, fields and traceback."""
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self._texts.append(f"{record.getMessage()} {fields} {trace}")

    @property
    def has_lines(self) -> bool:
        """Whether anything was logged."""
        return bool(self._texts)

    def find_leaks(self, passwords: list[str]) -> int:
        """Count the lines with a telephone number or one of these in them."""
        return sum(bool(find_numbers(text)) or any(word in text for word in passwords) for text in self._texts)


@dataclass
class Stage:
    """Everything at work. `passwords` are all secrets, by file name.

    `smsc` is None for a carrier without SMS links, `wechat` for one without an account or a login, `platform` for one
    that leaves enforcing to the gateway.
    """

    carrier: Carrier
    folder: Path
    gateway: RecordingGateway
    log: LogBook
    passwords: dict[str, str] = field(default_factory=dict)
    smsc: SmscSimulator | None = None
    wechat: WechatSystems | None = None
    platform: PlatformSimulator | None = None
    addresses: Addresses = field(default_factory=lambda: Addresses("", ""))

    def write_secret(self, name: str, secret: str = "") -> Path:
        """Write a secret into a file that nobody else reads; without one, make it."""
        path = self.folder / name
        self.passwords[name] = secret or secrets.token_hex(8)
        path.write_text(self.passwords[name], encoding="utf-8")
        path.chmod(0o600)
        return path


@asynccontextmanager
async def open_stage(carrier: Carrier, folder: Path) -> AsyncIterator[Stage]:
    """Start all of it; `folder` takes the journal and the secrets."""
    async with AsyncExitStack() as cleanup:
        gateway, log = RecordingGateway(), LogBook()
        await gateway.start()
        cleanup.push_async_callback(gateway.stop)
        cleanup.enter_context(_listen_to_log(log))
        stage = Stage(carrier, folder, gateway, log)
        links: tuple[LinkConfig, ...] = ()
        if carrier.make_sms_link is not None:
            links = await _start_smsc(stage, cleanup)
        account = None if carrier.data.account is None else await _start_account(stage, cleanup)
        config = _make_config(stage, links, account)
        if carrier.data.capabilities.enforcement == "platform":
            config = replace(config, platform=await _start_platform(stage, cleanup))
        await _start_adapter(stage, config, cleanup)
        yield stage


@contextmanager
def _listen_to_log(log: LogBook) -> Iterator[None]:
    """Keep what anybody logs, and of the adapters everything down to the finest level."""
    root, ours = logging.getLogger(), logging.getLogger("adapters")
    level = ours.level
    root.handlers.insert(0, log)  # first in line: another handler's filter may redact the record itself
    ours.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        ours.setLevel(level)
        root.removeHandler(log)


async def _start_smsc(stage: Stage, cleanup: AsyncExitStack) -> tuple[LinkConfig, ...]:
    """Start the SMS gateway; return the configurations of a link to it, and of one with a wrong password."""
    port = pick_port()
    secret, wrong = stage.write_secret("link.secret"), stage.write_secret("wrong.secret")
    protocol = _choose_protocol(stage.carrier)
    is_sgip = protocol is Protocol.SGIP
    account = Account(
        SP_ID,
        stage.passwords["link.secret"],
        stage.carrier.data.service_code,
        corp_id=_CORP_ID if is_sgip else "",
        call_back=CallBack("127.0.0.1", port) if is_sgip else None,
    )
    # On a busy machine a message that goes byte by byte takes seconds. Sent again meanwhile, it would fill the link
    # with copies of itself, and nothing after it would get through.
    stage.smsc = SmscSimulator(SmscSettings((account,), protocol, resend_s=20.0, redial_s=0.1))
    await stage.smsc.start()
    cleanup.push_async_callback(stage.smsc.stop, 0.2)
    sgip = SgipConfig(node=_NODE, corp_id=_CORP_ID, listen=f"127.0.0.1:{port}", reconnect_least_s=0.05)
    main = LinkConfig(
        "main", "127.0.0.1", stage.smsc.port, SP_ID, secret, settle_s=0.01, reconnect_first_s=0.05, sgip=sgip
    )
    stranger = LinkConfig(
        "stranger",
        "127.0.0.1",
        stage.smsc.port,
        SP_ID,
        wrong,
        reconnect_first_s=30.0,
        sgip=SgipConfig(node=_NODE + 1, corp_id=_CORP_ID, listen="127.0.0.1:0", reconnect_least_s=30.0),
    )
    return main, stranger


def _choose_protocol(carrier: Carrier) -> Protocol:
    """The first that the carrier has data for, as its links choose it."""
    known = {Protocol.CMPP: carrier.data.cmpp, Protocol.SMGP: carrier.data.smgp, Protocol.SGIP: carrier.data.sgip}
    return next(protocol for protocol, data in known.items() if data is not None)


def _make_config(stage: Stage, links: tuple[LinkConfig, ...], account: AccountConfig | None) -> AdapterConfig:
    carrier = stage.carrier
    orders = OrdersConfig()
    if carrier.make_order_envelope is not None and carrier.data.orders is not None:
        is_signed = carrier.make_order_envelope(carrier.data.orders).is_signed
        secret = stage.write_secret("crm.secret") if is_signed else None
        orders = OrdersConfig("127.0.0.1:0", sources=(OrderSourceConfig(SOURCE, secret),), answer_within_s=0.9)
    return AdapterConfig(
        grpc=GrpcConfig("127.0.0.1:0", insecure_dev=True, drain_s=1.0),
        gateway=GatewayConfig(
            f"127.0.0.1:{stage.gateway.port}", submit_timeout_s=15.0, attempt_timeout_s=1.0, retry_first_s=0.02
        ),
        http=HttpConfig(""),
        journal=JournalConfig(
            stage.folder / "journal.sqlite",
            stage.write_secret("journal.key", secrets.token_hex(32)),
            resend_after_s=0.2,
        ),
        sms=SmsConfig(poll_s=0.05),
        orders=orders,
        links=links,
        account=account,
    )


async def _start_platform(stage: Stage, cleanup: AsyncExitStack) -> PlatformConfig:
    """Start the carrier's interception platform; return how the adapter reaches it."""
    secret = stage.write_secret("platform.secret")
    stage.platform = PlatformSimulator(PlatformSettings(stage.passwords["platform.secret"]))
    await stage.platform.start()
    cleanup.push_async_callback(stage.platform.stop)
    return PlatformConfig(stage.platform.url, secret, poll_s=0.05)


async def _start_account(stage: Stage, cleanup: AsyncExitStack) -> AccountConfig:
    """Start WeChat and the number login, unless the carrier has none; return the configuration of the account."""
    port = pick_port()
    config = AccountConfig(
        app_id=APP_ID,
        token=stage.write_secret("wechat.token"),
        aes_key=stage.write_secret("wechat.aes", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"),
        app_secret=stage.write_secret("wechat.secret"),
        session_key=stage.write_secret("session.key", secrets.token_hex(32)),
        public_url=f"http://127.0.0.1:{port}",
        listen=f"127.0.0.1:{port}",
        api_url="http://127.0.0.1:1",
        apps=(AppKeyConfig(APP_KEY, stage.write_secret("app.secret")),),
        poll_s=0.1,
    )
    if stage.carrier.make_login is None:
        return config
    key = stage.write_secret("login.key")
    systems = await start_systems(stage.carrier, stage.passwords, port, cleanup)
    stage.wechat = systems
    url = f"http://127.0.0.1:{systems.wechat.port}"
    login = LoginConfig(find_login_url(stage.carrier, systems.login), LOGIN_APP, key)
    return replace(config, api_url=url, authorize_url=url, login=login)


async def _start_adapter(stage: Stage, config: AdapterConfig, cleanup: AsyncExitStack) -> None:
    """Run the adapter as the command line runs it. Raises what keeps it from starting."""
    stop = asyncio.Event()
    up: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    run = run_adapter(stage.carrier, config, clock=SystemClock(), ready=up.set_result, stop=stop)
    task = asyncio.create_task(run)

    async def finish() -> None:
        stop.set()
        await task

    await asyncio.wait((task, up), return_when=asyncio.FIRST_COMPLETED)
    if not up.done():
        task.result()
    cleanup.push_async_callback(finish)
    stage.addresses = up.result()
