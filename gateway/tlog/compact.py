"""Compact ranges: all that has to be kept of a Merkle tree in order to append to it and to know its root.

A tree of n leaves splits into perfect subtrees, one for each bit set in n, largest first (RFC 9162 section
2.1.2). Their roots are the compact range: at most 64 hashes, of which appending merges the tail.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from gateway.tlog.hashing import HASH_BYTES, empty_root, node_hash

_SIZE_BYTES = 8
MAX_SIZE = 2**64 - 1


class CompactRangeError(ValueError):
    """Bytes or parts that are no compact range: `reason` is SIZE, NODE_COUNT, NODE_LENGTH or LENGTH."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CompactRange:
    """The roots of the perfect subtrees of a tree with `size` leaves, largest subtree first.

    Immutable: appending gives a new range. Raises `CompactRangeError` unless there are as many nodes as bits set
    in `size`, each of 32 bytes.
    """

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE:
            raise CompactRangeError("SIZE")
        if len(self.nodes) != self.size.bit_count():
            raise CompactRangeError("NODE_COUNT")
        for node in self.nodes:
            if len(node) != HASH_BYTES:
                raise CompactRangeError("NODE_LENGTH")

    def append(self, leaf_hash: bytes) -> Self:
        """Add one leaf, given by its hash."""
        return self.append_many((leaf_hash,))

    def append_many(self, leaf_hashes: Iterable[bytes]) -> Self:
        """Add leaves in order, given by their hashes."""
        size, nodes = self.size, list(self.nodes)
        for leaf_hash in leaf_hashes:
            node, low_bits = leaf_hash, size
            while low_bits & 1:
                node = node_hash(nodes.pop(), node)
                low_bits >>= 1
            nodes.append(node)
            size += 1
        return type(self)(size, tuple(nodes))

    def root(self) -> bytes:
        """Fold the subtrees, smallest first, into the tree's root."""
        if not self.nodes:
            return empty_root()
        root = self.nodes[-1]
        for node in self.nodes[-2::-1]:
            root = node_hash(node, root)
        return root

    def to_bytes(self) -> bytes:
        """Write as 8 bytes of size, big-endian, and the nodes, 32 bytes each."""
        return self.size.to_bytes(_SIZE_BYTES, "big") + b"".join(self.nodes)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote; raises `CompactRangeError` for anything else."""
        if len(data) < _SIZE_BYTES or (len(data) - _SIZE_BYTES) % HASH_BYTES:
            raise CompactRangeError("LENGTH")
        starts = range(_SIZE_BYTES, len(data), HASH_BYTES)
        size = int.from_bytes(data[:_SIZE_BYTES], "big")
        return cls(size, tuple(bytes(data[start : start + HASH_BYTES]) for start in starts))
