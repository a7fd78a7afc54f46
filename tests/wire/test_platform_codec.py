"""The interception platform's JSON: round trips, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.platform import (
    MAX_BODY_BYTES,
    Act,
    AppliedEvent,
    EventPage,
    Force,
    ItemForce,
    PlatformError,
    StoppedEvent,
    Taken,
    Wanted,
    read_events_request,
    read_lookup,
    read_page,
    read_taken,
    read_wanted,
    write_events_request,
    write_lookup,
    write_page,
    write_taken,
    write_wanted,
)

numbers = st.from_regex(r"\+86[0-9]{10,11}", fullmatch=True)
words = st.from_regex(r"[a-z0-9_]{1,12}", fullmatch=True)
ids = st.from_regex(r"[!-~]{1,40}", fullmatch=True)
counts = st.integers(0, 2**63 - 1)
wanteds = st.builds(
    Wanted,
    order=ids,
    number=numbers,
    epoch=counts,
    version=counts,
    on=st.booleans(),
    categories=st.lists(words, max_size=5).map(tuple),
    reject=st.lists(numbers, max_size=5).map(tuple),
    allow=st.lists(numbers, max_size=5).map(tuple),
    segments=st.lists(st.sampled_from(["400", "95", "overseas", "+86170"]), max_size=3).map(tuple),
    treatment=words,
    strangers=words,
    quiet=st.lists(st.just("every_day 22:00-08:00"), max_size=2).map(tuple),
)
forces = st.builds(ItemForce, ids, st.sampled_from(Force), st.sampled_from(["", "VOLTE_OFF"]))
applied = st.builds(
    AppliedEvent, counts, ids, numbers, counts, counts, counts, st.lists(forces, max_size=4).map(tuple), st.booleans()
)
stopped = st.builds(
    StoppedEvent, counts, numbers, numbers | st.just(""), counts, st.sampled_from(Act), words, words, st.booleans()
)


@given(wanteds)
def test_wanted_when_written_and_read_then_the_same(wanted: Wanted) -> None:
    assert read_wanted(write_wanted(wanted)) == wanted


@given(ids, st.lists(applied | stopped, max_size=5))
def test_page_when_written_and_read_then_the_same(log: str, events: list[AppliedEvent | StoppedEvent]) -> None:
    page = EventPage(log, tuple(events))
    assert read_page(write_page(page)) == page


def test_questions_when_written_and_read_then_the_same() -> None:
    assert read_lookup(write_lookup("+8613800138000")) == "+8613800138000"
    assert read_events_request(write_events_request("a1", 7, 10_000)) == ("a1", 7, 500)
    assert [read_taken(write_taken(taken)) for taken in Taken] == list(Taken)


GOOD = json.loads(write_wanted(Wanted("o-1", "+8613800138000", 1, 2, on=True)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"number": "138 0013"}, "malformed_field"),
        ({"number": 13800138000}, "malformed_field"),
        ({"version": -1}, "malformed_field"),
        ({"version": True}, "malformed_field"),
        ({"version": 1 << 63}, "malformed_field"),
        ({"on": 1}, "malformed_field"),
        ({"reject": "+86"}, "malformed_field"),
        ({"quiet": ["at night"]}, "malformed_field"),
        ({"more": 1}, "unknown_field"),
    ],
)
def test_wanted_when_a_field_is_wrong_then_refused_with_its_reason(change: dict[str, object], reason: str) -> None:
    with pytest.raises(PlatformError) as caught:
        read_wanted(json.dumps(GOOD | change).encode())
    assert caught.value.reason == reason
    assert "138" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_wanted_when_a_field_is_missing_then_refused(name: str) -> None:
    with pytest.raises(PlatformError) as caught:
        read_wanted(json.dumps({key: value for key, value in GOOD.items() if key != name}).encode())
    assert (caught.value.reason, caught.value.field) == ("missing_field", name)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[]", "not_json"),
        (b'{"number": "10086", "number": "10010"}', "not_json"),
        ('{"number": "10086"}'.encode("utf-16"), "not_json"),
        (b"[" * 100_000, "not_json"),
        (b" " * (MAX_BODY_BYTES + 1), "too_large"),
    ],
)
def test_body_when_no_object_then_refused(body: bytes, reason: str) -> None:
    with pytest.raises(PlatformError) as caught:
        read_wanted(body)
    assert caught.value.reason == reason


@given(st.binary(max_size=200))
def test_anything_when_read_then_only_the_codecs_own_error(body: bytes) -> None:
    for read in (read_wanted, read_page, read_taken, read_lookup, read_events_request):
        try:
            read(body)
        except PlatformError:
            continue


@pytest.mark.parametrize("event", [None, {}, {"kind": "other"}, {"kind": "applied"}, {"kind": "stopped", "place": 1}])
def test_page_when_an_event_is_wrong_then_refused(event: object) -> None:
    with pytest.raises(PlatformError):
        read_page(json.dumps({"log": "a", "events": [event]}).encode())
