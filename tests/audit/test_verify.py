"""Verifying a whole log: what holds is found to hold, and every spoiled bit is found at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.service.audit_file import AuditError
from gateway.service.verify import Kept, KeptFile, Verified, read_checkpoint, verify
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.note import Ed25519Secret, Signer
from gateway.tlog.tile import WIDTH
from gateway.tlog.walk import STRETCH
from tests.audit.made_log import ORIGIN, SIGNER, Bundle, MadeLog, Tile, make_leaves

LOG = SIGNER.verifier()
SIZES = (0, 1, 255, 256, 257, 512, 1000)


def audit(log: MadeLog, kept: Kept | None = None) -> Verified:
    return verify(log, read_checkpoint(log, LOG), kept)


def keep(verified: Verified) -> Kept:
    checkpoint = verified.checkpoint
    return Kept(checkpoint.origin, checkpoint.size, checkpoint.root, verified.last_ms)


@pytest.mark.parametrize("size", SIZES)
def test_log_when_it_holds_then_nothing_is_found(size: int) -> None:
    verified = audit(MadeLog(make_leaves(size)))
    assert (verified.findings, verified.entries) == ((), size)


def test_log_when_it_has_more_than_a_stretch_then_processes_share_it() -> None:
    log = MadeLog(make_leaves(STRETCH + 300))
    seen: list[tuple[int, int]] = []
    verified = verify(
        log, read_checkpoint(log, LOG), processes=2, progress=lambda done, total: seen.append((done, total))
    )
    assert (verified.findings, verified.entries) == ((), log.size)
    assert seen == [(STRETCH, log.size), (log.size, log.size)]


@given(st.integers(0, 600), st.integers(0, 600))
@settings(max_examples=30, deadline=None)
def test_log_when_it_grew_then_only_the_new_is_read_again(first: int, more: int) -> None:
    leaves = make_leaves(first + more)
    kept = keep(audit(MadeLog(leaves[:first])))
    verified = audit(MadeLog(leaves), kept)
    assert (verified.findings, verified.entries) == ((), more)


@pytest.mark.parametrize(("bundle", "width", "entry"), [(0, WIDTH, 3), (3, 232, 230)])
def test_entry_when_a_bit_is_flipped_then_found_at_its_index(bundle: int, width: int, entry: int) -> None:
    log = MadeLog(make_leaves(1000))
    log.spoil(Bundle(bundle, width), entry * 50 + 30)
    assert next((each.index, each.flaw) for each in audit(log).findings) == (bundle * WIDTH + entry, "entry")


def test_entry_when_its_length_is_wrong_then_the_bundle_is_named() -> None:
    log = MadeLog(make_leaves(300))
    log.spoil(Bundle(0), 1)
    assert audit(log).findings[0].index == 0


def test_tile_when_changed_with_its_entry_and_not_its_parent_then_found() -> None:
    """The forged-tile trap: entry and tile agree with each other, and not with the root."""
    honest = MadeLog(make_leaves(1000))
    leaves = list(honest.leaves)
    leaves[300] = make_leaves(1, 5000)[0][:16] + leaves[300][16:]
    forged = MadeLog(leaves)
    for path in (Bundle(1).path(), Tile(0, 1).path()):
        honest.files[path] = forged.files[path]
    findings = audit(honest).findings
    assert ("tile", 256) in {(each.flaw, each.index) for each in findings}


def test_tile_when_the_whole_right_edge_is_forged_then_the_root_tells() -> None:
    honest, forged = MadeLog(make_leaves(1000)), MadeLog([*make_leaves(999), make_leaves(1, 7000)[0]])
    honest.files = forged.files
    with pytest.raises(AuditError) as caught:
        audit(honest)
    assert caught.value.reason == "ROOT"


def test_edge_when_served_differently_the_second_time_then_found() -> None:
    class TwoFaced(MadeLog):
        """Shows the tree's right edge as signed when the tree is opened, and another one to whoever reads entries."""

        asked = 0

        def fetch(self, tile: Bundle | Tile) -> bytes:
            if tile == Tile(0, 3, 232):
                self.asked += 1
            spoil = (self.asked, tile) in {(1, Bundle(3, 232)), (2, Tile(0, 3, 232))}
            return other.files[tile.path()] if spoil else super().fetch(tile)

    other = MadeLog([*make_leaves(999), make_leaves(1, 5000, 1_800_000_000_000)[0]])
    findings = audit(TwoFaced(make_leaves(1000))).findings
    assert ("tile", 768) in {(each.flaw, each.index) for each in findings}


def test_time_when_it_goes_back_then_the_entry_is_named() -> None:
    leaves = [*make_leaves(400), *make_leaves(100, 400, 1_799_999_999_000)]
    assert [(each.index, each.flaw) for each in audit(MadeLog(leaves)).findings][:1] == [(400, "time_backwards")]


def test_tile_when_missing_then_found() -> None:
    log = MadeLog(make_leaves(1000))
    del log.files[Bundle(1).path()]
    assert ("missing", 256) in {(each.flaw, each.index) for each in audit(log).findings}


def test_leaf_when_it_is_none_then_named() -> None:
    leaves = make_leaves(300)
    leaves[7] = b"\x09" + leaves[7][1:]
    assert [(each.index, each.flaw, each.detail) for each in audit(MadeLog(leaves)).findings] == [
        (7, "leaf", "VERSION")
    ]


def test_checkpoint_when_smaller_or_of_another_history_then_refused() -> None:
    kept = keep(audit(MadeLog(make_leaves(500))))
    with pytest.raises(AuditError) as caught:
        audit(MadeLog(make_leaves(499)), kept)
    assert caught.value.reason == "SMALLER"
    fork = [*make_leaves(499), *make_leaves(200, 9000, 1_800_000_000_000)]
    with pytest.raises(AuditError) as caught:
        audit(MadeLog(fork), kept)
    assert caught.value.reason == "FORKED"


def test_checkpoint_when_signed_by_somebody_else_or_for_another_log_then_refused() -> None:
    log = MadeLog(make_leaves(5))
    other = Signer(ORIGIN, Ed25519Secret(bytes(32)))
    with pytest.raises(AuditError) as caught:
        read_checkpoint(log, other.verifier())
    assert caught.value.reason == "NOTE"
    log.sign(Checkpoint("other.example/log", 5, log.root))
    with pytest.raises(AuditError) as caught:
        read_checkpoint(log, LOG)
    assert caught.value.reason == "ORIGIN"
    log.note = b""
    with pytest.raises(AuditError) as caught:
        read_checkpoint(log, LOG)
    assert caught.value.reason == "UNREACHABLE"


def test_memory_when_saved_then_loaded_and_when_torn_then_known_as_torn(tmp_path: Path) -> None:
    file = KeptFile(tmp_path / "kept.json")
    assert file.load() is None
    kept = Kept(ORIGIN, 5, bytes(32), 9)
    file.save(kept)
    assert file.load() == kept
    content = (tmp_path / "kept.json").read_bytes()
    for length in range(len(content)):
        (tmp_path / "kept.json").write_bytes(content[:length])
        with pytest.raises(AuditError) as caught:
            file.load()
        assert caught.value.reason == "STATE"
