"""Tiles: the Merkle tree and its entries as immutable files (C2SP tlog-tiles v0.1.0).

A tile holds up to 256 consecutive hashes of one level; levels of tiles are eight levels of the tree apart. A bundle
holds the entries under one tile of level 0. The reader believes none of them: it starts from a root that somebody
signed, and takes a tile only if the parent, taken before, holds the tile's own hash.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gateway.tlog.compact import MAX_SIZE, CompactRange
from gateway.tlog.hashing import HASH_BYTES, leaf_hash, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_ENTRY_BYTES = 2**16 - 1
_MAX_LEVEL = 63
_PREFIX = struct.Struct(">H")


class TileError(ValueError):
    """A tile or its path was refused.

    `reason` is PATH, COORDINATES, LENGTH, ENTRY_LENGTH, OUTSIDE (no such tile in this tree), ROOT (the right edge is
    not that of the signed root), PARENT (the tile does not match its parent) or ENTRY (an entry does not match its
    leaf hash). `tile` names the tile concerned, if one is, and `index` the first wrong entry.
    """

    def __init__(self, reason: str, tile: "AnyTile | None" = None, index: int | None = None) -> None:
        super().__init__(reason if tile is None else f"{reason}: {tile.path()}")
        self.reason = reason
        self.tile = tile
        self.index = index


@dataclass(frozen=True, slots=True)
class Tile:
    """Coordinates of a tile of hashes: `level` of tiles, `index` within it, and how many hashes it holds (1 to 256)."""

    level: int
    index: int
    width: int = WIDTH

    def __post_init__(self) -> None:
        _check_coordinates(self.level, self.index, self.width)

    def path(self) -> str:
        """Give the path below the log's prefix, such as ``tile/0/x001/x234/067.p/8``."""
        return f"tile/{self.level}/{_write_index(self.index, self.width)}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Coordinates of a bundle of entries: those under the level 0 tile of the same `index` and `width`."""

    index: int
    width: int = WIDTH

    def __post_init__(self) -> None:
        _check_coordinates(0, self.index, self.width)

    def path(self) -> str:
        """Give the path below the log's prefix, such as ``tile/entries/x001/000``."""
        return f"tile/entries/{_write_index(self.index, self.width)}"


AnyTile = Tile | Bundle


def parse_path(path: str) -> AnyTile:
    """Read a path, in the one form it can be written in. Raises `TileError` (PATH, COORDINATES)."""
    parts = path.split("/")
    if len(parts) < 3 or parts[0] != "tile":
        raise TileError("PATH")
    width = WIDTH
    if len(parts) > 3 and parts[-2].endswith(".p"):
        width = _parse_decimal(parts.pop())
        if width == WIDTH:
            raise TileError("COORDINATES")
        parts[-1] = parts[-1].removesuffix(".p")
    digits = "".join(part.removeprefix("x") for part in parts[2:])
    if not digits.isascii() or not digits.isdigit() or len(digits) > 21:
        raise TileError("PATH")
    index = int(digits)
    tile = Bundle(index, width) if parts[1] == "entries" else Tile(_parse_decimal(parts[1]), index, width)
    if tile.path() != path:
        raise TileError("PATH")
    return tile


def encode_hashes(hashes: Sequence[bytes]) -> bytes:
    """Write a tile."""
    return b"".join(hashes)


