"""The WeChat and number-login simulators as processes: typed configuration in, bound ports out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from adapters.simulators.control.login import SERVICE as LOGIN_SERVICE
from adapters.simulators.control.login import LoginControl
from adapters.simulators.control.server import ControlServer
from adapters.simulators.control.wechat import SERVICE as WECHAT_SERVICE
from adapters.simulators.control.wechat import WechatControl
from adapters.simulators.login import LoginApp, LoginSettings, LoginSimulator
from adapters.simulators.process import Ports
from adapters.simulators.wechat import WechatSettings, WechatSimulator
from optout.kit.config import ConfigError, ConfigReason, read_secret, read_secret_bytes


@dataclass(frozen=True, slots=True)
class WechatConfig:
    """The WeChat simulator's process; port 0 takes any free one. Secrets are files; times in seconds."""

    app_id: str
    token: Path
    aes_key: Path
    app_secret: Path
    callback_url: str
    account_name: str = "gh_optout0000"
    templates: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 7891
    control_host: str = "127.0.0.1"
    control_port: int = 50065
    answer_limit_s: float = 5.0


@dataclass(frozen=True, slots=True)
class LoginAppConfig:
    """An application at one carrier: a shared key or an RSA public key (PEM), each a file; CAMARA needs neither."""

    carrier: str
    app_id: str
    key: Path | None = None
    rsa_key: Path | None = None
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoginSimConfig:
    """The number-login simulator's process; port 0 takes any free one."""

    apps: tuple[LoginAppConfig, ...]
    host: str = "127.0.0.1"
    port: int = 7892
    control_host: str = "127.0.0.1"
    control_port: int = 50066


async def run_wechat(config: WechatConfig, *, ready: Callable[[Ports], None], stop: asyncio.Event) -> None:
    """Run the WeChat simulator until `stop` is set; call `ready` once both ports are open.

    Raises `ConfigError`, `WechatError` for an unfit key, `NotLoopbackError`, `OSError` and `RuntimeError`.
    """
    settings = WechatSettings(
        config.app_id,
        read_secret(config.token),
        read_secret(config.aes_key),
        read_secret(config.app_secret),
        config.callback_url,
        config.account_name,
        config.templates,
        config.host,
        config.port,
        config.answer_limit_s,
    )
    simulator = WechatSimulator(settings)
    control = ControlServer(
        WechatControl(simulator).add_to, WECHAT_SERVICE, host=config.control_host, port=config.control_port
    )
    await _run(simulator, control, ready, stop)


async def run_login(config: LoginSimConfig, *, ready: Callable[[Ports], None], stop: asyncio.Event) -> None:
    """Run the number-login simulator until `stop` is set; call `ready` once both ports are open.

    Raises `ConfigError`, `NotLoopbackError`, `OSError` and `RuntimeError`.
    """
    simulator = LoginSimulator(LoginSettings(tuple(map(_read_app, config.apps)), config.host, config.port))
    control = ControlServer(
        LoginControl(simulator).add_to, LOGIN_SERVICE, host=config.control_host, port=config.control_port
    )
    await _run(simulator, control, ready, stop)


async def _run(
    simulator: WechatSimulator | LoginSimulator,
    control: ControlServer,
    ready: Callable[[Ports], None],
    stop: asyncio.Event,
) -> None:
    await simulator.start()
    try:
        await control.start()
        ready(Ports(simulator.port, control.port))
        await stop.wait()
    finally:
        await control.stop()
        await simulator.stop()


def _read_app(config: LoginAppConfig) -> LoginApp:
    key = read_secret(config.key) if config.key is not None else ""
    rsa_key = None
    if config.rsa_key is not None:
        try:
            rsa_key = load_pem_public_key(read_secret_bytes(config.rsa_key))
        except ValueError:
            raise ConfigError(ConfigReason.BAD_VALUE, "apps.rsa_key", "no PEM public key") from None
    if rsa_key is not None and not isinstance(rsa_key, RSAPublicKey):
        raise ConfigError(ConfigReason.BAD_VALUE, "apps.rsa_key", "not an RSA key")
    return LoginApp(config.carrier, config.app_id, key, rsa_key, config.addresses)
