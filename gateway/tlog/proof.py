"""Inclusion and consistency proofs (RFC 6962 section 2.1, verified as in RFC 9162 sections 2.1.3.2 and 2.1.4.2).

Proofs are made from a function that gives the hash of any perfect subtree: ``node(level, index)`` is the root over
the leaves from ``index << level`` to ``(index + 1) << level``, the last left out.

What the standards leave open is decided here. Every hash has 32 bytes. A tree of size 0 has the root of nothing, holds
no entry, and is consistent with every tree by the empty proof, provided that the given root is that of nothing.
"""

from collections.abc import Callable, Iterator, Sequence

from gateway.tlog.compact import MAX_SIZE
from gateway.tlog.hashing import HASH_BYTES, empty_root, node_hash

NodeHash = Callable[[int, int], bytes]
"""Gives the hash of the perfect subtree at (level, index)."""

Proof = Sequence[bytes]

MAX_PROOF_HASHES = 64


class ProofError(ValueError):
    """A proof was refused, or cannot exist; `reason` is SIZE, INDEX, HASH_LENGTH, LENGTH or ROOT."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def perfect_subtrees(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Split the leaves from `begin` up to `end` into perfect subtrees (level, index), leftmost first."""
    while begin < end:
        # As large as its place allows, and no larger than what is left.
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        yield level, begin >> level
        begin += 1 << level


def range_hash(begin: int, end: int, node: NodeHash) -> bytes:
    """Hash the leaves from `begin` up to `end` as RFC 6962 does; `begin` is where such a subtree may start."""
    hashes = [node(level, index) for level, index in perfect_subtrees(begin, end)]
    root = hashes.pop() if hashes else empty_root()
    while hashes:
        root = node_hash(hashes.pop(), root)
    return root


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Name the ranges of leaves whose hashes make an inclusion proof, in the proof's order. Raises `ProofError`."""
    _check_size(size)
    if not 0 <= index < size:
        raise ProofError("INDEX")
    ranges, begin, end = [], 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    return ranges[::-1]


def consistency_ranges(old_size: int, new_size: int) -> list[tuple[int, int]]:
    """Name the ranges of leaves whose hashes make a consistency proof, in the proof's order. Raises `ProofError`."""
    _check_size(new_size)
    if not 0 <= old_size <= new_size:
        raise ProofError("SIZE")
    if old_size in {0, new_size}:
        return []
    ranges, begin, end = [], 0, new_size
    is_whole = True
    while old_size != end:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
            is_whole = False
    if not is_whole:
        ranges.append((begin, end))
    return ranges[::-1]


def make_inclusion(index: int, size: int, node: NodeHash) -> list[bytes]:
    """Prove that the tree of `size` leaves holds the leaf at `index`. Raises `ProofError` (SIZE, INDEX)."""
    return [range_hash(begin, end, node) for begin, end in inclusion_ranges(index, size)]


def make_consistency(old_size: int, new_size: int, node: NodeHash) -> list[bytes]:
    """Prove that the tree of `new_size` leaves begins with that of `old_size`. Raises `ProofError` (SIZE)."""
    return [range_hash(begin, end, node) for begin, end in consistency_ranges(old_size, new_size)]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Proof, root: bytes) -> None:
    """Check that the tree with `root` holds the leaf with hash `leaf` at `index`. Raises `ProofError`."""
    _check_size(size)
    if not 0 <= index < size:
        raise ProofError("INDEX")
    _check_hashes(leaf, root, *proof)
    if _climb(leaf, index, size, proof) != root:
        raise ProofError("ROOT")


def verify_consistency(old_size: int, new_size: int, proof: Proof, old_root: bytes, new_root: bytes) -> None:
    """Check that the tree with `new_root` begins with the tree with `old_root`. Raises `ProofError`."""
    _check_size(new_size)
    if not 0 <= old_size <= new_size:
        raise ProofError("SIZE")
    _check_hashes(old_root, new_root, *proof)
    if old_size in {0, new_size}:
        if proof:
            raise ProofError("LENGTH")
        expected = empty_root() if old_size == 0 else new_root
        if old_root != expected:
            raise ProofError("ROOT")
        return
    # The old tree's last perfect subtree is where both trees meet; where it is the whole old tree, a proof omits it.
    level = (old_size & -old_size).bit_length() - 1
    if old_size == 1 << level:
        meeting, rest = old_root, proof
    elif proof:
        meeting, rest = proof[0], proof[1:]
    else:
        raise ProofError("LENGTH")
    index, width = (old_size - 1) >> level, -(-new_size >> level)
    if _climb(meeting, index, width, rest) != new_root or _climb_left(meeting, index, width, rest) != old_root:
        raise ProofError("ROOT")


def _climb(node: bytes, index: int, size: int, proof: Proof) -> bytes:
    """Fold a proof upwards from the node at `index` in a row of `size` nodes."""
    last, rest = size - 1, iter(proof)
    try:
        while last:
            if index & 1:
                node = node_hash(next(rest), node)
            elif index < last:
                node = node_hash(node, next(rest))
            index, last = index >> 1, last >> 1
    except StopIteration:
        raise ProofError("LENGTH") from None
    if next(rest, None) is not None:
        raise ProofError("LENGTH")
    return node


def _climb_left(node: bytes, index: int, size: int, proof: Proof) -> bytes:
    """Fold only what a proof holds to the left: the tree whose last node is the given one."""
    last, position = size - 1, 0
    while last:
        if index & 1:
            node = node_hash(proof[position], node)
        if index & 1 or index < last:
            position += 1
        index, last = index >> 1, last >> 1
    return node


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << (width - 1).bit_length() - 1


def _check_size(size: int) -> None:
    if not 0 <= size <= MAX_SIZE:
        raise ProofError("SIZE")


def _check_hashes(*hashes: bytes) -> None:
    if len(hashes) > MAX_PROOF_HASHES + 2:
        raise ProofError("LENGTH")
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofError("HASH_LENGTH")
