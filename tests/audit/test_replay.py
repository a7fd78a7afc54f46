"""Replaying a log: an honest one is found to hold, and each lie is named by index and kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway.tlog.hashing import leaf_hash
from gateway.tlog.leaf import EpochLeaf, Leaf, LeafType, decode_leaf
from gateway.tlog.opening import Opening, encode_payload
from gateway.tlog.replay import Fault, Judged, Replay, Shown
from gateway.tlog.walk import Finding
from tests.audit.shown_log import BITS, Lie, honest_log, payload_of, records, rewrite, with_epoch


class Silent:
    """Judges nothing: what entries mean is tested where it is known."""

    def judge(self, entry: Judged) -> Iterable[str]:
        return ()

    def overhear(self, index: int, payload: Mapping[str, Any], epoch: int) -> None:
        pass

    def pass_over(self, index: int, label: bytes) -> None:
        pass

    def forget(self, label: bytes, before: bytes | None, time_ms: int) -> Iterable[str]:
        return ()


def replay(log: list[Shown], vouched_size: int = 0) -> tuple[list[Finding], Replay]:
    work = Replay(Silent(), vouched_size=vouched_size)
    found = [finding for entry in log for finding in work.take(entry)]
    return [*found, *work.finish()], work


async def test_replay_when_the_log_is_honest_then_nothing_is_found() -> None:
    async with honest_log() as log:
        findings, work = replay(log)
        assert findings == []
        assert (work.result.entries, work.result.epochs, work.result.covered) == (len(log), 1, [])


LIES = (
    Lie("a wrong back-pointer", 2, Fault.BACK_POINTER, lambda payload: payload.update(prev=1)),
    Lie("a skipped version", 4, Fault.VERSION, lambda payload: payload.update(version=payload["version"] + 1)),
    Lie("another state before", 4, Fault.BEFORE, lambda payload: payload.update(before="00" * 32)),
    Lie("a change without a state", 2, Fault.TYPE, lambda payload: payload.pop("after")),
    Lie("a back-dated time", 4, "time_backwards", time_ms=-1_001),
    Lie("an opening without a label", 2, Fault.OPENING, lambda payload: payload.pop("label")),
)


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
async def test_replay_when_the_registry_lies_then_index_and_kind_are_named(lie: Lie) -> None:
    async with honest_log() as log:
        findings, _ = replay(lie.tell(log))
        assert (lie.index, lie.fault) in {(finding.index, finding.flaw) for finding in findings}


async def test_replay_when_a_state_is_rewritten_then_the_next_entry_and_the_map_tell() -> None:
    async with honest_log() as log:
        payload = payload_of(log[2])
        payload["after"]["carrier"] = "telecom"
        lied = list(log)
        lied[2] = rewrite(log[2], payload)
        findings, _ = replay(lied)
        assert [(each.index, each.flaw) for each in findings] == [(4, Fault.BEFORE)]


async def test_replay_when_the_opening_is_another_then_the_commitment_tells() -> None:
    async with honest_log() as log:
        opening = log[2].opening
        assert opening is not None
        lied = [*log]
        lied[2] = replace(log[2], opening=Opening(bytes(32), opening.payload))
        findings, _ = replay(lied)
        assert findings[0] == Finding(2, Fault.COMMITMENT)


async def test_replay_when_the_map_root_is_wrong_then_the_epoch_is_named() -> None:
    async with honest_log() as log:
        leaf = decode_leaf(log[-1].leaf)
        assert isinstance(leaf, EpochLeaf)
        lied = [*log[:-1], replace(log[-1], leaf=replace(leaf, map_root=leaf_hash(b"")).encode())]
        assert replay(lied)[0] == [Finding(len(log) - 1, Fault.MAP_ROOT)]
        lied = [*log[:-1], replace(log[-1], leaf=replace(leaf, covers=3).encode())]
        assert replay(lied)[0] == [Finding(len(log) - 1, Fault.COVERS)]


async def test_replay_when_the_map_has_another_size_then_it_is_built_anew_and_too_large_a_one_is_named() -> None:
    async with honest_log() as log:
        assert replay(with_epoch(with_epoch(log, BITS + 3), 0))[0] == []
        leaf = decode_leaf(log[-1].leaf)
        assert isinstance(leaf, EpochLeaf)
        lied = [*log[:-1], replace(log[-1], leaf=replace(leaf, flags=2**32 - 1).encode())]
        assert replay(lied)[0] == [Finding(len(log) - 1, Fault.MAP_BITS)]


async def test_replay_when_an_opening_is_withheld_then_its_first_entry_is_named() -> None:
    async with honest_log() as log:
        label = log[0].label
        lied = [replace(entry, opening=None) if entry.label == label else entry for entry in log]
        findings, work = replay(lied)
        assert findings == [Finding(0, Fault.WITHHELD)]
        assert work.result.covered == [len(log) - 1]


async def test_replay_when_a_policy_is_withheld_then_named() -> None:
    async with honest_log() as log:
        leaf = decode_leaf(log[0].leaf)
        assert isinstance(leaf, Leaf)
        nobody = Shown(0, replace(leaf, type=LeafType.POLICY).encode(), b"", None)
        assert [(each.index, each.flaw) for each in replay([nobody])[0]] == [(0, Fault.WITHHELD)]


def erase(log: list[Shown], label: bytes) -> list[Shown]:
    """What an honest registry shows after an erasure: dark entries, an ERASE, and an EPOCH without the label."""
    dark = [replace(entry, opening=None) if entry.label == label else entry for entry in log]
    last = decode_leaf(log[-1].leaf)
    opening = Opening(bytes(32), encode_payload({"v": 1, "kind": "erase", "label": label.hex()}))
    leaf = Leaf(LeafType.ERASE, 0, 0, last.accept_time_ms, opening.commitment())
    return with_epoch([*dark, Shown(len(log), leaf.encode(), b"", opening)])


async def test_replay_when_a_subject_was_erased_then_its_epochs_are_covered_and_later_ones_hold() -> None:
    async with honest_log() as log:
        erased = erase(log, log[0].label)
        findings, work = replay(erased)
        assert findings == []
        assert work.result.covered == [len(log) - 1]
        assert log[0].label not in records(erased)
        assert replay(erased, vouched_size=len(log))[1].result.vouched == [len(log) - 1]


async def test_replay_when_a_subject_is_spoken_of_after_its_erasure_then_named() -> None:
    async with honest_log() as log:
        erased = erase(log, log[0].label)[:-1]
        again = replace(log[0], index=len(erased))
        findings, _ = replay([*erased, again])
        assert (len(erased), Fault.ERASURE) in {(each.index, each.flaw) for each in findings}


async def test_replay_when_somebody_unknown_is_erased_then_named() -> None:
    async with honest_log() as log:
        findings, _ = replay(erase(log, bytes(range(32))))
        assert (len(log), Fault.ERASURE) in {(each.index, each.flaw) for each in findings}
