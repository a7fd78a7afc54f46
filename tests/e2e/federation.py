"""A federation of real processes that can be killed: gateway, a carrier's adapter, the SMS gateway simulator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from gateway.service.record import Recorder
from gateway.store.keys import SqliteKeyStore
from gateway.store.rows import OutboxKind, OutboxState
from gateway.store.secret_files import read_secrets
from gateway.store.sqlite_reader import SqliteReadEngine
from gateway.store.vault import Vault
from gateway.tlog.compact import CompactRange
from gateway.tlog.hashing import leaf_hash
from gateway.tlog.leaf import decode_leaf
from optout.kit.clock import SystemClock
from optout.sim.v1 import smsc_pb2, smsc_pb2_grpc
from tests.e2e.carriers import MOBILE, CarrierLayout, CarrierPart, lay_out_for
from tests.forked import fork, run_command

PATIENCE_S = 60.0
READY_S = 60.0


@dataclass
class Process:
    """One of them: started from its configuration file, killed without warning, started again."""

    name: str
    arguments: tuple[str, ...]
    folder: Path
    running: BaseProcess | None = None
    starts: int = 0

    @property
    def log(self) -> Path:
        """Everything it printed, over all its lives."""
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self.starts += 1
        offset = self.log.stat().st_size if self.log.exists() else 0
        command = (*self.arguments, "--config", str(self.folder / f"{self.name}.toml"))
        self.running = fork(run_command, command, self.log)
        deadline = time.monotonic() + READY_S
        while b" ready " not in self._printed_since(offset):
            if not self.running.is_alive() or time.monotonic() > deadline:
                raise AssertionError(f"{self.name} did not come up: see its log")
            time.sleep(0.01)

    def _printed_since(self, offset: int) -> bytes:
        if not self.log.exists():
            return b""
        with self.log.open("rb") as log:
            log.seek(offset)
            return log.read()

    def kill(self) -> None:
        """SIGKILL: no drain, no goodbye."""
        assert self.running is not None
        self.running.kill()
        self.running.join()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        if self.running is None:
            return 0
        self.running.terminate()
        self.running.join(READY_S)
        assert self.running.exitcode is not None, f"{self.name} does not end"
        return self.running.exitcode

    def end(self) -> None:
        """Whatever it does, it does no more."""
        if self.running is not None and self.running.is_alive():
            self.kill()


@dataclass
class Federation:
    """The processes, and the phones of its subscribers."""

    folder: Path
    carrier: CarrierPart
    smsc: Process
    gateway: Process
    adapter: Process
    control: smsc_pb2_grpc.SmscServiceStub
    sent: dict[str, list[str]] = field(default_factory=dict)

    def text(self, number: str, text: str) -> int:
        """Send a text; returns the history's index before it."""
        request = smsc_pb2.SmscServiceSendMoRequest(to=self.carrier.service_code, text=text)
        setattr(request, "from", number)
        return self.control.SendMo(request, timeout=PATIENCE_S).after_index

    def wait_for(self, event: int, number: str, after: int, text: str = "") -> smsc_pb2.SmscEntry:
        """The next event about a phone; TimeoutError-like failure if it does not come."""
        wanted = smsc_pb2.SmscFilter(event=event, number=number, after_index=after, text_contains=text)  # type: ignore[arg-type]
        request = smsc_pb2.SmscServiceWaitForRequest(filter=wanted, count=1, timeout=Duration(seconds=int(PATIENCE_S)))
        return self.control.WaitFor(request, timeout=PATIENCE_S + 5).entries[0]

    def ask(self, number: str, text: str, reply: str) -> None:
        """Send a text and wait until its answer has arrived on the phone."""
        after = self.text(number, text)
        self.wait_for(smsc_pb2.SMSC_EVENT_ARRIVED, number, after, reply)

    def history(self, event: int) -> list[smsc_pb2.SmscEntry]:
        """Every event of one kind, page by page."""
        found: list[smsc_pb2.SmscEntry] = []
        while True:
            after = found[-1].index if found else 0
            wanted = smsc_pb2.SmscFilter(event=event, after_index=after)  # type: ignore[arg-type]
            request = smsc_pb2.SmscServiceListHistoryRequest(filter=wanted, limit=500)
            page = self.control.ListHistory(request, timeout=PATIENCE_S).entries
            if not page:
                return found
            found += page

    def state(self) -> smsc_pb2.SmscServiceGetStateResponse:
        """What the SMS gateway holds: phones, unacknowledged messages, violations."""
        return self.control.GetState(smsc_pb2.SmscServiceGetStateRequest(), timeout=PATIENCE_S)

    def settle(self) -> None:
        """Wait until nothing is on its way any more: no text unacknowledged, no notice to be sent."""
        deadline = time.monotonic() + PATIENCE_S
        while self.state().unacknowledged or self.due():
            assert time.monotonic() < deadline, "the federation does not come to rest"
            time.sleep(0.05)

    def due(self) -> list[str]:
        """Ids of what carriers are to be asked by now.

        The registry's own reminders wait for their time, and at night some notices for the morning.
        """
        reader = SqliteReadEngine(self.folder / "registry.sqlite")
        try:
            now_ms, told = SystemClock().now_ms(), {OutboxKind.NOTIFY, OutboxKind.APPLY}
            return [
                row.id for row in reader.outbox(OutboxState.READY, 100_000) if row.kind in told and row.due_ms <= now_ms
            ]
        finally:
            reader.close()


