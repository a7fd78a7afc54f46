"""How effects become known: whatever the order, whatever is repeated, nothing newer is overwritten."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.capability import AT_ONCE_MS, Capabilities, Enforcement, ItemCapability
from gateway.domain.effect_notice import tell_effect
from gateway.domain.effects import NOTHING_KNOWN, SERVICE, EffectState, Knowledge
from gateway.domain.instruction import ExpectedEffect, Item, ItemKind, Precondition
from gateway.domain.knowledge import ReportedEffect, begin, hear, lapse, list_items, list_news, report
from gateway.domain.preferences import NoticeChoice, Preferences, Treatment
from gateway.domain.subscription import CLOSED_LEG, EnrolmentState, Leg, Pending
from tests.domain import samples
from tests.domain.samples import NOON_MS, NUISANCE

DAY_S = 86_400
A, S = EffectState.ACCEPTED, EffectState
LOAN, INSURANCE = Item(ItemKind.CATEGORY, "loan"), Item(ItemKind.CATEGORY, "insurance")
FULL = {kind: (ItemCapability(ExpectedEffect.FULL),) for kind in ItemKind}
PLATFORM = Capabilities("mobile", "1", Enforcement.PLATFORM, FULL, effect_delay_s=DAY_S)
GATEWAY = Capabilities("mobile", "1", Enforcement.GATEWAY, FULL)
WISHES = Preferences(refused_categories=("insurance",))
OPEN = Leg(EnrolmentState.OPEN, WISHES)


def opened(capabilities=PLATFORM, wishes=WISHES) -> Leg:
    return begin(CLOSED_LEG, replace(OPEN, preferences=wishes), 1, capabilities, NOON_MS)


def with_loan(leg: Leg, version=2, now_ms=NOON_MS + 1000, capabilities=PLATFORM) -> Leg:
    wishes = replace(leg.preferences, refused_categories=("insurance", "loan"))
    return begin(leg, replace(leg, preferences=wishes), version, capabilities, now_ms)


def told(item, state, lacking=""):
    return ReportedEffect(item, state, Precondition(lacking) if lacking else None)


def states(leg: Leg) -> dict[str, str]:
    return {item.key: known.state.value for item, known in leg.effects}


def test_opening_when_the_platform_enforces_then_accepted_until_reported_with_its_time():
    leg = opened()
    assert states(leg) == {"service": "accepted"}
    assert leg.effects.effective_by_ms == leg.effects.due_ms == NOON_MS + DAY_S * 1000
    leg = report(leg, 1, [told(SERVICE, S.APPLIED)], NOON_MS)
    assert (leg.effects.word, leg.effects.due_ms) == (S.APPLIED, None)


def test_opening_when_the_gateway_enforces_then_applied_at_once_and_so_are_later_wishes():
    leg = with_loan(opened(GATEWAY), capabilities=GATEWAY)
    assert states(leg) == {"service": "applied"}
    assert leg.effects.due_ms is None


def test_platform_when_it_declares_no_delay_then_it_has_an_hour_to_report():
    leg = opened(replace(PLATFORM, effect_delay_s=0))
    assert leg.effects.due_ms == NOON_MS + AT_ONCE_MS


def test_setting_when_changed_then_it_alone_is_accepted_and_the_rest_stays_known():
    leg = with_loan(report(opened(), 1, [told(SERVICE, S.APPLIED)], NOON_MS))
    assert states(leg) == {"service": "applied", "category:loan": "accepted"}
    assert leg.effects.word is A


def test_report_when_about_an_older_version_then_what_is_newer_is_not_overwritten():
    leg = with_loan(opened())
    leg = report(leg, 1, [told(SERVICE, S.APPLIED), told(LOAN, S.UNSUPPORTED)], NOON_MS + 9)
    assert states(leg) == {"service": "applied", "category:loan": "accepted"}


def test_report_when_it_overtook_an_older_one_then_the_older_changes_nothing():
    leg = report(with_loan(opened()), 2, [told(SERVICE, S.APPLIED)], NOON_MS + 9)
    assert states(leg) == {"service": "applied"}
    assert report(leg, 1, [told(SERVICE, S.UNSUPPORTED), told(INSURANCE, S.DEGRADED)], NOON_MS + 99) is leg
    assert report(leg, 2, [told(SERVICE, S.DEGRADED)], NOON_MS + 8) is leg
    assert states(report(leg, 2, [told(SERVICE, S.DEGRADED)], NOON_MS + 10)) == {"service": "degraded"}


def test_report_when_items_come_one_by_one_then_the_services_word_does_not_undo_them():
    leg = report(with_loan(opened()), 2, [told(LOAN, S.UNSUPPORTED)], NOON_MS + 1)
    leg = report(leg, 2, [told(SERVICE, S.APPLIED)], NOON_MS + 2)
    assert states(leg) == {"service": "applied", "category:loan": "unsupported"}
    assert leg.effects.word is S.DEGRADED


def test_acceptance_when_reported_then_no_fact_is_taken_back_and_the_precondition_is_known():
    leg = report(opened(), 1, [told(SERVICE, A, "VOLTE_OFF")], NOON_MS)
    assert leg.effects.service.precondition == Precondition("VOLTE_OFF")
    leg = report(leg, 1, [told(SERVICE, S.APPLIED)], NOON_MS + 1)
    assert leg.effects.service.precondition is None
    assert report(leg, 1, [told(SERVICE, A, "VOLTE_OFF")], NOON_MS + 2) is leg


def test_wish_when_taken_back_then_its_end_is_awaited_and_told():
    leg = report(with_loan(opened()), 2, [told(SERVICE, S.APPLIED)], NOON_MS)
    back = begin(leg, replace(leg, preferences=WISHES), 3, PLATFORM, NOON_MS)
    assert states(back) == {"service": "applied", "category:loan": "accepted"}
    done = report(back, 3, [told(SERVICE, S.APPLIED)], NOON_MS + 1)
    assert states(done) == {"service": "applied"}
    assert tell_effect(back, done)[0].parameters["undone"] == "category:loan"


def test_closing_when_the_platform_enforces_then_its_end_is_awaited_and_told():
    leg = report(opened(), 1, [told(SERVICE, S.APPLIED)], NOON_MS)
    closed = begin(leg, replace(CLOSED_LEG, effects=leg.effects), 2, PLATFORM, NOON_MS)
    assert states(closed) == {"service": "accepted"}
    done = report(closed, 2, [told(SERVICE, S.APPLIED)], NOON_MS + 1)
    (notice,) = tell_effect(closed, done)
    assert (notice.template, notice.parameters["undone"], notice.parameters["applied"]) == ("effect", "service", "")


def test_change_when_it_asks_nothing_of_the_network_then_what_is_known_stays():
    leg = report(opened(), 1, [told(SERVICE, S.APPLIED)], NOON_MS)
    asked = replace(leg, state=EnrolmentState.PENDING_CANCEL, pending=None)
    assert begin(leg, asked, 2, PLATFORM, NOON_MS).effects is leg.effects
    pending = Leg(EnrolmentState.PENDING_OPEN, pending=Pending(EnrolmentState.OPEN, 1, samples.Channel.SMS))
    assert begin(CLOSED_LEG, pending, 1, PLATFORM, NOON_MS).effects is NOTHING_KNOWN


def test_time_when_it_passes_without_a_report_then_overdue_and_a_late_report_is_heard():
    leg = opened()
    assert lapse(leg, NOON_MS + DAY_S * 1000 - 1) is leg
    late = lapse(leg, NOON_MS + DAY_S * 1000)
    assert late.effects.word is S.OVERDUE
    assert lapse(late, NOON_MS + 9 * DAY_S * 1000) is late
    assert tell_effect(leg, late)[0].parameters["overdue"] == "service"
    assert report(late, 1, [told(SERVICE, S.APPLIED)], NOON_MS + 1).effects.word is S.APPLIED


def test_carrier_when_heard_after_the_change_then_it_is_asked_or_the_gateway_enforces():
    leg = opened(None)
    assert leg.effects.is_unheard
    assert hear(leg, GATEWAY, NOON_MS).effects.word is S.APPLIED
    heard = hear(leg, PLATFORM, NOON_MS)
    assert (heard.effects.word, heard.effects.due_ms) == (A, NOON_MS + DAY_S * 1000)
    assert hear(heard, PLATFORM, NOON_MS + 5) is heard


def test_notice_when_only_a_precondition_is_new_then_it_tells_it():
    leg = opened()
    lacking = report(leg, 1, [told(SERVICE, A, "VOLTE_OFF")], NOON_MS)
    (notice,) = tell_effect(leg, lacking)
    assert (notice.parameters["precondition"], notice.parameters["effect"]) == ("VOLTE_OFF", "accepted")
    assert tell_effect(lacking, report(lacking, 1, [told(SERVICE, A, "VOLTE_OFF")], NOON_MS + 1)) == ()


def test_forecast_when_items_differ_then_each_keeps_its_own_and_the_rest_is_the_services():
    declared = replace(PLATFORM, items=FULL | {ItemKind.TREATMENT: (ItemCapability(ExpectedEffect.UNSUPPORTED),)})
    leg = opened(declared, replace(WISHES, treatment=Treatment.ASSISTANT, reject_list=(NUISANCE,)))
    assert [(item.key, known.expected.value) for item, known in leg.effects] == [
        ("service", "full"),
        ("treatment:assistant", "unsupported"),
    ]


def test_choice_of_notices_when_changed_then_it_is_an_item():
    leg = report(opened(), 1, [told(SERVICE, S.APPLIED)], NOON_MS)
    wishes = replace(leg.preferences, notices=NoticeChoice(at_night=True))
    assert states(begin(leg, replace(leg, preferences=wishes), 2, PLATFORM, NOON_MS)) == {
        "service": "applied",
        "notices": "accepted",
    }


@st.composite
def stories(draw):
    """Changes of wishes, and reports about any version so far in any order."""
    wishes = draw(st.lists(samples.preferences, min_size=1, max_size=4))
    reports = draw(
        st.lists(
            st.tuples(
                st.integers(1, len(wishes)),
                st.lists(st.tuples(st.integers(0, 9), st.sampled_from([A, S.APPLIED, S.DEGRADED, S.UNSUPPORTED]))),
                st.integers(0, 5),
            ),
            max_size=5,
        )
    )
    return wishes, reports


def play(wishes, reports) -> Leg:
    leg = CLOSED_LEG
    for place, wish in enumerate(wishes):
        leg = begin(leg, replace(leg, state=EnrolmentState.OPEN, preferences=wish), place + 1, PLATFORM, NOON_MS)
    for version, effects, time_ms in reports:
        known = (SERVICE, *list_items(leg))
        named = [ReportedEffect(known[place % len(known)], state) for place, state in effects]
        leg = report(leg, version, named, NOON_MS + time_ms)
    return leg


@given(stories())
def test_reports_when_repeated_then_they_teach_nothing_new(story):
    leg = play(*story)
    for version, effects, time_ms in story[1][-1:]:
        known = (SERVICE, *list_items(leg))
        named = [ReportedEffect(known[place % len(known)], state) for place, state in effects]
        assert report(leg, version, named, NOON_MS + time_ms) is leg


@given(stories())
def test_latest_version_when_reported_applied_then_nothing_is_awaited_and_nothing_is_kept_of_it(story):
    wishes, reports = story
    leg = report(play(wishes, reports), len(wishes), [told(SERVICE, S.APPLIED)], NOON_MS + 100)
    assert leg.effects.service.state is S.APPLIED
    assert leg.effects.due_ms is None
    facts = {S.DEGRADED, S.UNSUPPORTED}
    assert all(known.state in facts and known.version == len(wishes) for _, known in leg.effects.items)


@given(stories())
def test_items_when_kept_then_sorted_once_each_and_different_from_the_service(story):
    effects = play(*story).effects
    items = [item for item, _ in effects.items]
    assert items == sorted(set(items))
    assert list_news(Leg(effects=effects), Leg(effects=effects)) == ()
    assert all(replace(known, version=0, report_ms=None) != Knowledge(S.APPLIED) for _, known in effects.items) or (
        effects.service.state is not S.APPLIED
    )
