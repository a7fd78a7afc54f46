"""A subscriber's confirmation becomes a receipt, which anybody checks with the log's public keys alone."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import grpc
import pytest

from gateway.cli.gateway_process import run_gateway
from gateway.config import Engine, GatewayConfig, GrpcConfig, HttpConfig, StoreConfig, TlogConfig
from gateway.domain.instruction import Action, Channel, Confirm, Instruction, Open
from gateway.domain.preferences import Medium
from gateway.store.secret_files import LOG_KEY_FILE, make_secret_file, make_secrets, read_signer
from gateway.tlog.note import Signer, Verifier, decode_note, open_note, parse_vkey
from gateway.tlog.receipt import decode_receipt, verify_receipt
from gateway.tlog.sm2 import SM2_KEY_READERS, make_sm2_secret
from optout.v1 import audit_pb2, audit_pb2_grpc, registry_pb2, registry_pb2_grpc, types_pb2
from tests.api.wire import write_instruction
from tests.domain.samples import OWN
from tests.e2e.serving import serving
from tests.service.house import PROOFS

ORIGIN = "registry.example/log"
MOBILE, TELECOM = ((("x-optout-party", f"carrier/{name}"),) for name in ("mobile", "telecom"))


@dataclass
class Running:
    """A gateway that signs with both algorithms, and the public keys that everybody has."""

    channel: grpc.aio.Channel
    http: str
    log: Verifier
    national: Verifier

    async def submit(self, serial: str, action: Action) -> types_pb2.Outcome:
        """What mobile's subscriber texted."""
        now_ms = time.time_ns() // 1_000_000
        given = Instruction(
            serial, "mobile", Channel.SMS, "901234", serial, OWN, Medium.VOICE, now_ms, action, PROOFS[Channel.SMS]
        )
        request = registry_pb2.SubmitRequest(instruction=write_instruction(given))
        stub = registry_pb2_grpc.RegistryServiceStub(self.channel)
        return (await stub.Submit(request, metadata=MOBILE)).outcome

    async def receipt(self, revision: int, caller=MOBILE) -> bytes:
        """The receipt's file."""
        stub = audit_pb2_grpc.AuditServiceStub(self.channel)
        request = audit_pb2.GetReceiptRequest(revision=revision)
        return (await stub.GetReceipt(request, metadata=caller, timeout=20)).receipt

    async def checkpoint(self) -> str:
        async with aiohttp.ClientSession() as session, session.get(f"{self.http}/checkpoint") as answer:
            return await answer.text()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with open_gateway(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def open_gateway(folder: Path, **tlog: int) -> AsyncIterator[Running]:
    secrets = folder / "secrets"
    make_secrets(secrets, ORIGIN)
    national = Signer(ORIGIN, make_sm2_secret())
    make_secret_file(secrets / "log.sm2.key", national.encode())
    config = GatewayConfig(
        grpc=GrpcConfig("127.0.0.1:0", insecure_dev=True, drain_s=0.1),
        http=HttpConfig("127.0.0.1:0"),
        store=StoreConfig(Engine.MEMORY, secrets=secrets),
        tlog=TlogConfig(sm2_key=secrets / "log.sm2.key", checkpoint_s=0.1, **tlog),
    )
    log = read_signer(secrets / LOG_KEY_FILE).verifier()
    async with (
        serving(lambda stop, ready: run_gateway(config, stop=stop, ready=ready)) as ports,
        grpc.aio.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel,
    ):
        yield Running(channel, f"http://127.0.0.1:{ports.http}", log, national.verifier())


async def test_receipt_when_a_subscriber_confirmed_then_the_public_key_alone_shows_that_it_was_logged(
    running: Running,
) -> None:
    asked = await running.submit("m1", Open())
    confirmed = await running.submit("m2", Confirm())
    assert asked.revision < confirmed.revision
    shown = verify_receipt(decode_receipt(await running.receipt(confirmed.revision)), parse_vkey(running.log.encode()))
    assert shown.index == confirmed.revision - 1
    assert shown.payload["instruction"]["carrier"] == "mobile"
    assert shown.payload["instruction"]["id"] == "m2"
    assert shown.checkpoint.origin == ORIGIN


async def test_receipt_when_another_carrier_asks_or_nobody_caused_the_entry_then_there_is_none(
    running: Running,
) -> None:
    confirmed = await running.submit("m1", Open())
    for revision, caller in ((confirmed.revision, TELECOM), (confirmed.revision + 1000, MOBILE), (1, MOBILE)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await running.receipt(revision, caller)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_checkpoint_when_the_log_has_an_sm2_key_then_it_bears_both_signatures(running: Running) -> None:
    confirmed = await running.submit("m1", Open())
    receipt = decode_receipt(await running.receipt(confirmed.revision))
    national = parse_vkey(running.national.encode(), SM2_KEY_READERS)
    for note in (receipt.checkpoint, decode_note(await running.checkpoint())):
        assert set(open_note(note, [running.log, national])) == {running.log, national}
        assert open_note(note, [running.log]) == (running.log,)
