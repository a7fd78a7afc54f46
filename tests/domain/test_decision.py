"""Screening: each rule, its place in the order, and what a forged number cannot gain."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.decision import Answer, CallerTrust, Ingress, Question, Verdict, is_quiet, screen
from gateway.domain.lines import directory_of
from gateway.domain.policy import DecidingRule
from gateway.domain.preferences import (
    DayType,
    Preferences,
    QuietWindow,
    Segment,
    SegmentKind,
    StrangerPolicy,
    Treatment,
)
from gateway.domain.subscription import EnrolmentState, Leg
from optout.kit.number import parse_number
from tests.domain import samples
from tests.domain.samples import (
    FRIEND,
    LOAN_LINE,
    NOON_MS,
    NUISANCE,
    OWN,
    default_lines,
    default_policy,
    policy_with,
)

FRAUD = parse_number("17099990000")
POLICE = parse_number("110")


def ask(preferences=Preferences(), caller=FRIEND, policy=None, **changes) -> Answer:  # noqa: B008 - frozen
    question = Question(caller, OWN, Ingress.DOMESTIC, CallerTrust.VERIFIED, NOON_MS)
    leg = Leg(state=EnrolmentState.OPEN, preferences=preferences)
    return screen(replace(question, **changes), leg, policy or default_policy(), directory_of(default_lines()))


def test_screen_when_nobody_speaks_then_the_call_rings():
    assert ask() == Answer(Verdict.ALLOW, DecidingRule.DEFAULT)


@pytest.mark.parametrize("state", [EnrolmentState.CLOSED, EnrolmentState.PENDING_OPEN, EnrolmentState.RESTRICTED])
def test_screen_when_the_service_is_not_on_then_nothing_is_refused(state):
    leg = Leg(state=state, preferences=Preferences(reject_list=(NUISANCE,)))
    question = Question(NUISANCE, OWN, Ingress.DOMESTIC, CallerTrust.VERIFIED, NOON_MS)
    assert screen(question, leg, default_policy()).verdict is Verdict.NOT_REGISTERED
    assert screen(question, None, default_policy()).rule is DecidingRule.NOT_REGISTERED


def test_screen_when_the_caller_is_on_the_reject_list_then_607_by_the_subscribers_own_wish():
    answer = ask(Preferences(reject_list=(NUISANCE,)), NUISANCE)
    assert (answer.verdict, answer.rule) == (Verdict.REFUSE, DecidingRule.PERSONAL_REJECT)
    assert (answer.sip_code, answer.q850_cause) == (607, 21)


def test_screen_when_the_line_is_declared_for_a_refused_category_then_it_is_refused():
    answer = ask(Preferences(refused_categories=("loan",)), LOAN_LINE)
    assert (answer.verdict, answer.rule, answer.category) == (Verdict.REFUSE, DecidingRule.CATEGORY, "loan")
    assert answer.reason == "贷款理财类营销电话"
    assert ask(Preferences(refused_categories=("education",)), LOAN_LINE).verdict is Verdict.ALLOW


def test_screen_when_the_systems_list_refuses_then_608_with_a_contact_until_it_expires():
    answer = ask(caller=FRAUD)
    assert (answer.rule, answer.sip_code, answer.q850_cause) == (DecidingRule.SYSTEM_REJECT, 608, 21)
    assert answer.redress_contact
    (entry,) = default_policy().system_list
    assert ask(caller=FRAUD, time_ms=entry.expire_ms - 1).rule is DecidingRule.SYSTEM_REJECT
    assert ask(caller=FRAUD, time_ms=entry.expire_ms).verdict is Verdict.ALLOW


def test_screen_when_the_personal_allow_list_knows_the_caller_then_it_beats_everything_below():
    wishes = Preferences(allow_list=(LOAN_LINE,), refused_categories=("loan",))
    assert ask(wishes, LOAN_LINE).rule is DecidingRule.PERSONAL_ALLOW


@pytest.mark.parametrize(
    "changes",
    [
        {"ingress": Ingress.INTERNATIONAL},
        {"ingress": Ingress.UNKNOWN},
        {"trust": CallerTrust.UNVERIFIED},
        {"trust": CallerTrust.FAILED},
    ],
)
def test_screen_when_the_number_may_be_forged_then_protected_and_allow_rules_do_not_speak(changes):
    system_allow = replace(default_policy().system_list[0], number=FRIEND, allow=True)
    policy = policy_with(system_list=(system_allow,))
    wishes = Preferences(
        allow_list=(LOAN_LINE,), refused_categories=("loan",), stranger_policy=StrangerPolicy.CHALLENGE
    )
    assert ask(wishes, POLICE, policy).rule is DecidingRule.PROTECTED
    assert ask(wishes, POLICE, policy, **changes).rule is DecidingRule.STRANGER
    assert ask(wishes, FRIEND, policy).rule is DecidingRule.SYSTEM_ALLOW
    assert ask(wishes, FRIEND, policy, **changes).rule is DecidingRule.STRANGER
    assert ask(wishes, LOAN_LINE, policy, **changes).rule is DecidingRule.CATEGORY


def test_screen_when_the_caller_states_a_category_then_it_may_add_a_refusal_and_never_an_allowance():
    wishes = Preferences(refused_categories=("loan",))
    assert ask(wishes, FRIEND, stated_category="loan").verdict is Verdict.REFUSE
    lied = ask(wishes, LOAN_LINE, stated_category="education")
    assert (lied.verdict, lied.category, lied.category_mismatch) == (Verdict.REFUSE, "loan", True)
    assert ask(Preferences(), LOAN_LINE, stated_category="education").category_mismatch
    assert ask(wishes, FRIEND, stated_category="astrology").verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("treatment", "verdict", "sip"),
    [
        (Treatment.REJECT, Verdict.REFUSE, 607),
        (Treatment.ASSISTANT, Verdict.ASSISTANT, 0),
        (Treatment.CHALLENGE, Verdict.CHALLENGE, 0),
    ],
)
def test_screen_when_a_call_is_unwanted_then_it_is_treated_as_the_subscriber_chose(treatment, verdict, sip):
    answer = ask(Preferences(reject_list=(NUISANCE,), treatment=treatment), NUISANCE)
    assert (answer.verdict, answer.sip_code) == (verdict, sip)


def test_screen_when_the_number_is_withheld_then_strangers_are_treated_as_chosen():
    assert ask(Preferences(stranger_policy=StrangerPolicy.ASSISTANT), None).verdict is Verdict.ASSISTANT
    assert ask(Preferences(), None).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("segment", "caller", "refused"),
    [
        (Segment(SegmentKind.S400), "4008001234", True),
        (Segment(SegmentKind.S400), "13400134000", False),
        (Segment(SegmentKind.S95), "95123456", True),
        (Segment(SegmentKind.S95), "95588", False),
        (Segment(SegmentKind.OVERSEAS), "+12025550123", True),
        (Segment(SegmentKind.OVERSEAS), "+85221234567", False),
        (Segment(SegmentKind.HK_MACAO_TAIWAN), "+85221234567", True),
        (Segment(SegmentKind.CUSTOM, "+86170"), "17012345678", True),
        (Segment(SegmentKind.CUSTOM, "+86170"), "17112345678", False),
    ],
)
def test_screen_when_a_segment_is_refused_then_exactly_its_numbers_are(segment, caller, refused):
    answer = ask(Preferences(refused_segments=(segment,)), parse_number(caller))
    assert (answer.rule is DecidingRule.SEGMENT) is refused


ABROAD = [SegmentKind.OVERSEAS, SegmentKind.HK_MACAO_TAIWAN]
UNVERIFIED, FAILED, VERIFIED = CallerTrust.UNVERIFIED, CallerTrust.FAILED, CallerTrust.VERIFIED


@pytest.mark.parametrize(
    ("caller", "trust", "covering"),
    [
        (None, UNVERIFIED, ABROAD),
        ("13900139001", UNVERIFIED, ABROAD),
        ("13900139001", FAILED, ABROAD),
        ("110", FAILED, ABROAD),
        ("13900139001", VERIFIED, []),
        ("+12025550123", UNVERIFIED, [SegmentKind.OVERSEAS]),
        ("+12025550123", FAILED, ABROAD),
        ("+85221234567", UNVERIFIED, [SegmentKind.HK_MACAO_TAIWAN]),
        ("+85221234567", FAILED, ABROAD),
        ("+85221234567", VERIFIED, [SegmentKind.HK_MACAO_TAIWAN]),
    ],
)
def test_screen_when_a_call_from_abroad_hides_where_it_is_from_then_segments_abroad_cover_it(caller, trust, covering):
    number = None if caller is None else parse_number(caller)

    def covers(kind, ingress):
        answer = ask(Preferences(refused_segments=(Segment(kind),)), number, trust=trust, ingress=ingress)
        return answer.rule is DecidingRule.SEGMENT

    assert [kind for kind in ABROAD if covers(kind, Ingress.INTERNATIONAL)] == covering
    assert not covers(SegmentKind.S400, Ingress.INTERNATIONAL)
    if number is None or number.startswith("+86"):
        assert not any(covers(kind, ingress) for kind in ABROAD for ingress in (Ingress.DOMESTIC, Ingress.UNKNOWN))


WEDNESDAY_22_00 = 1_795_615_200_000  # 2026-11-25 22:00 in China
HOUR_MS = 3_600_000


def test_screen_when_the_caller_gives_another_time_then_quiet_hours_alone_go_by_it():
    wishes = Preferences(quiet_hours=(QuietWindow(DayType.EVERY_DAY, 22 * 60, 8 * 60),))
    assert ask(wishes, call_ms=WEDNESDAY_22_00).rule is DecidingRule.QUIET_HOURS
    assert ask(wishes).rule is ask(wishes, time_ms=WEDNESDAY_22_00, call_ms=NOON_MS).rule is DecidingRule.DEFAULT
    (entry,) = default_policy().system_list
    expired = ask(caller=FRAUD, time_ms=entry.expire_ms, call_ms=entry.expire_ms - 1)
    assert expired.verdict is Verdict.ALLOW
    assert ask(caller=FRAUD, call_ms=entry.expire_ms).rule is DecidingRule.SYSTEM_REJECT


@pytest.mark.parametrize(
    ("days", "offset_hours", "quiet"),
    [
        (DayType.EVERY_DAY, 0, True),
        (DayType.EVERY_DAY, -1, False),
        (DayType.EVERY_DAY, 9, True),
        (DayType.EVERY_DAY, 10, False),
        (DayType.WEEKEND, 0, False),
        (DayType.WEEKDAY, 0, True),
        (DayType.WEEKDAY, 2 * 24, True),
        (DayType.WEEKDAY, 2 * 24 + 9, True),
        (DayType.WEEKDAY, 3 * 24, False),
        (DayType.WEEKEND, 2 * 24 + 9, False),
        (DayType.WEEKEND, 3 * 24 + 9, True),
    ],
)
def test_quiet_hours_when_they_cross_midnight_then_the_day_they_began_on_counts(days, offset_hours, quiet):
    window = QuietWindow(days, 22 * 60, 8 * 60)
    assert is_quiet(window, WEDNESDAY_22_00 + offset_hours * HOUR_MS) is quiet


def test_screen_when_it_is_quiet_then_only_the_allowed_ring():
    wishes = Preferences(quiet_hours=(QuietWindow(DayType.EVERY_DAY, 0, 0),), allow_list=(FRIEND,))
    assert ask(wishes, FRIEND).verdict is Verdict.ALLOW
    assert ask(wishes, NUISANCE).rule is DecidingRule.QUIET_HOURS


@given(samples.preferences, samples.numbers, st.sampled_from(Ingress), st.sampled_from(CallerTrust))
def test_any_forged_caller_when_screened_then_it_fares_no_better_than_a_withheld_number(wishes, caller, ingress, trust):
    """What a number can gain it gains only where it is believed.

    From abroad a number that is vouched for may gain one thing: that the call is not taken for one from overseas.
    """
    question = Question(caller, OWN, ingress, trust, NOON_MS)
    if question.trusted or (ingress is Ingress.INTERNATIONAL and trust is CallerTrust.VERIFIED):
        return
    leg = Leg(state=EnrolmentState.OPEN, preferences=replace(wishes, allow_list=(caller,), reject_list=()))
    with_number = screen(question, leg, default_policy())
    without = screen(replace(question, caller=None), leg, default_policy())
    if without.verdict is not Verdict.ALLOW:
        assert with_number.verdict is not Verdict.ALLOW


def _wishes_fit_for(caller, wishes):
    """Wishes with the forger's number on every list that could let it through."""
    return replace(wishes, allow_list=(caller,), reject_list=tuple(one for one in wishes.reject_list if one != caller))


