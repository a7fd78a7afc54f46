"""Settings, item by item."""

import pytest
from hypothesis import given

from gateway.domain.errors import Reason
from gateway.domain.instruction import (
    ChooseTreatment,
    Disposition,
    EditList,
    Query,
    SetQuietHours,
    SetRefusedCategories,
    SetRefusedSegments,
)
from gateway.domain.preferences import (
    NO_PREFERENCES,
    DayType,
    Preferences,
    QuietWindow,
    Segment,
    SegmentKind,
    StrangerPolicy,
    Treatment,
)
from gateway.domain.settings import apply_settings
from optout.kit.number import parse_number
from tests.domain import samples
from tests.domain.samples import FRIEND, NUISANCE, OWN, default_policy, policy_with


def apply(before, action, policy=None, carrier="mobile"):
    after, items = apply_settings(before, action, policy or default_policy(), carrier, OWN)
    return after, {item.item.key: (item.disposition, item.reason) for item in items}


def test_categories_when_mixed_then_each_item_says_what_became_of_it():
    before = Preferences(refused_categories=("insurance",))
    action = SetRefusedCategories(refuse=("loan", "insurance", "astrology"), accept=("education",))
    after, items = apply(before, action)
    assert after.refused_categories == ("insurance", "loan")
    assert items == {
        "category:loan": (Disposition.DONE, None),
        "category:insurance": (Disposition.ALREADY_SO, None),
        "category:astrology": (Disposition.REFUSED, Reason.UNKNOWN_CATEGORY),
        "category:education": (Disposition.ALREADY_SO, None),
    }


def test_categories_when_a_carrier_uses_its_own_label_then_it_means_every_category_so_labelled():
    after, _ = apply(NO_PREFERENCES, SetRefusedCategories(refuse=("保险理财",)))
    assert after.refused_categories == ("insurance", "loan")
    _, items = apply(NO_PREFERENCES, SetRefusedCategories(refuse=("保险理财",)), carrier="telecom")
    assert items["category:保险理财"] == (Disposition.REFUSED, Reason.UNKNOWN_CATEGORY)


def test_categories_when_replaced_then_the_set_is_exactly_what_was_named():
    before = Preferences(refused_categories=("education", "insurance"))
    after, items = apply(before, SetRefusedCategories(refuse=("loan", "insurance"), replace=True))
    assert after.refused_categories == ("insurance", "loan")
    assert items["category:education"] == (Disposition.DONE, None)


def test_lists_when_a_number_joins_one_then_it_leaves_the_other():
    before = Preferences(allow_list=(FRIEND,))
    after, _ = apply(before, EditList(allow=False, add=(FRIEND,)))
    assert (after.reject_list, after.allow_list) == ((FRIEND,), ())
    back, _ = apply(after, EditList(allow=True, add=(FRIEND,)))
    assert (back.reject_list, back.allow_list) == ((), (FRIEND,))


def test_reject_list_when_at_its_cap_then_one_more_is_refused_and_one_out_makes_room():
    policy = policy_with(list_cap=1)
    before = Preferences(reject_list=(NUISANCE,))
    after, items = apply(before, EditList(allow=False, add=(FRIEND,)), policy)
    assert after == before
    assert items[f"reject_number:{FRIEND}"] == (Disposition.REFUSED, Reason.LIST_FULL)
    after, _ = apply(before, EditList(allow=False, add=(FRIEND,), remove=(NUISANCE,)), policy)
    assert after.reject_list == (FRIEND,)


@pytest.mark.parametrize("text", ["110", "96110", "10086", OWN])
def test_reject_list_when_the_number_is_protected_or_ones_own_then_it_is_refused(text):
    number = parse_number(text)
    after, items = apply(NO_PREFERENCES, EditList(allow=False, add=(number,)))
    assert after == NO_PREFERENCES
    assert items[f"reject_number:{number}"] == (Disposition.REFUSED, Reason.NOT_REFUSABLE)


def test_segments_when_custom_ones_pass_the_cap_or_are_malformed_then_those_are_refused():
    wanted = (
        Segment(SegmentKind.S400),
        *(Segment(SegmentKind.CUSTOM, f"+8617{digit}") for digit in range(4)),
        Segment(SegmentKind.CUSTOM, "nonsense"),
        Segment(SegmentKind.CUSTOM),
        Segment(SegmentKind.S95, "95"),
    )
    after, items = apply(NO_PREFERENCES, SetRefusedSegments(wanted))
    assert [segment.key for segment in after.refused_segments] == ["400", "+86170", "+86171", "+86172"]
    assert items["segment:+86173"] == (Disposition.REFUSED, Reason.LIST_FULL)
    assert items["segment:nonsense"] == (Disposition.REFUSED, Reason.INVALID_SEGMENT)
    assert items["segment:custom"] == (Disposition.REFUSED, Reason.INVALID_SEGMENT)
    assert items["segment:95"] == (Disposition.REFUSED, Reason.INVALID_SEGMENT)


def test_segments_when_emptied_then_each_that_was_is_switched_off():
    before = Preferences(refused_segments=(Segment(SegmentKind.S400),))
    after, items = apply(before, SetRefusedSegments(()))
    assert after.refused_segments == ()
    assert items == {"segment:400": (Disposition.DONE, None)}
    assert apply(after, SetRefusedSegments(()))[1] == {"segment": (Disposition.ALREADY_SO, None)}


def test_treatment_when_one_part_is_left_out_then_it_stays():
    after, items = apply(NO_PREFERENCES, ChooseTreatment(Treatment.ASSISTANT, None))
    assert (after.treatment, after.stranger_policy) == (Treatment.ASSISTANT, StrangerPolicy.ALLOW)
    assert items == {"treatment:assistant": (Disposition.DONE, None)}


@pytest.mark.parametrize(
    ("windows", "reason"),
    [
        ((QuietWindow(DayType.EVERY_DAY, 1440, 0),), Reason.INVALID_QUIET_HOURS),
        ((QuietWindow(DayType.EVERY_DAY, 0, 1500),), Reason.INVALID_QUIET_HOURS),
        (tuple(QuietWindow(DayType.EVERY_DAY, minute, 60) for minute in range(9)), Reason.LIST_FULL),
    ],
)
def test_quiet_hours_when_malformed_then_none_of_them_holds(windows, reason):
    after, items = apply(NO_PREFERENCES, SetQuietHours(windows))
    assert after == NO_PREFERENCES
    assert items == {"quiet_hours": (Disposition.REFUSED, reason)}


def test_apply_when_the_action_is_no_setting_then_it_is_a_type_error():
    with pytest.raises(TypeError):
        apply(NO_PREFERENCES, Query())


@given(samples.preferences, samples.settings)
def test_any_setting_when_applied_twice_then_the_second_changes_nothing(before, action):
    once, _ = apply_settings(before, action, default_policy(), "mobile", OWN)
    twice, items = apply_settings(once, action, default_policy(), "mobile", OWN)
    conflicting = isinstance(action, (EditList, SetRefusedCategories))
    if not conflicting or not _contradicts_itself(action):
        assert twice == once
        assert all(item.disposition is not Disposition.DONE for item in items)


def _contradicts_itself(action):
    if isinstance(action, EditList):
        return bool(set(action.add) & set(action.remove))
    return bool(set(action.refuse) & set(action.accept))
