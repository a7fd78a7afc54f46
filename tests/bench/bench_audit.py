"""Entries audited per second: verified from tiles, and replayed with openings; and what a proof of state costs.

The limit of all is bare hashing in the same run: one SHA-256 over each of the same leaves, on one core. Replay is
measured with a judge that has no opinion (commitments, chains, states, map) and with the rules decided again, on one
process and on one for each core. What one process does is measured by its own time on the core, so that what else the
machine does counts little. ``WHOLE="1000000 10000000"`` adds whole audits of so many entries, verified and
replayed on all cores; they take minutes, and a gigabyte for each million.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from gateway.service.export import ExportFile, ExportWriter
from gateway.service.judge import LogJudge
from gateway.service.replay_session import ReplaySession
from gateway.service.replaying import ReplayPlan
from gateway.service.verify import read_checkpoint, verify
from gateway.tlog.shown import Judged, Shown
from gateway.web.tile_source import FolderTiles
from tests.audit.made_log import SIGNER, MadeLog
from tests.bench.made_audit import make_log
from tests.bench.report import Figure, publish

ENTRIES = 1_000_000
REPLAYED = 200_000
LIVES_ENTRIES = 9
"""How many entries a subscriber of the made log has."""

ALL_CORES = os.cpu_count() or 1
PAGE = 1000
TO_LIMIT = "to bare hashing"


class NoOpinion:
    """Judges nothing."""

    def judge(self, entry: Judged) -> Iterable[str]:
        return ()

    def overhear(self, index: int, payload: Mapping[str, Any], epoch: int) -> None:
        """Nothing to do."""

    def pass_over(self, index: int, label: bytes) -> None:
        """Nothing to do."""

    def forget(self, label: bytes, before: bytes | None, time_ms: int) -> Iterable[str]:
        """Nothing is wrong."""
        return ()

    def dump(self) -> bytes:
        return b""

    def load(self, data: bytes) -> None:
        """Nothing to do."""


def make_leaves(entries: int) -> Iterator[Shown]:
    """About so many entries of a registry's log, with their openings."""
    return make_log(entries // LIVES_ENTRIES)


def lay_out(folder: Path, entries: int, *, export: bool) -> MadeLog:
    """A log's tiles in a folder, and beside them its openings as an auditor downloads them."""
    made = make_leaves(entries)
    leaves: list[bytes] = []
    with ExportWriter(folder / "export") as writer:
        while page := list(islice(made, PAGE)):
            leaves += [shown.leaf for shown in page]
            if export:
                writer.append(page)
        log = MadeLog(leaves)
        writer.add_note(log.note.decode())
        writer.finish()
    for path, content in {**log.files, "checkpoint": log.note}.items():
        (folder / "tiles" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tiles" / path).write_bytes(content)
    log.files.clear()
    return log


def per_second(count: int, work: Callable[[], object], processes: int = ALL_CORES) -> float:
    """How many a second, once through: of the one process's own time, or of everybody's if there are more."""
    clock = time.process_time if processes == 1 else time.perf_counter
    began = clock()
    work()
    return count / (clock() - began)


def hash_bare(leaves: list[bytes]) -> None:
    """The least that anybody must do who verifies a log."""
    for leaf in leaves:
        sha256(b"\x00" + leaf).digest()


def verify_all(folder: Path, processes: int) -> None:
    """Verify a log from its tiles."""
    tiles = FolderTiles(folder / "tiles")
    found = verify(tiles, read_checkpoint(tiles, SIGNER.verifier()), processes=processes)
    assert found.findings == ()


def replay_all(folder: Path, judge: type[NoOpinion] | type[LogJudge], processes: int) -> None:
    """Replay a log from its export, each entry held against the tiles."""
    tiles = FolderTiles(folder / "tiles")
    session = ReplaySession(ExportFile(folder / "export"), SIGNER.verifier(), tiles=tiles)
    _, outcome = session.run(ReplayPlan(judge, processes))
    assert outcome.findings == (), outcome.findings[:3]


def measure_verify(folder: Path) -> tuple[float, list[Figure]]:
    """Bare hashing per second, and verifying beside it."""
    log = lay_out(folder, ENTRIES, export=False)
    bare = per_second(log.size, lambda: hash_bare(log.leaves), 1)
    figures = [Figure("bare SHA-256 over the leaves", bare, "/s", {TO_LIMIT: 1.0}, note="the limit, one core")]
    for processes in sorted({1, ALL_CORES}):
        rate = per_second(log.size, partial(verify_all, folder, processes), processes)
        goal = "≥ 300,000 /s" if processes == 1 else ""
        figures.append(
            Figure(f"verify, {processes} processes", rate, "/s", {TO_LIMIT: rate / bare}, goal, f"{log.size:,} entries")
        )
    return bare, figures


def measure_replay(folder: Path, bare: float) -> list[Figure]:
    """Replaying per second, with and without an opinion."""
    log, figures = lay_out(folder, REPLAYED, export=True), []
    for name, judge in (("openings, chains and map", NoOpinion), ("rules decided again", LogJudge)):
        for processes in sorted({1, ALL_CORES}):
            rate = per_second(log.size, partial(replay_all, folder, judge, processes), processes)
            goal = "≥ 70,000 /s" if processes == 1 else ""
            figures.append(
                Figure(
                    f"replay, {name}, {processes} processes",
                    rate,
                    "/s",
                    {TO_LIMIT: rate / bare},
                    goal,
                    f"{log.size:,} entries",
                )
            )
    return figures


def measure_whole(folder: Path, entries: int) -> list[Figure]:
    """Seconds for a whole audit on all cores."""
    log = lay_out(folder, entries, export=True)
    verified = log.size / per_second(log.size, lambda: verify_all(folder, ALL_CORES))
    replayed = log.size / per_second(log.size, lambda: replay_all(folder, LogJudge, ALL_CORES))
    note = f"verify {verified:,.0f} s, replay {replayed:,.0f} s"
    return [Figure(f"whole audit of {log.size:,} entries", verified + replayed, "s", {}, note=note)]


def run() -> None:
    """Measure and publish."""
    with tempfile.TemporaryDirectory() as name:
        bare, figures = measure_verify(Path(name))
    with tempfile.TemporaryDirectory() as name:
        figures += measure_replay(Path(name), bare)
    for entries in map(int, os.environ.get("WHOLE", "").split()):
        with tempfile.TemporaryDirectory() as name:
            figures += measure_whole(Path(name), entries)
    publish("audit", "The audit: entries verified and replayed, on one core and on all", figures)


if __name__ == "__main__":
    run()