@given(
    samples.preferences,
    st.one_of(samples.numbers, st.sampled_from([POLICE, LOAN_LINE, FRAUD, FRIEND, parse_number("95588")])),
    st.none() | st.sampled_from([parse_number("+12025550123"), parse_number("+85221234567")]),
    st.sampled_from([UNVERIFIED, FAILED]),
    st.sampled_from(["", "loan", "education"]),
    st.permutations(list(default_policy().order)),
)
def test_any_call_from_abroad_when_it_claims_a_domestic_number_then_it_fares_no_better(
    wishes, claimed, honest, trust, stated, order
):
    """Whatever number it really has, and though the claimed one is on every list that lets a caller through."""
    system = [replace(default_policy().system_list[0], number=claimed, allow=True), *default_policy().system_list]
    policy = policy_with(order=tuple(order), system_list=tuple(system))
    facts = {"policy": policy, "trust": trust, "ingress": Ingress.INTERNATIONAL, "stated_category": stated}
    wishes = _wishes_fit_for(claimed, wishes)
    forged, plain = ask(wishes, claimed, **facts), ask(wishes, honest, **facts)
    assert forged.verdict is not Verdict.ALLOW or plain.verdict is Verdict.ALLOW
    by_number = {DecidingRule.SYSTEM_REJECT, DecidingRule.CATEGORY, DecidingRule.SEGMENT}
    assert forged.verdict is plain.verdict or forged.rule in by_number


@given(st.permutations(list(default_policy().order)))
def test_any_order_when_no_rule_speaks_then_the_call_rings(order):
    assert ask(policy=policy_with(order=tuple(order))).rule is DecidingRule.DEFAULT


def test_category_when_the_policy_no_longer_has_it_then_the_refusal_still_holds():
    answer = ask(Preferences(refused_categories=("astrology",)), stated_category="astrology")
    assert (answer.verdict, answer.category, answer.reason) == (Verdict.REFUSE, "astrology", "astrology类营销电话")
