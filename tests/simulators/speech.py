"""What the tests common to all protocols say, in each of them: an SP made of bytes, and the words it uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from adapters.simulators.smsc import Account, CallBack, Protocol, SmscSettings, SmscSimulator
from adapters.testing import SP_ID, SP_SECRET, FaultPlan, smsc_simulator
from adapters.testing.raw import TIMESTAMP, RawPeer
from adapters.wire import cmpp, sgip, smgp
from adapters.wire.longmessage import Segment
from tests.simulators.submits import SUBSCRIBER

CODE = "10086"
CORP_ID = "92008"
SMG_NODE = 101001
SP_NODE = 3010092008
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Speech:
    """One protocol's words. `result_of` and `id_of` read what its PDUs call differently."""

    protocol: Protocol
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    login: Callable[[int, str, str], Any]
    submit: Callable[..., Any]
    terminate: Callable[[int], Any]
    active_test: Callable[[int], Any] | None
    receipt: Callable[[Any, int], Any]
    result_of: Callable[[Any], int]
    id_of: Callable[[Any], bytes]
    segment_of: Callable[[Any], Segment]
    is_report: Callable[[Any], bool]
    login_name: str
    bad_secret: int
    flow_control: int
    malformed: int
    answer_command: int

    def number(self, sequence: int) -> Any:
        """A sequence number as the PDUs hold it."""
        return sgip.Sequence(SP_NODE, TIMESTAMP, sequence) if self.protocol is Protocol.SGIP else sequence

    def settings(self, listener_port: int = 0, **changes: Any) -> SmscSettings:
        """Quick settings of a simulator that speaks this."""
        is_sgip = self.protocol is Protocol.SGIP
        call_back = CallBack("127.0.0.1", listener_port) if is_sgip else None
        account = Account(SP_ID, SP_SECRET, CODE, corp_id=CORP_ID if is_sgip else "", call_back=call_back)
        settings = SmscSettings((account,), self.protocol, resend_s=0.5, redial_s=0.02)
        return replace(settings, **changes)


def _cmpp_submit(sequence: int, content: bytes = b"Refused.", number: str = SUBSCRIBER, **changes: Any) -> cmpp.Submit:
    pdu = cmpp.Submit(
        sequence,
        registered_delivery=1,
        msg_src=SP_ID,
        src_id=CODE,
        dest_terminal_ids=(number,),
        msg_content=content,
    )
    return replace(pdu, **changes)


def _smgp_submit(sequence: int, content: bytes = b"Refused.", number: str = SUBSCRIBER, **changes: Any) -> smgp.Submit:
    pdu = smgp.Submit(sequence, need_report=1, src_term_id="118" + CODE, dest_term_ids=(number,), msg_content=content)
    return replace(pdu, **changes)


def _sgip_submit(sequence: int, content: bytes = b"Refused.", number: str = SUBSCRIBER, **changes: Any) -> sgip.Submit:
    pdu = sgip.Submit(
        SGIP.number(sequence),
        sp_number=CODE,
        user_numbers=("86" + number,),
        corp_id=CORP_ID,
        message_content=content,
    )
    return replace(pdu, **changes)


def _sgip_receipt(pdu: Any, result: int) -> Any:
    answer = sgip.ReportResp if isinstance(pdu, sgip.Report) else sgip.DeliverResp
    return answer(pdu.sequence, result)


CMPP: Speech = Speech(
    protocol=Protocol.CMPP,
    encode=lambda pdu: cmpp.encode(pdu, cmpp.Version.V30),
    decode=lambda frame: cmpp.decode(frame, cmpp.Version.V30),
    login=lambda sequence, name, secret: cmpp.Connect(
        sequence, name, cmpp.connect_authenticator(name, secret, TIMESTAMP), 0x30, TIMESTAMP
    ),
    submit=_cmpp_submit,
    terminate=cmpp.Terminate,
    active_test=cmpp.ActiveTest,
    receipt=lambda pdu, result: cmpp.DeliverResp(pdu.sequence, pdu.msg_id, result),
    result_of=lambda pdu: pdu.status if isinstance(pdu, cmpp.ConnectResp) else pdu.result,
    id_of=lambda pdu: pdu.msg_id,
    segment_of=lambda pdu: Segment(pdu.tp_udhi, pdu.msg_fmt, pdu.msg_content),
    is_report=lambda pdu: pdu.registered_delivery == 1,
    login_name="CONNECT",
    bad_secret=3,
    flow_control=8,
    malformed=1,
    answer_command=cmpp.Command.TERMINATE_RESP,
)
SMGP: Speech = Speech(
    protocol=Protocol.SMGP,
    encode=smgp.encode,
    decode=smgp.decode,
    login=lambda sequence, name, secret: smgp.Login(
        sequence, name, smgp.client_authenticator(name, secret, TIMESTAMP), smgp.LoginMode.BOTH, TIMESTAMP, 0x30
    ),
    submit=_smgp_submit,
    terminate=smgp.Exit,
    active_test=smgp.ActiveTest,
    receipt=lambda pdu, result: smgp.DeliverResp(pdu.sequence, pdu.msg_id, result),
    result_of=lambda pdu: pdu.status,
    id_of=lambda pdu: pdu.msg_id,
    segment_of=lambda pdu: Segment(pdu.tp_udhi, pdu.msg_format, pdu.msg_content),
    is_report=lambda pdu: pdu.is_report == 1,
    login_name="LOGIN",
    bad_secret=21,
    flow_control=1,
    malformed=10,
    answer_command=smgp.Command.ACTIVE_TEST_RESP,
)
SGIP: Speech = Speech(
    protocol=Protocol.SGIP,
    encode=sgip.encode,
    decode=sgip.decode,
    login=lambda sequence, name, secret: sgip.Bind(
        SGIP.number(sequence), sgip.LoginType.SP_TO_SMG, name, secret, bytes(8)
    ),
    submit=_sgip_submit,
    terminate=lambda sequence: sgip.Unbind(SGIP.number(sequence)),
    active_test=None,
    receipt=_sgip_receipt,
    result_of=lambda pdu: pdu.result,
    id_of=lambda pdu: pdu.sequence.to_bytes(),
    segment_of=lambda pdu: Segment(pdu.tp_udhi, pdu.message_coding, pdu.message_content),
    is_report=lambda pdu: isinstance(pdu, sgip.Report),
    login_name="BIND",
    bad_secret=1,
    flow_control=11,
    malformed=5,
    answer_command=sgip.Command.UNBIND_RESP,
)
ALL = (CMPP, SMGP, SGIP)
DELIVERIES = (cmpp.Deliver, smgp.Deliver, sgip.Deliver, sgip.Report)


