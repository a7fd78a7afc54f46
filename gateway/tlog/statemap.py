"""The state map: where each subject's chain of entries ends, under one root that an EPOCH entry carries.

A record is ``label (32) | index of the subject's last entry (u64) | version (u64)``, big-endian. Records fall into
``2**bits`` buckets by the first bits of their label. A bucket's hash is the leaf hash over its records in order of
label, and a dense Merkle tree stands over the buckets, so that one bucket and ``bits`` hashes prove what the map says
of a label, and that it says nothing of one. A bucket cannot pass for a larger one: leaves and nodes hash differently.
"""

import struct
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.tlog.hashing import HASH_BYTES, leaf_hash, node_hash

LABEL_BYTES = 32
RECORD_BYTES = 48
DEFAULT_BITS = 18
"""Ten million subjects make 38 records a bucket, and a proof of some 2.4 kB."""

MAX_BITS = 28
_RECORD = struct.Struct(">32sQQ")
_FIRST_BITS = struct.Struct(">I28x").unpack
"""The first 32 bits of a label."""
_MAX_U64 = 2**64 - 1


class MapError(ValueError):
    """A record, bucket or proof was refused; `reason` is BITS, LABEL, RANGE, BUCKET, LENGTH or ROOT."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


encode_record = _RECORD.pack
"""Write a `Record` of its label, last index and version. struct.error out of range; a label must have 32 bytes."""


@dataclass(frozen=True, slots=True)
class Record:
    """One subject: its `label`, the index of its last entry, and how often its state has changed."""

    label: bytes
    last_index: int
    version: int

    def __post_init__(self) -> None:
        if len(self.label) != LABEL_BYTES:
            raise MapError("LABEL")
        if not (0 <= self.last_index <= _MAX_U64 and 0 <= self.version <= _MAX_U64):
            raise MapError("RANGE")

    def encode(self) -> bytes:
        """Write the 48 bytes."""
        return encode_record(self.label, self.last_index, self.version)


@dataclass(frozen=True, slots=True)
class MapProof:
    """What the map says of every label in one bucket: its records as bytes, and the path from it to the root."""

    records: bytes
    path: tuple[bytes, ...]

    def verify(self, label: bytes, root: bytes) -> Record | None:
        """Give the record of a label, None if the map has none. Raises `MapError` unless `root` vouches for it."""
        bits = len(self.path)
        bucket = bucket_of(label, bits)
        if any(len(each) != HASH_BYTES for each in self.path):
            raise MapError("LENGTH")
        records = list(decode_bucket(self.records))
        if any(bucket_of(record.label, bits) != bucket for record in records):
            raise MapError("BUCKET")
        node, position = leaf_hash(self.records), bucket
        for sibling in self.path:
            node = node_hash(sibling, node) if position & 1 else node_hash(node, sibling)
            position >>= 1
        if node != root:
            raise MapError("ROOT")
        return next((record for record in records if record.label == label), None)


def bucket_of(label: bytes, bits: int) -> int:
    """Number the bucket of a label. Raises `MapError` (LABEL, BITS)."""
    if len(label) != LABEL_BYTES:
        raise MapError("LABEL")
    if not 0 <= bits <= MAX_BITS:
        raise MapError("BITS")
    return int.from_bytes(label[:4], "big") >> 32 - bits


def decode_bucket(data: bytes) -> Iterator[Record]:
    """Read a bucket's records. Raises `MapError` (LENGTH, BUCKET) unless they stand in order, no label twice."""
    if len(data) % RECORD_BYTES:
        raise MapError("LENGTH")
    before = b""
    for label, last_index, version in _RECORD.iter_unpack(data):
        if label <= before:
            raise MapError("BUCKET")
        before = label
        yield Record(label, last_index, version)


class _Readable(ABC):
    """What a map and a draft of its next state have in common: a heap of nodes over a row of buckets.

    The children of node n are 2n and 2n + 1, the root is 1, the buckets begin at 2**bits.
    """

    bits: int

    @abstractmethod
    def _bucket(self, bucket: int) -> bytes:
        """A bucket's records."""

    @abstractmethod
    def _node(self, position: int) -> bytes:
        """A node's hash."""

    def root(self) -> bytes:
        """Give the root."""
        return self._node(1)

    def subtree(self, depth: int, index: int) -> bytes:
        """Give the root over the buckets whose numbers begin with the `depth` bits of `index`. `MapError` (BITS)."""
        if not 0 <= depth <= self.bits:
            raise MapError("BITS")
        return self._node((1 << depth) + index)

    def get(self, label: bytes) -> Record | None:
        """Find a subject."""
        bucket = self._bucket(bucket_of(label, self.bits))
        return next((record for record in decode_bucket(bucket) if record.label == label), None)

    def prove(self, label: bytes) -> MapProof:
        """Prove what the map says of a label, also if that is nothing."""
        bucket = bucket_of(label, self.bits)
        position, path = bucket + (1 << self.bits), []
        while position > 1:
            path.append(self._node(position ^ 1))
            position >>= 1
        return MapProof(self._bucket(bucket), tuple(path))

    def root_with(self, records: Iterable[Record], without: Iterable[bytes] = ()) -> bytes:
        """Give the root after changes that are not made."""
        return self._climb(self._change(_rows(records, without))).get(1) or self.root()

    def _change(self, rows: Mapping[bytes, bytes]) -> dict[int, bytes]:
        """The buckets that changed rows touch, as they would be then."""
        changed: dict[int, bytes] = {}
        shift = 32 - self.bits
        for label, row in rows.items():
            if len(label) != LABEL_BYTES:
                raise MapError("LABEL")
            bucket = _FIRST_BITS(label)[0] >> shift
            data = changed.get(bucket)
            changed[bucket] = _place(self._bucket(bucket) if data is None else data, label, row)
        return changed

    def _climb(self, buckets: Mapping[int, bytes]) -> dict[int, bytes]:
        """Hash changed buckets and the nodes above them, and no others; gives all that changed."""
        level = {(1 << self.bits) + bucket: leaf_hash(data) for bucket, data in buckets.items()}
        changed = dict(level)
        while level and 1 not in level:
            above: dict[int, bytes] = {}
            for parent in {position >> 1 for position in level}:
                left, right = 2 * parent, 2 * parent + 1
                above[parent] = node_hash(level.get(left) or self._node(left), level.get(right) or self._node(right))
            changed |= above
            level = above
        return changed


