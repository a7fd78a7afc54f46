"""What the SMS fuzz targets share: a stream cut into frames."""

from collections.abc import Callable

from adapters.wire.buffer import Framer, FramingError


def cut_frames(chunks: list[bytes], make_framer: Callable[[], Framer], most_bytes: int) -> tuple[list[bytes], bool]:
    """Return the frames of a stream, and whether it broke."""
    framer: Framer = make_framer()
    frames: list[bytes] = []
    for chunk in chunks:
        try:
            frames += framer.feed(chunk)
        except FramingError as error:
            return frames + error.frames, True
        assert framer.pending_bytes < most_bytes
    return frames, False


def check_cutting(stream: bytes, step: int, make_framer: Callable[[], Framer], most_bytes: int) -> list[bytes]:
    """Frames do not depend on how the stream is cut; return them."""
    whole = cut_frames([stream], make_framer, most_bytes)
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    assert cut_frames(pieces, make_framer, most_bytes) == whole
    return whole[0]