every = pytest.mark.parametrize("speech", ALL, ids=[speech.protocol.value for speech in ALL])


def texts(sim: SmscSimulator, number: str = SUBSCRIBER) -> list[str]:
    """What a phone shows."""
    return [message.text for message in sim.phone(number).inbox]


def violations(sim: SmscSimulator) -> list[str]:
    """The rules broken so far."""
    return [entry.violation for entry in sim.violations]


def once(plan: FaultPlan) -> FaultPlan:
    """The same, for one call."""
    return FaultPlan(plan.name, applied=plan.applied, heard=plan.heard, count=1)


class Wire(RawPeer):
    """One connection in one of the protocols."""

    def __init__(self, speech: Speech, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self.speech = speech

    async def send(self, *pdus: Any) -> None:
        """Send PDUs in one segment."""
        await self.send_bytes(b"".join(map(self.speech.encode, pdus)))

    async def read(self) -> Any:
        """Read the next PDU."""
        return self.speech.decode(await self.read_frame())


class Agent(Wire):
    """An SP: a connection it made, and `ear` for those that the gateway makes, where the protocol has such."""

    def __init__(self, speech: Speech, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ear: Ear) -> None:
        super().__init__(speech, reader, writer)
        self.ear = ear

    async def log_in(self, name: str = SP_ID, secret: str = SP_SECRET) -> Any:
        """Log in and return the answer."""
        await self.send(self.speech.login(1, name, secret))
        return await self.read()

    async def read_answers(self, count: int = 1) -> list[Any]:
        """Read so many PDUs that are no deliveries."""
        answers: list[Any] = []
        while len(answers) < count:
            pdu = await self.read()
            if not isinstance(pdu, DELIVERIES):
                answers.append(pdu)
        return answers

    async def read_delivery(self) -> tuple[Any, Wire]:
        """Return the next delivery, and the connection that it came by."""
        if self.speech.protocol is Protocol.SGIP:
            return await self.ear.next_delivery()
        while True:
            pdu = await self.read()
            if isinstance(pdu, DELIVERIES):
                return pdu, self

    async def take_delivery(self, result: int = 0) -> Any:
        """Return the next delivery, answered with `result`."""
        pdu, wire = await self.read_delivery()
        await wire.send(self.speech.receipt(pdu, result))
        return pdu


class Ear:
    """An SP's listener: answers Binds with `bind_result`, keeps them, and hands deliveries out."""

    def __init__(self) -> None:
        self.bind_result = 0
        self.port = 0
        self.binds: list[sgip.Bind] = []
        self.calls: list[Wire] = []
        self._deliveries: asyncio.Queue[tuple[Any, Wire]] = asyncio.Queue()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Hang up on everybody and listen no more."""
        for call in self.calls:
            await call.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def next_delivery(self) -> tuple[Any, Wire]:
        """Return the next delivery of any call."""
        async with asyncio.timeout(_TIMEOUT_S):
            return await self._deliveries.get()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = Wire(SGIP, reader, writer)
        self.calls.append(call)
        try:
            while True:
                await self._hear(call, SGIP.decode(await call.read_frame(within_s=None)))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _hear(self, call: Wire, pdu: Any) -> None:
        match pdu:
            case sgip.Bind():
                self.binds.append(pdu)
                await call.send(sgip.BindResp(pdu.sequence, self.bind_result))
            case sgip.Unbind():
                await call.send(sgip.UnbindResp(pdu.sequence))
            case _:
                self._deliveries.put_nowait((pdu, call))


@asynccontextmanager
async def dialling(speech: Speech, port: int, ear: Ear) -> AsyncIterator[Agent]:
    """Dial a gateway, hang up at the end of the block."""
    agent = Agent(speech, *await asyncio.open_connection("127.0.0.1", port), ear)
    try:
        yield agent
    finally:
        await agent.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Ear]:
    """Run an SP's listener."""
    ear = Ear()
    await ear.start()
    try:
        yield ear
    finally:
        await ear.stop()


@asynccontextmanager
async def gateway(
    speech: Speech, *, bound: bool = True, clean: bool = True, **changes: Any
) -> AsyncIterator[tuple[SmscSimulator, Agent]]:
    """Run a gateway and an SP of it, logged in if `bound`; `changes` are of the gateway's settings."""
    async with AsyncExitStack() as stack:
        ear = await stack.enter_async_context(listening())
        settings = speech.settings(ear.port, **changes)
        sim = await stack.enter_async_context(smsc_simulator(settings, clean=clean))
        agent = await stack.enter_async_context(dialling(speech, sim.port, ear))
        if bound:
            assert speech.result_of(await agent.log_in()) == 0
        yield sim, agent
