"""pycmpp, an independent CMPP 2.0 client from PyPI, logs into our simulator and sends."""

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.simulators.smsc import (
    Account,
    EntryFilter,
    Happening,
    Operation,
    SmscFault,
    SmscSettings,
    SmscSimulator,
)
from adapters.simulators.smsc.messages import StatusReport
from adapters.testing import SP_ID, SP_SECRET, FaultPlan, smsc_simulator
from tests.simulators.submits import SUBSCRIBER

pytestmark = pytest.mark.interop

_DRIVER = Path(__file__).with_name("pycmpp_driver.py")
_WAIT_S = 60.0
_LONG = "尊敬的客户，您已成功开通营销电话拦截服务。" * 8


class Pycmpp:
    """The process; `log` is what it was heard to log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.log = ""

    def send(self, text: str) -> None:
        """Have a text sent."""
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")

    async def hear(self, words: str, count: int = 1) -> None:
        """Read its log until it has said the words so often."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_WAIT_S):
            while self.log.count(words) < count:
                line = await self._process.stdout.readline()
                assert line, "pycmpp has ended"
                self.log += line.decode()

    async def end(self) -> None:
        """Log out."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(_WAIT_S):
            await self._process.communicate()


@asynccontextmanager
async def running_pycmpp(sim: SmscSimulator, secret: str = SP_SECRET) -> AsyncIterator[Pycmpp]:
    assert importlib.util.find_spec("pycmpp") is not None, "install pycmpp==2.0.2"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(_DRIVER),
        str(sim.port),
        SP_ID,
        secret,
        SUBSCRIBER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONIOENCODING": "utf-8"},
    )
    pycmpp = Pycmpp(process)
    try:
        yield pycmpp
        await pycmpp.end()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_pycmpp_when_it_logs_in_and_sends_then_the_phone_shows_its_texts() -> None:
    async with smsc_simulator(clean=False) as sim:
        async with running_pycmpp(sim) as pycmpp:
            (bound,) = await sim.wait_for(EntryFilter(happening=Happening.LINK_BOUND), timeout_s=_WAIT_S)
            assert bound.detail == "version 0x20"
            pycmpp.send("您好")
            pycmpp.send(_LONG)
            await sim.wait_for(EntryFilter(happening=Happening.ARRIVED), count=2, timeout_s=_WAIT_S)
            parts = 1 + len(sim.phone(SUBSCRIBER).inbox[1].msg_ids)
            await pycmpp.hear("发送成功", count=parts)
            await sim.wait_for(EntryFilter(command="DELIVER"), count=parts, timeout_s=_WAIT_S)
        assert [message.text for message in sim.phone(SUBSCRIBER).inbox] == ["您好", _LONG]
        # It leaves its Src_Id empty; in everything else it keeps the rules.
        assert {entry.violation for entry in sim.violations} == {"wrong_src_id"}
        assert pycmpp.log.count("短信网关连接成功") == 1


async def test_pycmpp_when_it_does_not_acknowledge_reports_then_they_are_kept() -> None:
    settings = SmscSettings((Account(SP_ID, SP_SECRET),), resend_s=0.1)
    async with smsc_simulator(settings, clean=False) as sim:
        async with running_pycmpp(sim) as pycmpp:
            pycmpp.send("您好")
            await sim.wait_for(EntryFilter(command="DELIVER"), count=2, timeout_s=_WAIT_S)
        (accepted,) = sim.find(EntryFilter(happening=Happening.SUBMIT_ACCEPTED))
        (kept,) = sim.unacknowledged
        assert isinstance(kept.parcel, StatusReport)
        assert kept.parcel.subject == accepted.msg_id


async def test_pycmpp_when_its_secret_is_wrong_then_it_reads_status_3() -> None:
    async with smsc_simulator() as sim:
        async with running_pycmpp(sim, secret="wrong") as pycmpp:
            await pycmpp.hear("短信网关连接失败; status: 3")
            await sim.wait_for(EntryFilter(happening=Happening.LINK_CLOSED), timeout_s=_WAIT_S)
        assert len(sim.find(EntryFilter(happening=Happening.LOGIN_REJECTED))) == 1


async def test_pycmpp_when_told_to_slow_down_then_it_reads_flow_control() -> None:
    async with smsc_simulator(clean=False) as sim:
        sim.set_faults(SmscFault(Operation.SUBMIT, FaultPlan(applied=False)))
        async with running_pycmpp(sim) as pycmpp:
            pycmpp.send("您好")
            await pycmpp.hear("流量控制错")
        assert sim.phones == []
