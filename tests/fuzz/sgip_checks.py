"""What must hold for any bytes that reach the SGIP codec; shared by the fuzz target and the tests.

The first byte of an input chooses the check, the second an option of it, the rest is what a peer sent.
"""

import json
from collections.abc import Callable, Iterator

from adapters.wire import sgip
from adapters.wire.buffer import Framer
from adapters.wire.describe_sgip import describe_sgip
from adapters.wire.errors import WireError
from adapters.wire.sgip import SEQUENCE_BYTES, Sequence
from tests.fuzz.streams import check_cutting
from tests.wire.sgip_packets import VECTORS


def check(data: bytes) -> None:
    """Run the check that ``data`` chooses; raises whatever it finds wrong."""
    if len(data) < 2:
        return
    CHECKS[data[0] % len(CHECKS)](data[1], data[2:])


def make_framer() -> Framer:
    return Framer(sgip.HEADER_BYTES, sgip.MIN_FRAME_BYTES, sgip.MAX_FRAME_BYTES)


def check_frame(option: int, frame: bytes) -> None:
    """A frame whose length field is right, so that its body is reached."""
    del option
    check_decoding(len(frame).to_bytes(4, "big") + frame[4:])


def check_raw_frame(option: int, frame: bytes) -> None:
    """A frame exactly as it came."""
    del option
    check_decoding(frame)


def check_stream(option: int, stream: bytes) -> None:
    """Frames do not depend on how the stream is cut, and each may be decoded."""
    for frame in check_cutting(stream, option % 7 + 1, make_framer, sgip.MAX_FRAME_BYTES):
        check_decoding(frame)


def check_decoding(frame: bytes) -> None:
    """Only WireError escapes; what was decoded survives encoding; what is shown is JSON."""
    try:
        pdu = sgip.decode(frame)
    except WireError:
        return
    try:
        again = sgip.encode(pdu)
    except WireError as error:
        assert error.reason == "length_out_of_bounds"  # noqa: PT017 - longer than any frame that is read
        return
    assert len(again) == len(frame)
    assert sgip.decode(again) == pdu
    try:
        shown = describe_sgip(frame)
    except WireError as error:
        assert error.reason == "unknown_command"  # noqa: PT017
        return
    json.dumps(shown, ensure_ascii=False).encode()


def check_sequence(option: int, raw: bytes) -> None:
    """Twelve bytes are a number, and the number is the twelve bytes."""
    del option
    raw = raw[:SEQUENCE_BYTES].ljust(SEQUENCE_BYTES, b"\0")
    sequence = Sequence.from_bytes(raw)
    assert sequence.to_bytes() == raw
    assert Sequence.from_int(int(sequence)) == sequence


CHECKS: tuple[Callable[[int, bytes], None], ...] = (check_frame, check_raw_frame, check_stream, check_sequence)


def make_seeds() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of one input per check and recorded packet."""
    frames = {item["id"]: bytes.fromhex(item["hex"]) for item in VECTORS}
    for name, frame in frames.items():
        for index in (CHECKS.index(check_frame), CHECKS.index(check_raw_frame)):
            yield f"{name}-{index}", bytes((index, 0)) + frame
        yield f"{name}-sequence", bytes((CHECKS.index(check_sequence), 0)) + frame[8:20]
    yield "stream", bytes((CHECKS.index(check_stream), 4)) + b"".join(frames.values())
