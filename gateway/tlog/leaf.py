"""The log's leaves: small, of fixed layout, and safe to publish to participants.

Big-endian throughout. Every leaf starts with the same 16-byte header::

    u8 version | u8 type | u16 actor | u32 flags | u64 accept_time_ms

and then carries, by type:

* CHANGE, ERASE, POLICY, STATEMENT: ``commitment`` (32 bytes, see `gateway.tlog.opening`): 48 bytes in all;
* EPOCH: ``covers`` (u64) and ``map_root`` (32 bytes), both in clear: 56 bytes in all. ``covers`` is the index of
  the EPOCH entry itself: the map holds the outcome of every entry before it; ``flags`` is the logarithm of the
  number of its buckets.

Nothing in a leaf is derived from a phone number without a secret salt.
"""

import struct
from enum import IntEnum

from gateway.tlog.hashing import HASH_BYTES
from optout.kit.values import dataclass

VERSION = 1
_HEADER = struct.Struct(">BBHIQ")
_COMMITTED = struct.Struct(">BBHIQ32s")
_EPOCH = struct.Struct(">BBHIQQ32s")
_MAX_U16, _MAX_U32, _MAX_U64 = 2**16 - 1, 2**32 - 1, 2**64 - 1

LEAF_BYTES = _COMMITTED.size
EPOCH_LEAF_BYTES = _EPOCH.size


class LeafType(IntEnum):
    """What an entry is about. Zero is no type, so that zeroed storage never passes for an entry."""

    CHANGE = 1
    """A subscriber's state changed, or began."""
    ERASE = 2
    """A subscriber's openings were destroyed."""
    EPOCH = 3
    """The root of the state map, at this point of the log."""
    POLICY = 4
    """A version of the policy, the taxonomy, the directory of lines or a system list."""
    STATEMENT = 5
    """Something that changed no subscriber's state: a refusal, a question, a report, a declaration."""


class LeafError(ValueError):
    """A leaf was refused; `reason` is LENGTH, VERSION, TYPE or RANGE."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry whose content is hidden behind a commitment; any type but EPOCH.

    `actor` numbers the party that caused the entry (u16), `flags` is a u32 whose bits belong to the type,
    `accept_time_ms` is Unix time in milliseconds and never decreases along the log. Raises `LeafError`
    (TYPE, LENGTH, RANGE).
    """

    type: LeafType
    actor: int
    flags: int
    accept_time_ms: int
    commitment: bytes
    version: int = VERSION

    def __post_init__(self) -> None:
        if self.type not in _COMMITTED_TYPES:
            raise LeafError("TYPE")
        _check_header(self.version, self.actor, self.flags, self.accept_time_ms)
        if len(self.commitment) != HASH_BYTES:
            raise LeafError("LENGTH")

    def encode(self) -> bytes:
        """Write the 48 bytes that are hashed and published."""
        return _COMMITTED.pack(self.version, self.type, self.actor, self.flags, self.accept_time_ms, self.commitment)


@dataclass(frozen=True, slots=True)
class EpochLeaf:
    """An EPOCH entry: the state map's root after the first `covers` entries. Raises `LeafError` (LENGTH, RANGE)."""

    actor: int
    flags: int
    accept_time_ms: int
    covers: int
    map_root: bytes
    version: int = VERSION

    def __post_init__(self) -> None:
        _check_header(self.version, self.actor, self.flags, self.accept_time_ms)
        if not 0 <= self.covers <= _MAX_U64:
            raise LeafError("RANGE")
        if len(self.map_root) != HASH_BYTES:
            raise LeafError("LENGTH")

    @property
    def type(self) -> LeafType:
        """Always EPOCH."""
        return LeafType.EPOCH

    def encode(self) -> bytes:
        """Write the 56 bytes that are hashed and published."""
        return _EPOCH.pack(
            self.version,
            LeafType.EPOCH,
            self.actor,
            self.flags,
            self.accept_time_ms,
            self.covers,
            self.map_root,
        )


AnyLeaf = Leaf | EpochLeaf

_COMMITTED_TYPES = frozenset(LeafType) - {LeafType.EPOCH}
_TYPE_OF = {int(leaf_type): leaf_type for leaf_type in _COMMITTED_TYPES}


def decode_leaf(data: bytes) -> AnyLeaf:
    """Read one leaf; raises `LeafError` (LENGTH, VERSION, TYPE) unless `data` is exactly one."""
    if len(data) == LEAF_BYTES:
        version, code, actor, flags, accept_time_ms, commitment = _COMMITTED.unpack(data)
        leaf_type = _TYPE_OF.get(code)
        if version == VERSION and leaf_type is not None:
            return Leaf(leaf_type, actor, flags, accept_time_ms, commitment)
    if len(data) < _HEADER.size:
        raise LeafError("LENGTH")
    version, code = data[0], data[1]
    if version != VERSION:
        raise LeafError("VERSION")
    if code != LeafType.EPOCH and code not in _TYPE_OF:
        raise LeafError("TYPE")
    if code != LeafType.EPOCH or len(data) != EPOCH_LEAF_BYTES:
        raise LeafError("LENGTH")
    _, _, actor, flags, accept_time_ms, covers, map_root = _EPOCH.unpack(data)
    return EpochLeaf(actor, flags, accept_time_ms, covers, map_root)


def _check_header(version: int, actor: int, flags: int, accept_time_ms: int) -> None:
    if version != VERSION:
        raise LeafError("VERSION")
    if not (0 <= actor <= _MAX_U16 and 0 <= flags <= _MAX_U32 and 0 <= accept_time_ms <= _MAX_U64):
        raise LeafError("RANGE")
