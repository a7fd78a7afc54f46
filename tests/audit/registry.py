"""A registry whose rules stand in its log, and its log replayed with the judge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from gateway.domain.capability import Capabilities, Enforcement, ItemCapability
from gateway.domain.capability_codec import write_capabilities
from gateway.domain.instruction import ExpectedEffect, ItemKind
from gateway.domain.policy import Policy
from gateway.domain.policy_form import seal_policy
from gateway.service.adoption import open_rules
from gateway.service.books import CapabilityBook, PublicationUnit
from gateway.service.interceptions import InterceptionBook
from gateway.service.judge import LogJudge
from gateway.service.operator_keys import OperatorKeys
from gateway.service.policy import PolicyService
from gateway.service.reconcile import Reconciler
from gateway.service.record import Recorder
from gateway.service.screening import ScreeningService
from gateway.store.base import Store
from gateway.store.memory import MemoryKeyStore, MemoryStore
from gateway.store.vault import Vault
from gateway.tlog.leaf import LeafType
from gateway.tlog.replay import Replay, Shown
from gateway.tlog.walk import Finding
from optout.kit.clock import FakeClock
from optout.kit.identity import Identity, Role
from tests.audit.shown_log import show, with_epoch
from tests.domain.samples import NOON_MS, default_lines, default_policy
from tests.service.house import House, furnish

A, B = Identity(Role.OPERATOR, "operator-a"), Identity(Role.OPERATOR, "operator-b")
FIRST = default_policy()
FULL = {kind: (ItemCapability(ExpectedEffect.FULL),) for kind in ItemKind}


def platform(carrier: str, version: str = "1", delay_s: int = 86_400) -> Capabilities:
    """A carrier whose own platform enforces."""
    return Capabilities(carrier, version, Enforcement.PLATFORM, FULL, effect_delay_s=delay_s)


@dataclass
class Registry:
    """The services over one store, and what a log of theirs comes to."""

    house: House
    calls: InterceptionBook
    policy: PolicyService
    reconciler: Reconciler

    async def declare(self, declared: Capabilities) -> None:
        """A carrier is heard, as dispatch does it."""
        content = write_capabilities(declared)
        unit = PublicationUnit(self.house.recorder, LeafType.STATEMENT, "capabilities", content)
        await self.house.store.commit(unit)
        self.house.capabilities.put(declared)

    async def publish(self, name: str, activation_ms: int = 0, **changes: object) -> None:
        """Two operators publish a policy."""
        wanted = seal_policy(replace(FIRST, version=name, **changes))  # type: ignore[arg-type]
        await self.policy.propose(A, wanted, activation_ms, "")
        await self.policy.approve(B, name, wanted.digest, "")

    async def log(self) -> list[Shown]:
        """The log as it is shown, with an EPOCH at its end."""
        return with_epoch(await show(self.house))


def furnish_registry(house: House, keys: OperatorKeys | None = None) -> Registry:
    """The services that the audit's tests need, over a house."""
    screening = ScreeningService(house.store, house.recorder, house.policies)
    policy = PolicyService(house.store, house.recorder, house.policies, screening, keys, house.clock)
    calls = InterceptionBook(house.store, house.recorder, house.policies)
    reconciler = Reconciler(house.store, house.recorder, house.policies, house.capabilities, house.clock)
    return Registry(house, calls, policy, reconciler)


async def open_log(store: Store, clock: FakeClock, keys: MemoryKeyStore, policy: Policy = FIRST) -> House:
    """A house over a store whose log begins with the rules of a file, the one that ships; or that goes on with them."""
    recorder = Recorder(Vault(keys, b"l" * 32))
    book = await open_rules(store, recorder, policy, default_lines(), clock)
    return furnish(store, recorder, clock, book, CapabilityBook())


@asynccontextmanager
async def open_registry(keys: OperatorKeys | None = None) -> AsyncIterator[Registry]:
    """A registry over a store in memory, on a clock that stands still."""
    clock, vault_keys = FakeClock(NOON_MS), MemoryKeyStore()
    store = MemoryStore(vault_keys, clock=clock)
    try:
        yield furnish_registry(await open_log(store, clock, vault_keys), keys)
    finally:
        await store.close()


def replay(log: Iterable[Shown], judge: LogJudge | None = None) -> list[Finding]:
    """Everything that is wrong with a log."""
    work = Replay(judge or LogJudge())
    return [*(finding for entry in log for finding in work.take(entry)), *work.finish()]


def named(findings: Sequence[Finding]) -> list[tuple[int, str, str]]:
    """Findings as they are compared."""
    return [(finding.index, str(finding.flaw), finding.detail) for finding in findings]
