"""Instructions per second through Submit: rules, log, sealing and outbox, against the bare group commit they stand on.

The limit is what anybody would write first (`bench_store.RawGroupCommit`): one thread, whatever 100 callers queued,
one upsert and one log row each. The rival is one transaction for each call, as plain async database code has it.
Callers and registry share one process, without gRPC: `bench_grpc` says what that adds.
"""

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.domain.capability import Capabilities, Enforcement, ItemCapability
from gateway.domain.instruction import (
    Channel,
    Consent,
    Evidence,
    ExpectedEffect,
    Instruction,
    ItemKind,
    Open,
    Proof,
    SetRefusedCategories,
)
from gateway.domain.preferences import Medium
from gateway.service.books import CapabilityBook, PolicyBook
from gateway.service.record import Recorder
from gateway.service.registry import RegistryService
from gateway.store.base import StoreLimits
from gateway.store.keys import SqliteKeyStore
from gateway.store.sqlite import SqliteStore
from gateway.store.vault import Vault
from optout.kit.identity import Identity, Role
from optout.kit.number import parse_number
from tests.bench.bench_store import measure, measure_raw
from tests.bench.report import Figure, publish
from tests.domain.samples import default_policy

SUBSCRIBERS = 5_000
ROUNDS = 3
MOBILE = Identity(Role.CARRIER, "mobile")
AGENT = Evidence(
    proofs=(Proof.AGENT,),
    booked_by="agent-1",
    mandate="order-1",
    notice_version="2026-05",
    separate_consent=Consent.GIVEN,
)
NUMBERS = [parse_number(f"138{tail:08}") for tail in range(SUBSCRIBERS)]
ACTIONS = (Open(), SetRefusedCategories(refuse=("loan",)), SetRefusedCategories(accept=("loan",)))


def make_instruction(serial: int) -> Instruction:
    """First every subscriber opens, then each refuses and accepts loans in turn: every instruction is a change."""
    lap, subscriber = divmod(serial, SUBSCRIBERS)
    action = ACTIONS[0] if lap == 0 else ACTIONS[1 + lap % 2]
    number = NUMBERS[subscriber]
    return Instruction(
        f"s{serial}", "mobile", Channel.HOTLINE, "crm", f"s{serial}", number, Medium.VOICE, 0, action, AGENT
    )


def declare(enforcement: Enforcement) -> Capabilities:
    """A carrier that carries out everything: by asking the gateway about each call, or on a platform of its own."""
    full = (ItemCapability(ExpectedEffect.FULL),)
    return Capabilities(MOBILE.party, "1", enforcement, dict.fromkeys(ItemKind, full))


@asynccontextmanager
async def open_registry(
    limits: StoreLimits | None = None, enforcement: Enforcement = Enforcement.GATEWAY
) -> AsyncIterator[RegistryService]:
    """The registry as `optout serve` has it, over files, once it has heard the carrier."""
    capabilities = CapabilityBook()
    capabilities.put(declare(enforcement))
    with tempfile.TemporaryDirectory() as folder:
        keys = SqliteKeyStore(Path(folder) / "keys.sqlite", bytes(32))
        recorder = Recorder(Vault(keys, bytes(32)))
        store = SqliteStore(Path(folder) / "registry.sqlite", keys, limits=limits)
        try:
            yield RegistryService(store, recorder, PolicyBook(default_policy()), capabilities)
        finally:
            await store.close()
            keys.close()


async def fill(registry: RegistryService) -> None:
    """Every subscriber opens and changes something once."""
    for begin in range(0, 2 * SUBSCRIBERS, 1000):
        serials = range(begin, begin + 1000)
        await asyncio.gather(*(registry.submit(MOBILE, make_instruction(serial)) for serial in serials))


async def measure_submit(
    callers: int, seconds: float, limits: StoreLimits | None = None, enforcement: Enforcement = Enforcement.GATEWAY
) -> float:
    """Instructions per second, each of which changes something."""
    async with open_registry(limits, enforcement) as registry:
        await fill(registry)
        following = itertools.count(2 * SUBSCRIBERS)
        return await measure(lambda _: registry.submit(MOBILE, make_instruction(next(following))), callers, seconds)


def best(measure_once: Callable[[], Coroutine[None, None, float]]) -> float:
    """The best of some rounds: what else the machine does can only slow it down."""
    return max(asyncio.run(measure_once()) for _ in range(ROUNDS))


def run(seconds: float = 2.0) -> None:
    """Measure and publish."""
    raw = best(lambda: measure_raw(100, seconds))
    single = best(lambda: measure_submit(256, seconds, StoreLimits(max_batch=1)))
    figures = [
        Figure("raw group commit, 100 callers", raw, "/s", {"to raw": 1.0}, note="the limit"),
        Figure("Submit, one transaction a call", single, "/s", {"to raw": single / raw}, note="the rival"),
    ]
    for callers in (1, 16, 256):
        raw_own = best(lambda callers=callers: measure_raw(callers, seconds))  # type: ignore[misc]
        rate = best(lambda callers=callers: measure_submit(callers, seconds))  # type: ignore[misc]
        ratios = {
            "to raw": rate / raw,
            "to raw of as many callers": rate / raw_own,
            "to one transaction a call": rate / single,
        }
        goal = "≥ 0.3 of raw" if callers == 256 else ""
        figures.append(Figure(f"Submit, {callers} callers", rate, "/s", ratios, goal))
    rate = best(lambda: measure_submit(256, seconds, enforcement=Enforcement.PLATFORM))
    ratios = {"to raw": rate / raw, "to one transaction a call": rate / single}
    note = "an order and a wake more each"
    figures.append(Figure("Submit, 256 callers, carrier's own platform", rate, "/s", ratios, note=note))
    publish("submit", "Submit: instructions decided, sealed, logged and durable, without gRPC", figures)


if __name__ == "__main__":
    run()