def decode_hashes(data: bytes, width: int) -> tuple[bytes, ...]:
    """Read a tile of `width` hashes. Raises `TileError` (LENGTH)."""
    if len(data) != width * HASH_BYTES:
        raise TileError("LENGTH")
    return tuple(data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES))


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Write a bundle: each entry after its length (u16). Raises `TileError` (ENTRY_LENGTH)."""
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise TileError("ENTRY_LENGTH")
    return b"".join(_PREFIX.pack(len(entry)) + entry for entry in entries)


def decode_bundle(data: bytes, width: int) -> tuple[bytes, ...]:
    """Read a bundle of `width` entries. Raises `TileError` (LENGTH)."""
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < width:
        if at + _PREFIX.size > len(data):
            raise TileError("LENGTH")
        (length,) = _PREFIX.unpack_from(data, at)
        at += _PREFIX.size
        entries.append(data[at : at + length])
        at += length
    if at != len(data) or len(entries) != width:
        raise TileError("LENGTH")
    return tuple(entries)


def subtree_hash(hashes: Sequence[bytes]) -> bytes:
    """Hash a perfect subtree from its row of hashes, as many as a power of two."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def width_of(level: int, index: int, size: int) -> int:
    """How many hashes the tile at (level, index) holds in a tree of `size` leaves; 0 if there is no such tile."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - index * WIDTH))


def right_edge(size: int) -> Iterator[Tile]:
    """Name the partial tiles of a tree, lowest level first: together they hold its compact range."""
    level = 0
    while size >> HEIGHT * level:
        width = (size >> HEIGHT * level) % WIDTH
        if width:
            yield Tile(level, size >> HEIGHT * (level + 1), width)
        level += 1


def new_tiles(old_size: int, new_size: int) -> Iterator[Tile]:
    """Name the tiles that a tree of `new_size` has and one of `old_size` had not, lowest level first."""
    level = 0
    while new_size >> HEIGHT * level:
        old, new = old_size >> HEIGHT * level, new_size >> HEIGHT * level
        if old != new:
            for index in range(old // WIDTH, -(-new // WIDTH)):
                yield Tile(level, index, min(WIDTH, new - index * WIDTH))
        level += 1


class TileReader:
    """Reads a tree of which only `size` and `root` are trusted, from tiles that nobody needs to be trusted for.

    `fetch` gives the bytes of a tile or a bundle. Tiles that were found right are kept, `max_tiles` at most. Raises
    `TileError` for whatever does not follow from the root, at once at construction if the right edge does not.
    """

    def __init__(self, size: int, root: bytes, fetch: Callable[[AnyTile], bytes], *, max_tiles: int = 4096) -> None:
        if not 0 <= size <= MAX_SIZE:
            raise TileError("COORDINATES")
        self.size = size
        self.root = root
        self._fetch = fetch
        self._max_tiles = max_tiles
        self._kept: dict[tuple[int, int], tuple[bytes, ...]] = {}
        self._edge = {(tile.level, tile.index): self._read(tile) for tile in right_edge(size)}
        if self.compact_range().root() != root:
            raise TileError("ROOT")

    def compact_range(self) -> CompactRange:
        """Give the tree's compact range, which its right edge holds."""
        nodes: list[bytes] = []
        for level, index in sorted(self._edge, reverse=True):
            hashes, at = self._edge[level, index], 0
            for bit in reversed(range(HEIGHT)):
                if len(hashes) >> bit & 1:
                    nodes.append(subtree_hash(hashes[at : at + (1 << bit)]))
                    at += 1 << bit
        return CompactRange(self.size, tuple(nodes))

    def tile(self, level: int, index: int) -> tuple[bytes, ...]:
        """Give the hashes of a tile. Raises `TileError` (OUTSIDE, LENGTH, PARENT)."""
        known = self._edge.get((level, index)) or self._kept.get((level, index))
        if known is not None:
            return known
        if width_of(level, index, self.size) != WIDTH:
            raise TileError("OUTSIDE")
        tile = Tile(level, index)
        hashes = self._read(tile)
        parent = self.tile(level + 1, index // WIDTH)
        if subtree_hash(hashes) != parent[index % WIDTH]:
            raise TileError("PARENT", tile)
        self._kept[level, index] = hashes
        if len(self._kept) > self._max_tiles:
            del self._kept[next(iter(self._kept))]
        return hashes

    def node(self, level: int, index: int) -> bytes:
        """Give the hash of a perfect subtree, for `gateway.tlog.proof`. Raises `TileError`."""
        row, height = divmod(level, HEIGHT)
        first = index << height
        hashes = self.tile(row, first // WIDTH)
        at = first % WIDTH
        part = hashes[at : at + (1 << height)]
        if len(part) != 1 << height:
            raise TileError("OUTSIDE")
        return subtree_hash(part)

    def leaf_hash(self, index: int) -> bytes:
        """Give the hash of one leaf. Raises `TileError`."""
        return self.node(0, index)

    def entries(self, index: int) -> tuple[bytes, ...]:
        """Give the entries of a bundle, each checked against its leaf hash. Raises `TileError`."""
        hashes = self.tile(0, index)
        bundle = Bundle(index, len(hashes))
        try:
            entries = decode_bundle(self._fetch(bundle), bundle.width)
        except TileError as error:
            raise TileError(error.reason, bundle) from None
        for position, (entry, expected) in enumerate(zip(entries, hashes, strict=True)):
            if leaf_hash(entry) != expected:
                raise TileError("ENTRY", bundle, index * WIDTH + position)
        return entries

    def _read(self, tile: Tile) -> tuple[bytes, ...]:
        try:
            return decode_hashes(self._fetch(tile), tile.width)
        except TileError as error:
            raise TileError(error.reason, tile) from None


def _check_coordinates(level: int, index: int, width: int) -> None:
    if not (0 <= level <= _MAX_LEVEL and 0 <= index <= MAX_SIZE and 1 <= width <= WIDTH):
        raise TileError("COORDINATES")


def _write_index(index: int, width: int) -> str:
    parts = [f"{index % 1000:03d}"]
    while index := index // 1000:
        parts.append(f"x{index % 1000:03d}")
    path = "/".join(reversed(parts))
    return path if width == WIDTH else f"{path}.p/{width}"


def _parse_decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 3 or (len(text) > 1 and text[0] == "0"):
        raise TileError("PATH")
    return int(text)
