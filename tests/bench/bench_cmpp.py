"""MO → committed → acknowledged: the whole way of a text, against a bare echo over the same transport.

Simulated SMS gateway, adapter and gateway run in one process over loopback, with CMPP 3.0, gRPC with mTLS, and
SQLite. The echo sends a packet of a DELIVER's size and waits for it to come back, window by window.
"""

import asyncio
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from adapters.carrier.base import find_carrier
from adapters.carrier.process import run_adapter
from adapters.carrier.settings import AdapterConfig
from adapters.simulators.smsc import Account, EntryFilter, Happening, MobileOriginated, SmscSettings, SmscSimulator
from adapters.transport.echo import EchoSession
from adapters.transport.server import StreamServer
from gateway.cli.demo.layout import SERVICE_CODE, SP_ID, Layout, lay_out
from gateway.cli.gateway_process import run_gateway
from gateway.config import GatewayConfig
from optout.kit.clock import SystemClock
from optout.kit.config import load
from tests.bench.report import Figure, publish
from tests.e2e.federation import read_ledger

WINDOWS = (1, 16, 64)
DELIVER_BYTES = 114


async def measure_echo(window: int, seconds: float) -> float:
    """Packets per second that a bare echo gives back, ``window`` of them under way."""

    async def ignore(*_: object) -> None:
        return None

    server = StreamServer(EchoSession, ignore)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    packet, done, begin = bytes(DELIVER_BYTES), 0, time.perf_counter()
    for _ in range(window):
        writer.write(packet)
    while time.perf_counter() < begin + seconds:
        await reader.readexactly(DELIVER_BYTES)
        writer.write(packet)
        done += 1
    rate = done / (time.perf_counter() - begin)
    writer.close()
    await server.stop(0)
    return rate


@asynccontextmanager
async def open_way(window: int, folder: Path):
    """Simulator, adapter and gateway; without dispatch, so that answers to the texts do not share the link."""
    layout = Layout()
    lay_out(folder, layout)
    stop, up = asyncio.Event(), asyncio.Event()
    account = Account(SP_ID, "demo-secret", SERVICE_CODE)
    smsc = SmscSimulator(SmscSettings((account,), port=layout.smsc_port, window=window, history_limit=1_000_000))
    await smsc.start()
    gateway = replace(load(GatewayConfig, file=folder / "gateway.toml"), carriers={})
    adapter = load(AdapterConfig, file=folder / "adapter.toml")
    async with asyncio.TaskGroup() as tasks:
        for run in (
            partial(run_gateway, gateway),
            partial(run_adapter, find_carrier("mobile"), adapter, clock=SystemClock()),
        ):
            up.clear()
            tasks.create_task(run(ready=lambda _: up.set(), stop=stop))
            await up.wait()
        await smsc.wait_for(EntryFilter(happening=Happening.LINK_BOUND))
        yield smsc
        stop.set()
    await smsc.stop()


async def measure_way(window: int, texts: int) -> float:
    """Texts acknowledged per second; each from another subscriber, so that nothing has to wait for its turn."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_way(window, Path(folder)) as smsc:
            begin = time.perf_counter()
            for index in range(texts):
                smsc.send_mo(MobileOriginated(f"138{index:08}", text="KTFSR"))
            wanted = EntryFilter(happening=Happening.MO_ACKNOWLEDGED)
            await smsc.wait_for(wanted, count=texts, timeout_s=120)
            rate = texts / (time.perf_counter() - begin)
        booked = len(read_ledger(Path(folder)).instructions())
        if booked != texts:
            raise AssertionError(f"{texts} texts acknowledged, {booked} booked")
        return rate


def run(seconds: float = 2.0) -> None:
    """Measure and publish."""
    figures = []
    for window in WINDOWS:
        echo = asyncio.run(measure_echo(window, seconds))
        way = asyncio.run(measure_way(window, 300 if window == 1 else 2000))
        figures += [
            Figure(f"bare echo, window {window}", echo, "/s", {"to echo": 1.0}, note="the limit"),
            Figure(f"MO → committed → acknowledged, window {window}", way, "/s", {"to echo": way / echo}),
        ]
    publish("cmpp", "Texts through CMPP, adapter, gRPC and store, acknowledged after the commit", figures)


if __name__ == "__main__":
    run()
