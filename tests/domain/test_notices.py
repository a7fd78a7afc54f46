"""What subscribers are told."""

import pytest

from gateway.domain.effects import Effects, EffectState, Knowledge
from gateway.domain.enrolment import decide
from gateway.domain.instruction import Cancel, Channel, Confirm, EditList, Open, Query, SetRefusedCategories
from gateway.domain.notices import choose_notices
from gateway.domain.preferences import DayType, Preferences, QuietWindow, Segment, SegmentKind, Treatment
from gateway.domain.subscription import CLOSED_LEG, EnrolmentState, Leg
from tests.domain.samples import NOON_MS, NUISANCE, around

DEFAULTS = Preferences(refused_categories=("loan",), refused_segments=(Segment(SegmentKind.S400),))
OPEN_LEG = Leg(state=EnrolmentState.OPEN, preferences=DEFAULTS, effects=Effects(Knowledge(EffectState.APPLIED)))


def tell(leg, action, channel=Channel.SMS, now_ms=NOON_MS):
    after, verdict = decide(leg, action, around(channel, now_ms=now_ms))
    return choose_notices(action, verdict, after, channel)


def test_opening_by_text_when_asked_then_the_subscriber_is_asked_back_with_the_time_in_china():
    (notice,) = tell(CLOSED_LEG, Open(DEFAULTS))
    assert notice.template == "confirm_open"
    assert notice.expire_ms == NOON_MS + 86_400_000
    assert notice.parameters["confirm_by"].endswith("12:00")


def test_opening_when_done_then_the_notice_names_what_is_on():
    (notice,) = tell(CLOSED_LEG, Open(DEFAULTS), Channel.HOTLINE)
    assert notice.template == "opened"
    assert notice.parameters == {
        "categories": "loan",
        "segments": "400",
        "treatment": "reject",
        "stranger_policy": "allow",
        "effect": "accepted",
        "effective_by": "",
    }


def test_settings_when_mixed_then_one_notice_lists_what_became_of_each():
    leg = Leg(state=EnrolmentState.OPEN, preferences=DEFAULTS)
    action = SetRefusedCategories(refuse=("insurance", "astrology", "loan"), accept=())
    (notice,) = tell(leg, action)
    assert notice.template == "changed"
    assert notice.parameters["done"] == "category:insurance"
    assert notice.parameters["already"] == "category:loan"
    assert notice.parameters["refused"] == "category:astrology=UNKNOWN_CATEGORY"


def test_removal_when_done_then_it_stands_under_undone():
    leg = Leg(state=EnrolmentState.OPEN, preferences=Preferences(reject_list=(NUISANCE,)))
    (notice,) = tell(leg, EditList(allow=False, remove=(NUISANCE,)))
    assert (notice.parameters["done"], notice.parameters["undone"]) == ("", f"reject_number:{NUISANCE}")


def test_status_when_asked_by_text_then_it_tells_the_whole_state():
    leg = Leg(
        state=EnrolmentState.OPEN,
        preferences=Preferences(
            reject_list=(NUISANCE,),
            treatment=Treatment.ASSISTANT,
            quiet_hours=(QuietWindow(DayType.WEEKDAY, 1320, 485),),
        ),
    )
    (notice,) = tell(leg, Query())
    assert notice.template == "status"
    assert notice.parameters["reject_count"] == "1"
    assert notice.parameters["quiet_hours"] == "weekday 22:00-08:05"
    assert notice.parameters["treatment"] == "assistant"


@pytest.mark.parametrize(
    ("leg", "action", "template"),
    [
        (OPEN_LEG, Open(), "already_open"),
        (OPEN_LEG, Cancel(), "cancelled"),
        (CLOSED_LEG, Cancel(), "cancelled"),
        (CLOSED_LEG, Confirm(), "refused"),
        (CLOSED_LEG, EditList(allow=False, add=(NUISANCE,)), "refused"),
    ],
)
def test_text_when_answered_then_an_answer_always_comes(leg, action, template):
    (notice,) = tell(leg, action)
    assert notice.template == template


@pytest.mark.parametrize("action", [Query(), Open(), Confirm()])
def test_agent_when_nothing_changed_then_no_notice_goes_to_the_subscriber(action):
    assert tell(OPEN_LEG, action, Channel.HOTLINE) == ()
