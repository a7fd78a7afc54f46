"""A whole adapter, run as the command line runs it, on free ports."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from adapters.carrier.base import Carrier
from adapters.carrier.process import Addresses, run_adapter
from adapters.carrier.settings import (
    AdapterConfig,
    CmppVersion,
    GatewayConfig,
    GrpcConfig,
    HttpConfig,
    JournalConfig,
    LinkConfig,
    SmsConfig,
    TlsConfig,
)
from adapters.mobile import CARRIER
from optout.kit.clock import SystemClock


@dataclass
class Running:
    """An adapter at work; `finish` drains it."""

    addresses: Addresses
    task: asyncio.Task[None]
    stop: asyncio.Event

    async def finish(self) -> None:
        self.stop.set()
        await self.task

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"http://{self.addresses.http}{path}") as answer:
            return answer.status, await answer.text()


def write_secret(path: Path, secret: str) -> Path:
    path.write_text(secret + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def make_config(
    folder: Path,
    *,
    gateway_port: int = 1,
    smsc_port: int = 1,
    account: str = "901234",
    secret: str = "s",
    tls: TlsConfig | None = None,
    version: CmppVersion = CmppVersion.V30,
    submit_timeout_s: float = 30.0,
    resend_after_s: float = 0.2,
) -> AdapterConfig:
    key = folder / "journal.key"
    if not key.exists():
        write_secret(key, secrets.token_hex(32))
    link = LinkConfig(
        name="main",
        host="127.0.0.1",
        port=smsc_port,
        account=account,
        secret=write_secret(folder / "link.secret", secret),
        version=version,
        settle_s=0.01,
        reconnect_first_s=0.05,
        reconnect_most_s=0.1,
        request_timeout_s=0.5,
    )
    return AdapterConfig(
        tls=tls or TlsConfig(),
        grpc=GrpcConfig(listen="127.0.0.1:0", insecure_dev=tls is None, drain_s=2.0),
        gateway=GatewayConfig(
            f"127.0.0.1:{gateway_port}",
            submit_timeout_s=submit_timeout_s,
            attempt_timeout_s=submit_timeout_s,
            retry_first_s=0.02,
        ),
        http=HttpConfig(listen="127.0.0.1:0"),
        journal=JournalConfig(path=folder / "journal.sqlite", key=key, resend_after_s=resend_after_s),
        sms=SmsConfig(poll_s=0.05),
        links=(link,),
    )


@asynccontextmanager
async def running_adapter(
    config: AdapterConfig, *, carrier: Carrier = CARRIER, links: tuple[LinkConfig, ...] = ()
) -> AsyncIterator[Running]:
    """Run a carrier's adapter; `links` instead of those of the configuration."""
    config = replace(config, links=links or config.links)
    stop = asyncio.Event()
    up: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_adapter(carrier, config, clock=SystemClock(), ready=up.set_result, stop=stop))
    await asyncio.wait((task, up), return_when=asyncio.FIRST_COMPLETED)
    if not up.done():
        task.result()
    running = Running(up.result(), task, stop)
    try:
        yield running
    finally:
        await running.finish()
