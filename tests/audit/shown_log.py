"""The log of a real registry as an auditor is shown it, and a liar's ways to rewrite it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from gateway.domain.instruction import Cancel, Channel, Confirm, EditList, Open, Query, SetRefusedCategories
from gateway.service.record import OPENING_PURPOSE
from gateway.store.rows import NO_SUBJECT
from gateway.tlog.leaf import EpochLeaf, Leaf, decode_leaf
from gateway.tlog.opening import SALT_BYTES, Opening, decode_payload, encode_payload
from gateway.tlog.replay import Shown
from gateway.tlog.statemap import Record, StateMap
from tests.domain.samples import FRIEND, NUISANCE, OWN
from tests.service.house import House, open_house

BITS = 6


async def show(house: House) -> list[Shown]:
    """Every entry with its opening, as the registry would show it to whoever may see."""
    shown = []
    for row in await house.store.entries(0, 100_000):
        sealed = row.sealed_opening
        opening = None
        if sealed is not None:
            clear = (
                sealed if row.label == NO_SUBJECT else house.recorder.vault.unseal(row.label, OPENING_PURPOSE, sealed)
            )
            opening = Opening(clear[:SALT_BYTES], clear[SALT_BYTES:])
        shown.append(Shown(row.index, row.leaf, row.label, opening))
    return shown


@asynccontextmanager
async def honest_log() -> AsyncIterator[list[Shown]]:
    """Two subscribers' stories, some of it refused, with an EPOCH at the end."""
    async with open_house() as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        await house.submit(Open(), number=FRIEND)
        await house.submit(SetRefusedCategories(refuse=("loan",)))
        house.clock.advance(1.0)
        await house.submit(Confirm(), number=FRIEND)
        await house.submit(EditList(allow=False, add=(NUISANCE,)))
        await house.submit(SetRefusedCategories(refuse=("astrology",)), number=FRIEND)
        house.clock.advance(1.0)
        await house.submit(Query(), number=OWN)
        await house.submit(Cancel(), number=FRIEND)
        await house.submit(Open(), number=FRIEND, channel=Channel.HOTLINE)
        yield with_epoch(await show(house))


def with_epoch(log: list[Shown], bits: int = BITS) -> list[Shown]:
    """The log with an EPOCH entry that an honest registry would add now."""
    chart = StateMap(bits)
    last = decode_leaf(log[-1].leaf)
    chart.put(records(log).values())
    leaf = EpochLeaf(0, chart.bits, last.accept_time_ms, len(log), chart.root())
    return [*log, Shown(len(log), leaf.encode(), b"", None)]


def records(log: list[Shown]) -> dict[bytes, Record]:
    found = {}
    for entry in log:
        if entry.label and entry.opening is not None:
            found[entry.label] = Record(entry.label, entry.index, payload_of(entry)["version"])
    return found


def payload_of(entry: Shown) -> dict[str, Any]:
    assert entry.opening is not None
    return decode_payload(entry.opening.payload)


@dataclass(frozen=True)
class Lie:
    """Rewrites the log from one entry on as a registry would that keeps leaf and opening in step."""

    name: str
    index: int
    fault: str
    change: Callable[[dict[str, Any]], Any] = lambda payload: None
    time_ms: int | None = None

    def tell(self, log: list[Shown]) -> list[Shown]:
        lied = list(log)
        entry = lied[self.index]
        payload = payload_of(entry)
        self.change(payload)
        lied[self.index] = rewrite(entry, payload, self.time_ms)
        return lied


def rewrite(entry: Shown, payload: dict[str, Any], time_ms: int | None = None) -> Shown:
    assert entry.opening is not None
    opening = Opening(entry.opening.salt, encode_payload(payload))
    leaf = decode_leaf(entry.leaf)
    assert isinstance(leaf, Leaf)
    honest_ms = leaf.accept_time_ms
    leaf = replace(
        leaf, commitment=opening.commitment(), accept_time_ms=honest_ms if time_ms is None else honest_ms + time_ms
    )
    return replace(entry, leaf=leaf.encode(), opening=opening)
