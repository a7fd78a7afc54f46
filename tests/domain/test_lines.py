"""The directory of lines: who may declare what, and which line speaks for a number."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.lines import (
    NO_LINES,
    Line,
    LineChange,
    LineConflictError,
    declare,
    directory_of,
    withdraw,
)
from tests.domain.samples import NOON_MS, default_policy

HOUR_MS = 3_600_000
BLOCK = Line("+861059990", True, "sunrise-calls", "unicom", "loan")
LINE = Line("+8610599900", False, "sunrise-calls", "unicom", "education")


def holding(*lines, at=0):
    """A directory after these declarations, one after the other."""
    directory = NO_LINES
    for line in lines:
        directory = directory.apply((declare(line, directory, default_policy(), at),), at)
    return directory


def categories(directory, number, at=NOON_MS):
    return [line.category for line in directory.find(number, at)]


def test_block_when_a_number_lies_in_it_then_it_is_found():
    directory = holding(BLOCK)
    assert categories(directory, "+86105999012345") == ["loan"]
    assert categories(directory, "+861059") == []
    assert categories(directory, "+861059991") == []


def test_line_when_it_lies_in_its_holders_block_then_the_most_specific_speaks_first():
    directory = holding(BLOCK, LINE, replace(BLOCK, number="+8610599901", category="securities"))
    assert categories(directory, "+8610599900") == ["education", "loan"]
    assert categories(directory, "+86105999012") == ["securities", "loan"]


@pytest.mark.parametrize("other", [{"holder": "harbour-voice"}, {"carrier": "mobile"}])
@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        (BLOCK, LINE),
        (LINE, BLOCK),
        (BLOCK, BLOCK),
        (LINE, LINE),
        (BLOCK, replace(BLOCK, number="+86105999")),
        (BLOCK, replace(BLOCK, number="+8610599901")),
    ],
)
def test_line_when_anothers_is_in_the_way_then_it_is_a_conflict(held, wanted, other):
    with pytest.raises(LineConflictError) as refusal:
        declare(replace(wanted, **other), holding(held), default_policy(), 0)
    assert refusal.value.reason is Reason.LINE_CONFLICT
    # A competitor's customers are its own business; one's own are not hidden from oneself.
    assert refusal.value.line.holder == ("" if "carrier" in other else held.holder)
    assert refusal.value.line.number == held.number


def test_line_when_only_an_exact_number_equals_a_prefix_then_they_overlap():
    directory = holding(replace(LINE, number="95123", holder="a"))
    with pytest.raises(LineConflictError):
        declare(replace(BLOCK, number="95123", holder="b"), directory, default_policy(), 0)


def test_line_when_times_do_not_meet_then_there_is_no_conflict():
    first = replace(LINE, end_ms=NOON_MS)
    later = replace(LINE, holder="harbour-voice", category="loan", start_ms=NOON_MS)
    directory = holding(first, later)
    assert categories(directory, LINE.number, NOON_MS - 1) == ["education"]
    assert categories(directory, LINE.number, NOON_MS) == ["loan"]
    with pytest.raises(LineConflictError):
        declare(replace(later, holder="third", start_ms=NOON_MS - 1, end_ms=NOON_MS), directory, default_policy(), 0)


def test_declaration_when_made_again_then_it_holds_from_its_start_on():
    again = replace(LINE, category="loan", start_ms=NOON_MS)
    directory = holding(LINE, again)
    assert categories(directory, LINE.number, NOON_MS - 1) == ["education"]
    assert categories(directory, LINE.number, NOON_MS) == ["loan"]
    assert categories(holding(again, LINE), LINE.number) == ["education"]


def test_declaration_when_it_says_it_began_long_ago_then_it_begins_now():
    change = declare(replace(LINE, start_ms=1), NO_LINES, default_policy(), NOON_MS)
    assert change.line.start_ms == NOON_MS


def test_withdrawal_when_made_then_the_line_ends_and_others_may_have_it():
    directory = holding(LINE)
    gone = directory.apply((withdraw(LINE, directory, NOON_MS),), NOON_MS)
    assert categories(gone, LINE.number) == []
    assert list(gone) == []
    declare(replace(LINE, holder="harbour-voice"), gone, default_policy(), NOON_MS)
    late = directory.apply((withdraw(replace(LINE, end_ms=NOON_MS), directory, 0),), 0)
    assert (categories(late, LINE.number, NOON_MS - 1), categories(late, LINE.number)) == (["education"], [])


@pytest.mark.parametrize("changes", [{"number": "+8610599909"}, {"holder": "other"}, {"carrier": "mobile"}])
def test_withdrawal_when_it_is_not_the_owners_line_then_nothing_is_found(changes):
    with pytest.raises(RefusedError) as refusal:
        withdraw(replace(LINE, **changes), holding(LINE, replace(BLOCK, number="+861059")), NOON_MS)
    assert refusal.value.reason is Reason.NOT_FOUND


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"category": "astrology"}, Reason.UNKNOWN_CATEGORY),
        ({"carrier": "pigeon-post"}, Reason.WRONG_CARRIER),
        ({"end_ms": NOON_MS}, Reason.INVALID_FIELD),
        ({"number": "110"}, Reason.NOT_REFUSABLE),
        ({"number": "961", "is_prefix": True}, Reason.NOT_REFUSABLE),
    ],
)
def test_line_when_no_directory_can_hold_it_then_the_reason_says_so(changes, reason):
    with pytest.raises(RefusedError) as refusal:
        declare(replace(LINE, **changes), NO_LINES, default_policy(), NOON_MS)
    assert refusal.value.reason is reason


def test_directory_when_paged_then_each_line_comes_once_in_order():
    lines = [replace(LINE, number=f"95{tail}") for tail in (3, 1, 2)] + [replace(BLOCK, number="951")]
    directory = holding(*lines)
    assert [line.key for line in directory] == [("951", False), ("951", True), ("952", False), ("953", False)]
    assert [line.key for line in directory.after(("951", False))] == [("951", True), ("952", False), ("953", False)]
    assert list(directory.after(("959", False))) == []


numbers = st.text("01", min_size=1, max_size=4).map(lambda tail: f"95{tail}")
times = st.integers(0, 6).map(lambda hour: hour * HOUR_MS)
lines = st.builds(
    Line,
    numbers,
    st.booleans(),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["mobile", "unicom"]),
    st.sampled_from(["loan", "education"]),
    times,
    st.none() | times,
)
probes = st.tuples(numbers, times)


def reaches(line, number):
    return number.startswith(line.number) if line.is_prefix else number == line.number


@given(st.lists(st.tuples(lines, st.booleans(), times), max_size=15), st.lists(probes, min_size=1, max_size=10))
def test_directory_when_changed_at_random_then_nobody_shares_a_number_and_a_slow_search_finds_the_same(steps, asked):
    directory, now_ms = NO_LINES, 0
    for line, is_withdrawal, later_ms in steps:
        now_ms = max(now_ms, later_ms)
        try:
            if is_withdrawal:
                change = withdraw(line, directory, now_ms)
            else:
                change = declare(line, directory, default_policy(), now_ms)
        except RefusedError:
            continue
        directory = directory.apply((change,), now_ms)
        if not is_withdrawal:
            assert change.line in directory.find(change.line.number, change.line.start_ms)
        elif change.line.end_ms is not None:
            left = directory.find(line.number, change.line.end_ms)
            assert all((held.key, held.owner) != (line.key, line.owner) for held in left)
    everything = list(directory)
    for number, time_ms in asked:
        found = directory.find(number, time_ms)
        slow = [line for line in everything if reaches(line, number) and line.holds_at(time_ms)]
        assert sorted(found, key=repr) == sorted(slow, key=repr)
        assert len({line.owner for line in found}) <= 1
        assert len({line.key for line in found}) == len(found)
        lengths = [(not line.is_prefix, len(line.number)) for line in found]
        assert lengths == sorted(lengths, reverse=True)


@given(lines, st.lists(lines, max_size=8))
def test_overlapping_when_asked_then_it_finds_just_the_lines_that_share_a_number(wanted, held):
    directory = directory_of(held)
    shares = [line for line in directory if reaches(line, wanted.number) or reaches(wanted, line.number)]
    assert sorted(directory.overlapping(wanted), key=repr) == sorted(shares, key=repr)


def test_change_when_a_line_is_declared_then_it_counts_from_its_start():
    assert LineChange(replace(LINE, start_ms=5)).from_ms == 5
    assert LineChange(replace(LINE, end_ms=7), withdraw=True).from_ms == 7
