"""The simulators as processes: typed configuration in, bound ports out, running until told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from adapters.session.sgip import SgipDialect
from adapters.simulators.control import ControlServer, FakeCarrierControl, PlatformControl, SmscControl
from adapters.simulators.control import fake_carrier as fake_carrier_control
from adapters.simulators.control import platform as platform_control
from adapters.simulators.control import smsc as smsc_control
from adapters.simulators.fake_carrier import FakeCarrier, FakeCarrierSettings, GatewayLink, make_capabilities
from adapters.simulators.platform import PlatformSettings, PlatformSimulator
from adapters.simulators.smsc import Account, CallBack, Protocol, SmscSettings, SmscSimulator
from optout.kit.config import read_secret
from optout.kit.tls import TlsFiles
from optout.v1 import carrier_pb2


class SmscVersion(Enum):
    """A version of CMPP (2.0, 3.0) or SMGP (1.3, 3.0), as one writes it."""

    V13 = "1.3"
    V20 = "2.0"
    V30 = "3.0"

    @property
    def on_wire(self) -> int:
        """The same, as the wire has it."""
        major, minor = map(int, self.value.split("."))
        return major << 4 | minor


@dataclass(frozen=True, slots=True)
class SmscCallBackConfig:
    """SGIP: where an SP listens, the name it knows us by, and the file of the password; without, the account's own."""

    port: int
    host: str = "127.0.0.1"
    login_name: str = ""
    password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class SmscAccountConfig:
    """An SP's account; the shared secret is a file. `version` is the highest it may speak.

    Over SGIP `corp_id` is what its messages name, and `call_back` where its messages and reports go.
    """

    sp_id: str
    secret_file: Path
    service_code: str = "10086"
    version: SmscVersion | None = None
    corp_id: str = ""
    call_back: SmscCallBackConfig | None = None


@dataclass(frozen=True, slots=True)
class SmscConfig:
    """The SMS gateway simulator's process; port 0 takes any free one. Times in seconds, as in `SmscSettings`.

    `bad_secret_status` and `code_prefix` are of SMGP; `edition`, `node`, `idle_close_s` and `redial_s` are of SGIP.
    """

    accounts: tuple[SmscAccountConfig, ...]
    protocol: Protocol = Protocol.CMPP
    host: str = "127.0.0.1"
    port: int = 7890
    control_host: str = "127.0.0.1"
    control_port: int = 50061
    version: SmscVersion | None = None
    bad_secret_status: int | None = None
    code_prefix: str = "118"
    edition: SgipDialect = SgipDialect.V12
    node: int = 101001
    window: int | None = None
    resend_s: float = 60.0
    resend_attempts: int = 3
    keepalive_s: float = 30.0
    idle_close_s: float = 60.0
    redial_s: float = 1.0
    report_delay_s: float = 0.0
    history_limit: int = 100_000
    state_file: Path | None = None


