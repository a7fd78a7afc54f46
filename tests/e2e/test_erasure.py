"""An erasure from the first text to the last byte: two carriers, three channels, a port, half a year, and the sweep.

The simulators are the carriers' own systems: phones that keep what they got, and CRMs. They write no files here, and
are none of the copies that an erasure has to reach.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest

from adapters.carrier.process import run_adapter
from adapters.carrier.settings import AdapterConfig, GrpcConfig, HttpConfig, LinkConfig
from adapters.journal.seal import Seal, parse_key
from adapters.simulators.crm import Booking, CrmSettings, CrmSimulator
from adapters.simulators.smsc.mo import MobileOriginated
from adapters.simulators.smsc.settings import Account, Protocol, SmscSettings
from adapters.simulators.smsc.simulator import SmscSimulator
from adapters.wire.answer import Result
from adapters.wire.order import Consent, Desk, Order, Proof, Verb
from gateway.api.fields import write_time
from gateway.cli.demo.layout import SP_ID, Layout, lay_out
from gateway.cli.gateway_process import run_gateway
from gateway.config import CarrierLinkConfig, GatewayConfig
from gateway.service.judge import LogJudge
from gateway.service.record import Recorder
from gateway.store.keys import SqliteKeyStore
from gateway.store.memory import MemoryKeyStore
from gateway.store.secret_files import LOG_KEY_FILE, read_secrets, read_signer
from gateway.store.sqlite_reader import SqliteReadEngine
from gateway.store.vault import Vault
from gateway.tlog.asof import Answer, decode_as_of, verify_as_of
from gateway.tlog.leaf import LeafType, decode_leaf
from gateway.tlog.receipt import decode_receipt, verify_receipt
from gateway.tlog.replay import Replay, Shown
from optout.kit.certificates import files_of
from optout.kit.clock import SystemClock
from optout.kit.config import load, read_secret
from optout.kit.identity import Identity, Role
from optout.kit.number import parse_number
from optout.kit.ports import pick_port
from optout.kit.tls import channel_credentials, channel_options
from optout.v1 import audit_pb2, audit_pb2_grpc, number_pb2, number_pb2_grpc, registry_pb2, registry_pb2_grpc, types_pb2
from tests.e2e.desks import CARRIERS, ENVELOPES, SOURCE, make_adapter_config, start
from tests.e2e.sweep import search, search_for, spell, spell_bytes

GONE, STAYS = "13800138000", "13900139000"
DAY_MS = 86_400_000
PATIENCE_S = 60.0
SERVICE_CODES = {"mobile": "10086", "telecom": "10001"}
PROTOCOLS = {"mobile": Protocol.CMPP, "telecom": Protocol.SMGP}
ORDER = Order(
    verb=Verb.OPEN, number=GONE, desk=Desk.HALL, booked_by="clerk-12", mandate="CRM-ORDER/2026",
    notice_version="2026-11", consent=Consent.GIVEN, proof=Proof.IDENTITY_DOCUMENT,
)  # fmt: skip


class ShiftedClock(SystemClock):
    """The system's clock, put forward."""

    shift_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.shift_ms


@dataclass
class Federation:
    """What runs, and how to ask it."""

    folder: Path
    clock: ShiftedClock
    layout: Layout
    smscs: dict[str, SmscSimulator] = field(default_factory=dict)
    crms: dict[str, CrmSimulator] = field(default_factory=dict)
    cleanup: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def channel(self, role: Role, party: str) -> grpc.aio.Channel:
        """A channel to the gateway with a party's certificate."""
        credentials = channel_credentials(files_of(self.folder / "certs", Identity(role, party)))
        options = channel_options(Identity(Role.GATEWAY, "gateway"))
        channel = grpc.aio.secure_channel(f"127.0.0.1:{self.layout.gateway_port}", credentials, options)
        return await self.cleanup.enter_async_context(channel)

    async def audit(self, *arguments: str, reach: bool = True) -> str:
        """``optout audit`` as the institute runs it; what it says."""
        certs = self.folder / "certs"
        where = ("--gateway", f"127.0.0.1:{self.layout.gateway_port}", "--certs", str(certs)) if reach else ()
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).parent / "optout"), "audit", *arguments, *where, stdout=-1, stderr=-1
        )
        out, err = await process.communicate()
        assert process.returncode == 0, (out + err).decode()
        return out.decode()

    def text(self, carrier: str, number: str, text: str) -> None:
        """A text from a phone."""
        self.smscs[carrier].send_mo(MobileOriginated(number, text, SERVICE_CODES[carrier]))

    def inbox(self, carrier: str, number: str) -> str:
        """What a phone got."""
        phones = [phone for phone in self.smscs[carrier].phones if phone.number.endswith(number)]
        return "\n".join(message.text for phone in phones for message in phone.inbox)

    async def hear(self, carrier: str, number: str, text: str) -> None:
        """Wait until a phone got a text."""
        await until(lambda: text in self.inbox(carrier, number), f"no text {text!r}")

    async def book(self, carrier: str, **order: Any) -> None:
        """A clerk's order, done."""
        booked = await self.crms[carrier].book(Booking(replace(ORDER, **order)))
        assert booked.answer is not None
        assert booked.answer.result is Result.DONE, booked.answer


