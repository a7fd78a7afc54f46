"""Preferences, wire ↔ domain.

Two kinds of mistake are told apart. In an instruction that sets segments or quiet hours a bad element is the
subscriber's wish refused item by item, so it is handed on in a shape that the rules refuse. In a carrier's opening
defaults it is the caller's mistake, and the whole request is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

from gateway.api.fields import check_count, invalid, read_enum, read_number, require_text
from gateway.api.mapping_enums import (
    DAY_TYPE,
    INTERCEPTION_NOTICE,
    SEGMENT_KIND,
    STRANGER_POLICY,
    TREATMENT,
)
from gateway.domain.preferences import (
    DayType,
    InterceptionNotice,
    NoticeChoice,
    Preferences,
    QuietWindow,
    Segment,
    SegmentKind,
    StrangerPolicy,
    Treatment,
)
from gateway.domain.settings import MAX_QUIET_WINDOWS, MINUTES_PER_DAY
from optout.kit.number import NumberError, PhoneNumber, parse_prefix
from optout.v1 import types_pb2

MAX_WORD_CHARS = 64
MAX_ELEMENTS = 100
MAX_DEFAULT_LIST = 1000

NO_SEGMENT = Segment(SegmentKind.CUSTOM)
"""What a segment of no known kind becomes: one that the rules refuse with INVALID_SEGMENT."""
NO_WINDOW = QuietWindow(DayType.EVERY_DAY, MINUTES_PER_DAY, MINUTES_PER_DAY)
"""What a window on no known day becomes: one that the rules refuse with INVALID_QUIET_HOURS."""

T = TypeVar("T", str, PhoneNumber, Segment, QuietWindow)


def read_words(values: Collection[str], field: str) -> tuple[str, ...]:
    """Category codes or labels, each 1 to 64 printable characters, at most 100."""
    check_count(values, field, MAX_ELEMENTS)
    return tuple(require_text(word, f"{field}[{place}]", MAX_WORD_CHARS) for place, word in enumerate(values))


def read_numbers(values: Collection[str], field: str, most: int) -> tuple[PhoneNumber, ...]:
    """Numbers of any kind, at most ``most``."""
    check_count(values, field, most)
    return tuple(read_number(text, f"{field}[{place}]") for place, text in enumerate(values))


def read_segments(values: Collection[types_pb2.Segment], field: str) -> tuple[Segment, ...]:
    """Segments as asked for; those of no known kind become `NO_SEGMENT`."""
    check_count(values, field, MAX_ELEMENTS)
    return tuple(_read_segment(segment, f"{field}[{place}]") for place, segment in enumerate(values))


def _read_segment(message: types_pb2.Segment, field: str) -> Segment:
    kind = SEGMENT_KIND.decode(message.kind)
    if kind is None:
        return NO_SEGMENT
    if len(message.prefix) > MAX_WORD_CHARS:
        raise invalid(f"{field}.prefix", f"longer than {MAX_WORD_CHARS} characters")
    return Segment(kind, message.prefix)


def read_windows(values: Collection[types_pb2.QuietWindow], field: str) -> tuple[QuietWindow, ...]:
    """Quiet windows as asked for; those on no known day become `NO_WINDOW`."""
    check_count(values, field, MAX_ELEMENTS)
    return tuple(map(_read_window, values))


def _read_window(message: types_pb2.QuietWindow) -> QuietWindow:
    days = DAY_TYPE.decode(message.days)
    return NO_WINDOW if days is None else QuietWindow(days, message.start_minute, message.end_minute)


def read_notices(message: types_pb2.NoticeChoice, field: str) -> NoticeChoice:
    """A choice of notices; UNSPECIFIED means none."""
    often = read_enum(INTERCEPTION_NOTICE, message.interception, f"{field}.interception", InterceptionNotice.NONE)
    return NoticeChoice(often, message.at_night)


def read_defaults(message: types_pb2.Preferences, field: str) -> Preferences:
    """A carrier's opening defaults: lists sorted, each element once. Anything of no valid form is refused."""
    segments = read_segments(message.refused_segments, f"{field}.refused_segments")
    for place, segment in enumerate(segments):
        if not _is_canonical(segment):
            raise invalid(f"{field}.refused_segments[{place}]", "not a segment")
    windows = read_windows(message.quiet_hours, f"{field}.quiet_hours")
    check_count(windows, f"{field}.quiet_hours", MAX_QUIET_WINDOWS)
    for place, window in enumerate(windows):
        if max(window.start_minute, window.end_minute) >= MINUTES_PER_DAY:
            raise invalid(f"{field}.quiet_hours[{place}]", "not a window of the day")
    return Preferences(
        _sort(read_words(message.refused_categories, f"{field}.refused_categories")),
        _sort(read_numbers(message.reject_list, f"{field}.reject_list", MAX_DEFAULT_LIST)),
        _sort(read_numbers(message.allow_list, f"{field}.allow_list", MAX_DEFAULT_LIST)),
        _sort(segments),
        read_enum(TREATMENT, message.treatment, f"{field}.treatment", Treatment.REJECT),
        read_enum(STRANGER_POLICY, message.stranger_policy, f"{field}.stranger_policy", StrangerPolicy.ALLOW),
        read_notices(message.notices, f"{field}.notices"),
        _sort(windows),
    )


def _is_canonical(segment: Segment) -> bool:
    if segment.kind is not SegmentKind.CUSTOM:
        return not segment.prefix
    try:
        return parse_prefix(segment.prefix) == segment.prefix
    except NumberError:
        return False


def _sort(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(sorted(set(values)))


def write_preferences(preferences: Preferences) -> types_pb2.Preferences:
    """Preferences for the wire."""
    return types_pb2.Preferences(
        refused_categories=preferences.refused_categories,
        reject_list=preferences.reject_list,
        allow_list=preferences.allow_list,
        refused_segments=[
            types_pb2.Segment(kind=SEGMENT_KIND.encode(segment.kind), prefix=segment.prefix)
            for segment in preferences.refused_segments
        ],
        treatment=TREATMENT.encode(preferences.treatment),
        stranger_policy=STRANGER_POLICY.encode(preferences.stranger_policy),
        notices=types_pb2.NoticeChoice(
            interception=INTERCEPTION_NOTICE.encode(preferences.notices.interception),
            at_night=preferences.notices.at_night,
        ),
        quiet_hours=[
            types_pb2.QuietWindow(
                days=DAY_TYPE.encode(window.days), start_minute=window.start_minute, end_minute=window.end_minute
            )
            for window in preferences.quiet_hours
        ],
    )
