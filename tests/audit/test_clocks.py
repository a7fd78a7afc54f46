"""Times held against witnesses: a gateway whose clock is stepped, or that lies about when it accepted something."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.service.clocks import Bounded, ClockCheck
from gateway.service.signer import LogSigner
from gateway.service.verify import open_tree
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.note import Note
from gateway.tlog.tile import TileReader
from gateway.tlog.times import NOTHING, Witnessed, look_at_times
from optout.kit.clock import FakeClock
from tests.audit.made_log import SIGNER as MADE_SIGNER
from tests.audit.made_log import MadeLog, make_leaves
from tests.service.logroom import SIGNER, LogRoom, SmallWitness, Some, witness_policy

START_MS = 1_800_000_000_000


@dataclass
class Registry:
    """A log signed by a gateway, and four witnesses with a clock of their own."""

    outside: FakeClock = field(default_factory=lambda: FakeClock(START_MS))
    room: LogRoom = field(default_factory=lambda: LogRoom(clock=FakeClock(START_MS)))

    def __post_init__(self) -> None:
        self.room.witnesses = [SmallWitness(f"w{number}", number, self.outside) for number in range(1, 5)]
        self.notes: list[str] = []

    async def minute(self, signer: LogSigner, entries: int = 3) -> None:
        """A minute in which so many entries are accepted and a checkpoint is cosigned."""
        self.outside.advance(60)
        self.room.clock.advance(60)
        await self.room.store.commit(Some(entries))
        await signer.step()
        published = signer.published
        assert published is not None
        self.notes.append(published.note.encode())

    async def check(self) -> Bounded:
        """As an auditor who has the kept checkpoints and the tiles."""
        rows = await self.room.store.entries(0, 10_000)
        log = MadeLog([row.leaf for row in rows])
        reader = open_tree(log, Checkpoint(SIGNER.name, log.size, log.root))
        policy = witness_policy(self.room.witnesses, 3)
        return ClockCheck(SIGNER.verifier(), policy).look(reader, self.notes)


async def played(step_s: float) -> Bounded:
    """Three minutes, a step of the gateway's clock, three minutes more."""
    registry = Registry()
    signer = await registry.room.start()
    for minute in range(6):
        if minute == 3:
            registry.room.clock.step_wall(step_s)
        await registry.minute(signer)
    return await registry.check()


async def test_times_when_clocks_agree_then_every_checkpoint_bounds_and_nothing_is_found() -> None:
    for step_s in (0.0, 30.0, -30.0):
        bounded = await played(step_s)
        assert (bounded.notes, bounded.bounding, bounded.findings) == (6, 6, ())


async def test_times_when_the_gateways_clock_runs_ahead_then_entries_are_post_dated() -> None:
    bounded = await played(3600)
    assert [(each.index, each.flaw) for each in bounded.findings] == [(at, "post_dated") for at in (9, 12, 15)]
    assert bounded.findings[0].detail == "3 entries, by up to 3539 s"


async def test_times_when_the_gateways_clock_is_set_back_then_entries_are_back_dated() -> None:
    # Times never decrease, so the clock stands still in the log until it has caught up: later entries lag more.
    bounded = await played(-3600)
    assert [(each.index, each.flaw) for each in bounded.findings] == [(15, "back_dated")]


async def test_times_when_witnesses_are_fewer_than_liars_allow_then_nothing_is_bounded() -> None:
    registry = Registry()
    registry.room.threshold = 1
    for witness in registry.room.witnesses[1:]:
        witness.is_down = True
    signer = await registry.room.start()
    registry.room.clock.step_wall(3600)
    await registry.minute(signer)
    bounded = await registry.check()
    assert (bounded.notes, bounded.bounding, bounded.findings) == (1, 0, ())


async def test_times_when_one_witness_lies_then_it_moves_no_bound() -> None:
    registry = Registry()
    registry.room.witnesses[0] = SmallWitness("w1", 1, FakeClock(START_MS + 10**9))
    signer = await registry.room.start()
    for _ in range(3):
        await registry.minute(signer)
    assert (await registry.check()).findings == ()


async def test_checkpoint_when_the_log_signed_another_of_its_size_then_it_is_a_fork() -> None:
    registry, other = Registry(), Registry()
    for each in (registry, other):
        signer = await each.room.start()
        await each.minute(signer, 3)
        await each.minute(signer, 3 if each is registry else 4)
    other.room.witnesses = registry.room.witnesses
    honest = await registry.check()
    registry.notes.insert(1, fork_of(registry.notes[1]))
    findings = (await registry.check()).findings
    assert honest.findings == ()
    assert [(each.index, each.flaw) for each in findings] == [(6, "fork")]


def fork_of(note: str) -> str:
    size = int(note.split("\n")[1])
    text = Checkpoint(SIGNER.name, size, bytes(32)).text()
    return Note(text, (SIGNER.sign(text),)).encode()


async def test_checkpoint_when_it_is_not_the_logs_then_named_and_its_times_count_for_nothing() -> None:
    registry = Registry()
    signer = await registry.room.start()
    await registry.minute(signer)
    text = Checkpoint(SIGNER.name, 3, bytes(32)).text()
    registry.notes += [Note(text, (MADE_SIGNER.sign(text),)).encode(), "nonsense"]
    assert [each.flaw for each in (await registry.check()).findings] == ["note", "note"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=40),
    st.integers(0, 300),
    st.integers(0, 400),
    st.integers(0, 20),
)
def test_bounds_when_times_are_any_then_what_is_found_is_what_every_single_entry_says(
    times: list[int], older_s: int, newer_s: int, first: int
) -> None:
    times = sorted(times)
    older, newer = Witnessed(min(first, len(times)), (older_s,) * 2), Witnessed(len(times), (newer_s,) * 2)
    found = list(look_at_times(older, newer, lambda index: times[index] * 1000, slack_s=10))
    entries = range(older.size, newer.size)
    early = [index for index in entries if times[index] < older_s - 10]
    late = [index for index in entries if times[index] > newer_s + 11]
    assert [(each.index, each.flaw) for each in found] == [
        *((index, "back_dated") for index in early[:1]),
        *((index, "post_dated") for index in late[:1]),
    ]
    for each, indexes in zip(found, [group for group in (early, late) if group], strict=True):
        assert each.detail.startswith(f"{len(indexes)} entries")


def test_reader_when_a_bundle_is_forged_then_its_times_are_not_believed() -> None:
    log = MadeLog(make_leaves(10))
    reader = TileReader(log.size, log.root, log.fetch)
    for path in log.files:
        if "entries" in path:
            log.files[path] = MadeLog(make_leaves(10, 500)).files[path]
    check = ClockCheck(MADE_SIGNER.verifier(), witness_policy([SmallWitness("w1", 1, FakeClock(0))], 1), liars=0)
    witness = SmallWitness("w1", 1, FakeClock(START_MS), is_liar=True)
    text = Checkpoint(MADE_SIGNER.name, log.size, log.root).text()
    note = Note(text, (MADE_SIGNER.sign(text), witness.cosigner.cosign(text, 1_800_000_000)))
    with pytest.raises(Exception, match="not those of the signed root"):
        check.look(reader, [note.encode()], NOTHING)
