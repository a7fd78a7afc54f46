"""A log with its signer in memory, faults on demand, and witnesses that may lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.service.cosigning import Cosigning, WitnessPort, WitnessReply, WitnessUnreachableError
from gateway.service.gate import Gate
from gateway.service.signer import Cadence, LogParts, LogSigner, Published
from gateway.service.tree import LogTree
from gateway.store.base import Decision, Reads, StoreError, View
from gateway.store.fence import Fence, FencePost, FenceUnknownError, MemoryFence
from gateway.store.memory import MemoryKeyStore, MemoryStore, MemoryTables
from gateway.store.publication import MemoryPublication, NoteRow, PublicationError
from gateway.store.rows import NO_SUBJECT, NewEntry
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.cosignature import Cosigner
from gateway.tlog.leaf import LeafType
from gateway.tlog.note import Ed25519Secret, Signer
from gateway.tlog.policy import Peer, Policy, quorum_policy
from gateway.tlog.witness import Status, decode_request, judge
from optout.kit.clock import FakeClock

SIGNER = Signer("registry.example", Ed25519Secret(bytes(range(32))))
LOGS = {SIGNER.name: [SIGNER.verifier()]}


class Some:
    """A unit that appends some entries; ``mark`` tells histories apart."""

    reads = Reads()

    def __init__(self, count: int = 1, mark: int = 0) -> None:
        self._count = count
        self._mark = mark

    def decide(self, view: View) -> Decision[int]:
        """The result is the index of the last entry."""
        entries = tuple(
            NewEntry(LeafType.STATEMENT, 0, self._mark, NO_SUBJECT, (view.next_index + n).to_bytes(32, "big"), b"o")
            for n in range(self._count)
        )
        return Decision(view.next_index + self._count - 1, entries=entries)


@dataclass
class Fault:
    """The next call fails: before it did anything, or after."""

    at: str
    applied: bool


class Faulty:
    """A fence or publication that fails as scripted."""

    def __init__(self, made: Any, error: type[StoreError]) -> None:
        self.made = made
        self.fault: Fault | None = None
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            fault = self.fault
            if fault is None or fault.at != name:
                return getattr(self.made, name)(*args)
            self.fault = None
            if fault.applied:
                getattr(self.made, name)(*args)
            raise self._error("scripted")

        return call


class SmallWitness:
    """A witness in memory, which answers after `delay_s`. A liar keeps no books and cosigns whatever the log signed."""

    def __init__(self, name: str, number: int, clock: FakeClock, *, is_liar: bool = False) -> None:
        self.cosigner = Cosigner(name, Ed25519Secret(bytes(31) + bytes([number])))
        self.known: Checkpoint | None = None
        self.is_down = False
        self.delay_s = 0.0
        self.asked = 0
        self._clock = clock
        self._is_liar = is_liar

    async def add_checkpoint(self, body: bytes) -> WitnessReply:
        """Judge as the standard says, unless it lies."""
        self.asked += 1
        if self.is_down:
            raise WitnessUnreachableError
        if self.delay_s:
            await self._clock.sleep(self.delay_s)
        request = decode_request(body)
        if not self._is_liar:
            judgement = judge(request, LOGS, self.known)
            if judgement.status is Status.CONFLICT:
                return WitnessReply(409, f"{judgement.size}\n".encode())
            if judgement.status is not Status.OK:
                return WitnessReply(judgement.status, b"")
            self.known = judgement.checkpoint
        line = self.cosigner.cosign(request.note.text, self._clock.now_ms() // 1000)
        return WitnessReply(200, line.encode().encode())


def witness_policy(witnesses: list[SmallWitness], threshold: int) -> Policy:
    """Any so many of these."""
    peers = {witness.cosigner.name: Peer(witness.cosigner.verifier()) for witness in witnesses}
    return quorum_policy(SIGNER.verifier(), peers, threshold)


@dataclass
class LogRoom:
    """What is durable, and how to start a signer over it; ``seen`` is every note that was ever published or stored."""

    clock: FakeClock = field(default_factory=FakeClock)
    tables: MemoryTables = field(default_factory=MemoryTables)
    fence: Faulty = field(default_factory=lambda: Faulty(MemoryFence(), FenceUnknownError))
    publication: Faulty = field(default_factory=lambda: Faulty(MemoryPublication(), PublicationError))
    witnesses: list[SmallWitness] = field(default_factory=list)
    threshold: int = 3
    seen: dict[int, set[str]] = field(default_factory=dict)
    gate: Gate = field(default_factory=Gate)

    def __post_init__(self) -> None:
        self.store = MemoryStore(MemoryKeyStore(), clock=self.clock, tables=self.tables)
        put = self.publication.made.put_note

        def remember(row: NoteRow) -> None:
            self.see(row.size, row.text)
            put(row)

        self.publication.made.put_note = remember

    def see(self, size: int, text: str) -> None:
        """Somebody outside may have seen this text signed."""
        self.seen.setdefault(size, set()).add(text)

    async def start(self, *, fence: Fence | None = None, timeout_s: float = 0.2) -> LogSigner:
        """Begin from what is durable, as a new process would."""
        self.gate = Gate()
        tree = LogTree(self.store, self.publication)
        cosigning = None
        if self.witnesses:
            policy = witness_policy(self.witnesses, self.threshold)
            ports: dict[str, WitnessPort] = {each.cosigner.name: each for each in self.witnesses}
            cosigning = Cosigning(policy, ports, tree, self.publication, self.clock, timeout_s=timeout_s)
        parts = LogParts(self.store, tree, fence or self.fence, self.publication, [SIGNER], cosigning)
        signer = LogSigner(parts, self.clock, self.gate, Cadence(boot_s=0.2))
        await signer.start()
        return signer

    def check_published(self, published: Published | None) -> Published:
        """What is published is what was seen, and no size was ever seen with two texts."""
        assert published is not None
        self.see(published.checkpoint.size, published.note.text)
        for size, texts in self.seen.items():
            assert len(texts) == 1, size
        return published


def post_of(published: Published) -> FencePost:
    """The same as a fence has it."""
    return FencePost(published.checkpoint.size, published.checkpoint.root)
