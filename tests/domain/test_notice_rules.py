"""When subscribers are told of what they did not ask: capped, folded, quiet at night, none lost."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.decision import CHINA_TIME
from gateway.domain.errors import RefusedError
from gateway.domain.interception import Interception, InterceptionAction
from gateway.domain.interception_notice import tell_call, tell_summary
from gateway.domain.notice_rules import (
    DAY_MS,
    NO_TALLY,
    Fate,
    Tally,
    close_summary,
    find_time,
    is_night,
    next_time,
    read_tally,
    take_call,
    write_tally,
)
from gateway.domain.policy import DecidingRule, NoticeRules
from gateway.domain.policy_file import check_policy
from gateway.domain.preferences import InterceptionNotice, NoticeChoice
from gateway.tlog.opening import decode_payload, encode_payload
from tests.domain import samples
from tests.domain.samples import NOON_MS, NUISANCE, OWN, default_policy, policy_with

RULES = NoticeRules()
EACH = NoticeChoice(InterceptionNotice.EACH)
DAILY = NoticeChoice(InterceptionNotice.DAILY)
HOUR_MS = 3_600_000

minutes = st.integers(0, 1439)
rule_sets = st.builds(NoticeRules, st.integers(0, 6), minutes, minutes, minutes)
times = st.integers(NOON_MS - 2 * DAY_MS, NOON_MS + 2 * DAY_MS)


def call(at_ms=NOON_MS, rule=DecidingRule.PERSONAL_REJECT, category="", action=InterceptionAction.REFUSED):
    return Interception(action, OWN, NUISANCE, at_ms, rule, category)


def china(time_ms):
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(CHINA_TIME)


@pytest.mark.parametrize(
    ("hour", "at_night", "due_hour"), [(12, False, 12), (23, False, 8), (2, False, 8), (23, True, 23), (8, False, 8)]
)
def test_notice_when_written_at_some_hour_then_it_waits_for_the_morning_at_night_alone(hour, at_night, due_hour):
    now_ms = NOON_MS + (hour - 12) * HOUR_MS
    due = china(find_time(RULES, NoticeChoice(at_night=at_night), now_ms))
    assert (due.hour, due.minute) == (due_hour, 0)


@given(rule_sets, times)
def test_time_when_found_then_it_is_no_night_and_less_than_a_day_away(rules, now_ms):
    due_ms = find_time(rules, EACH, now_ms)
    assert 0 <= due_ms - now_ms <= DAY_MS
    assert not is_night(rules, due_ms)


@given(minutes, times)
def test_next_time_when_found_then_it_is_that_minute_in_china(minute, now_ms):
    found = next_time(minute, now_ms)
    assert 0 < found - now_ms <= DAY_MS
    assert (china(found).hour * 60 + china(found).minute, china(found).second) == (minute, 0)


def test_night_when_it_begins_and_ends_at_once_then_there_is_none():
    rules = NoticeRules(night_start_minute=0, night_end_minute=0)
    assert not any(is_night(rules, NOON_MS + hour * HOUR_MS) for hour in range(24))


def test_storm_when_each_is_wanted_then_some_are_told_and_the_rest_is_folded_into_one_summary():
    tally, fates, dues = NO_TALLY, Counter(), set()
    for place in range(100):
        tally, fate, _ = take_call(tally, call(NOON_MS + place), EACH, RULES, NOON_MS + place)
        fates[fate] += 1
        dues.add(tally.summary_ms)
    assert fates == {Fate.TOLD: 5, Fate.FOLDED: 95}
    assert dues == {0, NOON_MS + 8 * HOUR_MS}
    notice = tell_summary(tally)
    assert (notice.template, notice.parameters["count"], notice.parameters["rules"]) == (
        "intercepted_daily",
        "95",
        "personal_reject",
    )
    assert close_summary(tally).told == 5


def test_calls_at_night_when_each_is_wanted_then_they_count_for_the_morning():
    night_ms = NOON_MS + 11 * HOUR_MS
    tally = Tally(day=(NOON_MS + 8 * HOUR_MS) // DAY_MS, told=5)
    tally, fate, due_ms = take_call(tally, call(night_ms), EACH, RULES, night_ms)
    assert (fate, china(due_ms).hour, tally.told) == (Fate.TOLD, 8, 1)


def test_choice_of_none_when_a_call_comes_then_nothing_is_told_and_nothing_counted():
    assert take_call(NO_TALLY, call(), NoticeChoice(), RULES, NOON_MS) == (NO_TALLY, Fate.UNWANTED, 0)


def test_daily_choice_when_calls_come_then_one_summary_at_its_time_and_no_notice_of_its_own():
    tally, fate, due_ms = take_call(NO_TALLY, call(category="loan", rule=DecidingRule.CATEGORY), DAILY, RULES, NOON_MS)
    assert (fate, due_ms, tally.folded) == (Fate.FOLDED, 0, 1)
    later, _, _ = take_call(tally, call(NOON_MS - 5), DAILY, RULES, NOON_MS + HOUR_MS)
    assert (later.summary_ms, later.folded, later.since_ms) == (tally.summary_ms, 2, NOON_MS - 5)
    assert tell_summary(later).parameters["categories"] == "loan"


def test_summary_time_when_it_lies_in_the_night_then_it_waits_for_the_morning():
    rules = NoticeRules(summary_minute=23 * 60)
    tally, _, _ = take_call(NO_TALLY, call(), DAILY, rules, NOON_MS)
    assert china(tally.summary_ms).hour == 8
    wanted, _, _ = take_call(NO_TALLY, call(), NoticeChoice(InterceptionNotice.DAILY, at_night=True), rules, NOON_MS)
    assert china(wanted.summary_ms).hour == 23


steps = st.lists(st.tuples(st.integers(0, DAY_MS // 3), samples.notice_choices), max_size=60)


@given(rule_sets, steps)
def test_calls_when_they_come_as_they_like_then_the_cap_holds_and_each_has_one_fate(rules, story):
    now_ms, tally, told, folded, summarised, unwanted = NOON_MS, NO_TALLY, Counter(), 0, 0, 0
    for step_ms, choice in story:
        now_ms += step_ms
        if tally.summary_ms and tally.summary_ms <= now_ms:
            summarised += tally.folded
            tally = close_summary(tally)
        tally, fate, due_ms = take_call(tally, call(now_ms), choice, rules, now_ms)
        if fate is Fate.TOLD:
            assert due_ms >= now_ms
            assert choice.at_night or not is_night(rules, due_ms)
            told[china(due_ms).date()] += 1
        folded += fate is Fate.FOLDED
        unwanted += fate is Fate.UNWANTED
        assert (tally.folded > 0) == (tally.summary_ms > 0)
        assert tally.summary_ms == 0 or now_ms < tally.summary_ms <= now_ms + timedelta(days=2) / timedelta(
            milliseconds=1
        )
    assert all(count <= rules.interceptions_per_day for count in told.values())
    assert told.total() + folded + unwanted == len(story)
    assert folded == summarised + tally.folded


@given(st.builds(Tally, *[st.integers(0, 2**42)] * 5, st.just(("category",)), st.just(("loan",))))
def test_tally_when_written_then_it_reads_back_the_same(tally):
    assert read_tally(decode_payload(encode_payload(write_tally(tally)))) == tally
    assert write_tally(NO_TALLY) == {}


@pytest.mark.parametrize(
    ("action", "treatment"),
    [
        (InterceptionAction.REFUSED, "reject"),
        (InterceptionAction.ASSISTANT, "assistant"),
        (InterceptionAction.CHALLENGE_FAILED, "challenge"),
    ],
)
def test_notice_of_a_call_when_written_then_it_says_when_who_why_and_what_was_done(action, treatment):
    notice = tell_call(call(action=action))
    assert notice.template == "intercepted"
    assert notice.parameters | {"time": ""} == {
        "time": "",
        "number": NUISANCE,
        "treatment": treatment,
        "rule": "personal_reject",
        "category": "",
    }
    assert notice.parameters["time"].endswith("12:00")


@pytest.mark.parametrize(
    "rules", [NoticeRules(-1), NoticeRules(5, 1440), NoticeRules(5, 0, -1), NoticeRules(5, 0, 0, 1440)]
)
def test_rules_when_they_cannot_be_then_the_policy_is_refused(rules):
    with pytest.raises(RefusedError):
        check_policy(policy_with(notices=rules))
    assert default_policy().notices == NoticeRules()
