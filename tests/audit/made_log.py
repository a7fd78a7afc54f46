"""A log for an auditor: leaves, tiles in memory, a signed checkpoint, and ways to spoil them."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.compact import CompactRange
from gateway.tlog.hashing import leaf_hash
from gateway.tlog.leaf import Leaf, LeafType
from gateway.tlog.note import Ed25519Secret, Signer
from gateway.tlog.tile import (
    WIDTH,
    AnyTile,
    Bundle,
    Tile,
    encode_bundle,
    encode_hashes,
    new_tiles,
    subtree_hash,
    width_of,
)

ORIGIN = "registry.example/log"
SIGNER = Signer(ORIGIN, Ed25519Secret(bytes(range(32))))


def make_leaves(count: int, first: int = 0, time_ms: int = 1_800_000_000_000) -> list[bytes]:
    return [
        Leaf(LeafType.CHANGE, 1, 0, time_ms + index // 7, sha256(b"%d" % index).digest()).encode()
        for index in range(first, first + count)
    ]


@dataclass
class MadeLog:
    """Serves itself as a `TileSource`; `files` may be spoiled, by path."""

    leaves: list[bytes]
    files: dict[str, bytes] = field(default_factory=dict)
    note: bytes = b""

    def __post_init__(self) -> None:
        self.publish()

    @property
    def size(self) -> int:
        return len(self.leaves)

    @property
    def root(self) -> bytes:
        return CompactRange().append_many(map(leaf_hash, self.leaves)).root()

    def publish(self) -> None:
        rows = {0: [leaf_hash(leaf) for leaf in self.leaves]}
        level = 0
        while len(rows[level]) >= WIDTH:
            whole = len(rows[level]) // WIDTH
            rows[level + 1] = [subtree_hash(rows[level][at * WIDTH : (at + 1) * WIDTH]) for at in range(whole)]
            level += 1
        for tile in new_tiles(0, self.size):
            start = tile.index * WIDTH
            self.files[tile.path()] = encode_hashes(rows[tile.level][start : start + tile.width])
        for index in range(-(-self.size // WIDTH)):
            entries = self.leaves[index * WIDTH : (index + 1) * WIDTH]
            self.files[Bundle(index, width_of(0, index, self.size)).path()] = encode_bundle(entries)
        self.sign(Checkpoint(ORIGIN, self.size, self.root))

    def sign(self, checkpoint: Checkpoint) -> None:
        text = checkpoint.text()
        self.note = checkpoint.unsigned().add(SIGNER.sign(text)).encode().encode()

    def checkpoint(self) -> bytes:
        if not self.note:
            raise OSError("gone")
        return self.note

    def fetch(self, tile: AnyTile) -> bytes:
        return self.files[tile.path()]

    def spoil(self, tile: AnyTile, at: int) -> None:
        content = bytearray(self.files[tile.path()])
        content[at] ^= 1
        self.files[tile.path()] = bytes(content)


__all__ = ["ORIGIN", "SIGNER", "Bundle", "MadeLog", "Tile", "make_leaves"]
