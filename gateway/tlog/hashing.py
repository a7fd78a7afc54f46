"""Merkle tree hashing over SHA-256 (RFC 6962 section 2.1, unchanged in RFC 9162 section 2.1.1)."""

from hashlib import sha256

HASH_BYTES = 32

# Different first bytes keep a leaf from ever passing for an inner node (second-preimage resistance).
_LEAF = b"\x00"
_NODE = b"\x01"


def leaf_hash(data: bytes) -> bytes:
    """Hash one entry of the log."""
    return sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node from its children's 32-byte hashes."""
    return sha256(_NODE + left + right).digest()


def empty_root() -> bytes:
    """Give the root of the tree without entries: the hash of nothing."""
    return sha256().digest()
