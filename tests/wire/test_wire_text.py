"""Encodings: what is sent comes back, what is damaged says so, nothing crashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.errors import WireError
from adapters.wire.text import (
    MsgFmt,
    choose_format,
    decode_text,
    encode_as,
    encode_text,
    is_text_format,
    read_text,
)

scalars = st.text(st.characters(exclude_categories=["Cs"]))


@given(scalars)
def test_decode_when_text_was_encoded_then_gives_it_back_intact(text: str) -> None:
    msg_fmt, content = encode_text(text)
    assert msg_fmt is (MsgFmt.ASCII if text.isascii() else MsgFmt.UCS2)
    reading = read_text(msg_fmt, content)
    assert (reading.value, reading.damaged) == (text, False)


@given(st.text(st.characters(codec="gbk")))
def test_decode_when_text_was_encoded_as_gb_then_gives_it_back(text: str) -> None:
    msg_fmt, content = encode_text(text, gb=True)
    assert msg_fmt is (MsgFmt.ASCII if text.isascii() else MsgFmt.GB)
    assert decode_text(msg_fmt, content) == text


@given(st.integers(0, 255), st.binary(max_size=255))
def test_decode_when_bytes_are_arbitrary_then_is_printable_text_or_the_bytes(msg_fmt: int, content: bytes) -> None:
    reading = read_text(msg_fmt, content)
    assert is_text_format(msg_fmt) == (msg_fmt in (0, 8, 15))
    if is_text_format(msg_fmt):
        assert isinstance(reading.value, str)
        reading.value.encode("utf-8")
        assert not reading.damaged or "\ufffd" in reading.value
    else:
        assert (reading.value, reading.damaged) == (content, False)


@pytest.mark.parametrize(
    ("msg_fmt", "content", "text"),
    [
        (0, b"KT\xffSR", "KT\ufffdSR"),
        (8, "开通".encode("utf-16-be")[:-1], "开\ufffd"),
        (8, b"\xd8\x3d", "\ufffd"),
        (8, b"\xde\x00\x00A", "\ufffdA"),
        (15, "开通".encode("gbk")[:-1], "开\ufffd"),
    ],
    ids=["not-ascii", "odd-length", "high-surrogate", "low-surrogate", "half-gb"],
)
def test_decode_when_bytes_are_no_text_then_replaces_them_and_says_damaged(
    msg_fmt: int, content: bytes, text: str
) -> None:
    reading = read_text(msg_fmt, content)
    assert (reading.value, reading.damaged) == (text, True)


def test_decode_when_ucs2_holds_a_surrogate_pair_then_it_survives() -> None:
    assert decode_text(8, bytes.fromhex("d83dde00")) == "😀"


def test_decode_when_gb_holds_a_four_byte_character_then_it_survives() -> None:
    assert decode_text(15, "㐀😀".encode("gb18030")) == "㐀😀"


@pytest.mark.parametrize(("text", "gb"), [("\ud800", False), ("😀", True)])
def test_encode_when_the_format_lacks_the_character_then_text_not_encodable(text: str, *, gb: bool) -> None:
    with pytest.raises(WireError, match="text_not_encodable"):
        encode_text(text, gb=gb)


def test_encode_when_format_is_binary_then_text_not_encodable() -> None:
    with pytest.raises(WireError, match="text_not_encodable"):
        encode_as("KTFSR", MsgFmt.BINARY)


def test_choose_format_when_text_is_ascii_then_never_wastes_two_bytes() -> None:
    assert choose_format("KTFSR") is choose_format("KTFSR", gb=True) is MsgFmt.ASCII
