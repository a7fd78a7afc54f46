"""Submit over gRPC: what the edge adds to the registry of `bench_submit`, against a bare echo of the same messages.

Server and client are two processes on one machine, without TLS. The echo is grpc.aio alone: it reads the same requests
and gives one ready answer, without interceptors, rules or store. The notes say what one call costs the server's process
in CPU time, which does not depend on how fast the client is. A stream carries a backlog: its messages share one call.
"""

import asyncio
import itertools
import multiprocessing
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import grpc

from gateway.api.identity import PARTY_METADATA, MetadataIdentifier
from gateway.api.interceptors import Guard
from gateway.api.mapping_subscription import write_outcome
from gateway.api.offering import make_handler
from gateway.api.registry import RegistryServicer
from gateway.telemetry import Telemetry
from optout.v1 import registry_pb2 as pb
from optout.v1 import registry_pb2_grpc
from tests.api.wire import write_instruction
from tests.bench.bench_submit import MOBILE, SUBSCRIBERS, fill, make_instruction, open_registry
from tests.bench.report import Figure, publish

CALLERS = (1, 16, 256)
PARTY = ((PARTY_METADATA, f"{MOBILE.role.value}/{MOBILE.party}"),)
STREAMED = 64
"""How many messages of a stream are under way: as many as the gateway works on at once."""


class EchoServicer:
    """Answers everything with the outcome of one instruction that was carried out."""

    def __init__(self, answer: pb.SubmitResponse) -> None:
        self._answer = answer

    async def Submit(self, request: pb.SubmitRequest, context: Any) -> pb.SubmitResponse:  # noqa: N802
        return self._answer

    async def SubmitStream(  # noqa: N802
        self, requests: AsyncIterable[pb.SubmitStreamRequest], context: Any
    ) -> AsyncIterator[pb.SubmitStreamResponse]:
        async for request in requests:
            given = request.instruction.instruction_id
            yield pb.SubmitStreamResponse(instruction_id=given, outcome=self._answer.outcome)


@asynccontextmanager
async def open_server(is_echo: bool) -> AsyncIterator[int]:
    """A gateway's registry, or the echo; yields the port."""
    async with open_registry() as registry:
        await fill(registry)
        draining = asyncio.Event()
        if is_echo:
            outcome = await registry.submit(MOBILE, make_instruction(2 * SUBSCRIBERS))
            servicer: Any = EchoServicer(pb.SubmitResponse(outcome=write_outcome(outcome)))
            server = grpc.aio.server()
        else:
            telemetry = Telemetry()
            servicer = RegistryServicer(registry, telemetry, draining)
            server = grpc.aio.server(interceptors=(Guard(MetadataIdentifier(lambda _: True), telemetry, draining),))
        service = pb.DESCRIPTOR.services_by_name["RegistryService"]
        server.add_generic_rpc_handlers((make_handler(service, servicer),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield port
        finally:
            await server.stop(None)


def serve(is_echo: bool, pipe: Connection) -> None:
    """The server's process: tells its port, answers each ``True`` with its CPU seconds so far, ends on ``False``."""

    async def run() -> None:
        async with open_server(is_echo) as port:
            pipe.send(port)
            while await asyncio.to_thread(pipe.recv):
                pipe.send(time.process_time())

    asyncio.run(run())


def make_request(serial: int) -> pb.SubmitRequest:
    """One more change to a subscriber who has opened."""
    return pb.SubmitRequest(instruction=write_instruction(make_instruction(serial)))


@dataclass
class Client:
    """Calls a server in another process; ``pipe`` asks that process for its CPU seconds."""

    stub: Any
    pipe: Connection
    serials: Iterator[int]

    async def call_unary(self, callers: int, end: float) -> int:
        """Calls answered until ``end``, so many under way."""
        done = 0

        async def call() -> None:
            nonlocal done
            while time.perf_counter() < end:
                await self.stub.Submit(make_request(next(self.serials)), metadata=PARTY)
                done += 1

        await asyncio.gather(*(call() for _ in range(callers)))
        return done

    async def call_stream(self, callers: int, end: float) -> int:
        """Messages answered in one call until ``end``, so many under way."""
        done, room = 0, asyncio.Semaphore(callers)

        async def requests() -> AsyncIterator[pb.SubmitStreamRequest]:
            while time.perf_counter() < end:
                await room.acquire()
                yield pb.SubmitStreamRequest(instruction=make_request(next(self.serials)).instruction)

        async for answer in self.stub.SubmitStream(requests(), metadata=PARTY):
            if not answer.HasField("outcome"):
                raise AssertionError("an instruction was not carried out")
            room.release()
            done += 1
        return done

    async def measure(self, work: "Work", callers: int, seconds: float) -> tuple[float, float]:
        """Answers per second, and microseconds of the server's CPU time for each."""
        await work(callers, time.perf_counter() + seconds / 5)
        before, begin = self._server_cpu(), time.perf_counter()
        done = await work(callers, begin + seconds)
        taken = time.perf_counter() - begin
        return done / taken, (self._server_cpu() - before) / done * 1e6

    def _server_cpu(self) -> float:
        self.pipe.send(True)
        return float(self.pipe.recv())


Work = Callable[[int, float], Awaitable[int]]


@asynccontextmanager
async def open_client(is_echo: bool) -> AsyncIterator[Client]:
    """A client and its server's process."""
    spawn = multiprocessing.get_context("spawn")
    pipe, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(is_echo, theirs))
    process.start()
    try:
        port = await asyncio.to_thread(pipe.recv)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            serials = itertools.count(3 * SUBSCRIBERS)
            yield Client(registry_pb2_grpc.RegistryServiceStub(channel), pipe, serials)
    finally:
        pipe.send(False)
        await asyncio.to_thread(process.join)


async def measure_all(is_echo: bool, seconds: float) -> dict[str, tuple[float, float]]:
    """Rate and server's CPU by case."""
    async with open_client(is_echo) as client:
        found = {f"{callers} callers": await client.measure(client.call_unary, callers, seconds) for callers in CALLERS}
        found["one stream"] = await client.measure(client.call_stream, STREAMED, seconds)
        return found


def run(seconds: float = 2.0) -> None:
    """Measure and publish."""
    echo, submit = (asyncio.run(measure_all(is_echo, seconds)) for is_echo in (True, False))
    figures = []
    for case, (rate, cpu_us) in echo.items():
        figures.append(Figure(f"bare grpc.aio echo, {case}", rate, "/s", {"to echo": 1.0}, note=_note(cpu_us)))
        own, own_us = submit[case]
        figures.append(Figure(f"Submit over gRPC, {case}", own, "/s", {"to echo": own / rate}, note=_note(own_us)))
    publish("grpc", "Submit over gRPC: client and server in two processes, without TLS", figures)


def _note(cpu_us: float) -> str:
    return f"server {cpu_us:,.0f} µs CPU each"


if __name__ == "__main__":
    run()
