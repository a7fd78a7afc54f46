"""A gateway with mTLS, witnesses and some subscribers, and ``optout`` as a process beside it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
from click.testing import CliRunner

from gateway.cli.gateway_process import run_gateway
from gateway.cli.main import main
from gateway.cli.witness import WitnessConfig, read_cosigner, run_witness
from gateway.config import GatewayConfig, GrpcConfig, HttpConfig, StoreConfig, TlogConfig, TlsConfig
from gateway.domain.instruction import Action, Channel, Confirm, EditList, Instruction, Open, SetRefusedCategories
from gateway.domain.preferences import Medium
from gateway.store.secret_files import LOG_KEY_FILE, make_secrets, read_signer
from gateway.tlog.tile import Bundle, new_tiles, width_of
from optout.kit.certificates import files_of
from optout.kit.identity import Identity, Role
from optout.kit.number import PhoneNumber
from optout.kit.tls import channel_credentials, channel_options
from optout.v1 import audit_pb2, audit_pb2_grpc, registry_pb2, registry_pb2_grpc, types_pb2
from tests.api.wire import write_instruction
from tests.domain.samples import FRIEND, NUISANCE, OWN, PROOFS
from tests.e2e.serving import serving

ORIGIN = "registry.example/log"
CASE = "MIIT-2026/0173"


@dataclass(frozen=True)
class Ran:
    """What a process came to."""

    code: int
    out: str
    err: str

    def fields(self) -> dict[str, Any]:
        """Its one line of JSON."""
        fields: dict[str, Any] = json.loads(self.out)
        return fields


async def optout(*arguments: str, given: str = "") -> Ran:
    """Run ``optout`` as a process of its own."""
    program = str(Path(sys.executable).parent / "optout")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(program, *arguments, stdin=pipe, stdout=pipe, stderr=pipe)
    out, err = await process.communicate(given.encode())
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


@dataclass
class Audited:
    """The running registry, as its auditor reaches it."""

    folder: Path
    grpc_port: int
    http_port: int
    mobile: grpc.aio.Channel

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def key(self) -> str:
        return read_signer(self.folder / "secrets" / LOG_KEY_FILE).verifier().encode()

    @property
    def reach(self) -> tuple[str, ...]:
        return "--gateway", f"127.0.0.1:{self.grpc_port}", "--certs", str(self.folder / "certs")

    async def audit(self, command: str, *arguments: str, given: str = "") -> Ran:
        return await optout("audit", command, *arguments, given=given)

    async def submit(self, serial: str, action: Action, number: PhoneNumber = OWN) -> types_pb2.Outcome:
        now_ms = time.time_ns() // 1_000_000
        told = Instruction(
            serial, "mobile", Channel.SMS, "901234", serial, number, Medium.VOICE, now_ms, action, PROOFS[Channel.SMS]
        )
        request = registry_pb2.SubmitRequest(instruction=write_instruction(told))
        return (await registry_pb2_grpc.RegistryServiceStub(self.mobile).Submit(request, timeout=20)).outcome

    async def receipt(self, revision: int) -> bytes:
        request = audit_pb2.GetReceiptRequest(revision=revision)
        return (await audit_pb2_grpc.AuditServiceStub(self.mobile).GetReceipt(request, timeout=20)).receipt

    async def play(self) -> int:
        """Two subscribers' stories; gives the revision of a confirmation."""
        await self.submit("m1", Open())
        confirmed = await self.submit("m2", Confirm())
        await self.submit("m3", SetRefusedCategories(refuse=("loan",)))
        await self.submit("m4", EditList(allow=False, add=(NUISANCE,)))
        await self.submit("m5", Open(), FRIEND)
        await self.submit("m6", SetRefusedCategories(refuse=("astrology",)), FRIEND)
        return confirmed.revision

    async def copy(self, folder: Path) -> None:
        """The log's files as anybody may copy them."""
        async with aiohttp.ClientSession() as session:

            async def get(path: str) -> bytes:
                async with session.get(f"{self.url}/{path}") as answer:
                    assert answer.status == 200, path
                    return await answer.read()

            note = await get("checkpoint")
            size = int(note.split(b"\n")[1])
            files = {"checkpoint": note}
            tiles = [tile.path() for tile in new_tiles(0, size)]
            bundles = [Bundle(at, width_of(0, at, size)).path() for at in range(-(-size // 256))]
            for path in (*tiles, *bundles):
                files[path] = await get(path)
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)


@asynccontextmanager
async def open_audited(folder: Path, *, witnesses: int = 0) -> AsyncIterator[Audited]:
    """Certificates, secrets, witnesses and the gateway; it logs an EPOCH twice a second."""
    assert CliRunner().invoke(main, ["certs", str(folder / "certs")]).exit_code == 0
    certs = folder / "certs"
    make_secrets(folder / "secrets", ORIGIN)
    async with AsyncExitStack() as stack:
        policy = await _open_witnesses(folder, witnesses, stack) if witnesses else None
        config = GatewayConfig(
            tls=TlsConfig(certs / "gateway-gateway.pem", certs / "gateway-gateway.key", certs / "ca.pem"),
            grpc=GrpcConfig("127.0.0.1:0", drain_s=0.1),
            http=HttpConfig("127.0.0.1:0"),
            store=StoreConfig(path=folder / "registry.sqlite", keys=folder / "keys.sqlite", secrets=folder / "secrets"),
            tlog=TlogConfig(witnesses=policy, witness_timeout_s=2.0, checkpoint_s=0.1, epoch_s=0.5, map_bits=6),
        )
        ports = await stack.enter_async_context(
            serving(lambda stop, ready: run_gateway(config, stop=stop, ready=ready))
        )
        credentials = channel_credentials(files_of(certs, Identity(Role.CARRIER, "mobile")))
        options = channel_options(Identity(Role.GATEWAY, "gateway"))
        channel = grpc.aio.secure_channel(f"127.0.0.1:{ports.grpc}", credentials, options)
        yield Audited(folder, ports.grpc, ports.http, await stack.enter_async_context(channel))


async def _open_witnesses(folder: Path, count: int, stack: AsyncExitStack) -> Path:
    log = read_signer(folder / "secrets" / LOG_KEY_FILE).verifier().encode()
    lines, names = [f"log {log}"], [f"w{number}" for number in range(1, count + 1)]
    for name in names:
        made = CliRunner().invoke(
            main,
            ["witness", "--config", str(_write_config(folder, name, log)), "--new-key", f"witness.example/{name}"],
        )
        assert made.exit_code == 0, made.output
        config = WitnessConfig((log,), folder / f"{name}.key", folder / f"{name}.sqlite", "127.0.0.1:0")
        port = await stack.enter_async_context(serving(_run(config)))
        vkey = read_cosigner(folder / f"{name}.key").verifier().encode()
        lines.append(f"witness {name} {vkey} http://127.0.0.1:{port}")
    lines += [f"group all {max(count - 1, 1)} {' '.join(names)}", "quorum all"]
    path = folder / "policy"
    path.write_text("\n".join(lines) + "\n")
    return path


def _run(config: WitnessConfig):
    return lambda stop, ready: run_witness(config, stop=stop, ready=ready)


def _write_config(folder: Path, name: str, log: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(f'logs = ["{log}"]\nkey = "{folder / name}.key"\n')
    return path
