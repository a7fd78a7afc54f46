from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.compact import CompactRange, CompactRangeError
from gateway.tlog.hashing import empty_root, leaf_hash, node_hash

# The tree of Certificate Transparency's reference tests, leaf by leaf, and its root at every size.
LEAVES = [
    bytes.fromhex(data)
    for data in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def model_root(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962 section 2.1, as it stands there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + model_root(leaves[:split]) + model_root(leaves[split:])).digest()


def range_of(leaves: list[bytes]) -> CompactRange:
    return CompactRange().append_many(map(leaf_hash, leaves))


@pytest.mark.parametrize("size", range(9))
def test_root_of_the_reference_tree_is_the_published_one(size: int) -> None:
    assert range_of(LEAVES[:size]).root().hex() == ROOTS[size]


def test_hashes_of_leaf_node_and_nothing_are_those_of_rfc_6962() -> None:
    assert empty_root().hex() == ROOTS[0]
    assert leaf_hash(b"").hex() == ROOTS[1]
    assert node_hash(leaf_hash(b""), leaf_hash(b"\x00")).hex() == ROOTS[2]


@given(st.lists(st.binary(max_size=60), max_size=70))
def test_root_of_any_leaves_is_that_of_the_recursive_definition(leaves: list[bytes]) -> None:
    assert range_of(leaves).root() == model_root(leaves)


@given(st.lists(st.binary(max_size=8), max_size=40), st.integers(0, 40))
def test_append_in_two_parts_or_one_by_one_gives_the_same_range(leaves: list[bytes], split: int) -> None:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    whole = CompactRange().append_many(hashes)
    one_by_one = CompactRange()
    for leaf in hashes:
        one_by_one = one_by_one.append(leaf)

    assert CompactRange().append_many(hashes[:split]).append_many(hashes[split:]) == whole
    assert one_by_one == whole


@given(st.lists(st.binary(max_size=8), max_size=40))
def test_from_bytes_of_what_was_written_gives_the_range_back(leaves: list[bytes]) -> None:
    compact_range = range_of(leaves)
    assert CompactRange.from_bytes(compact_range.to_bytes()) == compact_range


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "LENGTH"),
        (bytes(7), "LENGTH"),
        (bytes(8 + 31), "LENGTH"),
        (bytes(8 + 32), "NODE_COUNT"),
        (bytes([0, 0, 0, 0, 0, 0, 0, 3]) + bytes(32), "NODE_COUNT"),
    ],
)
def test_from_bytes_of_damaged_bytes_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(CompactRangeError) as raised:
        CompactRange.from_bytes(data)
    assert raised.value.reason == reason


@pytest.mark.parametrize(
    ("size", "nodes", "reason"),
    [
        (1, (bytes(31),), "NODE_LENGTH"),
        (-1, (), "SIZE"),
        (2**64, (bytes(32),), "SIZE"),
        (0, (bytes(32),), "NODE_COUNT"),
    ],
)
def test_compact_range_of_wrong_parts_is_refused(size: int, nodes: tuple[bytes, ...], reason: str) -> None:
    with pytest.raises(CompactRangeError) as raised:
        CompactRange(size, nodes)
    assert raised.value.reason == reason
