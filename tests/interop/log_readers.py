"""Readers of logs that are not ours: aics-tlog audits a whole log, tlog-scales makes and checks proofs from tiles."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from aics_tlog import HttpTileReader, audit_tiles, parse_note, parse_vkey, verify_checkpoint
from aics_tlog.tiles import TileUnavailableError
from aics_tlog.verified import TileMissingError, TileVerificationError
from cryptography.exceptions import InvalidSignature
from tlog_scales.backend import HttpBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tlog import ConsistencyProofInvalid, InclusionProofInvalid

from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.note import Verifier

_AICS_REJECTS = (ValueError, TileUnavailableError, TileMissingError, TileVerificationError)
_SCALES_REJECTS = (ValueError, IndexError, InvalidSignature, InclusionProofInvalid, ConsistencyProofInvalid)


class RejectedError(Exception):
    """A reader does not believe what it read."""


def audit_with_aics(url: str, log: Verifier) -> int:
    """Check the checkpoint and every tile and bundle; gives how many bundles there were."""
    try:
        reader = HttpTileReader([url])
        note = parse_note(reader.read_checkpoint())
        found = verify_checkpoint(note, parse_vkey(log.encode()), expected_origin=log.name)
        if not found.ok or found.root is None or found.size is None:
            raise RejectedError(found.error)
        return audit_tiles(reader, found.size, found.root).bundles
    except _AICS_REJECTS as error:
        raise RejectedError from error


def read_with_scales(url: str, log: Verifier, old: Checkpoint, indices: Iterable[int]) -> int:
    """Check the checkpoint, its root from tiles, consistency, and some entries' inclusion; gives the size."""
    try:
        with _scales(url) as reader:
            checkpoint = reader.get_checkpoint()
            checkpoint.verify(Vkey.from_string(log.encode()))
            if reader.calculate_root_hash() != checkpoint.root_hash:
                raise RejectedError("root")
            reader.get_consistency_proof(old.size, checkpoint.size).check(old.root, checkpoint.root_hash)
            for index in indices:
                leaf = hashlib.sha256(b"\0" + reader.get_entry(index)).digest()
                reader.get_inclusion_proof(index, checkpoint.size).check(leaf, checkpoint.root_hash)
            return checkpoint.size
    except _SCALES_REJECTS as error:
        raise RejectedError from error


def prove_with_scales(
    url: str, old_size: int, size: int, indices: Iterable[int]
) -> tuple[dict[int, list[bytes]], list[bytes]]:
    """Make proofs from tiles: inclusion by index, and consistency."""
    with _scales(url) as reader:
        reader.set_size(size)
        inclusions = {index: reader.get_inclusion_proof(index, size).node_hashes for index in indices}
        return inclusions, reader.get_consistency_proof(old_size, size).node_hashes


@contextmanager
def _scales(url: str) -> Iterator[TilesReader]:
    backend = HttpBackend(url)
    try:
        yield TilesReader(backend)
    finally:
        backend.session.close()
