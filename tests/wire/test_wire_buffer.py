"""Framing: any chunking gives the same frames, and a bad length ends the stream."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.buffer import Framer, FramingError
from adapters.wire.cmpp import HEADER_BYTES, MAX_FRAME_BYTES, MIN_FRAME_BYTES
from adapters.wire.errors import WireError
from tests.wire.packets import VECTORS

FRAMES = [bytes.fromhex(item["hex"]) for item in VECTORS]


def make_framer() -> Framer:
    return Framer(HEADER_BYTES, MIN_FRAME_BYTES, MAX_FRAME_BYTES)


def feed_all(stream: bytes, cuts: list[int]) -> tuple[list[bytes], bool, int]:
    """Feed the stream cut at those offsets: the frames, whether it broke, and what is pending."""
    framer, frames = make_framer(), []
    edges = [0, *sorted(cuts), len(stream)]
    for start, end in pairwise(edges):
        try:
            frames += framer.feed(stream[start:end])
        except FramingError as error:
            frames += error.frames
            return frames, True, framer.pending_bytes
        assert framer.pending_bytes < MAX_FRAME_BYTES
    return frames, False, framer.pending_bytes


@given(st.lists(st.sampled_from(FRAMES), max_size=6), st.binary(max_size=40), st.data())
def test_feed_when_chunked_in_any_way_then_gives_the_same_frames(
    frames: list[bytes], tail: bytes, data: st.DataObject
) -> None:
    stream = b"".join(frames) + tail
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    whole = feed_all(stream, [])
    assert feed_all(stream, cuts) == whole
    assert feed_all(stream, list(range(len(stream)))) == whole
    assert whole[0][: len(frames)] == frames


@pytest.mark.parametrize(
    "noise",
    [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00", bytes(4), bytes.fromhex("0000000b"), b"\0\0\x10\x01"],
    ids=["http", "tls", "zero", "below-header", "above-limit"],
)
def test_feed_when_length_is_out_of_bounds_then_raises_with_the_frames_before_it(noise: bytes) -> None:
    framer = make_framer()
    with pytest.raises(WireError) as caught:
        framer.feed(FRAMES[0] + FRAMES[5] + noise)
    assert caught.value.reason == "length_out_of_bounds"
    assert isinstance(caught.value, FramingError)
    assert caught.value.frames == [FRAMES[0], FRAMES[5]]
    assert framer.pending_bytes == 0


def test_feed_when_stream_is_broken_then_raises_for_ever_and_keeps_nothing() -> None:
    framer = make_framer()
    with pytest.raises(FramingError):
        framer.feed(bytes(4))
    with pytest.raises(FramingError) as caught:
        framer.feed(FRAMES[0])
    assert caught.value.frames == []
    assert framer.pending_bytes == 0


@pytest.mark.parametrize("total", [12, 4096])
def test_feed_when_length_is_at_a_bound_then_accepts_it(total: int) -> None:
    frame = total.to_bytes(4, "big").ljust(total, b"\0")
    assert make_framer().feed(frame) == [frame]


def test_framer_when_bounds_make_no_sense_then_refuses() -> None:
    with pytest.raises(ValueError, match="header"):
        Framer(12, 8, 4096)
