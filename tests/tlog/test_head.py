import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.compact import CompactRange
from gateway.tlog.hashing import empty_root, leaf_hash
from gateway.tlog.head import Head, HeadError, next_time


def test_extend_from_empty_gives_size_root_and_time_of_the_new_tree() -> None:
    hashes = [leaf_hash(bytes([index])) for index in range(5)]
    head = Head.empty()
    assert (head.size, head.root, head.time_ms) == (0, empty_root(), 0)

    head = head.extend(hashes[:2], 10).extend(hashes[2:], 10)

    assert head.size == 5
    assert head.root == CompactRange().append_many(hashes).root()
    assert Head(head.size, head.root, CompactRange.from_bytes(head.range.to_bytes()), 10) == head


@pytest.mark.parametrize(
    ("size", "root", "time_ms", "reason"),
    [
        (2, leaf_hash(b""), 1, "SIZE"),
        (1, leaf_hash(b"other"), 1, "ROOT"),
        (1, leaf_hash(b""), -1, "TIME"),
    ],
)
def test_head_that_contradicts_its_range_is_refused(size: int, root: bytes, time_ms: int, reason: str) -> None:
    with pytest.raises(HeadError) as raised:
        Head(size, root, CompactRange().append(leaf_hash(b"")), time_ms)
    assert raised.value.reason == reason


def test_extend_to_an_earlier_time_is_refused() -> None:
    head = Head.empty().extend([leaf_hash(b"")], 10)
    with pytest.raises(HeadError) as raised:
        head.extend([leaf_hash(b"")], 9)
    assert raised.value.reason == "TIME"


@given(st.lists(st.integers(0, 2**48), min_size=1))
def test_next_time_over_a_jumping_clock_never_decreases(readings: list[int]) -> None:
    times = [0]
    for now_ms in readings:
        times.append(next_time(times[-1], now_ms))
    assert times == sorted(times)
    assert times[-1] == max(readings)
