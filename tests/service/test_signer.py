"""Sequencing and signing: killed at every step, restored from old copies, beside a second signer, among liars."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from gateway.domain.errors import Reason, RefusedError
from gateway.service.cosigning import WitnessReply
from gateway.service.gate import GatedStore
from gateway.service.signer import LogSigner, SignerFatalError
from gateway.store.fence import MemoryFence
from gateway.store.memory import MemoryKeyStore, MemoryStore, MemoryTables
from gateway.store.publication import MemoryPublication, PublicationError
from gateway.tlog.hashing import leaf_hash
from gateway.tlog.note import open_note
from gateway.tlog.policy import PolicyError
from gateway.tlog.proof import verify_inclusion
from tests.service.logroom import SIGNER, Fault, Faulty, LogRoom, SmallWitness, Some, post_of, witness_policy

KILLS = [
    ("publication", "put_hashes", False),
    ("publication", "put_hashes", True),
    ("fence", "advance", False),
    ("fence", "advance", True),
    ("publication", "put_note", False),
    ("publication", "put_note", True),
]


async def test_step_when_the_log_grew_then_what_is_published_opens_and_holds_every_entry() -> None:
    room = LogRoom()
    signer = await room.start()
    index = await room.store.commit(Some(300))
    await signer.step()
    published, proof = await signer.wait_published(index, 1)

    assert open_note(published.note, [SIGNER.verifier()])
    checkpoint = published.checkpoint
    leaf = room.tables.entries[index].row.leaf
    verify_inclusion(leaf_hash(leaf), index, checkpoint.size, proof, checkpoint.root)
    assert room.fence.read() == post_of(published)


@pytest.mark.parametrize(("part", "call", "applied"), KILLS)
@pytest.mark.parametrize("grows", [False, True], ids=["same-size", "another-size"])
async def test_signer_when_killed_at_any_step_then_no_size_has_two_notes_and_nothing_is_missing(
    part: str, call: str, applied: bool, grows: bool
) -> None:
    """The two bits of each failure (did it happen, did we hear), retried at the same size and at another."""
    room = LogRoom()
    signer = await room.start()
    await room.store.commit(Some(250))
    await signer.step()
    room.check_published(signer.published)
    await room.store.commit(Some(10))
    faulty: Faulty = getattr(room, part)
    faulty.fault = Fault(call, applied)
    with pytest.raises((SignerFatalError, PublicationError)):
        await signer.step()
    assert faulty.fault is None

    signer = await room.start()
    assert room.gate.is_open, room.gate.alarms
    size = 260
    if grows:
        size = await room.store.commit(Some(7)) + 1
    await signer.step()
    published = room.check_published(signer.published)
    assert published.checkpoint.size == size
    assert room.fence.read() == post_of(published)


async def test_signer_when_killed_again_and_again_then_no_size_ever_has_two_notes() -> None:
    room = LogRoom()
    for number, (part, call, applied) in enumerate(itertools.islice(itertools.cycle(KILLS), 40)):
        signer = await room.start()
        assert room.gate.is_open
        await room.store.commit(Some(number % 3 * 60 + 1))
        getattr(room, part).fault = Fault(call, applied)
        with contextlib.suppress(SignerFatalError, PublicationError):
            await signer.step()
        getattr(room, part).fault = None
    signer = await room.start()
    await signer.step()
    assert room.check_published(signer.published).checkpoint.size == len(room.tables.entries)


async def test_signer_when_the_stored_leaves_differ_from_the_head_then_nothing_is_signed() -> None:
    room = LogRoom()
    signer = await room.start()
    await room.store.commit(Some(5))
    row = room.tables.entries[2].row
    object.__setattr__(row, "leaf", row.leaf[:-1] + bytes([row.leaf[-1] ^ 0x55]))
    with pytest.raises(SignerFatalError, match="LOG_DAMAGED"):
        await signer.step()
    assert room.publication.latest() is None
    await room.start()
    assert room.gate.alarms == ["LOG_DAMAGED"]


def copy_of(tables: MemoryTables) -> MemoryTables:
    """A backup: rows never change, so the lists are all there is to copy."""
    return MemoryTables(head=tables.head, entries=list(tables.entries))


async def restored(room: LogRoom, copy: MemoryTables, more: int = 0) -> None:
    """The registry as it was when ``copy`` was made, and perhaps written on since."""
    room.tables = copy_of(copy)
    room.store = MemoryStore(MemoryKeyStore(), clock=room.clock, tables=room.tables)
    if more:
        await room.store.commit(Some(more, mark=9))


@pytest.mark.parametrize(("more", "alarm"), [(0, "FENCE_AHEAD"), (2, "FENCE_AHEAD"), (50, "FENCE_DIFFERENT")])
async def test_registry_when_restored_from_an_old_copy_then_it_is_read_only_and_says_why(more: int, alarm: str) -> None:
    room = LogRoom()
    signer = await room.start()
    await room.store.commit(Some(20))
    await signer.step()
    copy = copy_of(room.tables)
    await room.store.commit(Some(20))
    await signer.step()

    await restored(room, copy, more)
    await room.start()
    assert room.gate.alarms == [alarm]
    with pytest.raises(RefusedError) as refused:
        await GatedStore(room.store, room.gate).commit(Some())
    assert refused.value.reason is Reason.LOG_READ_ONLY


async def test_registry_when_the_fence_was_restored_as_well_then_the_note_tells_and_without_it_the_witnesses() -> None:
    room = LogRoom()
    room.witnesses = [SmallWitness(f"w{n}", n, room.clock) for n in range(1, 5)]
    signer = await room.start()
    await room.store.commit(Some(20))
    await signer.step()
    copy, fence, notes = copy_of(room.tables), room.fence.read(), room.publication.latest()
    await room.store.commit(Some(20))
    await signer.step()

    await restored(room, copy)
    await room.start(fence=MemoryFence(fence))
    assert room.gate.alarms == ["NOTE_AHEAD"]
    room.publication.made = MemoryPublication()
    room.publication.put_note(notes)
    await room.start(fence=MemoryFence(fence))
    assert room.gate.alarms == ["WITNESS_AHEAD"]
    room.publication.made = MemoryPublication()
    await room.start(fence=MemoryFence())
    assert room.gate.alarms == ["WITNESS_AHEAD"]
    room.publication.made = MemoryPublication()
    await restored(room, copy, 50)
    await room.start(fence=MemoryFence())
    assert room.gate.alarms == ["WITNESS_DIFFERENT"]


async def test_signers_when_there_are_two_then_the_slower_one_ends_before_it_signs() -> None:
    room = LogRoom()
    first, second = await room.start(), await room.start()
    await room.store.commit(Some(3))
    await first.step()
    await room.store.commit(Some(3))
    with pytest.raises(SignerFatalError, match="FENCE_MOVED"):
        await second.step()
    room.check_published(first.published)
    assert second.published is None


async def test_signers_when_their_registries_differ_then_only_one_history_is_ever_signed() -> None:
    """Two instances on copies of one registry, one fence: the second is read-only, whichever way it starts."""
    room = LogRoom()
    await room.store.commit(Some(3))
    copy = copy_of(room.tables)
    first = await room.start()
    await room.store.commit(Some(3))
    await first.step()
    other = LogRoom(fence=room.fence)
    await restored(other, copy, 3)
    await other.start()
    assert other.gate.alarms == ["FENCE_DIFFERENT"]


async def test_quorum_when_one_witness_is_down_then_three_of_four_still_certify() -> None:
    room = LogRoom()
    room.witnesses = [SmallWitness(f"w{n}", n, room.clock) for n in range(1, 5)]
    room.witnesses[1].is_down = True
    signer = await room.start()
    await room.store.commit(Some(5))
    await signer.step()
    published = room.check_published(signer.published)
    certified = witness_policy(room.witnesses, 3).certify(published.note)
    assert set(certified.times_s) == {"w1", "w3", "w4"}

    room.witnesses[2].is_down = True
    index = await room.store.commit(Some(5))
    await signer.step()
    assert signer.published == published
    with pytest.raises(RefusedError) as refused:
        await signer.wait_published(index, 0.01)
    assert refused.value.reason is Reason.NOT_PUBLISHED
    room.witnesses[1].is_down = room.witnesses[2].is_down = False
    await signer.step()
    assert (await signer.wait_published(index, 0.01))[0].checkpoint.size == 10


async def test_checkpoint_when_a_witness_is_slow_then_it_comes_out_without_it_and_the_slow_one_is_asked_once() -> None:
    """The clock stands still until the checkpoint is out: nobody can have waited for the slow one."""
    room = LogRoom()
    room.witnesses = [SmallWitness(f"w{n}", n, room.clock) for n in range(1, 5)]
    slow = room.witnesses[1]
    signer = await room.start(timeout_s=600)
    slow.asked, slow.delay_s = 0, 8.0
    for size in (3, 6):
        await room.store.commit(Some(3))
        async with asyncio.timeout(30):
            await signer.step()
        published = room.check_published(signer.published)
        assert published.checkpoint.size == size
        assert set(witness_policy(room.witnesses, 3).certify(published.note).times_s) == {"w1", "w3", "w4"}
        assert (slow.asked, signer.cosigned["w2"].size) == (1, 0)
    await room.clock.elapse(8)
    async with asyncio.timeout(30):
        while signer.cosigned["w2"].size != 3:
            await asyncio.sleep(0.001)
    slow.delay_s = 0.0
    await room.store.commit(Some(3))
    await signer.step()
    async with asyncio.timeout(30):
        while signer.cosigned["w2"].size != 9:
            await asyncio.sleep(0.001)
    assert not signer.conflicts


async def test_checkpoint_when_too_many_witnesses_are_slow_then_the_round_ends_and_a_later_one_brings_it_out() -> None:
    room = LogRoom()
    room.witnesses = [SmallWitness(f"w{n}", n, room.clock) for n in range(1, 5)]
    signer = await room.start()
    for witness in room.witnesses[:2]:
        witness.delay_s = 8.0
    await room.store.commit(Some(3))
    await signer.step()
    assert signer.published is None
    await room.clock.elapse(8)
    async with asyncio.timeout(30):
        while [signer.cosigned[name].size for name in ("w1", "w2")] != [3, 3]:
            await asyncio.sleep(0.001)
    for witness in room.witnesses:
        witness.delay_s = 0.0
    await signer.step()
    assert room.check_published(signer.published).checkpoint.size == 3


async def fork(threshold: int, count: int) -> tuple[LogSigner, LogRoom, LogSigner]:
    """One history for a liar and some honest witnesses, another for the liar and the others."""
    room = LogRoom(threshold=threshold)
    room.witnesses = [SmallWitness(f"w{n}", n, room.clock, is_liar=n == 1) for n in range(1, count + 1)]
    spared = room.witnesses[threshold:]
    for witness in spared:
        witness.is_down = True
    signer = await room.start()
    await room.store.commit(Some(5))
    await signer.step()
    for witness in spared:
        witness.is_down = False
    other = LogRoom(threshold=threshold, witnesses=room.witnesses)
    await other.store.commit(Some(5, mark=9))
    return signer, other, await other.start()


async def test_split_view_when_three_of_four_must_agree_and_one_lies_then_the_fork_is_not_certified() -> None:
    signer, other, forked = await fork(3, 4)
    assert signer.published is not None
    assert forked.published is None
    assert other.gate.alarms == ["WITNESS_DIFFERENT"]
    evidence = other.publication.evidence()
    assert {(row.witness, row.status) for row in evidence} == {("w2", 409), ("w3", 409)}


async def test_start_when_store_fence_and_publications_are_lost_then_witnesses_keep_it_from_beginning_anew() -> None:
    room = LogRoom()
    room.witnesses = [SmallWitness(f"w{n}", n, room.clock) for n in range(1, 5)]
    signer = await room.start()
    await room.store.commit(Some(5))
    await signer.step()
    empty = LogRoom(witnesses=room.witnesses)
    await empty.start()
    assert empty.gate.alarms == ["WITNESS_AHEAD"]
    assert not empty.gate.is_open


async def test_start_when_registry_and_witnesses_are_new_then_nothing_is_objected() -> None:
    room = LogRoom()
    room.witnesses = [SmallWitness(f"w{n}", n, room.clock) for n in range(1, 5)]
    signer = await room.start()
    assert [witness.asked for witness in room.witnesses] == [1, 1, 1, 1]
    assert signer.published is None
    assert room.gate.is_open


async def test_start_when_a_witness_takes_no_empty_checkpoint_then_that_is_no_conflict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = LogRoom()
    room.witnesses = [SmallWitness(f"w{n}", n, room.clock) for n in range(1, 5)]

    async def refuse(body: bytes) -> WitnessReply:
        return WitnessReply(422, b"")

    monkeypatch.setattr(room.witnesses[0], "add_checkpoint", refuse)
    await room.start()
    assert room.gate.is_open
    await room.store.commit(Some(3))
    await room.start()
    assert room.gate.alarms == ["WITNESS_DIFFERENT"]


async def test_conflict_when_it_lasts_then_what_is_kept_of_it_does_not_grow() -> None:
    _, other, forked = await fork(3, 4)
    began = len(other.publication.evidence())
    for _ in range(20):
        await forked.step()
    assert len(other.publication.evidence()) <= began + 2
    assert {conflict.witness for conflict in forked.conflicts} == {"w2", "w3"}
    assert min(forked.conflicts.values()) > 5


async def test_split_view_when_two_of_three_must_agree_and_one_lies_then_the_fork_visibly_succeeds() -> None:
    """Why two of three are not enough: two histories of one size, both with a quorum."""
    signer, other, forked = await fork(2, 3)
    assert signer.published is not None
    assert forked.published is not None
    policy = witness_policy(other.witnesses, 2)
    one, two = policy.certify(signer.published.note), policy.certify(forked.published.note)
    assert one.checkpoint.size == two.checkpoint.size
    assert one.checkpoint.root != two.checkpoint.root
    with pytest.raises(PolicyError):
        witness_policy(other.witnesses, 3).certify(forked.published.note)


async def test_cadence_when_the_log_grows_or_rests_then_checkpoints_come_each_second_or_each_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The clock stands still while somebody works: a thread would race with it.
    monkeypatch.setattr(asyncio, "to_thread", call_here)
    room = LogRoom()
    room.witnesses = [SmallWitness(f"w{n}", n, room.clock) for n in range(1, 5)]
    signer = await room.start()
    times = []
    await room.store.commit(Some())
    task = asyncio.create_task(signer.run())
    for size in range(1, 4):
        # A little more than the cadence: whichever of commit and signing comes first, one checkpoint is due.
        await settle(room, 1.1)
        assert signer.published is not None
        assert signer.published.checkpoint.size == size
        times.append(signer.published.time_ms)
        if size < 3:
            await room.store.commit(Some())
    assert all(later - earlier >= 1000 for earlier, later in itertools.pairwise(times))
    before = room.witnesses[0].asked
    await settle(room, 30.0)
    assert room.witnesses[0].asked <= before + 1
    await settle(room, 60.0)
    assert signer.published is not None
    assert signer.published.time_ms > times[-1] + 30_000
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def call_here(call: Callable[..., Any], *args: Any) -> Any:
    """Do in the event loop what would be done in a thread."""
    return call(*args)


async def settle(room: LogRoom, seconds: float) -> None:
    """Let the clock run in small steps, so that a checkpoint with all its witnesses is done within one."""
    for _ in range(20):
        await room.clock.elapse(seconds / 20)
