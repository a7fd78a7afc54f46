"""Trees for the tests of the log: by the definition of RFC 6962, and as tiles in a dictionary."""

from gateway.tlog.compact import CompactRange
from gateway.tlog.hashing import leaf_hash, node_hash
from gateway.tlog.proof import NodeHash
from gateway.tlog.tile import AnyTile, Bundle, Tile, encode_bundle, encode_hashes, new_tiles


def nodes_of(hashes: list[bytes]) -> NodeHash:
    def node(level: int, index: int) -> bytes:
        if level == 0:
            return hashes[index]
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def root_of(hashes: list[bytes]) -> bytes:
    return CompactRange().append_many(hashes).root()


def hashes_of(entries: list[bytes]) -> list[bytes]:
    return [leaf_hash(entry) for entry in entries]


def entries_of(count: int) -> list[bytes]:
    return [b"entry %d" % index for index in range(count)]


def tiles_of(entries: list[bytes]) -> dict[AnyTile, bytes]:
    """Every tile and bundle of a tree."""
    node = nodes_of(hashes_of(entries))
    tiles: dict[AnyTile, bytes] = {}
    for tile in new_tiles(0, len(entries)):
        first = tile.index * 256
        tiles[tile] = encode_hashes([node(8 * tile.level, first + at) for at in range(tile.width)])
        if tile.level == 0:
            tiles[Bundle(tile.index, tile.width)] = encode_bundle(entries[first : first + tile.width])
    return tiles


def tile_at(level: int, index: int, tiles: dict[AnyTile, bytes]) -> Tile:
    """The widest tile at a place."""
    found = [tile for tile in tiles if isinstance(tile, Tile) and (tile.level, tile.index) == (level, index)]
    return max(found, key=lambda tile: tile.width)
