"""A gateway, the three carriers' adapters and their CRMs, in one process over loopback, with mTLS and files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from adapters import mobile, telecom, unicom
from adapters.carrier.base import Carrier
from adapters.carrier.process import run_adapter
from adapters.carrier.settings import (
    AdapterConfig,
    GrpcConfig,
    JournalConfig,
    OrdersConfig,
    OrderSourceConfig,
    PlatformConfig,
    TlsConfig,
)
from adapters.simulators.crm import CrmSettings, CrmSimulator, EnvelopeKind
from adapters.simulators.platform import PlatformSettings, PlatformSimulator
from gateway.cli.demo.layout import Layout, lay_out
from gateway.cli.gateway_process import run_gateway
from gateway.config import GatewayConfig
from optout.kit.clock import SystemClock
from optout.kit.config import load, read_secret

SOURCE = "CRM1"
CARRIERS = {carrier.id: carrier for carrier in (telecom.CARRIER, mobile.CARRIER, unicom.CARRIER)}
ENVELOPES = {
    "telecom": EnvelopeKind.CONTRACTROOT_XML,
    "mobile": EnvelopeKind.INTERBOSS,
    "unicom": EnvelopeKind.UNIBSS,
}

Run = Callable[..., Coroutine[Any, Any, None]]


def make_adapter_config(folder: Path, carrier: Carrier) -> AdapterConfig:
    """The mobile adapter's configuration as laid out, for any carrier, with orders and without SMS links."""
    laid_out = load(AdapterConfig, file=folder / "adapter.toml")
    certs = folder / "certs"
    stem = f"carrier-{carrier.id}"
    tls = TlsConfig(certs / f"{stem}.pem", certs / f"{stem}.key", certs / "ca.pem")
    source = OrderSourceConfig(SOURCE, None if carrier.id == "mobile" else folder / "smsc.secret")
    return replace(
        laid_out,
        tls=tls,
        grpc=GrpcConfig("127.0.0.1:0", drain_s=1.0),
        journal=JournalConfig(folder / f"{carrier.id}.sqlite", folder / "journal.key"),
        orders=OrdersConfig("127.0.0.1:0", sources=(source,)),
        links=(),
    )


async def start(tasks: asyncio.TaskGroup, run: Run, stop: asyncio.Event) -> Any:
    """Run something in the background; return what it says once it is ready."""
    up: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    tasks.create_task(run(ready=up.set_result, stop=stop))
    return await up


async def start_platform(secret: Path, cleanup: AsyncExitStack) -> PlatformConfig:
    """China Unicom's own interception platform, until the end of the block."""
    platform = PlatformSimulator(PlatformSettings(read_secret(secret)))
    await platform.start()
    cleanup.push_async_callback(platform.stop)
    return PlatformConfig(platform.url, secret)


@asynccontextmanager
async def open_desks(folder: Path, *carriers: str, attempts: int = 5) -> AsyncIterator[dict[str, CrmSimulator]]:
    """The CRMs by carrier, each before its adapter."""
    lay_out(folder, Layout())
    stop, crms = asyncio.Event(), {}
    gateway = replace(load(GatewayConfig, file=folder / "gateway.toml"), carriers={})
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as cleanup:
        cleanup.callback(stop.set)
        await start(tasks, partial(run_gateway, gateway), stop)
        for name in carriers:
            config = make_adapter_config(folder, CARRIERS[name])
            if name == "unicom":
                config = replace(config, platform=await start_platform(folder / "smsc.secret", cleanup))
            run = partial(run_adapter, CARRIERS[name], config, clock=SystemClock())
            addresses = await start(tasks, run, stop)
            secret = read_secret(folder / "smsc.secret")
            url = f"http://{addresses.orders}/orders"
            crms[name] = CrmSimulator(CrmSettings(url, ENVELOPES[name], SOURCE, secret, retry_s=0.1, attempts=attempts))
            await crms[name].start()
            cleanup.push_async_callback(crms[name].stop)
        yield crms
