import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.leaf import EPOCH_LEAF_BYTES, LEAF_BYTES, EpochLeaf, Leaf, LeafError, LeafType, decode_leaf

COMMITMENT = bytes(range(32))
GOLDEN = "0101000200000003" + "0000019000000004" + COMMITMENT.hex()
GOLDEN_EPOCH = "0103000200000003" + "0000019000000004" + "0000000000000005" + COMMITMENT.hex()
LEAF = Leaf(LeafType.CHANGE, actor=2, flags=3, accept_time_ms=0x19000000004, commitment=COMMITMENT)
EPOCH = EpochLeaf(actor=2, flags=3, accept_time_ms=0x19000000004, covers=5, map_root=COMMITMENT)

committed_leaves = st.builds(
    Leaf,
    st.sampled_from([LeafType.CHANGE, LeafType.ERASE, LeafType.POLICY, LeafType.STATEMENT]),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(min_size=32, max_size=32),
)
epoch_leaves = st.builds(
    EpochLeaf,
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(min_size=32, max_size=32),
)


def test_encode_of_known_leaves_gives_the_golden_bytes() -> None:
    assert LEAF.encode().hex() == GOLDEN
    assert EPOCH.encode().hex() == GOLDEN_EPOCH
    assert (len(LEAF.encode()), len(EPOCH.encode())) == (LEAF_BYTES, EPOCH_LEAF_BYTES) == (48, 56)


def test_type_codes_are_those_written_into_history() -> None:
    assert {kind.name: kind.value for kind in LeafType} == {
        "CHANGE": 1,
        "ERASE": 2,
        "EPOCH": 3,
        "POLICY": 4,
        "STATEMENT": 5,
    }


@given(committed_leaves | epoch_leaves)
def test_decode_leaf_of_what_was_encoded_gives_the_leaf_back(leaf: Leaf | EpochLeaf) -> None:
    assert decode_leaf(leaf.encode()) == leaf


@given(st.binary(max_size=64))
def test_decode_leaf_of_any_bytes_gives_them_back_or_refuses(data: bytes) -> None:
    try:
        leaf = decode_leaf(data)
    except LeafError:
        return
    assert leaf.encode() == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "LENGTH"),
        (GOLDEN[:-2], "LENGTH"),
        (GOLDEN + "00", "LENGTH"),
        (GOLDEN_EPOCH[:-16], "LENGTH"),
        ("00" * 48, "VERSION"),
        ("02" + GOLDEN[2:], "VERSION"),
        ("0100" + GOLDEN[4:], "TYPE"),
        ("0106" + GOLDEN[4:], "TYPE"),
    ],
)
def test_decode_leaf_of_malformed_bytes_gives_the_reason(data: str, reason: str) -> None:
    with pytest.raises(LeafError) as raised:
        decode_leaf(bytes.fromhex(data))
    assert raised.value.reason == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": LeafType.EPOCH}, "TYPE"),
        ({"version": 2}, "VERSION"),
        ({"actor": 2**16}, "RANGE"),
        ({"flags": -1}, "RANGE"),
        ({"accept_time_ms": 2**64}, "RANGE"),
        ({"commitment": bytes(31)}, "LENGTH"),
    ],
)
def test_leaf_of_fields_out_of_range_is_refused(change: dict[str, object], reason: str) -> None:
    fields: dict[str, object] = {
        "type": LeafType.CHANGE,
        "actor": 1,
        "flags": 0,
        "accept_time_ms": 1,
        "commitment": COMMITMENT,
    }
    with pytest.raises(LeafError) as raised:
        Leaf(**(fields | change))  # type: ignore[arg-type]
    assert raised.value.reason == reason


@pytest.mark.parametrize(("covers", "map_root", "reason"), [(2**64, COMMITMENT, "RANGE"), (0, bytes(33), "LENGTH")])
def test_epoch_leaf_of_fields_out_of_range_is_refused(covers: int, map_root: bytes, reason: str) -> None:
    with pytest.raises(LeafError) as raised:
        EpochLeaf(1, 0, 1, covers, map_root)
    assert raised.value.reason == reason
