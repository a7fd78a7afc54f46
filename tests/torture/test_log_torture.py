"""The signed log, killed with SIGKILL before any statement or signature, again and again, over real files.

What the dying process had said counts: no size is ever signed with two texts, nothing acknowledged is missing, and
each published checkpoint is the beginning of the log that is left. ``SEED=7 make torture`` dies elsewhere.
"""

import asyncio
import base64
import os
import random
import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.store.memory import MemoryKeyStore
from gateway.store.sqlite import SqliteStore
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.compact import CompactRange
from gateway.tlog.hashing import leaf_hash
from tests.forked import fork
from tests.torture import log_driver

SEED = int(os.environ.get("SEED", "1"))


@dataclass
class World:
    """What anybody outside has ever learned."""

    folder: Path
    leaves: dict[int, str] = field(default_factory=dict)
    texts: dict[int, set[str]] = field(default_factory=dict)
    published: int = 0
    steps: int = 0

    def live(self, kill_at: int, seed: int) -> bool:
        """One life of the process, to its end or to its death; tells whether it died."""
        said = self.folder / "said"
        said.unlink(missing_ok=True)
        process = fork(log_driver.main, self.folder, kill_at, seed, said)
        process.join(60)
        assert process.exitcode in {0, -signal.SIGKILL}
        for line in said.read_text(encoding="utf-8").splitlines():
            self._hear(*line.split(" "))
        return process.exitcode != 0

    def _hear(self, what: str, *words: str) -> None:
        match what:
            case "acknowledged":
                assert self.leaves.setdefault(int(words[0]), words[1]) == words[1]
            case "signed" | "published":
                text = base64.b64decode(words[0]).decode()
                self.texts.setdefault(Checkpoint.from_text(text).size, set()).add(text)
                self.published += what == "published"
            case "steps":
                self.steps = int(words[0])
            case _:
                raise AssertionError(f"{what} {words}")

    async def check(self) -> None:
        """Read what is left, and compare."""
        async with SqliteStore(self.folder / "registry.sqlite", MemoryKeyStore()) as store:
            head = await store.head()
            leaves: list[bytes] = []
            while len(leaves) < head.size:
                leaves += [row.leaf for row in await store.entries(len(leaves), 4096)]
        for index, leaf in self.leaves.items():
            assert leaves[index].hex() == leaf, index
        tree = CompactRange()
        for size in sorted(self.texts):
            assert len(self.texts[size]) == 1, size
            (text,) = self.texts[size]
            tree = tree.append_many([leaf_hash(leaf) for leaf in leaves[tree.size : size]])
            assert Checkpoint.from_text(text).root == tree.root(), size


def play(folder: Path, seed: int, deaths: int) -> None:
    chance = random.Random(seed)
    world = World(folder)
    assert not world.live(0, seed)
    # A later life has no files to make, and so fewer steps than the first, where most are migrations.
    assert not world.live(0, seed + 1)
    died = sum(world.live(chance.randrange(1, world.steps + 1), chance.randrange(1 << 16)) for _ in range(deaths))
    assert died > deaths // 2
    assert not world.live(0, seed + 2)
    asyncio.run(world.check())
    assert world.published >= 9
    print(f"seed {seed}: {died} deaths, {len(world.leaves)} entries acknowledged, {len(world.texts)} sizes signed")


def test_log_when_killed_a_few_times_then_no_size_has_two_notes_and_nothing_is_missing(tmp_path: Path) -> None:
    play(tmp_path, SEED, deaths=6)


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("life", range(4))
def test_log_when_killed_before_many_steps_then_no_size_has_two_notes_and_nothing_is_missing(
    tmp_path: Path, life: int
) -> None:
    play(tmp_path, SEED * 1000 + life, deaths=60)


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_log_when_killed_before_each_step_in_turn_then_no_size_has_two_notes_and_nothing_is_missing(
    tmp_path: Path,
) -> None:
    """From the first migration on, one step further with each life."""
    world, step = World(tmp_path), 0
    while world.live(step := step + 1, SEED + step):
        assert step < 2000
    asyncio.run(world.check())
    print(f"{step - 1} deaths, one before each step")
