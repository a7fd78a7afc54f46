"""A registry in memory for tests of the services: carriers' instructions in, log and outbox to look at."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gateway.domain.capability import Capabilities
from gateway.domain.instruction import Action, Channel, Instruction
from gateway.domain.preferences import Medium
from gateway.service.audit import LogRooms
from gateway.service.books import CapabilityBook, PolicyBook
from gateway.service.epoch import EpochCadence, Epochs
from gateway.service.eraser import Eraser
from gateway.service.gate import Gate
from gateway.service.hearing import DEAF, Hearing
from gateway.service.numbers import NumberService
from gateway.service.outbox import NoticeOrder, OutboxSealer
from gateway.service.record import Recorder
from gateway.service.registrar import Registrar
from gateway.service.registry import RegistryService
from gateway.service.roster import NATIONAL, Roster
from gateway.service.signer import LogParts, LogSigner
from gateway.service.timers import Timers
from gateway.service.tree import LogTree
from gateway.service.views import Outcome
from gateway.store.base import KeyStore, Store
from gateway.store.fence import MemoryFence
from gateway.store.memory import MemoryKeyStore, MemoryStore
from gateway.store.publication import MemoryPublication
from gateway.store.rows import OutboxKind
from gateway.store.vault import Vault
from gateway.tlog.note import Ed25519Secret, Signer
from optout.kit.clock import FakeClock
from optout.kit.identity import Identity, Role
from optout.kit.number import PhoneNumber
from tests.domain.samples import NOON_MS, OWN, PROOFS, default_lines, default_policy

LOG_KEY = Signer("registry.example", Ed25519Secret(bytes(range(32))))
MOBILE = Identity(Role.CARRIER, "mobile")
TELECOM = Identity(Role.CARRIER, "telecom")
INSTITUTE = Identity(Role.INSTITUTE, "institute")
OPERATOR = Identity(Role.OPERATOR, "operator-a")
PLATFORM = Identity(Role.PLATFORM, "sunrise-calls")
SCREENER = Identity(Role.SCREENER, "switch")
MOBILES_SCREENER, TELECOMS_SCREENER = (Identity(Role.SCREENER, f"edge-{name}") for name in ("mobile", "telecom"))
ROSTER = Roster(
    platforms=(PLATFORM.party,),
    witnesses=("witness-a",),
    screeners={SCREENER.party: NATIONAL, MOBILES_SCREENER.party: "mobile", TELECOMS_SCREENER.party: "telecom"},
)


@dataclass(slots=True)
class House:
    """The services over one store."""

    store: Store
    recorder: Recorder
    clock: FakeClock
    policies: PolicyBook
    capabilities: CapabilityBook
    registry: RegistryService
    numbers: NumberService
    timers: Timers
    ids: Any = field(default_factory=lambda: itertools.count(1))

    def instruction(
        self,
        action: Action,
        *,
        number: PhoneNumber = OWN,
        channel: Channel = Channel.SMS,
        carrier: str = "mobile",
        id: str = "",  # noqa: A002 - the field's name
        medium: Medium = Medium.VOICE,
    ) -> Instruction:
        """An instruction with the proof that its channel brings."""
        own_id = id or f"m{next(self.ids)}"
        return Instruction(
            own_id, carrier, channel, "901234", own_id, number, medium, self.clock.now_ms(), action, PROOFS[channel]
        )

    async def submit(self, action: Action, **fields: Any) -> Outcome:
        """Submit as the carrier named in the instruction."""
        instruction = self.instruction(action, **fields)
        return await self.registry.submit(Identity(Role.CARRIER, instruction.carrier), instruction)

    def log_rooms(self) -> LogRooms:
        """A log over the store: its tree, a signer that was not started, EPOCHs, publications."""
        publication = MemoryPublication()
        tree = LogTree(self.store, publication)
        parts = LogParts(self.store, tree, MemoryFence(), publication, [LOG_KEY])
        epochs = Epochs(self.store, self.recorder, self.clock, EpochCadence(bits=4))
        return LogRooms(tree, LogSigner(parts, self.clock, Gate()), epochs, publication)

    async def payloads(self) -> list[dict[str, Any]]:
        """Every entry's opening, in order."""
        opened = [self.recorder.open(row) for row in await self.store.entries(0, 10_000)]
        return [payload for payload in opened if payload is not None]

    async def notices(self, carrier: str = "mobile") -> list[NoticeOrder]:
        """The notices that wait for a carrier."""
        sealer = OutboxSealer(self.recorder.vault)
        rows = await self.store.due(carrier, 2**62, 10_000)
        return [sealer.open_notice(row) for row in rows if row.kind is OutboxKind.NOTIFY]


def house_over(
    store: Store,
    keys: KeyStore,
    clock: FakeClock,
    capabilities: Capabilities | None = None,
    hearing: Hearing = DEAF,
) -> House:
    """The services over a store."""
    policies, book = PolicyBook(default_policy(), default_lines(), clock), CapabilityBook()
    if capabilities is not None:
        book.put(capabilities)
    return furnish(store, Recorder(Vault(keys, b"l" * 32)), clock, policies, book, hearing)


def furnish(
    store: Store,
    recorder: Recorder,
    clock: FakeClock,
    policies: PolicyBook,
    book: CapabilityBook,
    hearing: Hearing = DEAF,
) -> House:
    """The services over a store and books that are there already."""
    registrar = Registrar(recorder, policies, book)
    registry = RegistryService(store, recorder, policies, book, ROSTER, hearing)
    numbers, timers = NumberService(store, registrar), Timers(store, registrar, clock, Eraser(store, recorder))
    return House(store, recorder, clock, policies, book, registry, numbers, timers)


@asynccontextmanager
async def open_house(capabilities: Capabilities | None = None, hearing: Hearing = DEAF) -> AsyncIterator[House]:
    """A house over a store in memory, on a clock that stands still."""
    clock, keys = FakeClock(NOON_MS), MemoryKeyStore()
    store = MemoryStore(keys, clock=clock)
    try:
        yield house_over(store, keys, clock, capabilities, hearing)
    finally:
        await store.close()
