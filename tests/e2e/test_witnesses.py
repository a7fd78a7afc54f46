"""A gateway and its witnesses over HTTP: one liar and one outage among four, and why two of three are not enough."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner

from gateway.cli.gateway_process import run_gateway
from gateway.cli.main import main
from gateway.cli.witness import WitnessConfig, read_cosigner, run_witness
from gateway.config import Engine, GatewayConfig, GrpcConfig, HttpConfig, StoreConfig, TlogConfig
from gateway.domain.errors import RefusedError
from gateway.store.secret_files import LOG_KEY_FILE, make_secrets, read_signer
from gateway.store.sqlite_publication import SqlitePublication
from gateway.store.sqlite_witness import SqliteWitnessBook
from gateway.tlog.note import decode_note, open_note
from gateway.tlog.policy import Certified, Policy, parse_policy
from gateway.tlog.witness import decode_request
from tests.e2e.serving import serving

ORIGIN = "registry.example/log"


@dataclass
class World:
    """Witnesses ``w1`` and so on, a key each, the first of them a liar; and gateways of one key."""

    folder: Path
    count: int
    threshold: int
    ports: dict[str, int] = field(default_factory=dict)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        make_secrets(self.folder / "secrets", ORIGIN)
        self.log = read_signer(self.folder / "secrets" / LOG_KEY_FILE).verifier()
        self.names = [f"w{number}" for number in range(1, self.count + 1)]
        for name in self.names:
            config = self.folder / f"{name}.toml"
            config.write_text(f'logs = ["{self.log.encode()}"]\nkey = "{self.folder / name}.key"\n')
            made = CliRunner().invoke(
                main, ["witness", "--config", str(config), "--new-key", f"witness.example/{name}"]
            )
            assert made.exit_code == 0, made.output
            assert read_cosigner(self.folder / f"{name}.key").verifier().encode() in made.output

    async def start(self, *names: str) -> None:
        """Start these witnesses."""
        for name in names:
            run = self._lie if name == "w1" else self._witness(name)
            self.ports[name] = await self.stack.enter_async_context(serving(run))

    def _witness(self, name: str):
        path = self.folder / name
        config = WitnessConfig(
            (self.log.encode(),),
            key=path.with_suffix(".key"),
            path=path.with_suffix(".sqlite"),
            listen=f"127.0.0.1:{self.ports.get(name, 0)}",
        )
        return lambda stop, ready: run_witness(config, stop=stop, ready=ready)

    async def _lie(self, stop: asyncio.Event, ready) -> None:
        """A witness that keeps no books and cosigns whatever it is shown."""
        cosigner = read_cosigner(self.folder / "w1.key")

        async def cosign(request: web.Request) -> web.Response:
            note = decode_request(await request.read()).note
            return web.Response(text=cosigner.cosign(note.text, 1_800_000_000).encode())

        app = web.Application()
        app.router.add_post("/add-checkpoint", cosign)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready(runner.addresses[0][1])
        await stop.wait()
        await runner.cleanup()

    @property
    def policy_file(self) -> Path:
        """The policy file: any so many of the witnesses."""
        lines = [f"log {self.log.encode()}"]
        for name in self.names:
            vkey = read_cosigner(self.folder / f"{name}.key").verifier().encode()
            lines.append(f"witness {name} {vkey} http://127.0.0.1:{self.ports.get(name, 9)}")
        lines += [f"group carriers {self.threshold} {' '.join(self.names)}", "quorum carriers"]
        path = self.folder / "policy"
        path.write_text("\n".join(lines) + "\n")
        return path

    def policy(self) -> Policy:
        return parse_policy(self.policy_file.read_text())

    @asynccontextmanager
    async def gateway(self, name: str, *, asks: bool = True) -> AsyncIterator[str]:
        """A gateway with a registry of its own, which asks the witnesses or none; gives its address."""
        path = self.folder / f"{name}.sqlite"
        config = GatewayConfig(
            grpc=GrpcConfig("127.0.0.1:0", insecure_dev=True, drain_s=0.1),
            http=HttpConfig("127.0.0.1:0"),
            store=StoreConfig(Engine.SQLITE, path, path.with_suffix(".keys"), self.folder / "secrets"),
            tlog=TlogConfig(witnesses=self.policy_file if asks else None, checkpoint_s=0.05, witness_timeout_s=2.0),
        )

        def run(stop: asyncio.Event, ready):
            return run_gateway(config, stop=stop, ready=ready)

        async with serving(run) as ports:
            yield f"http://127.0.0.1:{ports.http}"

    def has_cosigned(self, name: str) -> bool:
        """Whether a running witness has anything in its books."""
        with closing(sqlite3.connect((self.folder / name).with_suffix(".sqlite"))) as books:
            return bool(books.execute("SELECT count(*) FROM cosigned").fetchone()[0])

    def evidence(self, name: str) -> set[tuple[str, int]]:
        publication = SqlitePublication((self.folder / f"{name}.sqlite").with_suffix(".log"))
        try:
            return {(row.witness, row.status) for row in publication.evidence()}
        finally:
            publication.close()


async def ask(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def begin_fork(world: World) -> None:
    """A second history under the log's key, begun where no witness could object."""
    async with world.gateway("fork", asks=False) as url, asyncio.timeout(30):
        while int((await ask(f"{url}/checkpoint"))[1].partition("\n")[2].partition("\n")[0] or 0) == 0:
            await asyncio.sleep(0.02)


