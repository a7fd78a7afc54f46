"""One instruction decided: what its outcome lists, and what it forecasts."""

from dataclasses import replace

import pytest

from gateway.domain.capability import Capabilities, Enforcement, ItemCapability
from gateway.domain.capability_codec import read_capabilities, write_capabilities
from gateway.domain.codec import read_verdict, write_verdict
from gateway.domain.enrolment import decide
from gateway.domain.errors import Reason
from gateway.domain.instruction import (
    Cancel,
    Channel,
    Confirm,
    Disposition,
    EditList,
    ExpectedEffect,
    Instruction,
    ItemKind,
    Open,
    SetRefusedCategories,
    UndoCancel,
)
from gateway.domain.notices import choose_notices
from gateway.domain.orders import take_order
from gateway.domain.porting import begin_unheard
from gateway.domain.preferences import Medium, Preferences, Segment, SegmentKind, Treatment
from gateway.domain.subscription import CLOSED_LEG, EnrolmentState
from optout.kit.number import parse_number
from tests.domain.samples import NOON_MS, NUISANCE, OWN, PROOFS, around, default_policy

DAY_MS = 86_400_000
DEFAULTS = Preferences(
    refused_categories=("loan", "securities"),
    reject_list=(NUISANCE,),
    refused_segments=(Segment(SegmentKind.S400),),
    treatment=Treatment.ASSISTANT,
)
KEYS = ["service", "category:loan", "category:securities", f"reject_number:{NUISANCE}", "segment:400"]
LISTED = [*KEYS, "treatment:assistant"]
PLATFORM = Capabilities(
    "mobile",
    "1",
    Enforcement.PLATFORM,
    {
        ItemKind.SERVICE: (ItemCapability(ExpectedEffect.FULL),),
        ItemKind.CATEGORY: (ItemCapability(ExpectedEffect.FULL, frozenset({"loan"})),),
    },
    effect_delay_s=3600,
)


def order(action, channel=Channel.SMS, *, state=None, now_ms=NOON_MS, declared=PLATFORM, policy=None):
    """What an order of mobile's comes to, one entry after the other."""
    instruction = Instruction("i", "mobile", channel, "901234", "i", OWN, Medium.VOICE, now_ms, action, PROOFS[channel])
    return take_order(state or begin_unheard(OWN), instruction, policy or default_policy(), declared, 1, now_ms)


def forecasts(step):
    return {item.item.key: (item.expected, item.effective_by_ms) for item in step.verdict.items}


def test_opening_when_a_second_word_is_asked_then_what_would_be_on_is_listed_and_forecast():
    step = order(Open(DEFAULTS))
    assert [item.item.key for item in step.verdict.items] == LISTED
    assert {item.disposition for item in step.verdict.items} == {Disposition.NEEDS_CONFIRMATION}
    told = forecasts(step)
    by_ms = NOON_MS + DAY_MS + 3_600_000
    assert told["service"] == told["category:loan"] == (ExpectedEffect.FULL, by_ms)
    assert told["category:securities"] == (ExpectedEffect.UNSUPPORTED, by_ms)


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.HALL])
def test_opening_when_it_is_done_then_what_is_on_is_listed_and_forecast_from_then(channel):
    now_ms = NOON_MS + 60_000
    step = order(Open(DEFAULTS), channel)
    if channel is Channel.SMS:
        step = order(Confirm(), state=step.own.after, now_ms=now_ms)
    else:
        now_ms = NOON_MS
    assert [(item.item.key, item.disposition) for item in step.verdict.items] == [
        (key, Disposition.DONE) for key in LISTED
    ]
    assert forecasts(step)["category:securities"] == (ExpectedEffect.UNSUPPORTED, now_ms + 3_600_000)


def test_opening_when_nothing_is_declared_then_nothing_is_forecast():
    told = forecasts(order(Open(DEFAULTS), declared=None))
    assert set(told.values()) == {(ExpectedEffect.UNKNOWN, None)}


