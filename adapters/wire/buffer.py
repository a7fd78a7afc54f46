"""Cutting a byte stream into frames whose first four bytes are their total length (CMPP, SMGP, SGIP)."""

from adapters.wire.errors import WireError

LENGTH_BYTES = 4


class FramingError(WireError):
    """A length field outside the bounds; the stream cannot be followed any further.

    ``frames`` holds the whole frames that stood in front of the bad one, in order: handle them, then close
    the link.
    """

    def __init__(self, frames: list[bytes]) -> None:
        super().__init__("length_out_of_bounds", "total_length")
        self.frames = frames


class Framer:
    """Collects bytes and hands out whole frames; any chunking of a stream gives the same frames.

    A length is judged as soon as its four bytes are there, so a hostile length never makes the buffer
    grow: it holds less than ``max_frame_bytes`` between two calls.
    """

    def __init__(self, header_bytes: int, min_frame_bytes: int, max_frame_bytes: int) -> None:
        if not LENGTH_BYTES <= header_bytes <= min_frame_bytes <= max_frame_bytes:
            raise ValueError("a frame holds at least its header, and a header its length")
        self._min_frame_bytes = min_frame_bytes
        self._max_frame_bytes = max_frame_bytes
        self._buffer = bytearray()
        self._broken = False

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that ``data`` completes, in order.

        Raises ``FramingError`` (``length_out_of_bounds``), which carries the whole frames before the bad one;
        every later call raises too, with no frames.
        """
        if self._broken:
            raise FramingError([])
        self._buffer += data
        frames: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= LENGTH_BYTES:
            end = start + int.from_bytes(self._buffer[start : start + LENGTH_BYTES], "big")
            if not self._min_frame_bytes <= end - start <= self._max_frame_bytes:
                self._broken = True
                self._buffer.clear()
                raise FramingError(frames)
            if end > len(self._buffer):
                break
            frames.append(bytes(self._buffer[start:end]))
            start = end
        del self._buffer[:start]
        return frames