class StateMap(_Readable):
    """The map itself: 48 bytes for each subject, and for each bucket two hashes, some 150 bytes once it was touched.

    A change costs the buckets it touches and the nodes above them; many at once cost less each.
    """

    def __init__(self, bits: int = DEFAULT_BITS) -> None:
        if not 0 <= bits <= MAX_BITS:
            raise MapError("BITS")
        self.bits = bits
        self._buckets: list[bytes] = [b""] * (1 << bits)
        empty = [leaf_hash(b"")]
        for _ in range(bits):
            empty.append(node_hash(empty[-1], empty[-1]))
        # Node 0 is none. Nodes of one level are one object until they are written.
        self._nodes = [b""]
        for level, node in enumerate(reversed(empty)):
            self._nodes += [node] * (1 << level)

    def __len__(self) -> int:
        """How many subjects the map knows."""
        return sum(map(len, self._buckets)) // RECORD_BYTES

    def put(self, records: Iterable[Record], without: Iterable[bytes] = ()) -> None:
        """Take in records, new ones and such as replace older ones; forget the labels ``without``."""
        self.put_rows(_rows(records, without))

    def put_rows(self, rows: Mapping[bytes, bytes]) -> None:
        """Take in records as `encode_record` writes them, by label; one that is empty forgets its label.

        An auditor's replay spends its time here, so nodes are hashed and written where they stand. Raises `MapError`
        (LABEL).
        """
        buckets, nodes, first = self._buckets, self._nodes, 1 << self.bits
        changed = self._change(rows)
        for bucket, data in changed.items():
            buckets[bucket] = data
            nodes[first + bucket] = leaf_hash(data)
        positions = {first + bucket >> 1 for bucket in changed}
        while positions and 0 not in positions:
            for parent in positions:
                left = 2 * parent
                nodes[parent] = node_hash(nodes[left], nodes[left + 1])
            positions = {parent >> 1 for parent in positions}

    def _take(self, buckets: Mapping[int, bytes], nodes: Mapping[int, bytes]) -> None:
        for bucket, data in buckets.items():
            self._buckets[bucket] = data
        for position, node in nodes.items():
            self._nodes[position] = node

    def _bucket(self, bucket: int) -> bytes:
        return self._buckets[bucket]

    def _node(self, position: int) -> bytes:
        return self._nodes[position]


class MapDraft(_Readable):
    """The map's next state, prepared beside it: the map stays as its last EPOCH has it until `apply`."""

    def __init__(self, base: StateMap) -> None:
        self.bits = base.bits
        self._base = base
        self._buckets: dict[int, bytes] = {}
        self._nodes: dict[int, bytes] = {}

    def put(self, records: Iterable[Record], without: Iterable[bytes] = ()) -> None:
        """Take in changes as `StateMap.put` does."""
        buckets = self._change(_rows(records, without))
        self._nodes |= self._climb(buckets)
        self._buckets |= buckets

    def apply(self) -> None:
        """Make the map what the draft is; the draft is empty afterwards."""
        self._base._take(self._buckets, self._nodes)
        self._buckets, self._nodes = {}, {}

    def _bucket(self, bucket: int) -> bytes:
        found = self._buckets.get(bucket)
        return self._base._bucket(bucket) if found is None else found

    def _node(self, position: int) -> bytes:
        return self._nodes.get(position) or self._base._node(position)


def _rows(records: Iterable[Record], without: Iterable[bytes]) -> dict[bytes, bytes]:
    """Changes as rows by label, empty for one that is to be forgotten."""
    return {record.label: record.encode() for record in records} | dict.fromkeys(without, b"")


def _place(bucket: bytes, label: bytes, row: bytes) -> bytes:
    """A bucket with one row replaced or added or, where the new row is empty, left out."""
    if not bucket:
        return row
    at = bucket.find(label)
    if at % RECORD_BYTES:
        # It is not there, or only by chance, across two rows.
        places = range(0, len(bucket), RECORD_BYTES)
        at = RECORD_BYTES * bisect_left(places, label, key=lambda place: bucket[place : place + LABEL_BYTES])
    end = at + RECORD_BYTES if bucket.startswith(label, at) else at
    return bucket[:at] + row + bucket[end:]
