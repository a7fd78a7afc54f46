"""Long messages: splitting and assembling are inverse whatever the order; the assembler stays bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.cmpp import Submit, decode
from adapters.wire.errors import WireError
from adapters.wire.longmessage import (
    Assembler,
    AssemblyKey,
    AssemblyState,
    Segment,
    make_assembly_key,
    split_message,
)
from adapters.wire.text import MsgFmt
from adapters.wire.udh import Concat, format_udh, parse_udh, split_header
from tests.wire.packets import vector

SOURCE, DEST = "13800138000", "10086"
scalars = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("拒接😀𠀀ab")), max_size=400)


def make_assembler(ttl_s: float = 60.0, max_parts: int = 16, max_open: int = 4) -> Assembler:
    return Assembler(ttl_s, max_parts, max_open)


def key_of(segment: Segment, link: str = "a") -> AssemblyKey:
    key = make_assembly_key(link, SOURCE, DEST, segment)
    assert key is not None
    return key


def part(number: int, total: int, payload: bytes = b"x", msg_fmt: int = 0, reference: int = 1) -> Segment:
    return Segment(1, msg_fmt, format_udh(Concat(reference, 8, total, number)) + payload)


@given(scalars, st.booleans(), st.data())
def test_split_and_assemble_when_permuted_and_repeated_then_gives_the_text_once(
    text: str, wide: bool, data: st.DataObject
) -> None:
    segments = split_message(text, 0xE4, wide_reference=wide)
    if len(segments) == 1:
        assert segments[0].read().value == text
        assert make_assembly_key("a", SOURCE, DEST, segments[0]) is None
        return
    repeats = data.draw(st.lists(st.sampled_from(segments), max_size=6))
    order = data.draw(st.permutations([*segments, *repeats]))
    assembler = make_assembler(max_parts=255)
    results = [assembler.add(key_of(segment), segment, now=float(at)) for at, segment in enumerate(order)]
    messages = [result.message for result in results if result.message]
    assert [(message.value, message.damaged) for message in messages] == [(text, False)]
    states = [result.state for result in results]
    assert states.count(AssemblyState.DUPLICATE) == len(repeats)
    assert states.count(AssemblyState.COMPLETE) == 1
    assert assembler.open_count == 0


@given(scalars, st.booleans(), st.booleans())
def test_split_when_any_text_then_segments_fit_and_decode_by_themselves(text: str, gb: bool, wide: bool) -> None:
    try:
        segments = split_message(text, 7, gb=gb, wide_reference=wide)
    except WireError as error:
        assert gb
        assert error.reason == "text_not_encodable"  # noqa: PT017
        return
    assert "".join(str(segment.read().value) for segment in segments) == text
    for number, segment in enumerate(segments, start=1):
        assert (segment.pk_number, segment.pk_total) == (number, len(segments))
        if len(segments) > 1:
            assert len(segment.content) <= 140
            assert segment.concat == Concat(7, 16 if wide else 8, len(segments), number)


@pytest.mark.parametrize(
    ("text", "count", "first_bytes"),
    [
        ("a" * 159, 1, 159),
        ("a" * 160, 2, 140),
        ("拒" * 70, 1, 140),
        ("拒" * 71, 2, 140),
        ("拒" * 66 + "😀" + "拒" * 10, 2, 138),
        ("", 1, 0),
    ],
)
def test_split_when_at_the_limits_then_fills_segments_without_cutting_pairs(
    text: str, count: int, first_bytes: int
) -> None:
    segments = split_message(text, 1)
    assert (len(segments), len(segments[0].content)) == (count, first_bytes)


def test_split_when_text_is_the_recorded_one_then_gives_the_recorded_segments() -> None:
    recorded = [decode(vector("cmpp-093")), decode(vector("cmpp-094"))]
    segments = split_message("拒接" * 50 + "拒", 0x2A)
    for submit, segment in zip(recorded, segments, strict=True):
        assert isinstance(submit, Submit)
        assert (submit.pk_total, submit.pk_number) == (segment.pk_total, segment.pk_number)
        assert (submit.tp_udhi, submit.msg_fmt) == (segment.tp_udhi, segment.msg_fmt)
        assert segment.content[: len(submit.msg_content)] == submit.msg_content[: len(segment.content)]


def test_split_when_text_needs_more_than_255_segments_then_text_too_long() -> None:
    assert len(split_message("拒" * 67 * 255, 1)) == 255
    with pytest.raises(WireError, match="text_too_long"):
        split_message("拒" * (67 * 255 + 1), 1)


@pytest.mark.parametrize(("reference", "wide"), [(256, False), (-1, False), (65536, True)])
def test_split_when_reference_does_not_fit_then_out_of_bounds(reference: int, *, wide: bool) -> None:
    with pytest.raises(WireError, match="reference_out_of_bounds"):
        split_message("拒" * 100, reference, wide_reference=wide)


def recorded_segments(*vector_ids: str) -> list[Segment]:
    submits = [decode(vector(vector_id)) for vector_id in vector_ids]
    return [
        Segment(submit.tp_udhi, submit.msg_fmt, submit.msg_content) for submit in submits if isinstance(submit, Submit)
    ]


def test_assemble_when_segments_have_different_formats_then_each_is_decoded_in_its_own() -> None:
    segments = recorded_segments("cmpp-020", "cmpp-021", "cmpp-022", "cmpp-023")
    assert [segment.msg_fmt for segment in segments] == [8, 8, 8, 0]
    assembler = make_assembler()
    results = [assembler.add(key_of(segment), segment, 0.0) for segment in reversed(segments)]
    assert results[-1].state is AssemblyState.COMPLETE
    assert results[-1].message is not None
    value = str(results[-1].message.value)
    assert value.startswith("尊敬的客户")
    assert "orderId=76DEF9AE1808F5" in value
    assert value.endswith("abc10085")


def test_assemble_when_a_reference_recurs_with_another_total_then_keeps_the_messages_apart() -> None:
    """The recorded message numbers its parts 1/3, 2/2, 1/2, 2/3, 3/3 under one reference."""
    segments = recorded_segments("cmpp-024", "cmpp-025", "cmpp-026", "cmpp-027", "cmpp-028")
    assembler = make_assembler()
    results = [assembler.add(key_of(segment), segment, 0.0) for segment in segments]
    messages = [str(result.message.value) for result in results if result.message]
    assert len(messages) == 2
    assert any("www.7890" in message and "wap_order" in message for message in messages)
    assert any(message.startswith("尊敬的客户") and message.endswith("10085") for message in messages)


def test_assemble_when_a_character_is_cut_between_segments_then_it_is_whole_again() -> None:
    content = "拒😀接".encode("utf-16-be")
    assembler = make_assembler()
    for at in (3, 5, 4):
        reference = at
        first = part(1, 2, content[:at], msg_fmt=8, reference=reference)
        second = part(2, 2, content[at:], msg_fmt=8, reference=reference)
        assembler.add(key_of(second), second, 0.0)
        message = assembler.add(key_of(first), first, 0.0).message
        assert message is not None
        assert (message.value, message.damaged) == ("拒😀接", False)


def test_assemble_when_a_segment_is_binary_then_message_is_bytes() -> None:
    assembler = make_assembler()
    for segment in (part(1, 2, b"text"), part(2, 2, b"\x01\x02", msg_fmt=4)):
        result = assembler.add(key_of(segment), segment, 0.0)
    assert result.message is not None
    assert result.message.value == b"text\x01\x02"


def test_assemble_when_a_segment_is_damaged_then_says_so() -> None:
    assembler = make_assembler()
    for segment in (part(1, 2, b"ok"), part(2, 2, b"\xff")):
        result = assembler.add(key_of(segment), segment, 0.0)
    assert result.message is not None
    assert (result.message.value, result.message.damaged) == ("ok\ufffd", True)


@pytest.mark.parametrize(("number", "total"), [(0, 2), (3, 2), (0, 0), (1, 0), (1, 17)])
def test_add_when_numbering_is_out_of_range_then_refuses_and_holds_nothing(number: int, total: int) -> None:
    assembler = make_assembler(max_parts=16)
    segment = part(number, total)
    assert assembler.add(key_of(segment), segment, 0.0).state is AssemblyState.REFUSED
    assert assembler.open_count == 0


def test_add_when_number_recurs_with_other_content_then_starts_anew() -> None:
    assembler = make_assembler()
    old, new = part(1, 2, b"old "), part(1, 2, b"new ")
    end = part(2, 2, b"end")
    assert assembler.add(key_of(old), old, 0.0).state is AssemblyState.WAITING
    assert assembler.add(key_of(new), new, 1.0).state is AssemblyState.RESTARTED
    message = assembler.add(key_of(end), end, 2.0).message
    assert message is not None
    assert message.value == "new end"


def test_add_when_reference_is_reused_after_completion_then_gives_the_next_message() -> None:
    assembler = make_assembler()
    texts = []
    for first in (b"one ", b"two "):
        for segment in (part(1, 2, first), part(2, 2, first)):
            result = assembler.add(key_of(segment), segment, 0.0)
            texts += [result.message.value] if result.message else []
    assert texts == ["one one ", "two two "]


def test_add_when_message_has_one_part_then_is_complete_at_once() -> None:
    assembler = make_assembler()
    segment = part(1, 1, b"KTFSR")
    result = assembler.add(key_of(segment), segment, 0.0)
    assert result.message is not None
    assert result.message.value == "KTFSR"
    assert assembler.add(key_of(segment), segment, 1.0).state is AssemblyState.DUPLICATE


def test_add_when_ttl_has_passed_then_drops_and_names_the_unfinished() -> None:
    assembler = make_assembler(ttl_s=60)
    old, other = part(1, 2), part(1, 2, reference=2)
    assembler.add(key_of(old), old, 100.0)
    assert assembler.add(key_of(other), other, 159.9).discarded == ()
    late = part(2, 2)
    result = assembler.add(key_of(late), late, 160.0)
    assert result.discarded == (key_of(old),)
    assert result.state is AssemblyState.WAITING
    assert assembler.expire(1000.0) == (key_of(other), key_of(late))
    assert assembler.open_count == 0


def test_add_when_finished_message_has_expired_then_its_repeat_is_new() -> None:
    assembler = make_assembler(ttl_s=60)
    segment = part(1, 1)
    assembler.add(key_of(segment), segment, 0.0)
    assert assembler.add(key_of(segment), segment, 60.0).state is AssemblyState.COMPLETE


def test_add_when_too_many_are_open_then_drops_and_names_the_oldest() -> None:
    assembler = make_assembler(max_open=2)
    segments = [part(1, 2, reference=reference) for reference in range(3)]
    discarded = [assembler.add(key_of(segment), segment, 0.0).discarded for segment in segments]
    assert discarded == [(), (), (key_of(segments[0]),)]
    assert assembler.open_count == 2


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, 4), st.binary(max_size=1))))
def test_add_when_fed_anything_then_stays_bounded(parts: list[tuple[int, int, int, bytes]]) -> None:
    assembler = make_assembler(ttl_s=20, max_parts=3, max_open=2)
    opened: set[AssemblyKey] = set()
    for at, (reference, number, total, payload) in enumerate(parts):
        segment = part(number, total, payload, reference=reference)
        key = key_of(segment)
        result = assembler.add(key, segment, float(at))
        assert set(result.discarded) <= opened
        opened -= set(result.discarded)
        if result.state in (AssemblyState.WAITING, AssemblyState.RESTARTED):
            opened.add(key)
        elif result.state is AssemblyState.COMPLETE:
            opened.discard(key)
        assert assembler.open_count == len(opened) <= 2
        assert (result.message is not None) == (result.state is AssemblyState.COMPLETE)


def test_make_assembly_key_when_link_numbers_or_width_differ_then_keys_differ() -> None:
    narrow, wide = (split_message("拒" * 100, 1, wide_reference=wide)[0] for wide in (False, True))
    keys = {
        make_assembly_key("a", "1", "2", narrow),
        make_assembly_key("b", "1", "2", narrow),
        make_assembly_key("a", "3", "2", narrow),
        make_assembly_key("a", "1", "3", narrow),
        make_assembly_key("a", "1", "2", wide),
    }
    assert len(keys) == 5


@pytest.mark.parametrize(
    ("content", "header_bytes", "concat"),
    [
        ("050003e40401", 6, Concat(0xE4, 8, 4, 1)),
        ("060804123402ff", 7, Concat(0x1234, 16, 2, 255)),
        ("0b0003ba01010504158a000041", 12, Concat(0xBA, 8, 1, 1)),
        ("0b0504158a00000003ba0101", 12, Concat(0xBA, 8, 1, 1)),
        ("02700041", 3, None),
        ("0041", 1, None),
        ("0400020102", 5, None),
    ],
)
def test_parse_udh_when_well_formed_then_finds_the_numbering_among_any_elements(
    content: str, header_bytes: int, concat: Concat | None
) -> None:
    udh = parse_udh(bytes.fromhex(content))
    assert udh is not None
    assert (udh.header_bytes, udh.concat) == (header_bytes, concat)


@pytest.mark.parametrize("content", ["", "05", "0500034201", "01ff", "0300037001", "ff0003"])
def test_parse_udh_when_it_runs_past_an_end_then_none_and_the_bytes_stay(content: str) -> None:
    raw = bytes.fromhex(content)
    assert parse_udh(raw) is None
    assert split_header(1, raw) == (None, raw)


@given(st.binary(max_size=140))
def test_parse_udh_when_bytes_are_arbitrary_then_header_lies_within(content: bytes) -> None:
    udh = parse_udh(content)
    if udh:
        assert udh.header_bytes <= len(content)
        assert sum(2 + len(element.data) for element in udh.elements) == udh.header_bytes - 1


def test_repr_when_numbers_are_in_the_key_then_are_not_shown() -> None:
    assert SOURCE not in repr(key_of(part(1, 2)))


def test_segment_format_when_text_is_chinese_then_is_ucs2() -> None:
    assert {segment.msg_fmt for segment in split_message("拒" * 100, 1)} == {MsgFmt.UCS2}