@dataclass(frozen=True)
class Ledger:
    """The registry as its files hold it after the gateway has stopped."""

    payloads: list[dict[str, Any]]
    root_holds: bool
    accepted_ms: list[int]

    def instructions(self) -> list[dict[str, Any]]:
        """Entries made by instructions."""
        return [payload for payload in self.payloads if payload.get("kind") == "instruction"]


def read_ledger(folder: Path) -> Ledger:
    """Read the log with its openings, and compare its root with the head."""
    secrets = read_secrets(folder / "secrets")
    keys = SqliteKeyStore(folder / "keys.sqlite", secrets.master_key)
    reader = SqliteReadEngine(folder / "registry.sqlite")
    try:
        recorder = Recorder(Vault(keys, secrets.label_key))
        rows = reader.entries(0, 10_000_000)
        head = reader.subjects(None, None, b"", 1)[1]  # type: ignore[arg-type]
        recomputed = CompactRange().append_many([leaf_hash(row.leaf) for row in rows])
        payloads = [recorder.open(row) or {} for row in rows]
        accepted_ms = [decode_leaf(row.leaf).accept_time_ms for row in rows]
        return Ledger(payloads, head.size == len(rows) and head.root == recomputed.root(), accepted_ms)
    finally:
        reader.close()
        keys.close()


@contextmanager
def open_federation(folder: Path, carrier: CarrierPart = MOBILE, *, adapter_extra: str = "") -> Iterator[Federation]:
    """Start all three, the adapter with more configuration; on the way out everything is stopped, whatever happened."""
    layout = CarrierLayout(resend_s=1.0, reconnect_s=0.2)
    lay_out_for(folder, layout, carrier)
    with (folder / "adapter.toml").open("a", encoding="utf-8") as adapter_file:
        adapter_file.write(adapter_extra)
    smsc = Process("smsc", ("simulate", "smsc"), folder)
    gateway = Process("gateway", ("serve",), folder)
    adapter = Process("adapter", ("adapter", carrier.id), folder)
    channel = grpc.insecure_channel(f"127.0.0.1:{layout.control_port}")
    try:
        for process in (smsc, gateway, adapter):
            process.start()
        yield Federation(folder, carrier, smsc, gateway, adapter, smsc_pb2_grpc.SmscServiceStub(channel))
    finally:
        channel.close()
        for process in (adapter, gateway, smsc):
            process.end()