async def certified(world: World, url: str) -> Certified:
    """The checkpoint a gateway publishes, once it does."""
    async with asyncio.timeout(30):
        while (answer := await ask(f"{url}/checkpoint"))[0] != 200:
            await asyncio.sleep(0.02)
    return world.policy().certify(decode_note(answer[1]))


async def witnessed(world: World, *names: str) -> None:
    """Wait until these witnesses have cosigned, those too whom a quorum did not have to wait for."""
    async with asyncio.timeout(30):
        while not all(world.has_cosigned(name) for name in names):
            await asyncio.sleep(0.02)


async def refused(url: str, *names: str) -> None:
    """Wait until all of these witnesses have refused what a gateway signed: each takes its own time."""
    async with asyncio.timeout(30):
        while True:
            metrics = (await ask(f"{url}/metrics"))[1]
            if all(f'witness="{name}"' in metrics for name in names):
                return
            await asyncio.sleep(0.02)


@pytest.fixture
async def four(tmp_path: Path):
    world = World(tmp_path, 4, 3)
    async with world.stack:
        yield world


async def test_quorum_when_one_of_four_lies_and_one_is_out_then_checkpoints_are_certified_and_no_fork_is(
    four: World,
) -> None:
    await four.start("w1", "w3", "w4")
    async with four.gateway("true") as url:
        true = await certified(four, url)
        assert set(true.times_s) == {"w1", "w3", "w4"}
    await four.start("w2")
    await begin_fork(four)
    async with four.gateway("fork") as url:
        # The liar and the one that was out cosign another history; the other two do not, and say so.
        await refused(url, "w3", "w4")
        async with asyncio.timeout(30):
            while "WITNESS_" not in (await ask(f"{url}/readyz"))[1]:
                await asyncio.sleep(0.02)
        assert (await ask(f"{url}/checkpoint"))[0] == 404
    refusals = four.evidence("fork")
    assert {name for name, _ in refusals} == {"w3", "w4"}
    assert {status for _, status in refusals} <= {409, 422}
    assert refusals
    async with four.gateway("true") as url:
        # Witness w2 saw the fork and refuses the true history from now on; with the other three it goes on.
        assert (await certified(four, url)).checkpoint.size >= true.checkpoint.size


async def test_quorum_when_two_of_three_suffice_and_one_lies_then_two_histories_are_certified(tmp_path: Path) -> None:
    """Visibly, and so 3 of 4 is what we advise: a liar and one honest witness certify either history."""
    world = World(tmp_path, 3, 2)
    async with world.stack:
        await world.start("w1", "w3")
        async with world.gateway("true") as url:
            true = await certified(world, url)
        await world.stack.aclose()
        await world.start("w1", "w2")
        async with world.gateway("fork") as url:
            fork = await certified(world, url)
    assert set(true.times_s) == {"w1", "w3"}
    assert set(fork.times_s) == {"w1", "w2"}
    assert true.checkpoint.root != fork.checkpoint.root


async def test_witness_when_it_refused_a_fork_then_it_holds_what_the_log_signed(four: World) -> None:
    await four.start("w1", "w2", "w3", "w4")
    async with four.gateway("true") as url:
        await certified(four, url)
        await witnessed(four, "w2", "w3", "w4")
    await begin_fork(four)
    async with four.gateway("fork") as url:
        await refused(url, "w2", "w3", "w4")
    await four.stack.aclose()
    for name in ("w2", "w3", "w4"):
        path = four.folder / name
        vkey = read_cosigner(path.with_suffix(".key")).verifier().encode()
        book = SqliteWitnessBook(path.with_suffix(".sqlite"), vkey)
        rows = book.evidence(ORIGIN)
        book.close()
        assert rows
        for row in rows:
            note = decode_request(row.request).note
            assert open_note(note, [four.log]) == (four.log,)


async def test_gateway_when_all_it_had_is_lost_then_witnesses_keep_it_from_beginning_anew(four: World) -> None:
    await four.start("w1", "w2", "w3", "w4")
    async with four.gateway("true") as url:
        await certified(four, url)
        await witnessed(four, "w2", "w3", "w4")
    with pytest.raises(RefusedError, match="LOG_READ_ONLY: the registry is read-only: WITNESS_AHEAD"):
        async with four.gateway("lost"):
            pass
