"""Replays that are shared by processes and go on later come to what one replay at once comes to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.instruction import Channel, Open
from gateway.service.audit_file import AuditError
from gateway.service.judge import LogJudge
from gateway.service.replaying import (
    Memory,
    MemoryFile,
    ReplayOutcome,
    ReplayPlan,
    SignedTree,
    TiledTree,
    Tree,
    replay_log,
)
from gateway.service.verify import open_tree
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.compact import CompactRange
from gateway.tlog.fold import Fold, Shard
from gateway.tlog.leaf import EpochLeaf, Leaf, LeafType, decode_leaf
from gateway.tlog.opening import Opening, encode_payload
from gateway.tlog.replay import Fault
from gateway.tlog.shown import Shown
from tests.audit.made_log import ORIGIN, MadeLog
from tests.audit.plain_judge import PlainJudge
from tests.audit.registry import open_registry
from tests.audit.shown_log import honest_log, payload_of, rewrite, show, with_epoch
from tests.audit.stories import play, told


class ShownList:
    """Shows a list of entries; ``missing`` ones at the end are kept back."""

    def __init__(self, log: list[Shown], missing: int = 0) -> None:
        self.log = log
        self.missing = missing

    def entries(self, first: int, size: int) -> Iterator[Shown]:
        yield from self.log[first : size - self.missing]


def checkpoint_of(log: list[Shown]) -> Checkpoint:
    made = MadeLog([shown.leaf for shown in log])
    return Checkpoint(ORIGIN, made.size, made.root)


def run(
    log: list[Shown],
    memory: Memory | None = None,
    *,
    processes: int = 1,
    tree: Tree | None = None,
    missing: int = 0,
    vouched_size: int = 0,
) -> ReplayOutcome:
    checkpoint = checkpoint_of(log)
    memory = memory or Memory(ORIGIN)
    plan = ReplayPlan(PlainJudge, processes, vouched_size)
    return replay_log(ShownList(log, missing), tree or SignedTree(checkpoint, memory.tree), checkpoint, plan, memory)


def erase(log: list[Shown], label: bytes) -> list[Shown]:
    dark = [replace(entry, opening=None) if entry.label == label else entry for entry in log]
    opening = Opening(bytes(32), encode_payload({"v": 1, "kind": "erase", "label": label.hex()}))
    leaf = Leaf(LeafType.ERASE, 0, 0, decode_leaf(log[-1].leaf).accept_time_ms, opening.commitment())
    return with_epoch([*dark, Shown(len(log), leaf.encode(), b"", opening)])


def lie(log: list[Shown], at: int = 4) -> list[Shown]:
    payload = payload_of(log[at])
    payload.update(version=payload["version"] + 1)
    return [*log[:at], rewrite(log[at], payload), *log[at + 1 :]]


async def test_replay_when_begun_again_at_any_entry_then_it_ends_as_one_that_never_stopped(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path / "memory")
    async with honest_log() as honest:
        log = with_epoch(honest)
        whole = run(log)
        erased = erase(log, log[0].label)
        assert whole.findings == ()
        for cut in range(len(log)):
            # As long as nothing was erased: afterwards whoever saw it in time knows more than who comes late.
            file.save(run(log[:cut]).memory)
            again = run(log, file.load())
            assert (again.findings, again.entries, again.memory) == ((), len(log) - cut, whole.memory), cut
            assert run(erased, file.load()).findings == (), cut


async def test_replay_when_shared_by_processes_then_the_same_is_found_and_kept() -> None:
    async with honest_log() as log:
        for processes, shown in ((2, lie(log)), (2, erase(log, log[0].label)), (5, with_epoch(log))):
            alone, shared = run(shown), run(shown, processes=processes)
            assert shared.findings == alone.findings
            assert shared.memory.result == alone.memory.result
            assert len(shared.memory.folds) == (0 if alone.findings else 1 << processes.bit_length() - 1)
        assert run(with_epoch(with_epoch(log)), shared.memory).findings == ()


@pytest.mark.parametrize("seed", [3, 5])
async def test_replay_when_numbers_change_hands_then_processes_judge_them_as_one_does(seed: int) -> None:
    log = await play(seed, 150)
    checkpoint = checkpoint_of(log)
    opened = [entry for entry in log if entry.label and entry.opening is not None]
    assert max(payload_of(entry).get("after", {}).get("epoch", 1) for entry in opened) > 1
    half = max(index for index in light_sizes(log) if index <= len(log) * 3 // 4)
    assert half > 20
    outcomes = []
    for processes, cut in ((1, len(log)), (4, len(log)), (4, half)):
        first = checkpoint_of(log[:cut])
        plan = ReplayPlan(LogJudge, processes)
        begun = replay_log(ShownList(log), SignedTree(first, CompactRange()), first, plan)
        assert begun.findings == ()
        whole = replay_log(ShownList(log), SignedTree(checkpoint, begun.memory.tree), checkpoint, plan, begun.memory)
        assert whole.findings == ()
        outcomes.append(whole.memory.result)
    assert outcomes[0] == outcomes[1] == outcomes[2]


def light_sizes(log: list[Shown]) -> Iterator[int]:
    """Sizes at which every opening that is gone is accounted for: who stops elsewhere finds it withheld."""
    dark: set[bytes] = set()
    for entry in log:
        if decode_leaf(entry.leaf).type is LeafType.ERASE:
            dark.discard(bytes.fromhex(payload_of(entry)["label"]))
        elif entry.label and entry.opening is None:
            dark.add(entry.label)
        if not dark:
            yield entry.index + 1


async def test_replay_when_it_stops_between_an_entry_and_what_follows_from_it_then_processes_go_on_alike(
    tmp_path: Path,
) -> None:
    file = MemoryFile(tmp_path / "memory")
    async with told("guardians") as log:
        checkpoint = checkpoint_of(log)
        cuts = [entry.index for entry in log if entry.opening and payload_of(entry)["kind"] == "guardian"]
        assert cuts
        for cut in (cuts[0], cuts[-1]):
            first = checkpoint_of(log[:cut])
            plan = ReplayPlan(LogJudge, 4)
            file.save(replay_log(ShownList(log), SignedTree(first, CompactRange()), first, plan).memory)
            memory = file.load()
            assert memory is not None
            tree = SignedTree(checkpoint, memory.tree)
            assert replay_log(ShownList(log), tree, checkpoint, plan, memory).findings == ()


async def test_replay_when_two_hold_one_number_then_any_number_of_processes_name_it() -> None:
    async with honest_rules() as log:
        at = next(entry.index for entry in log if entry.label)
        other = bytes([log[at].label[0] ^ 0xFF]) + log[at].label[1:]
        payload = payload_of(log[at]) | {"label": other.hex()}
        twin = rewrite(replace(log[at], index=len(log), label=other), payload)
        lied = [*log, twin]
        for processes in (1, 2):
            checkpoint = checkpoint_of(lied)
            outcome = replay_log(
                ShownList(lied), SignedTree(checkpoint, CompactRange()), checkpoint, ReplayPlan(LogJudge, processes)
            )
            assert (len(log), "outcome", "instruction: the number has a holder already") in {
                (each.index, each.flaw, each.detail) for each in outcome.findings
            }


@asynccontextmanager
async def honest_rules() -> AsyncIterator[list[Shown]]:
    """A registry's log with its rules, up to the first subscriber."""
    async with open_registry() as registry:
        await registry.house.submit(Open(), channel=Channel.HOTLINE)
        yield await show(registry.house)


