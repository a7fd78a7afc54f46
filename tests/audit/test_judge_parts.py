"""The judge over parts of a log: openings that are gone, and subjects shared by processes."""

from __future__ import annotations

import pytest

from gateway.service.judge import LogJudge
from gateway.service.replaying import Memory, ReplayOutcome, ReplayPlan, SignedTree, replay_log
from gateway.tlog.shown import Shown
from tests.audit.lies import find
from tests.audit.made_log import ORIGIN
from tests.audit.registry import replay
from tests.audit.shown_log import payload_of, rewrite
from tests.audit.stories import play, told
from tests.audit.test_replaying import ShownList, checkpoint_of, erase, lie


@pytest.mark.parametrize("seed", [1, 2])
async def test_erasure_when_anybody_is_erased_at_any_time_then_everybody_else_is_judged_as_before(seed: int) -> None:
    log = await play(seed, 60)
    reassigned = [entry for entry in log if entry.opening and payload_of(entry).get("follows") == "new_epoch"]
    assert reassigned, "nobody's number went to somebody else"
    gone = {entry.label for entry in log if entry.opening is None}
    for label in {entry.label for entry in log if entry.label} - gone:
        erased = erase(log, label)
        assert replay(erased) == []
        for cut in range(0, len(log), 9):
            # Whoever replayed the beginning in time has seen what is gone now, and that it went too early.
            found = replay([*log[:cut], *erased[cut:]])
            assert [each for each in found if "retention" not in each.detail] == [], cut


def run(log: list[Shown], processes: int) -> ReplayOutcome:
    checkpoint = checkpoint_of(log)
    tree = SignedTree(checkpoint, Memory(ORIGIN).tree)
    return replay_log(ShownList(log), tree, checkpoint, ReplayPlan(LogJudge, processes))


async def test_log_when_shared_by_processes_then_each_judges_its_own_and_the_same_is_found() -> None:
    log = await play(3, 100)
    at = next(entry.index for entry in log if entry.label and entry.opening and entry.index > len(log) // 2)
    for shown in (log, lie(log, at)):
        alone, shared = run(shown, 1), run(shown, 4)
        assert shared.findings == alone.findings
        assert bool(alone.findings) is (shown is not log)


async def test_entry_that_follows_from_anothers_when_judged_elsewhere_then_that_one_is_overheard() -> None:
    async with told("guardians") as log:
        at = find(log, "guardian")
        payload = payload_of(log[at])
        lied = [*log[:at], rewrite(log[at], payload | {"cause": payload["cause"] - 1}), *log[at + 1 :]]
        assert run(log, 4).findings == ()
        assert (found := run(lied, 4).findings) == run(lied, 1).findings
        assert (found[0].index, "cause" in found[0].detail) == (at, True)