def test_opening_when_nothing_is_wished_or_it_was_on_before_then_the_service_alone_is_listed():
    state = order(Open(), Channel.HALL)
    assert [item.item.key for item in state.verdict.items] == ["service"]
    opened = order(Open(DEFAULTS), Channel.HALL).own.after
    assert [item.item.key for item in order(Open(DEFAULTS), state=opened).verdict.items] == ["service"]
    closed = order(Cancel(), state=opened)
    back = order(UndoCancel(), state=closed.own.after)
    assert [[item.item.key for item in step.verdict.items] for step in (closed, back)] == [["service"], ["service"]]


def test_closing_when_a_second_word_is_asked_then_its_effect_is_forecast_and_no_wish_is_listed():
    leg, _ = decide(CLOSED_LEG, Open(DEFAULTS), around(Channel.HALL))
    carriers = tuple(replace(one, confirm_cancel=frozenset({Channel.SMS})) for one in default_policy().carriers)
    asked, verdict = decide(leg, Cancel(), around(policy=replace(default_policy(), carriers=carriers)))
    assert asked.state is EnrolmentState.PENDING_CANCEL
    assert [(item.item.key, item.switched_on) for item in verdict.items] == [("service", False)]


def with_items(**kinds):
    """A declaration with these items."""
    return replace(PLATFORM, items={ItemKind(kind): (declared,) for kind, declared in kinds.items()})


@pytest.mark.parametrize(("allow", "cap", "fits"), [(False, 1, 1), (True, 1, 1), (False, 0, 3), (False, 5000, 3)])
def test_list_when_the_carrier_declares_less_than_the_policy_then_the_smaller_cap_counts(allow, cap, fits):
    kind = ItemKind.ALLOW_NUMBER if allow else ItemKind.REJECT_NUMBER
    declared = with_items(**{kind.value: ItemCapability(ExpectedEffect.FULL, cap=cap)})
    state = order(Open(), Channel.HALL).own.after
    numbers = tuple(parse_number(f"1390013900{n}") for n in range(4))
    policy = replace(default_policy(), list_cap=3)
    step = order(EditList(allow=allow, add=numbers), state=state, declared=declared, policy=policy)
    reasons = [item.reason for item in step.verdict.items]
    assert reasons == [None] * fits + [Reason.LIST_FULL] * (4 - fits)
    more = order(Open(Preferences(reject_list=numbers)), Channel.HALL, declared=declared, policy=policy)
    assert len(more.own.after.voice.preferences.reject_list) == (3 if allow else fits)


def test_outcome_when_the_network_falls_short_then_agent_and_subscriber_are_told_how():
    merged = ItemCapability(ExpectedEffect.DEGRADED, limitation="与保险合并拦截")
    state = order(Open(), Channel.HALL).own.after
    step = order(SetRefusedCategories(("loan",)), state=state, declared=with_items(category=merged))
    (item,) = step.verdict.items
    assert (item.expected, item.limitation) == (ExpectedEffect.DEGRADED, "与保险合并拦截")
    assert read_verdict(write_verdict(step.verdict)) == step.verdict
    (notice,) = choose_notices(SetRefusedCategories(), step.verdict, step.own.after.voice, Channel.SMS)
    assert notice.parameters["limitations"] == "与保险合并拦截"


@pytest.mark.parametrize(
    ("media", "reason"),
    [(frozenset({Medium.VOICE}), None), (frozenset({Medium.MESSAGE}), Reason.MEDIUM_NOT_OFFERED)],
)
def test_order_when_the_carrier_does_not_offer_the_medium_then_it_is_refused(media, reason):
    declared = replace(PLATFORM, media=media)
    assert order(Open(), Channel.HALL, declared=declared).verdict.reason is reason
    assert read_capabilities(write_capabilities(declared)) == declared
