"""What must hold for any bytes that reach the CMPP codec; shared by the fuzz target and the tests.

The first byte of an input chooses the check, the second an option of it, the rest is what a peer sent.
"""

import json
from collections.abc import Callable, Iterator

from adapters.wire import cmpp
from adapters.wire.buffer import Framer, FramingError
from adapters.wire.cmpp import Version
from adapters.wire.describe import describe_cmpp
from adapters.wire.errors import WireError
from adapters.wire.longmessage import Assembler, AssemblyState, Segment, make_assembly_key, split_message
from adapters.wire.report import decode_cmpp_report, encode_cmpp_report
from adapters.wire.text import read_text
from adapters.wire.udh import parse_udh
from tests.wire.packets import VECTORS

VERSIONS = (None, Version.V20, Version.V30)


def check(data: bytes) -> None:
    """Run the check that ``data`` chooses; raises whatever it finds wrong."""
    if len(data) < 2:
        return
    CHECKS[data[0] % len(CHECKS)](data[1], data[2:])


def check_stream(option: int, stream: bytes) -> None:
    """Frames do not depend on how the stream is cut, and each may be decoded."""
    step = option % 7 + 1
    whole = cut_frames([stream])
    assert cut_frames([stream[at : at + step] for at in range(0, len(stream), step)]) == whole
    for frame in whole[0]:
        check_decoding(frame, None)


def cut_frames(chunks: list[bytes]) -> tuple[list[bytes], bool]:
    framer, frames = Framer(cmpp.HEADER_BYTES, cmpp.MIN_FRAME_BYTES, cmpp.MAX_FRAME_BYTES), []
    for chunk in chunks:
        try:
            frames += framer.feed(chunk)
        except FramingError as error:
            return frames + error.frames, True
        assert framer.pending_bytes < cmpp.MAX_FRAME_BYTES
    return frames, False


def check_frame(option: int, frame: bytes) -> None:
    """A frame whose length field is right, so that its body is reached."""
    check_decoding(len(frame).to_bytes(4, "big") + frame[4:], VERSIONS[option % 3])


def check_raw_frame(option: int, frame: bytes) -> None:
    """A frame exactly as it came."""
    check_decoding(frame, VERSIONS[option % 3])


def check_decoding(frame: bytes, expected: Version | None) -> None:
    """Only WireError escapes; what was decoded survives encoding; what is shown is JSON."""
    try:
        decoded = cmpp.decode_with_version(frame, expected)
    except WireError:
        return
    version = decoded.version or Version.V30
    again = cmpp.encode(decoded.pdu, version)
    assert len(again) == len(frame)
    assert cmpp.decode(again, version) == decoded.pdu
    assert cmpp.encode(cmpp.decode(again, version), version) == again
    try:
        shown = describe_cmpp(frame, expected)
    except WireError as error:
        assert error.reason in {"unknown_command", "report_length"}  # noqa: PT017
        return
    json.dumps(shown, ensure_ascii=False).encode()


def check_report(option: int, content: bytes) -> None:
    """A report of either length decodes, and comes back from its own encoding."""
    content = content[: 71 if option & 1 else 60]
    try:
        report = decode_cmpp_report(content)
    except WireError:
        assert len(content) not in (60, 71)
        return
    version = Version.V20 if report.layout == "2.0" else Version.V30
    assert decode_cmpp_report(encode_cmpp_report(report, version)) == report


def check_text(msg_fmt: int, content: bytes) -> None:
    """Any content reads as text that UTF-8 can carry, or as itself; a text splits and joins again."""
    reading = read_text(msg_fmt, content)
    if not isinstance(reading.value, str):
        assert reading.value == content
        return
    reading.value.encode()
    segments = split_message(reading.value, msg_fmt)
    assert "".join(str(segment.read().value) for segment in segments) == reading.value


def check_segments(option: int, data: bytes) -> None:
    """The assembler stays bounded and completes a message at most once per set of segments."""
    assembler = Assembler(ttl_s=30.0, max_parts=5, max_open=3)
    for at, (msg_fmt, content) in enumerate(slices(data)):
        segment = Segment(1, msg_fmt, content)
        check_header(content)
        key = make_assembly_key("link", "src", "dst", segment)
        if key is None:
            segment.read()
            continue
        now = float(at * (option % 8))
        result = assembler.add(key, segment, now)
        assert assembler.open_count <= 3
        assert (result.message is not None) == (result.state is AssemblyState.COMPLETE)
        if result.state is not AssemblyState.REFUSED and key not in result.discarded:
            assert assembler.add(key, segment, now).state is AssemblyState.DUPLICATE


def check_header(content: bytes) -> None:
    """A header lies within its content, and its elements fill it."""
    udh = parse_udh(content)
    if udh:
        assert udh.header_bytes <= len(content)
        assert sum(2 + len(element.data) for element in udh.elements) == udh.header_bytes - 1


def slices(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut ``format:1 | length:1 | content`` records out of the data, the last one as short as it may be."""
    while len(data) >= 2:
        yield data[0], data[2 : 2 + data[1]]
        data = data[2 + data[1] :]


CHECKS: tuple[Callable[[int, bytes], None], ...] = (
    check_frame,
    check_raw_frame,
    check_stream,
    check_report,
    check_text,
    check_segments,
)


def make_seeds() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of one input per check and recorded packet."""
    frames = {item["id"]: bytes.fromhex(item["hex"]) for item in VECTORS}
    segments = bytearray()
    for name, frame in frames.items():
        for index in (CHECKS.index(check_frame), CHECKS.index(check_raw_frame)):
            yield f"{name}-{index}", bytes((index, 0)) + frame
        pdu = cmpp.decode(frame)
        if isinstance(pdu, cmpp.Submit | cmpp.Deliver):
            content = pdu.msg_content
            yield f"{name}-text", bytes((CHECKS.index(check_text), pdu.msg_fmt)) + content
            yield f"{name}-report", bytes((CHECKS.index(check_report), len(content) == 71)) + content
            if pdu.tp_udhi:
                segments += bytes((pdu.msg_fmt, len(content))) + content
    yield "stream", bytes((CHECKS.index(check_stream), 4)) + b"".join(frames.values())
    yield "segments", bytes((CHECKS.index(check_segments), 1)) + segments
