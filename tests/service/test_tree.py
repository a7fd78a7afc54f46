"""The tree that serves proofs and tiles, held against the pure definitions and an independent reader of tiles."""

import pytest

from gateway.service.tree import LogDamagedError, LogTree
from gateway.store.base import Decision, Reads, View
from gateway.store.memory import MemoryKeyStore, MemoryStore, MemoryTables
from gateway.store.publication import MemoryPublication
from gateway.store.rows import NO_SUBJECT, NewEntry
from gateway.tlog.hashing import leaf_hash
from gateway.tlog.leaf import LeafType
from gateway.tlog.proof import ProofError, make_consistency, make_inclusion
from gateway.tlog.tile import Bundle, Tile, TileError, TileReader, new_tiles
from optout.kit.clock import FakeClock
from tests.tlog.trees import nodes_of, root_of


class Some:
    """A unit that appends some entries."""

    reads = Reads()

    def __init__(self, count: int) -> None:
        self._count = count

    def decide(self, view: View) -> Decision[None]:
        entries = (
            NewEntry(LeafType.STATEMENT, 0, 0, NO_SUBJECT, (view.next_index + n).to_bytes(32, "big"), b"o")
            for n in range(self._count)
        )
        return Decision(None, entries=tuple(entries))


class Log:
    def __init__(self) -> None:
        self.tables = MemoryTables()
        self.store = MemoryStore(MemoryKeyStore(), clock=FakeClock(), tables=self.tables)
        self.publication = MemoryPublication()

    async def tree(self) -> LogTree:
        tree = LogTree(self.store, self.publication)
        await tree.load()
        return tree

    async def hashes(self) -> list[bytes]:
        return [leaf_hash(row.leaf) for row in await self.store.entries(0, 1_000_000)]


async def test_tree_when_it_grows_then_roots_and_proofs_are_those_of_the_definition() -> None:
    log = Log()
    tree = await log.tree()
    for count in (1, 254, 1, 1, 300, 2000, 70):
        await log.store.commit(Some(count))
        await tree.follow()
        hashes = await log.hashes()
        size, node = len(hashes), nodes_of(hashes)
        assert (tree.size, tree.root) == (size, root_of(hashes))
        for index in {0, size // 3, size - 1}:
            assert await tree.inclusion(index, size) == make_inclusion(index, size, node)
            assert await tree.inclusion(index, index + 1) == make_inclusion(index, index + 1, node)
            assert await tree.consistency(index, size) == make_consistency(index, size, node)
            assert await tree.root_at(index) == root_of(hashes[:index])


async def test_tree_when_loaded_again_then_it_is_the_same_and_kept_hashes_spare_the_reading() -> None:
    log = Log()
    await log.store.commit(Some(1000))
    first = await log.tree()
    again = await log.tree()
    assert len(log.publication.hashes()) == 3
    assert again.root == first.root
    assert await again.inclusion(5, 1000) == await first.inclusion(5, 1000)


@pytest.mark.parametrize("hashes", [[b"x" * 32] * 3, [b"x" * 32], []])
async def test_tree_when_kept_hashes_are_stale_or_lost_then_they_are_made_anew(hashes: list[bytes]) -> None:
    log = Log()
    await log.store.commit(Some(1000))
    good = await log.tree()
    kept = log.publication.hashes()
    log.publication.put_hashes(0, hashes)
    assert (await log.tree()).root == good.root
    assert log.publication.hashes() == kept


async def test_tiles_when_read_by_the_pure_reader_then_they_make_the_root_at_every_published_size() -> None:
    log = Log()
    await log.store.commit(Some(700))
    tree = await log.tree()
    for size in (1, 255, 256, 257, 700):
        tiles = {}
        for tile in new_tiles(0, size):
            tiles[tile] = await tree.tile(tile, size)
            if tile.level == 0:
                bundle = Bundle(tile.index, tile.width)
                tiles[bundle] = await tree.tile(bundle, size)
        reader = TileReader(size, await tree.root_at(size), tiles.__getitem__)
        leaves = [leaf for index in range(-(-size // 256)) for leaf in reader.entries(index)]
        assert leaves == [row.leaf for row in await log.store.entries(0, size)]


@pytest.mark.parametrize(
    "tile", [Tile(0, 2, 189), Tile(0, 3, 1), Tile(1, 0, 3), Bundle(2, 189), Bundle(9), Tile(5, 0, 1)]
)
async def test_tile_when_the_tree_does_not_have_it_then_it_is_refused(tile: Tile | Bundle) -> None:
    log = Log()
    await log.store.commit(Some(700))
    with pytest.raises(TileError):
        await (await log.tree()).tile(tile, 700)


async def test_proof_when_asked_beyond_the_tree_then_it_is_refused() -> None:
    tree = await Log().tree()
    for work in (tree.inclusion(0, 0), tree.inclusion(0, 1), tree.consistency(0, 1), tree.root_at(1)):
        with pytest.raises(ProofError):
            await work


async def test_tree_when_a_stored_leaf_flips_a_bit_then_reading_back_and_proving_tell() -> None:
    log = Log()
    await log.store.commit(Some(600))
    tree = await log.tree()
    row = log.tables.entries[10].row
    object.__setattr__(row, "leaf", row.leaf[:-1] + bytes([row.leaf[-1] ^ 1]))
    with pytest.raises(LogDamagedError):
        await tree.inclusion(10, 600)
    log.publication.put_hashes(0, [])
    with pytest.raises(LogDamagedError):
        await log.tree()
    await log.store.commit(Some(1))
    last = log.tables.entries[600].row
    object.__setattr__(last, "leaf", last.leaf[:-1] + bytes([last.leaf[-1] ^ 1]))
    with pytest.raises(LogDamagedError):
        await tree.follow()
