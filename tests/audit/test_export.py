"""Exports: what was written is read, what was cut off or changed is known, and who was erased is dropped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.service.audit_file import AuditError
from gateway.service.export import MAGIC, ExportFile, ExportWriter
from gateway.tlog.leaf import Leaf, LeafType
from gateway.tlog.opening import Opening, encode_payload
from gateway.tlog.shown import Shown

NOTE = "registry.example\n5\nAAAA\n\n— registry.example AAAA\n"
LABELS = (b"", bytes(32), bytes(range(32)))


def entry(index: int, label: bytes = LABELS[1], kind: LeafType = LeafType.CHANGE, **payload: str) -> Shown:
    opening = Opening(bytes([index % 256]) * 32, encode_payload({"label": label.hex(), "index": index, **payload}))
    leaf = Leaf(kind, 1, 0, 1_800_000_000_000 + index, opening.commitment())
    return Shown(index, leaf.encode(), label, opening)


def log(count: int) -> list[Shown]:
    return [
        entry(index, LABELS[index % 3]) if index % 5 else Shown(index, b"x" * 56, b"", None) for index in range(count)
    ]


def write(path: Path, entries: list[Shown], *, note: str = NOTE) -> int:
    with ExportWriter(path) as writer:
        writer.append([each for each in entries if each.index >= writer.size])
        writer.add_note(note)
        return writer.finish()


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 40), max_size=4), first=st.integers(0, 40))
def test_export_when_written_in_parts_then_it_is_read_as_one(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], first: int
) -> None:
    path, whole = tmp_path_factory.mktemp("export") / "file", log(40)
    for cut in [*sorted(cuts), 40]:
        write(path, whole[:cut])
    assert list(ExportFile(path).entries(first, 40)) == whole[first:]
    assert ExportFile(path).notes() == [NOTE] * (len(cuts) + 1)
    assert path.stat().st_mode & 0o777 == 0o600


def test_export_when_torn_anywhere_then_known_and_mended_by_the_next_download(tmp_path: Path) -> None:
    path, whole = tmp_path / "file", log(6)
    ends, content = {len(MAGIC)}, MAGIC
    for more in (whole[:3], whole):
        write(path, more)
        # What a download adds is entries and a checkpoint, a block each.
        added = path.read_bytes()[len(content) :]
        ends |= {len(content) + 5 + int.from_bytes(added[1:5], "big") + 32, len(content) + len(added)}
        content += added
    for length in sorted({*range(1, len(content), 7), *ends} - {len(content)}):
        path.write_bytes(content[:length])
        if length not in ends:
            with pytest.raises(AuditError, match="torn at its end"):
                ExportFile(path).notes()
        with ExportWriter(path) as writer:
            assert writer.mended is (length not in ends)
            assert writer.size in {0, 3, 6}
            writer.append(whole[writer.size :])
            writer.add_note(NOTE)
            writer.finish()
        assert list(ExportFile(path).entries(0, 6)) == whole


def test_export_when_a_bit_is_flipped_anywhere_then_it_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, log(4))
    content = path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        with pytest.raises(AuditError) as caught:
            ExportFile(path).notes()
        assert caught.value.reason == "STATE", at


def test_export_when_entries_are_missing_then_said_so_whether_written_or_read(tmp_path: Path) -> None:
    path, whole = tmp_path / "file", log(6)
    with pytest.raises(AuditError):
        write(path, [*whole[:2], *whole[3:]])
    write(tmp_path / "short", whole[:4])
    with pytest.raises(AuditError, match="ends at entry 4"):
        list(ExportFile(tmp_path / "short").entries(0, 6))
    with pytest.raises(KeyError):
        ExportFile(path).checkpoint()


def test_export_when_somebody_was_erased_then_their_openings_are_dropped_and_no_others(tmp_path: Path) -> None:
    path, whole = tmp_path / "file", [*log(9)]
    assert write(path, whole) == 0
    gone = LABELS[2]
    assert any(each.opening is not None and each.opening.payload in path.read_bytes() for each in whole)
    erasure = replace(entry(9, gone, LeafType.ERASE), label=b"")
    dropped = write(path, [*whole, erasure])
    expected = [replace(each, opening=None) if each.label == gone else each for each in whole]
    assert dropped == sum(each.label == gone and each.opening is not None for each in whole)
    assert list(ExportFile(path).entries(0, 10)) == [*expected, erasure]
    assert ExportFile(path).notes() == [NOTE, NOTE]
    for each in whole:
        if each.label == gone and each.opening is not None:
            assert each.opening.salt not in path.read_bytes()
    more = entry(10)
    write(path, [*whole, erasure, more])
    assert list(ExportFile(path).entries(10, 11)) == [more]


def test_export_when_the_file_is_another_then_it_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("something that somebody needs")
    for use in (lambda: ExportWriter(path), lambda: ExportFile(path).notes()):
        with pytest.raises(AuditError, match="no export"):
            use()
    assert path.read_text() == "something that somebody needs"
