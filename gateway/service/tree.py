"""The log's Merkle tree, for proofs and tiles: made from stored leaves, and hashes of full tiles kept at hand.

Of a full level 0 tile one hash is kept, 32 bytes for 256 entries, and the tile itself is made anew from its leaves
when somebody asks; so a proof reads at most a few ranges of 256 entries, however long the log.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from gateway.store.base import Store, StoreError
from gateway.store.publication import Publication
from gateway.tlog.compact import CompactRange
from gateway.tlog.hashing import HASH_BYTES, leaf_hash
from gateway.tlog.proof import (
    NodeHash,
    ProofError,
    consistency_ranges,
    inclusion_ranges,
    make_consistency,
    make_inclusion,
    perfect_subtrees,
    range_hash,
)
from gateway.tlog.tile import (
    HEIGHT,
    WIDTH,
    Bundle,
    Tile,
    TileError,
    encode_bundle,
    encode_hashes,
    subtree_hash,
    width_of,
)

READ_ENTRIES = 4096
_KEPT_TILES = 1024


class LogDamagedError(StoreError):
    """The stored leaves do not make the root that the head has: a bit flipped, or entries are missing."""

    reason = "LOG_DAMAGED"


class LogTree:
    """The tree over the first ``size`` entries, each of which was read back from the store and hashed."""

    def __init__(self, store: Store, publication: Publication) -> None:
        self._store = store
        self._publication = publication
        self._range = CompactRange()
        # Level n of tiles above level 0: hashes of the full tiles below, one after the other.
        self._upper: list[bytearray] = []
        self._tail: list[bytes] = []
        self._kept: OrderedDict[int, tuple[bytes, ...]] = OrderedDict()

    @property
    def size(self) -> int:
        """How many entries were read back."""
        return self._range.size

    @property
    def root(self) -> bytes:
        """The root over them."""
        return self._range.root()

    async def load(self) -> None:
        """Read what is known of full tiles, then the rest from the leaves. Raises LogDamagedError.

        Hashes that do not make the head's root are dropped and made anew, so a stale file of publications does no harm.
        """
        head = await self._store.head()
        hashes = self._publication.hashes()[: head.size // WIDTH]
        for known in (hashes, ()):
            self._restart(known)
            await self._read_to(head.size)
            if self.root == head.root:
                if len(known) != head.size // WIDTH or len(known) != len(hashes):
                    self._publication.put_hashes(len(known), self._hashes_from(len(known)))
                return
        raise LogDamagedError("the stored leaves do not make the head's root")

    async def follow(self) -> CompactRange:
        """Read entries back up to the store's head and check that they make its root. Raises LogDamagedError."""
        head = await self._store.head()
        if head.size < self.size:
            raise LogDamagedError("the log became shorter")
        first = self.size // WIDTH
        await self._read_to(head.size)
        if self.root != head.root:
            raise LogDamagedError("the stored leaves do not make the head's root")
        if self.size // WIDTH > first:
            self._publication.put_hashes(first, self._hashes_from(first))
        return self._range

    async def root_at(self, size: int) -> bytes:
        """The root as it was at an earlier size. Raises ProofError (SIZE)."""
        if not 0 <= size <= self.size:
            raise ProofError("SIZE")
        return range_hash(0, size, await self._fetch([(0, size)]))

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """Prove that the tree of ``size`` holds the entry at ``index``. Raises ProofError (SIZE, INDEX)."""
        if size > self.size:
            raise ProofError("SIZE")
        return make_inclusion(index, size, await self._fetch(inclusion_ranges(index, size)))

    async def consistency(self, old_size: int, new_size: int) -> list[bytes]:
        """Prove that one tree begins with the other. Raises ProofError (SIZE)."""
        if new_size > self.size:
            raise ProofError("SIZE")
        return make_consistency(old_size, new_size, await self._fetch(consistency_ranges(old_size, new_size)))

    async def tile(self, tile: Tile | Bundle, size: int) -> bytes:
        """The bytes of a tile or bundle of the tree of ``size``. Raises TileError (OUTSIDE) if it has none such."""
        level = tile.level if isinstance(tile, Tile) else 0
        if tile.width > width_of(level, tile.index, min(size, self.size)):
            raise TileError("OUTSIDE", tile)
        if isinstance(tile, Bundle):
            rows = await self._store.entries(tile.index * WIDTH, tile.width)
            return encode_bundle([row.leaf for row in rows])
        if level == 0:
            return encode_hashes((await self._leaf_hashes(tile.index))[: tile.width])
        start = tile.index * WIDTH * HASH_BYTES
        return bytes(self._upper[level - 1][start : start + tile.width * HASH_BYTES])

    def _restart(self, hashes: Sequence[bytes]) -> None:
        self._upper, self._tail = [], []
        self._kept.clear()
        for tile_hash in hashes:
            self._add_upper(1, tile_hash)
        nodes = [self._upper_node(level, index) for level, index in perfect_subtrees(0, len(hashes) * WIDTH)]
        self._range = CompactRange(len(hashes) * WIDTH, tuple(nodes))

    async def _read_to(self, size: int) -> None:
        while self.size < size:
            rows = await self._store.entries(self.size, min(READ_ENTRIES, size - self.size))
            if not rows or rows[0].index != self.size:
                raise LogDamagedError("entries are missing")
            self._extend(leaf_hash(row.leaf) for row in rows)

    def _extend(self, hashes: Iterable[bytes]) -> None:
        new = list(hashes)
        self._range = self._range.append_many(new)
        self._tail += new
        while len(self._tail) >= WIDTH:
            self._add_upper(1, subtree_hash(self._tail[:WIDTH]))
            del self._tail[:WIDTH]

    def _add_upper(self, level: int, tile_hash: bytes) -> None:
        if level > len(self._upper):
            self._upper.append(bytearray())
        row = self._upper[level - 1]
        row += tile_hash
        if len(row) % (WIDTH * HASH_BYTES) == 0:
            last = row[-WIDTH * HASH_BYTES :]
            parts = [bytes(last[at : at + HASH_BYTES]) for at in range(0, len(last), HASH_BYTES)]
            self._add_upper(level + 1, subtree_hash(parts))

    def _hashes_from(self, first: int) -> list[bytes]:
        row = self._upper[0] if self._upper else b""
        return [bytes(row[at : at + HASH_BYTES]) for at in range(first * HASH_BYTES, len(row), HASH_BYTES)]

    async def _fetch(self, ranges: Iterable[tuple[int, int]]) -> NodeHash:
        """Have at hand the leaf hashes of every tile that a proof looks into; gives the nodes for that proof."""
        tiles: dict[int, Sequence[bytes]] = {}
        for begin, end in ranges:
            for level, index in perfect_subtrees(begin, end):
                number = (index << level) // WIDTH
                if level < HEIGHT and number not in tiles:
                    tiles[number] = await self._leaf_hashes(number)

        def node(level: int, index: int) -> bytes:
            if level >= HEIGHT:
                return self._upper_node(level, index)
            number, at = divmod(index << level, WIDTH)
            return subtree_hash(tiles[number][at : at + (1 << level)])

        return node

    async def _leaf_hashes(self, number: int) -> tuple[bytes, ...]:
        if number == self.size // WIDTH:
            return tuple(self._tail)
        known = self._kept.get(number)
        if known is None:
            rows = await self._store.entries(number * WIDTH, WIDTH)
            known = tuple(leaf_hash(row.leaf) for row in rows)
            if len(known) != WIDTH or subtree_hash(known) != self._upper_node(HEIGHT, number):
                raise LogDamagedError("stored leaves changed after they were read back")
            self._kept[number] = known
            if len(self._kept) > _KEPT_TILES:
                self._kept.popitem(last=False)
        return known

    def _upper_node(self, level: int, index: int) -> bytes:
        row_level, height = divmod(level, HEIGHT)
        start, count = (index << height) * HASH_BYTES, 1 << height
        part = self._upper[row_level - 1][start : start + count * HASH_BYTES]
        return subtree_hash([bytes(part[at : at + HASH_BYTES]) for at in range(0, len(part), HASH_BYTES)])
