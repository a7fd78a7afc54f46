"""The CRM simulator as a process: typed configuration in, the control's port out, running until told to stop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adapters.simulators.control import ControlServer, CrmControl
from adapters.simulators.control.crm import SERVICE
from adapters.simulators.crm import CrmSettings, CrmSimulator, EnvelopeKind
from adapters.simulators.process import Ports
from optout.kit.config import read_secret
from optout.kit.tls import TlsFiles


@dataclass(frozen=True, slots=True)
class CrmConfig:
    """A CRM simulator's process; control port 0 takes any free one. Times in seconds, as in `CrmSettings`.

    `url` is where the adapter takes orders; the secret shared with it is a file, absent where the envelope has no
    signature. `tls` is the CRM's own certificate, for an adapter that asks for one.
    """

    url: str
    source: str
    envelope: EnvelopeKind = EnvelopeKind.INTERBOSS
    secret_file: Path | None = None
    control_host: str = "127.0.0.1"
    control_port: int = 50064
    retry_s: float = 1.0
    attempts: int = 5
    timeout_s: float = 20.0
    history_limit: int = 100_000
    tls: TlsFiles | None = None


async def run_crm(config: CrmConfig, *, ready: Callable[[Ports], None], stop: asyncio.Event) -> None:
    """Run a CRM simulator until `stop` is set; call `ready` once it can be steered.

    Raises `ConfigError` for a secret that cannot be read, `NotLoopbackError`, `OSError` and `RuntimeError` for a port
    that cannot be had.
    """
    simulator = CrmSimulator(_make_crm_settings(config))
    control = ControlServer(CrmControl(simulator).add_to, SERVICE, host=config.control_host, port=config.control_port)
    await simulator.start()
    try:
        await control.start()
        ready(Ports(0, control.port))
        await stop.wait()
    finally:
        await control.stop()
        await simulator.stop()


def _make_crm_settings(config: CrmConfig) -> CrmSettings:
    return CrmSettings(
        config.url,
        config.envelope,
        config.source,
        read_secret(config.secret_file) if config.secret_file else "",
        retry_s=config.retry_s,
        attempts=config.attempts,
        timeout_s=config.timeout_s,
        history_limit=config.history_limit,
        tls=_make_client_tls(config.tls) if config.tls else None,
    )


def _make_client_tls(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.ca)
    context.load_cert_chain(files.cert, files.key)
    return context
