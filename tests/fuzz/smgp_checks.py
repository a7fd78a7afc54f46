"""What must hold for any bytes that reach the SMGP codec; shared by the fuzz target and the tests.

The first byte of an input chooses the check, the second an option of it, the rest is what a peer sent.
"""

import json
from collections.abc import Callable, Iterator

from adapters.wire import smgp
from adapters.wire.buffer import Framer
from adapters.wire.describe_smgp import describe_smgp
from adapters.wire.errors import WireError
from adapters.wire.smgp import Version
from adapters.wire.smgp_report import decode_smgp_report, encode_smgp_report
from adapters.wire.tlv import format_tlvs, parse_tlvs
from tests.fuzz.streams import check_cutting
from tests.wire.smgp_packets import VECTORS

VERSIONS = (None, Version.V13, Version.V30)


def check(data: bytes) -> None:
    """Run the check that ``data`` chooses; raises whatever it finds wrong."""
    if len(data) < 2:
        return
    CHECKS[data[0] % len(CHECKS)](data[1], data[2:])


def make_framer() -> Framer:
    return Framer(smgp.HEADER_BYTES, smgp.MIN_FRAME_BYTES, smgp.MAX_FRAME_BYTES)


def check_frame(option: int, frame: bytes) -> None:
    """A frame whose length field is right, so that its body is reached."""
    check_decoding(len(frame).to_bytes(4, "big") + frame[4:], VERSIONS[option % 3])


def check_raw_frame(option: int, frame: bytes) -> None:
    """A frame exactly as it came."""
    check_decoding(frame, VERSIONS[option % 3])


def check_stream(option: int, stream: bytes) -> None:
    """Frames do not depend on how the stream is cut, and each may be decoded."""
    for frame in check_cutting(stream, option % 7 + 1, make_framer, smgp.MAX_FRAME_BYTES):
        check_decoding(frame, None)


def check_decoding(frame: bytes, expected: Version | None) -> None:
    """Only WireError escapes; what was decoded survives encoding; what is shown is JSON."""
    try:
        decoded = smgp.decode_with_version(frame, expected)
    except WireError:
        return
    version = decoded.version if isinstance(decoded.pdu, smgp.Submit) and decoded.version else Version.V30
    try:
        again = smgp.encode(decoded.pdu, version)
    except WireError as error:
        assert error.reason == "length_out_of_bounds"  # noqa: PT017 - longer than any frame that is read
        return
    assert len(again) == len(frame)
    assert smgp.decode(again, version) == decoded.pdu
    try:
        shown = describe_smgp(frame, expected)
    except WireError as error:
        assert error.reason in {"unknown_command", "report_length", "report_without_stat"}  # noqa: PT017
        return
    json.dumps(shown, ensure_ascii=False).encode()


def check_report(option: int, content: bytes) -> None:
    """A report is read or refused; its id is always the same ten bytes; what fits the specification comes back."""
    del option
    try:
        report = decode_smgp_report(content)
    except WireError:
        return
    assert report.msg_id == content[3:13]
    try:
        written = encode_smgp_report(report)
    except WireError:
        return
    again = decode_smgp_report(written)
    assert (again.msg_id, again.outcome) == (report.msg_id, report.outcome)


def check_tlvs(option: int, raw: bytes) -> None:
    """Parameters and junk together are all there was."""
    del option
    assert format_tlvs(parse_tlvs(raw)) == raw


CHECKS: tuple[Callable[[int, bytes], None], ...] = (
    check_frame,
    check_raw_frame,
    check_stream,
    check_report,
    check_tlvs,
)


def make_seeds() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of one input per check and recorded packet."""
    frames = {item["id"]: bytes.fromhex(item["hex"]) for item in VECTORS}
    for name, frame in frames.items():
        for index in (CHECKS.index(check_frame), CHECKS.index(check_raw_frame)):
            yield f"{name}-{index}", bytes((index, 0)) + frame
        pdu = smgp.decode(frame)
        if isinstance(pdu, smgp.Deliver):
            yield f"{name}-report", bytes((CHECKS.index(check_report), 0)) + pdu.msg_content
            yield f"{name}-tlvs", bytes((CHECKS.index(check_tlvs), 0)) + format_tlvs(pdu.tlvs)
    yield "stream", bytes((CHECKS.index(check_stream), 4)) + b"".join(frames.values())
