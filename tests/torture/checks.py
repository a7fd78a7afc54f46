"""What a log must tell, whoever wrote it and whatever happened meanwhile."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from gateway.domain.codec import read_subscriber, write_subscriber
from gateway.domain.subscription import Subscriber
from gateway.service.screening import ScreeningService
from gateway.service.subjects import claim_mark
from gateway.store.rows import EntryRow, Label
from gateway.tlog.leaf import decode_leaf
from gateway.tlog.opening import NO_PREVIOUS, encode_typed
from optout.kit.number import PhoneNumber, parse_number
from tests.service.house import INSTITUTE, House
from tests.torture.model import Holder, explain

Told = list[tuple[EntryRow, dict[str, Any]]]


def tag(place: int, epoch: int) -> PhoneNumber:
    """A refused number that tells whose wish it is: the subscriber's place and the holder's epoch."""
    return parse_number(f"139{place:04}{epoch:04}")


def epoch_of(refused: str) -> int:
    """The epoch in a `tag`."""
    return int(refused[-4:])


async def read_told(house: House) -> Told:
    """The whole log with its openings; only what concerns nobody may have none."""
    entries = [(entry, house.recorder.open(entry)) for entry in await house.store.entries(0, 1_000_000)]
    assert all(payload is not None for entry, payload in entries if entry.label)
    return [(entry, payload) for entry, payload in entries if payload is not None]


async def check_log(house: House) -> None:
    """The fold of the entries is the rows; the causes alone explain them; the followers see the same."""
    told = await read_told(house)
    latest: dict[Label, int] = {}
    states: dict[Label, bytes] = {}
    for entry, payload in told:
        if not entry.label:
            continue
        assert payload["prev"] == latest.get(entry.label, NO_PREVIOUS)
        before = states.get(entry.label)
        assert payload["before"] == ("" if before is None else sha256(before).hexdigest())
        latest[entry.label] = entry.index
        if "after" in payload:
            states[entry.label] = encode_typed(payload["after"])
    rows, _ = await house.store.subjects(carrier=None, state=None, after=Label(b""), limit=10_000)
    assert {row.label: row.last_index for row in rows} == latest
    for row in rows:
        known = house.recorder.read_state(row)
        assert known.state_bytes == states[row.label]
        assert (row.carrier, row.version, row.epoch) == (known.state.carrier, known.state.version, known.state.epoch)
        assert read_subscriber(write_subscriber(known.state)) == known.state
    holders = explain([(decode_leaf(entry.leaf).accept_time_ms, payload) for entry, payload in told])
    await check_holders(house, holders)


async def check_holders(house: House, holders: dict[PhoneNumber, Holder]) -> None:
    """What the causes come to is what the registry, its snapshot and screening say."""
    screening = ScreeningService(house.store, house.recorder, house.policies)
    await screening.load()
    snapshot = [view.subscriber async for part in house.registry.snapshot(INSTITUTE, 0) for view in part.views]
    assert {row.number for row in snapshot} == holders.keys()
    for row in snapshot:
        assert holders[row.number].describes(row), (holders[row.number], row.life, row.voice.state)
        check_wishes(row)
        found = await house.store.number(house.recorder.vault.number_key(row.number))
        assert found is not None
        assert (found[0].carrier, found[0].basis, found[0].epoch) == (row.carrier, row.basis, row.epoch)
        assert found[0].mark == claim_mark(row)
        indexed = screening.index.find(row.number)
        assert indexed == row or (indexed is None and row.is_blank)


async def check_answers(house: House, answers: dict[str, int]) -> None:
    """Each event was recorded once, at the revision that was answered."""
    told: dict[str, list[tuple[int, str]]] = {}
    for entry, payload in await read_told(house):
        if payload["kind"] == "number_event":
            told.setdefault(payload["event"]["id"], []).append((entry.index + 1, payload["follows"]))
    for event_id, revision in answers.items():
        assert revision in [told_at for told_at, _ in told.get(event_id, ())], "an answered event is not where it was"
    for entries in told.values():
        # One that was told beforehand has an entry for that, and one that changes the holder has one for each of them.
        decided = [follows for _, follows in entries if follows != "scheduled"]
        assert len(entries) - len(decided) <= 1
        assert len(decided) <= 1 or decided == ["new_epoch"] * 2, "an event was recorded twice"


def check_wishes(state: Subscriber) -> None:
    """Nothing of an old holder's is among a holder's wishes, nor among what lies aside."""
    aside = () if state.voice.undo is None else state.voice.undo.preferences.reject_list
    wishes = (*state.voice.preferences.reject_list, *aside)
    assert all(epoch_of(refused) == state.epoch for refused in wishes), "wishes of an old holder"