async def test_folds_when_side_by_side_then_their_subtrees_make_the_map_of_one() -> None:
    async with honest_log() as log:
        folds = [Fold(PlainJudge(), Shard(2, number)) for number in range(4)]
        one = Fold(PlainJudge())
        for shown in log:
            leaf = decode_leaf(shown.leaf)
            if isinstance(leaf, EpochLeaf):
                assert one.seal(leaf.flags) == leaf.map_root
                nodes = [fold.seal(leaf.flags) for fold in folds]
                assert len({*nodes}) > 1
                continue
            for fold in (one, *folds):
                if fold is one or not shown.label or shown.label[0] >> 6 == folds.index(fold):
                    assert list(fold.take(shown, leaf)) == []
        assert sum(fold.opened for fold in folds) == one.opened


async def test_memory_when_somebody_was_erased_then_nothing_of_them_is_left_but_the_label(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    async with honest_log() as log:
        MemoryFile(path).save(run(log).memory)
        label = next(entry.label for entry in log if entry.label)
        number = next(payload_of(e)["after"]["number"].encode() for e in log if e.label == label)
        assert number in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
        grown = erase(log, label)
        MemoryFile(path).save(run(grown, MemoryFile(path).load()).memory)
        assert number not in path.read_bytes()
        assert label in path.read_bytes()


async def test_memory_when_torn_or_of_another_kind_then_known_as_such(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    async with honest_log() as log:
        MemoryFile(path).save(run(log).memory)
    content = path.read_bytes()
    for length in (1, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(AuditError) as caught:
            MemoryFile(path).load()
        assert caught.value.reason == "STATE"
    path.write_bytes(content[:70] + bytes([content[70] ^ 1]) + content[71:])
    with pytest.raises(AuditError) as caught:
        MemoryFile(path).load()
    assert caught.value.reason == "STATE"


async def test_entries_when_one_is_not_that_of_the_tree_then_tiles_name_it_and_the_root_alone_tells() -> None:
    async with honest_log() as log:
        signed = MadeLog([shown.leaf for shown in log])
        checkpoint = Checkpoint(ORIGIN, signed.size, signed.root)
        payload = payload_of(log[7])
        payload["kind"] = "instruction."
        lied = [*log[:7], rewrite(log[7], payload), *log[8:]]
        tiled = TiledTree(open_tree(signed, checkpoint), signed.size)
        outcome = replay_log(ShownList(lied), tiled, checkpoint, ReplayPlan(PlainJudge))
        assert (7, "entry") in {(each.index, each.flaw) for each in outcome.findings}
        with pytest.raises(AuditError) as caught:
            run(lied, tree=SignedTree(checkpoint, CompactRange()))
        assert caught.value.reason == "ROOT"
        gap = [*log[:3], *log[4:]]
        with pytest.raises(AuditError) as caught:
            run(gap)
        assert caught.value.reason == "UNREACHABLE"


async def test_entries_when_the_last_are_kept_back_then_the_first_of_them_is_named() -> None:
    async with honest_log() as log:
        findings = run(log, missing=2).findings
        assert (len(log) - 2, "missing") in {(each.index, each.flaw) for each in findings}


async def test_entries_when_shown_under_another_label_then_named() -> None:
    async with honest_log() as log:
        other = next(entry.label for entry in log if entry.label and entry.label != log[4].label)
        for processes in (1, 2):
            findings = run([*log[:4], replace(log[4], label=other), *log[5:]], processes=processes).findings
            assert findings[0].index == 4
            assert findings[0].flaw == Fault.OPENING


async def test_epochs_when_covered_by_an_erasure_then_a_vouched_size_makes_them_vouched_for() -> None:
    async with honest_log() as log:
        grown = erase(log, log[0].label)
        assert run(grown).memory.result.covered == [len(log) - 1]
        assert run(grown, vouched_size=len(log)).memory.result.vouched == [len(log) - 1]
        later = run(grown, run(grown).memory, vouched_size=len(log)).memory.result
        assert (later.covered, later.vouched) == ([], [len(log) - 1])