async def until(holds: Any, complaint: str) -> None:
    """Wait until something holds, plain or awaitable."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = holds()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.05)
    raise AssertionError(complaint)


@asynccontextmanager
async def open_federation(folder: Path) -> AsyncIterator[Federation]:
    """Gateway and both carriers' adapters with files, mTLS and real protocols, on one clock."""
    house = folder / "house"
    (folder / "elsewhere").mkdir()
    layout, clock, stop = Layout(), ShiftedClock(), asyncio.Event()
    lay_out(house, layout)
    ports = {name: pick_port() for name in SERVICE_CODES}
    loaded = load(GatewayConfig, file=house / "gateway.toml")
    gateway = replace(
        loaded,
        carriers={name: CarrierLinkConfig(f"127.0.0.1:{port}") for name, port in ports.items()},
        tlog=replace(loaded.tlog, checkpoint_s=0.2, epoch_s=1.0, map_bits=6),
        store=replace(loaded.store, key_backups=house / "key-backups"),
    )
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as cleanup:
        federation = Federation(house, clock, layout, cleanup=cleanup)
        cleanup.callback(stop.set)
        await start(tasks, partial(run_gateway, gateway, clock=clock), stop)
        for name, port in ports.items():
            smsc = federation.smscs[name] = await _open_smsc(house, name)
            cleanup.push_async_callback(smsc.stop)
            config = _adapter_config(house, name, port, smsc.port)
            addresses = await start(tasks, partial(run_adapter, CARRIERS[name], config, clock=clock), stop)
            secret = read_secret(house / "smsc.secret")
            url = f"http://{addresses.orders}/orders"
            # The CRMs live in the same time as the adapters, or their orders would be stale.
            crm = CrmSimulator(CrmSettings(url, ENVELOPES[name], SOURCE, secret, retry_s=0.1, clock=clock))
            federation.crms[name] = crm
            await crm.start()
            cleanup.push_async_callback(crm.stop)
        yield federation


async def _open_smsc(folder: Path, name: str) -> SmscSimulator:
    account = Account(SP_ID, read_secret(folder / "smsc.secret"), SERVICE_CODES[name])
    smsc = SmscSimulator(SmscSettings((account,), PROTOCOLS[name], resend_s=1.0))
    await smsc.start()
    return smsc


def _adapter_config(folder: Path, name: str, port: int, smsc_port: int) -> AdapterConfig:
    config = make_adapter_config(folder, CARRIERS[name])
    link = LinkConfig("one", "127.0.0.1", smsc_port, account=SP_ID, secret=folder / "smsc.secret")
    return replace(
        config, grpc=GrpcConfig(f"127.0.0.1:{port}", drain_s=1.0), http=HttpConfig("127.0.0.1:0"), links=(link,)
    )


@pytest.fixture
def house_log(tmp_path: Path) -> Any:
    """Everything that is logged, with all that goes along with it, in a file of the house."""
    (tmp_path / "house").mkdir()
    handler = logging.FileHandler(tmp_path / "house" / "all.log")
    handler.setFormatter(_Everything())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield
    root.removeHandler(handler)
    root.setLevel(level)
    handler.close()