class EnforcementName(Enum):
    """Who refuses the calls, see `optout.v1.Enforcement`."""

    GATEWAY = "gateway"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class FakeCarrierConfig:
    """A fake carrier's process; port 0 takes any free one."""

    carrier: str
    host: str = "127.0.0.1"
    port: int = 50052
    control_host: str = "127.0.0.1"
    control_port: int = 50062
    tls: TlsFiles | None = None
    gateway: GatewayLink | None = None
    enforcement: EnforcementName = EnforcementName.GATEWAY
    reports_by_itself: bool = True
    report_delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PlatformConfig:
    """The interception platform simulator's process; port 0 takes any free one. Times in seconds."""

    secret_file: Path
    host: str = "127.0.0.1"
    port: int = 8900
    control_host: str = "127.0.0.1"
    control_port: int = 50063
    apply_delay_s: float = 0.0
    degraded: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    lines: Mapping[str, str] = field(default_factory=dict)
    state_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a simulator really listens; `port` is 0 for one that only calls."""

    port: int
    control_port: int


async def run_smsc(config: SmscConfig, *, ready: Callable[[Ports], None], stop: asyncio.Event) -> None:
    """Run the SMS gateway simulator until `stop` is set; call `ready` once both ports are open.

    Raises `ConfigError` for a secret that cannot be read, `NotLoopbackError`, `OSError` and `RuntimeError` for ports
    that cannot be had.
    """
    simulator = SmscSimulator(_make_smsc_settings(config))
    control = ControlServer(
        SmscControl(simulator).add_to, smsc_control.SERVICE, host=config.control_host, port=config.control_port
    )
    await simulator.start()
    try:
        await control.start()
        ready(Ports(simulator.port, control.port))
        await stop.wait()
    finally:
        await control.stop()
        await simulator.stop()


async def run_fake_carrier(config: FakeCarrierConfig, *, ready: Callable[[Ports], None], stop: asyncio.Event) -> None:
    """Run a fake carrier until `stop` is set; call `ready` once both ports are open.

    Raises `TlsError` for unfit files, `NotLoopbackError`, `RuntimeError` for ports that cannot be had.
    """
    carrier = FakeCarrier(_make_fake_carrier_settings(config))
    control = ControlServer(
        FakeCarrierControl(carrier).add_to,
        fake_carrier_control.SERVICE,
        host=config.control_host,
        port=config.control_port,
    )
    await carrier.start()
    try:
        await control.start()
        ready(Ports(carrier.port, control.port))
        await stop.wait()
    finally:
        await control.stop()
        await carrier.stop()


async def run_platform(config: PlatformConfig, *, ready: Callable[[Ports], None], stop: asyncio.Event) -> None:
    """Run the interception platform simulator until `stop` is set; call `ready` once both ports are open.

    Raises `ConfigError` for a secret that cannot be read, `NotLoopbackError`, `OSError` and `RuntimeError` for ports
    that cannot be had.
    """
    simulator = PlatformSimulator(
        PlatformSettings(
            read_secret(config.secret_file),
            host=config.host,
            port=config.port,
            apply_delay_s=config.apply_delay_s,
            degraded=frozenset(config.degraded),
            unsupported=frozenset(config.unsupported),
            lines=config.lines,
            state_file=config.state_file,
        )
    )
    control = ControlServer(
        PlatformControl(simulator).add_to, platform_control.SERVICE, host=config.control_host, port=config.control_port
    )
    await simulator.start()
    try:
        await control.start()
        ready(Ports(simulator.port, control.port))
        await stop.wait()
    finally:
        await control.stop()
        await simulator.stop()


def _make_smsc_settings(config: SmscConfig) -> SmscSettings:
    return SmscSettings(
        tuple(map(_make_account, config.accounts)),
        protocol=config.protocol,
        host=config.host,
        port=config.port,
        version=config.version.on_wire if config.version else None,
        bad_secret_status=config.bad_secret_status,
        code_prefix=config.code_prefix,
        edition=config.edition,
        node=config.node,
        window=config.window,
        resend_s=config.resend_s,
        resend_attempts=config.resend_attempts,
        keepalive_s=config.keepalive_s,
        idle_close_s=config.idle_close_s,
        redial_s=config.redial_s,
        report_delay_s=config.report_delay_s,
        history_limit=config.history_limit,
        state_file=config.state_file,
    )


def _make_account(config: SmscAccountConfig) -> Account:
    call_back = None
    if config.call_back is not None:
        password_file = config.call_back.password_file
        call_back = CallBack(
            config.call_back.host,
            config.call_back.port,
            config.call_back.login_name,
            read_secret(password_file) if password_file else "",
        )
    return Account(
        config.sp_id,
        read_secret(config.secret_file),
        config.service_code,
        config.version.on_wire if config.version else None,
        config.corp_id,
        call_back,
    )


def _make_fake_carrier_settings(config: FakeCarrierConfig) -> FakeCarrierSettings:
    enforcement = carrier_pb2.Enforcement.Value(f"ENFORCEMENT_{config.enforcement.name}")
    return FakeCarrierSettings(
        config.carrier,
        host=config.host,
        port=config.port,
        tls=config.tls,
        gateway=config.gateway,
        capabilities=make_capabilities(config.carrier, enforcement=enforcement),
        reports_by_itself=config.reports_by_itself,
        report_delay_s=config.report_delay_s,
    )
