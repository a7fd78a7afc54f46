from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.hashing import leaf_hash, node_hash
from gateway.tlog.statemap import MapDraft, MapError, MapProof, Record, StateMap, bucket_of

Model = dict[bytes, Record]


def label_of(number: int) -> bytes:
    return sha256(b"label %d" % number).digest()


def records_of(count: int) -> list[Record]:
    return [Record(label_of(number), 10 + number, number) for number in range(count)]


def model_root(model: Model, bits: int) -> bytes:
    """The definition, without increments."""
    buckets = [b""] * 2**bits
    for label in sorted(model):
        buckets[bucket_of(label, bits)] += model[label].encode()
    row = [leaf_hash(bucket) for bucket in buckets]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove", "apply"]), st.lists(st.integers(0, 30), max_size=6), st.integers(0, 99)
    ),
    max_size=12,
)


@given(st.integers(0, 6), STEPS)
def test_roots_when_map_and_draft_change_in_any_steps_then_they_are_those_of_the_whole(
    bits: int, steps: list[tuple[str, list[int], int]]
) -> None:
    state_map, applied, drafted = StateMap(bits), Model(), Model()
    draft = MapDraft(state_map)
    for step, numbers, version in steps:
        news = {label_of(number): Record(label_of(number), number, version) for number in numbers}
        if step == "put":
            assert draft.root_with(news.values()) == model_root({**drafted, **news}, bits)
            draft.put(news.values())
            drafted |= news
        elif step == "remove":
            draft.put((), news)
            drafted = {label: record for label, record in drafted.items() if label not in news}
        else:
            draft.apply()
            applied = dict(drafted)
        assert state_map.root() == model_root(applied, bits)
        assert draft.root() == model_root(drafted, bits)

    assert len(state_map) == len(applied)
    for label, record in drafted.items():
        assert draft.get(label) == record == draft.prove(label).verify(label, draft.root())


def test_put_when_records_come_and_go_at_once_then_the_map_is_as_if_one_by_one() -> None:
    whole, single = StateMap(3), StateMap(3)
    whole.put(records_of(20))
    whole.put([Record(label_of(0), 99, 9)], [label_of(1), label_of(77)])
    for record in [*records_of(20), Record(label_of(0), 99, 9)]:
        single.put([record])
    single.put((), [label_of(1)])
    assert whole.root() == single.root()
    assert len(whole) == 19


@pytest.mark.parametrize("bits", [0, 1, 4, 10])
def test_proof_when_label_is_there_or_not_then_it_says_so(bits: int) -> None:
    state_map = StateMap(bits)
    state_map.put(records_of(40))
    root = state_map.root()

    for record in records_of(40):
        assert state_map.prove(record.label).verify(record.label, root) == record == state_map.get(record.label)
    for number in range(40, 60):
        assert state_map.prove(label_of(number)).verify(label_of(number), root) is None
        assert state_map.get(label_of(number)) is None


def test_proof_when_any_bit_changes_then_it_is_refused() -> None:
    state_map = StateMap(4)
    state_map.put(records_of(20))
    root, label = state_map.root(), label_of(3)
    proof = state_map.prove(label)
    whole = proof.records + b"".join(proof.path)

    for bit in range(len(whole) * 8):
        data = (int.from_bytes(whole, "big") ^ 1 << bit).to_bytes(len(whole), "big")
        records, path = data[: len(proof.records)], data[len(proof.records) :]
        changed = MapProof(records, tuple(path[at : at + 32] for at in range(0, len(path), 32)))
        with pytest.raises(MapError):
            changed.verify(label, root)


def test_proof_when_a_record_is_left_out_or_another_bucket_is_shown_then_it_is_refused() -> None:
    state_map = StateMap(1)
    state_map.put(records_of(20))
    root, label = state_map.root(), label_of(3)
    proof = state_map.prove(label)
    other = next(record.label for record in records_of(20) if bucket_of(record.label, 1) != bucket_of(label, 1))

    for forged, reason in (
        (MapProof(b"", proof.path), "ROOT"),
        (MapProof(proof.records[48:], proof.path), "ROOT"),
        (MapProof(proof.records[:47], proof.path), "LENGTH"),
        (MapProof(proof.records[48:96] + proof.records[:48], proof.path), "BUCKET"),
        (state_map.prove(other), "BUCKET"),
        (MapProof(proof.records, ()), "ROOT"),
        (MapProof(proof.records, (*proof.path, bytes(32))), "BUCKET"),
        (MapProof(proof.records, (proof.path[0][:31],)), "LENGTH"),
    ):
        with pytest.raises(MapError) as refused:
            forged.verify(label, root)
        assert refused.value.reason == reason, reason


@pytest.mark.parametrize(
    ("label", "index", "version"), [(b"", 0, 0), (bytes(33), 0, 0), (bytes(32), -1, 0), (bytes(32), 0, 2**64)]
)
def test_record_when_out_of_range_then_it_is_refused(label: bytes, index: int, version: int) -> None:
    with pytest.raises(MapError):
        Record(label, index, version)