class _Everything(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{record.getMessage()} {record.__dict__}"


@dataclass
class Evidence:
    """What was shown while the subscriber was known: proofs, and the secrets that must be gone afterwards."""

    receipt: bytes
    as_of: bytes
    salts: list[bytes]
    sealed: list[bytes]
    wrapped: bytes


async def live(federation: Federation) -> types_pb2.Subscription:
    """A subscriber's life: opened by text, changed at a hotline and by text, ported, asked for by text, erased."""
    federation.text("mobile", GONE, "KTFSR")
    await federation.hear("mobile", GONE, "回复Y")
    federation.text("mobile", GONE, "Y")
    await federation.hear("mobile", GONE, "已开通")
    await federation.book("mobile", verb=Verb.SET_CATEGORIES, desk=Desk.HOTLINE, proof=Proof.AGENT, refuse=("loan",))
    federation.text("mobile", GONE, "HMDTJ4001234567")
    await federation.hear("mobile", GONE, "黑名单")
    await federation.book("mobile", number=STAYS)
    await federation.hear("mobile", STAYS, "已开通")
    await _port(federation)
    await federation.hear("telecom", GONE, "随号")
    federation.text("telecom", GONE, "CXFSR")
    await federation.hear("telecom", GONE, "贷款")
    return await _ask(federation)


async def _port(federation: Federation) -> None:
    stub = number_pb2_grpc.NumberServiceStub(await federation.channel(Role.CARRIER, "telecom"))
    event = number_pb2.NumberEvent(
        event_id="p-1",
        kind=number_pb2.NUMBER_EVENT_KIND_PORTED_IN,
        number=f"+86{GONE}",
        effective_time=write_time(federation.clock.now_ms() - 1),
        counterpart="mobile",
    )
    requests = iter([number_pb2.ReportNumberEventsRequest(event=event)])
    answers = [answer async for answer in stub.ReportNumberEvents(requests)]
    assert [answer.reason for answer in answers] == [0]


async def _ask(federation: Federation) -> types_pb2.Subscription:
    stub = registry_pb2_grpc.RegistryServiceStub(await federation.channel(Role.OPERATOR, "operator-a"))
    request = registry_pb2.GetSubscriptionRequest(number=f"+86{GONE}", medium=types_pb2.MEDIUM_VOICE)
    return (await stub.GetSubscription(request)).subscription


async def gather_evidence(federation: Federation) -> Evidence:
    """A receipt and an as-of proof, and from the files what is to be searched for later."""
    secrets = read_secrets(federation.folder / "secrets")
    label = Vault(MemoryKeyStore(), secrets.label_key).label(parse_number(GONE), 1)
    audit = audit_pb2_grpc.AuditServiceStub(await federation.channel(Role.INSTITUTE, "institute"))
    select = "SELECT o.idx, o.sealed FROM openings o JOIN entries e USING (idx) WHERE label = ?"
    mine = dict(ask_database(federation.folder / "registry.sqlite", select, label))
    ((wrapped,),) = ask_database(
        federation.folder / "keys.sqlite", "SELECT wrapped FROM subject_keys WHERE label = ?", label
    )
    # Asked after the file was read: more may be written about this subscriber meanwhile.
    request = audit_pb2.ListEntriesRequest(page_size=500, with_openings=True, case_id="case-1")
    entries = (await audit.ListEntries(request)).entries
    salts = [entry.opening.salt for entry in entries if entry.index in mine]
    carrier = audit_pb2_grpc.AuditServiceStub(await federation.channel(Role.CARRIER, "mobile"))
    first = min(mine)
    receipt = (await carrier.GetReceipt(audit_pb2.GetReceiptRequest(revision=first + 1), timeout=20)).receipt
    now_ms = federation.clock.now_ms()
    asked = audit_pb2.ProveStateRequest(number=f"+86{GONE}", as_of=write_time(now_ms), case_id="case-1")
    proof = await prove_state(audit, asked)
    assert proof.answer == audit_pb2.STATE_ANSWER_PRESENT
    return Evidence(receipt, proof.proof, salts, list(mine.values()), wrapped)


async def prove_state(audit: Any, asked: audit_pb2.ProveStateRequest) -> audit_pb2.ProveStateResponse:
    """Ask until there is an EPOCH that is late enough, with a map."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                pieces = [piece async for piece in audit.ProveState(asked, timeout=20)]
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
            else:
                if pieces[0].answer != audit_pb2.STATE_ANSWER_TOO_RECENT:
                    (proof,) = pieces
                    return proof
            await asyncio.sleep(0.1)
    raise AssertionError("no EPOCH came")


async def test_erasure_when_the_retention_ends_then_no_byte_tells_who_it_was_and_old_proofs_hold(
    tmp_path: Path, house_log: Any
) -> None:
    async with open_federation(tmp_path) as federation:
        house = federation.folder
        known = await live(federation)
        assert (known.carrier, known.state) == ("telecom", types_pb2.ENROLMENT_STATE_OPEN)
        evidence = await gather_evidence(federation)
        assert len(evidence.salts) == len(evidence.sealed) >= 7
        # The institute works on a case: its export holds openings with their salts, and nothing else in the house does.
        await federation.audit("export", str(house / "export"), "--case", "case-1")
        assert {name for name, _ in search(house, spell_all(evidence))} == {"export"}
        await federation.book("telecom", verb=Verb.ERASE)
        await federation.hear("telecom", GONE, "全部删除")
        stopped = await _ask(federation)
        assert stopped.state == types_pb2.ENROLMENT_STATE_RESTRICTED
        assert (stopped.erasure.erase_by.seconds - stopped.erasure.restrict_time.seconds) == 183 * 86_400
        # Both adapters erase what they hold and say so, the one that lost the number as well.
        await until(partial(_is_confirmed, federation), "carriers have not confirmed")
        copy_database(house / "registry.sqlite", tmp_path / "elsewhere" / "registry.sqlite")
        assert set(search_for(house, evidence.sealed)) & {"registry.sqlite", "registry.sqlite-wal"}
        await until(lambda: not _rows_of_erasures(house), "an adapter has not heard that its report was taken")
        check_journals(house)
        federation.clock.shift_ms = 184 * DAY_MS
        await until(partial(_is_erased, house), "nothing was erased")
        await _write_metrics(federation)
        # The same command again drops what was erased.
        await federation.audit("export", str(house / "export"), "--case", "case-1")
        await until(partial(_is_forgotten_by_the_map, house), "no EPOCH came after the erasure")
        check_sweep(house, evidence)
        await _check_answers(federation)
        log = read_signer(house / "secrets" / LOG_KEY_FILE).verifier().encode()
        told = await federation.audit("replay", "--export", str(house / "export"), "--key", log, reach=False)
        assert "the log holds" in told
        assert "covered by erasure, not verified" in told
        check_files_are_shut_for_good(tmp_path / "elsewhere", house)
    check_sweep(house, evidence)
    check_journals(house)
    check_proofs(house, evidence)
    check_replay(house)


async def _is_confirmed(federation: Federation) -> bool:
    return not (await _ask(federation)).erasure.unconfirmed


def _is_erased(house: Path) -> bool:
    return ask_database(house / "registry.sqlite", "SELECT count(*) FROM erased WHERE done = 1") == [(1,)]


def _is_forgotten_by_the_map(house: Path) -> bool:
    select = "SELECT max(idx) FROM entries WHERE type = ?"
    last = [ask_database(house / "registry.sqlite", select, kind)[0][0] for kind in (LeafType.ERASE, LeafType.EPOCH)]
    return bool(last[0] < last[1])


def ask_database(path: Path, select: str, *values: bytes | int) -> list[tuple[Any, ...]]:
    """Read beside whoever writes, and let go at once."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(select, values).fetchall()


async def _write_metrics(federation: Federation) -> None:
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"http://127.0.0.1:{federation.layout.http_port}/metrics")
        (federation.folder / "metrics.txt").write_text(await answer.text())


