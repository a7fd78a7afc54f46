import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.hashing import leaf_hash
from gateway.tlog.proof import make_consistency, make_inclusion, verify_consistency, verify_inclusion
from gateway.tlog.tile import (
    AnyTile,
    Bundle,
    Tile,
    TileError,
    TileReader,
    decode_bundle,
    encode_bundle,
    encode_hashes,
    new_tiles,
    parse_path,
    right_edge,
    subtree_hash,
)

from .trees import entries_of, hashes_of, root_of, tile_at, tiles_of

ENTRIES = entries_of(256 * 3 + 70)
SMALL = entries_of(300)


def reader_of(entries: list[bytes], tiles: dict[AnyTile, bytes]) -> TileReader:
    return TileReader(len(entries), root_of(hashes_of(entries)), tiles.__getitem__)


def read_all(tiles: dict[AnyTile, bytes]) -> None:
    reader = reader_of(SMALL, tiles)
    reader.entries(0)
    reader.entries(1)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(3, 1234067), "tile/3/x001/x234/067"),
        (Tile(0, 1000, 8), "tile/0/x001/000.p/8"),
        (Bundle(1234067, 255), "tile/entries/x001/x234/067.p/255"),
    ],
)
def test_path_when_written_then_it_is_the_standard_s_and_reads_back(tile: AnyTile, path: str) -> None:
    assert tile.path() == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0",
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/08",
        "tile/0/000.p",
        "tile/0/000/",
        "tile/0/../000",
        "tile/-1/000",
        "tile/0/٠٠٠",
        "tile/0/" + "x999/" * 9 + "999",
        "entries/0/000",
    ],
)
def test_path_when_not_the_one_form_then_it_is_refused(path: str) -> None:
    with pytest.raises(TileError):
        parse_path(path)


def test_tiles_when_a_tree_has_70000_leaves_then_they_are_those_of_the_standard_s_example() -> None:
    tiles = list(new_tiles(0, 70_000))
    assert list(right_edge(70_000)) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert sum(tile.level == 0 and tile.width == 256 for tile in tiles) == 273
    assert Tile(1, 0) in tiles


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_bundle_when_written_then_it_reads_back(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), len(entries)) == tuple(entries)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\2a", b"\0\1ab", b"\0\1a\0\1b"])
def test_bundle_when_cut_or_too_long_then_it_is_refused(data: bytes) -> None:
    with pytest.raises(TileError, match="LENGTH"):
        decode_bundle(data, 1)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 700, len(ENTRIES)])
def test_reader_when_tiles_are_right_then_entries_nodes_and_proofs_are(size: int) -> None:
    entries = ENTRIES[:size]
    reader, root = reader_of(entries, tiles_of(entries)), root_of(hashes_of(entries))

    read = [entry for index in range(-(-size // 256)) for entry in reader.entries(index)]
    assert read == entries
    for index in {0, size // 2, size - 1}:
        verify_inclusion(leaf_hash(entries[index]), index, size, make_inclusion(index, size, reader.node), root)
        old_root = root_of(hashes_of(entries[:index]))
        verify_consistency(index, size, make_consistency(index, size, reader.node), old_root, root)


def test_reader_when_a_tile_changed_together_with_its_entry_then_its_parent_tells() -> None:
    """The forged-tile trap: tile and bundle agree with each other, and the parent is the true one."""
    tiles = tiles_of(ENTRIES)
    forged = [*ENTRIES[:256]]
    forged[7] = b"another entry"
    tiles[Bundle(0)] = encode_bundle(forged)
    tiles[Tile(0, 0)] = encode_hashes(hashes_of(forged))
    reader = reader_of(ENTRIES, tiles)

    for look in (lambda: reader.entries(0), lambda: reader.leaf_hash(7), lambda: reader.node(3, 1)):
        with pytest.raises(TileError) as refused:
            look()
        assert (refused.value.reason, refused.value.tile) == ("PARENT", Tile(0, 0))
    assert reader.entries(1) == tuple(ENTRIES[256:512])


def test_reader_when_the_parent_is_forged_as_well_then_the_root_tells() -> None:
    tiles = tiles_of(ENTRIES)
    forged = [*ENTRIES[:256]]
    forged[7] = b"another entry"
    parent = tile_at(1, 0, tiles)
    tiles[Tile(0, 0)] = encode_hashes(hashes_of(forged))
    tiles[parent] = subtree_hash(hashes_of(forged)) + tiles[parent][32:]

    with pytest.raises(TileError, match="ROOT"):
        reader_of(ENTRIES, tiles)


def test_reader_when_an_entry_alone_changed_then_it_is_named() -> None:
    tiles = tiles_of(SMALL)
    tiles[Bundle(1, 44)] = encode_bundle([*SMALL[256:299], b"another"])

    with pytest.raises(TileError) as refused:
        reader_of(SMALL, tiles).entries(1)
    assert (refused.value.reason, refused.value.index) == ("ENTRY", 299)


@given(st.data())
def test_reader_when_any_bit_of_any_tile_flips_then_reading_it_all_fails(data: st.DataObject) -> None:
    tiles = tiles_of(SMALL)
    tile = data.draw(st.sampled_from(sorted(tiles, key=lambda each: each.path())))
    bit = data.draw(st.integers(0, len(tiles[tile]) * 8 - 1))
    tiles[tile] = (int.from_bytes(tiles[tile], "big") ^ 1 << bit).to_bytes(len(tiles[tile]), "big")

    with pytest.raises(TileError):
        read_all(tiles)


def test_reader_when_asked_beyond_the_tree_then_it_is_refused() -> None:
    reader = reader_of(SMALL, tiles_of(SMALL))
    for look in (lambda: reader.leaf_hash(300), lambda: reader.entries(2), lambda: reader.node(9, 0)):
        with pytest.raises(TileError, match="OUTSIDE"):
            look()
