"""Fence and publications: each sentence of both contracts, on each engine."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.store.base import StoreLockedError
from gateway.store.fence import (
    START,
    Fence,
    FenceForeignError,
    FenceMovedError,
    FencePost,
    FenceUnknownError,
    MemoryFence,
)
from gateway.store.publication import (
    EvidenceRow,
    MemoryPublication,
    NoteConflictError,
    NoteRow,
    Publication,
    PublicationError,
)
from gateway.store.sqlite_fence import SqliteFence
from gateway.store.sqlite_publication import SqlitePublication

ONE, TWO, FORK = FencePost(1, b"1" * 32), FencePost(2, b"2" * 32), FencePost(1, b"f" * 32)


@pytest.fixture(params=["memory", "sqlite"])
def fence(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fence]:
    made: Fence = MemoryFence() if request.param == "memory" else SqliteFence(tmp_path / "fence.sqlite", "log.example")
    yield made
    made.close()


@pytest.fixture(params=["memory", "sqlite"])
def publication(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Publication]:
    memory = request.param == "memory"
    made: Publication = MemoryPublication() if memory else SqlitePublication(tmp_path / "log.sqlite")
    yield made
    made.close()


def test_fence_when_new_then_it_stands_at_the_start(fence: Fence) -> None:
    assert fence.read() == START


def test_fence_when_advanced_from_where_it_stands_then_it_moves_and_from_elsewhere_it_stays(fence: Fence) -> None:
    fence.advance(START, ONE)
    for old, new in ((START, FORK), (FORK, TWO), (TWO, ONE)):
        with pytest.raises(FenceMovedError):
            fence.advance(old, new)
    assert fence.read() == ONE
    fence.advance(ONE, TWO)
    assert fence.read() == TWO


def test_fence_when_opened_again_or_by_two_then_all_see_one_place(tmp_path: Path) -> None:
    path = tmp_path / "fence.sqlite"
    first, second = SqliteFence(path, "log.example"), SqliteFence(path, "log.example")
    first.advance(START, ONE)
    with pytest.raises(FenceMovedError):
        second.advance(START, FORK)
    assert second.read() == ONE
    first.close()
    second.close()
    third = SqliteFence(path, "log.example")
    assert third.read() == ONE
    third.close()
    assert path.stat().st_mode & 0o077 == 0


def test_fence_when_it_is_another_log_s_then_it_is_refused(tmp_path: Path) -> None:
    SqliteFence(tmp_path / "fence.sqlite", "log.example").close()
    with pytest.raises(FenceForeignError):
        SqliteFence(tmp_path / "fence.sqlite", "other.example")


def test_fence_when_the_file_fails_then_the_outcome_is_unknown(tmp_path: Path) -> None:
    fence = SqliteFence(tmp_path / "fence.sqlite", "log.example")
    fence.close()
    for work in (fence.read, lambda: fence.advance(START, ONE)):
        with pytest.raises(FenceUnknownError):
            work()
    (tmp_path / "noise.sqlite").write_bytes(b"noise" * 1000)
    with pytest.raises(FenceUnknownError):
        SqliteFence(tmp_path / "noise.sqlite", "log.example")


def test_notes_when_put_then_the_largest_is_the_latest_and_only_signatures_may_change(publication: Publication) -> None:
    assert publication.latest() is None
    publication.put_note(NoteRow(5, "five", "five signed", 1))
    publication.put_note(NoteRow(7, "seven", "seven signed", 2))
    publication.put_note(NoteRow(5, "five", "five signed twice", 3))
    with pytest.raises(NoteConflictError):
        publication.put_note(NoteRow(7, "another seven", "signed", 4))
    assert publication.latest() == NoteRow(7, "seven", "seven signed", 2)
    assert [row.note for row in publication.notes(0, 10)] == ["five signed twice", "seven signed"]
    assert publication.notes(5, 10) == publication.notes(0, 10)[1:]


def test_notes_when_thinned_then_the_latest_stays(publication: Publication) -> None:
    for size in (1, 2, 3):
        publication.put_note(NoteRow(size, f"{size}", f"{size} signed", size))
    for size in (2, 3, 9):
        publication.thin(size)
    assert [row.size for row in publication.notes(0, 10)] == [1, 3]


def test_evidence_when_added_then_it_is_kept_as_it_was(publication: Publication) -> None:
    rows = [EvidenceRow("w1", 409, b"old 5\n", b"7\n", 1), EvidenceRow("w1", 422, b"old 5\n", b"", 2)]
    for row in rows:
        publication.add_evidence(row)
    assert publication.evidence() == rows


def test_evidence_when_a_witness_says_the_same_for_ever_then_the_first_and_the_last_are_kept(
    publication: Publication,
) -> None:
    rows = [EvidenceRow("w1", 409, b"old %d" % n, b"7\n", n) for n in range(50)]
    other = EvidenceRow("w2", 409, b"old 5", b"7\n", 9)
    for row in [*rows[:9], other, *rows[9:]]:
        publication.add_evidence(row)
    assert publication.evidence() == [rows[0], other, rows[-1]]


def test_evidence_when_a_witness_never_says_the_same_then_the_first_are_kept_and_others_have_room(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("publication", "sqlite_publication"):
        monkeypatch.setattr(f"gateway.store.{module}.MAX_EVIDENCE", 5)
    rows = [EvidenceRow("w1", 409, b"old", b"%d" % n, n) for n in range(9)]
    other = EvidenceRow("w2", 409, b"old", b"1", 9)
    for row in [*rows, other]:
        publication.add_evidence(row)
    assert publication.evidence() == [*rows[:5], other]


def test_hashes_when_put_again_from_a_place_then_the_rest_is_replaced(publication: Publication) -> None:
    publication.put_hashes(0, [b"a" * 32, b"b" * 32, b"c" * 32])
    publication.put_hashes(1, [b"d" * 32])
    assert publication.hashes() == [b"a" * 32, b"d" * 32]


def test_publication_when_opened_again_then_all_is_there_and_a_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    first = SqlitePublication(path)
    first.put_note(NoteRow(1, "one", "one signed", 1))
    with pytest.raises(StoreLockedError):
        SqlitePublication(path)
    first.close()
    again = SqlitePublication(path)
    assert again.latest() == NoteRow(1, "one", "one signed", 1)
    again.close()


@pytest.mark.parametrize(
    "work", [lambda made: made.latest(), lambda made: made.put_note(NoteRow(1, "one", "one signed", 1))]
)
def test_publication_when_the_file_fails_then_it_says_so(
    tmp_path: Path, work: Callable[[SqlitePublication], object]
) -> None:
    made = SqlitePublication(tmp_path / "log.sqlite")
    made._connection.close()
    made._connection = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(PublicationError):
        work(made)
    made.close()