def spell_all(evidence: Evidence) -> dict[str, bytes]:
    """The number and every salt, as they could be written."""
    wanted = spell(GONE)
    for place, salt in enumerate(evidence.salts):
        wanted |= spell_bytes(f"salt {place}", salt)
    return wanted


def check_sweep(house: Path, evidence: Evidence) -> None:
    """Neither the number in any spelling, nor a salt, nor what was sealed, nor the key is in any file."""
    wanted = spell_all(evidence)
    assert search(house, wanted) == []
    assert search_for(house, [*evidence.sealed, evidence.wrapped]) == []
    # The search finds what is there.
    planted = house / "planted.bin"
    for value in (GONE.encode("utf-16-le"), bytes.fromhex(f"{GONE}0"), evidence.salts[0].hex().encode()):
        planted.write_bytes(b"\x01" + value)
        assert {name for name, _ in search(house, wanted)} == {"planted.bin"}
        planted.unlink()


_SEALED = {
    "parts": "SELECT 'part/' || notice_id || '/' || part, sealed FROM parts",
    "replies": "SELECT 'reply/' || lower(hex(reply_key)), sealed FROM replies",
    "segments": "SELECT 'segment/' || lower(hex(group_key)) || '/' || part, sealed FROM segments",
    "provisions": "SELECT 'provision ' || order_id, sealed FROM provisions",
    "records": "SELECT 'record/' || kind || '/' || lower(hex(record_key)), sealed FROM records",
    "erasures": "SELECT 'erasure/' || order_id, sealed FROM erasures",
}


def _rows_of_erasures(house: Path) -> int:
    count = "SELECT count(*) FROM erasures"
    return sum(int(ask_database(house / f"{name}.sqlite", count)[0][0]) for name in SERVICE_CODES)


def check_journals(house: Path) -> None:
    """A journal's key lives on, so what is sealed there is opened and searched: all of it, row by row."""
    seal = Seal(parse_key(read_secret(house / "journal.key")))
    opened: dict[str, list[bytes]] = {}
    for name in SERVICE_CODES:
        path = house / f"{name}.sqlite"
        for select in _SEALED.values():
            opened.setdefault(name, []).extend(seal.open(sealed, place) for place, sealed in ask_database(path, select))
        for table in ("parts", "parked", "prompts"):
            keys = {key for (key,) in ask_database(path, f"SELECT number_key FROM {table}")}
            assert seal.lookup("number", f"+86{GONE}") not in keys
    assert not [plain for plains in opened.values() for plain in plains if GONE.encode() in plain]
    # The other subscriber's notices are there still, so the search is one.
    assert [plain for plain in opened["mobile"] if STAYS.encode() in plain]


async def _check_answers(federation: Federation) -> None:
    audit = audit_pb2_grpc.AuditServiceStub(await federation.channel(Role.INSTITUTE, "institute"))
    now = write_time(federation.clock.now_ms() - 1000)
    asked = audit_pb2.ProveStateRequest(number=f"+86{GONE}", as_of=now, case_id="case-2")

    async def is_erased() -> bool:
        return (await prove_state(audit, asked)).answer == audit_pb2.STATE_ANSWER_ERASED

    await until(is_erased, "the state asked for is not said to be erased")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await _ask(federation)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def check_files_are_shut_for_good(copy: Path, house: Path) -> None:
    """A copy of the registry from before tells nothing of this subscriber any more, and all of the others."""
    secrets = read_secrets(house / "secrets")
    reader = SqliteReadEngine(copy / "registry.sqlite")
    copy_database(house / "keys.sqlite", copy / "keys-now.sqlite")
    keys = SqliteKeyStore(copy / "keys-now.sqlite", secrets.master_key)
    recorder = Recorder(Vault(keys, secrets.label_key))
    labels = {name: recorder.vault.label(parse_number(name), 1) for name in (GONE, STAYS)}
    rows = reader.entries(0, 1000)
    opened = {name: [recorder.opening(row) for row in rows if row.label == label] for name, label in labels.items()}
    assert opened[GONE]
    assert set(opened[GONE]) == {None}
    assert None not in opened[STAYS]
    reader.close()
    keys.close()


def copy_database(path: Path, copy: Path) -> None:
    """A database as it stands, while others write to it."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        database.execute("VACUUM INTO ?", (str(copy),))


def check_proofs(house: Path, evidence: Evidence) -> None:
    """What was proved before is proved still, by the log's public key alone."""
    log = read_signer(house / "secrets" / LOG_KEY_FILE).verifier()
    assert verify_receipt(decode_receipt(evidence.receipt), log).payload["instruction"]["number"] == f"+86{GONE}"
    shown = verify_as_of(decode_as_of(evidence.as_of), log)
    assert shown.answer is Answer.PRESENT
    assert shown.payload is not None


def check_replay(house: Path) -> None:
    """Whoever replays the log anew finds nothing wrong, and is told which EPOCHs nobody can rebuild any more."""

    secrets = read_secrets(house / "secrets")
    keys = SqliteKeyStore(house / "keys.sqlite", secrets.master_key)
    reader = SqliteReadEngine(house / "registry.sqlite")
    recorder = Recorder(Vault(keys, secrets.label_key))
    rows = reader.entries(0, 10_000)
    replay = Replay(LogJudge())
    found = [f for row in rows for f in replay.take(Shown(row.index, row.leaf, row.label, recorder.opening(row)))]
    assert [*found, *replay.finish()] == []
    types = [decode_leaf(row.leaf).type for row in rows]
    assert types.count(LeafType.ERASE) == 1
    erased_at = types.index(LeafType.ERASE)
    assert replay.result.covered
    assert max(replay.result.covered) < erased_at
    assert types[erased_at:].count(LeafType.EPOCH) >= 1
    reader.close()
    keys.close()
