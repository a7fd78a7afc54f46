"""The smaller mappings: questions, delivery reports, capabilities, orders, subscriptions."""

from dataclasses import replace

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.api.fields import write_time
from gateway.api.mapping_carrier import read_capabilities, write_apply, write_notice
from gateway.api.mapping_delivery import read_delivery_report
from gateway.api.mapping_screening import read_question, write_answer
from gateway.api.mapping_subscription import write_outcome, write_range
from gateway.domain.capability import Enforcement
from gateway.domain.decision import Answer, CallerTrust, Ingress, Verdict
from gateway.domain.effects import Effects, EffectState, Knowledge
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import (
    Channel,
    Disposition,
    ExpectedEffect,
    Item,
    ItemKind,
    ItemOutcome,
    Precondition,
)
from gateway.domain.instruction import (
    Verdict as InstructionVerdict,
)
from gateway.domain.policy import DecidingRule
from gateway.domain.preferences import Medium, Preferences
from gateway.domain.subscription import EnrolmentState, Leg, Pending, ServiceBasis, Subscriber
from gateway.service.outbox import ApplyOrder, NoticeOrder
from gateway.service.screening import Screened
from gateway.service.views import DeliveryReport, DeliveryState, FeedRange, Outcome, SubscriptionView
from optout.v1 import carrier_pb2, errors_pb2, registry_pb2, screening_pb2, types_pb2
from tests.api.wire import delivery
from tests.domain.samples import FRIEND, NUISANCE, OWN

NOW_MS = 1_790_000_000_123
OPEN_LEG = Leg(
    EnrolmentState.PENDING_CANCEL,
    Preferences(refused_categories=("loan",)),
    Pending(EnrolmentState.CLOSED, NOW_MS + 5, Channel.APP),
    NOW_MS - 9,
    NOW_MS - 1,
    Effects(
        Knowledge(EffectState.APPLIED, NOW_MS + 7),
        (
            (
                Item(ItemKind.CATEGORY, "loan"),
                Knowledge(
                    EffectState.DEGRADED, None, 3, ExpectedEffect.FULL, NOW_MS, Precondition("VOLTE_OFF", "请开通VoLTE")
                ),
            ),
        ),
    ),
)
SUBSCRIBER = Subscriber(OWN, 1, "mobile", ServiceBasis.CLAIM, 3, OPEN_LEG)


def question(**fields):
    return screening_pb2.ScreenRequest(**{"called": OWN, **fields})


def test_question_when_only_the_called_party_is_given_then_the_rest_is_safe():
    asked = read_question(question(), NOW_MS)
    assert asked.question.caller is None
    assert (asked.question.ingress, asked.question.trust) == (Ingress.UNKNOWN, CallerTrust.UNVERIFIED)
    assert (asked.question.time_ms, asked.question.call_ms) == (NOW_MS, None)
    assert (asked.redirecting, asked.call_id, asked.withheld) == (None, "", False)


def test_question_when_everything_is_given_then_everything_arrives():
    asked = read_question(
        question(
            caller="013700137000",
            ingress=1,
            caller_trust=1,
            redirecting_number=FRIEND,
            stated_category="loan",
            call_time=write_time(5_000),
            call_id="c-1",
            medium=1,
            presentation_withheld=True,
        ),
        NOW_MS,
    )
    assert (asked.question.caller, asked.question.called, asked.redirecting) == (NUISANCE, OWN, FRIEND)
    assert asked.question.trusted
    assert (asked.question.time_ms, asked.question.call_ms) == (NOW_MS, 5_000)
    assert (asked.question.stated_category, asked.call_id, asked.withheld) == ("loan", "c-1", True)


def test_question_when_caller_ingress_and_trust_are_unknown_then_it_is_still_answered():
    asked = read_question(question(caller="anonymous", ingress=55, caller_trust=55), NOW_MS)
    assert asked.question.caller is None
    assert not asked.question.trusted


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"called": ""}, Reason.INVALID_NUMBER, "called"),
        ({"called": "junk"}, Reason.INVALID_NUMBER, "called"),
        ({"redirecting_number": "junk"}, Reason.INVALID_NUMBER, "redirecting_number"),
        ({"medium": 2}, Reason.MEDIUM_NOT_OFFERED, "medium"),
        ({"medium": 42}, Reason.INVALID_MEDIUM, "medium"),
        ({"call_id": "c" * 65}, Reason.INVALID_FIELD, "call_id"),
        ({"stated_category": "c" * 65}, Reason.INVALID_FIELD, "stated_category"),
        ({"call_time": Timestamp(seconds=-1)}, Reason.INVALID_FIELD, "call_time"),
    ],
)
def test_question_when_malformed_then_the_field_is_named(fields, reason, field):
    with pytest.raises(RefusedError) as caught:
        read_question(question(**fields), NOW_MS)
    assert (caught.value.reason, caught.value.field) == (reason, field)


def test_answer_when_written_then_every_field_arrives():
    answer = Answer(Verdict.REFUSE, DecidingRule.SYSTEM_REJECT, "涉嫌诈骗", "loan", 608, 21, "https://r.example/", True)
    assert write_answer(Screened(answer, "2026.11-1", 42), "c-1") == screening_pb2.ScreenResponse(
        verdict=screening_pb2.VERDICT_REFUSE,
        rule=screening_pb2.DECIDING_RULE_SYSTEM_REJECT,
        reason="涉嫌诈骗",
        category="loan",
        sip_code=608,
        q850_cause=21,
        redress_contact="https://r.example/",
        category_mismatch=True,
        policy_version="2026.11-1",
        revision=42,
        call_id="c-1",
    )


def test_delivery_report_when_whole_then_every_field_arrives():
    read = read_delivery_report(delivery("n-1", report_time=write_time(NOW_MS), parts=2))
    assert read == DeliveryReport("r-n-1", "n-1", DeliveryState.DELIVERED, "DELIVRD", NOW_MS, 2)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"report_id": ""}, Reason.MISSING_FIELD, "report_id"),
        ({"report_id": "é"}, Reason.INVALID_FIELD, "report_id"),
        ({"notice_id": ""}, Reason.MISSING_FIELD, "notice_id"),
        ({"state": 0}, Reason.INVALID_FIELD, "state"),
        ({"state": 42}, Reason.INVALID_FIELD, "state"),
        ({"code": "x" * 17}, Reason.INVALID_FIELD, "code"),
        ({"report_time": None}, Reason.MISSING_FIELD, "report_time"),
        ({"parts": 256}, Reason.INVALID_FIELD, "parts"),
    ],
)
def test_delivery_report_when_malformed_then_the_field_is_named(changes, reason, field):
    with pytest.raises(RefusedError) as caught:
        read_delivery_report(delivery("n-1", **changes))
    assert (caught.value.reason, caught.value.field) == (reason, field)


def test_subscription_when_pending_and_in_effect_then_both_are_told():
    written = write_range(FeedRange(4, 7, (SubscriptionView(SUBSCRIBER, Medium.VOICE, 7),), NOW_MS))
    assert written == registry_pb2.WatchResponse(
        after_revision=4,
        revision=7,
        time=write_time(NOW_MS),
        subscriptions=[
            types_pb2.Subscription(
                number=OWN,
                epoch=1,
                medium=types_pb2.MEDIUM_VOICE,
                state=types_pb2.ENROLMENT_STATE_PENDING_CANCEL,
                carrier="mobile",
                basis=types_pb2.SERVICE_BASIS_CLAIM,
                preferences=types_pb2.Preferences(
                    refused_categories=["loan"],
                    treatment=types_pb2.TREATMENT_REJECT,
                    stranger_policy=types_pb2.STRANGER_POLICY_ALLOW,
                    notices=types_pb2.NoticeChoice(interception=types_pb2.INTERCEPTION_NOTICE_NONE),
                ),
                pending=types_pb2.PendingConfirmation(
                    target=types_pb2.ENROLMENT_STATE_CLOSED,
                    expire_time=write_time(NOW_MS + 5),
                    channel=types_pb2.CHANNEL_APP,
                ),
                version=3,
                revision=7,
                open_time=write_time(NOW_MS - 9),
                change_time=write_time(NOW_MS - 1),
                effects=[
                    types_pb2.Effect(
                        item=types_pb2.Item(kind=types_pb2.ITEM_KIND_SERVICE),
                        state=types_pb2.EFFECT_STATE_APPLIED,
                        effective_by=write_time(NOW_MS + 7),
                    ),
                    types_pb2.Effect(
                        item=types_pb2.Item(kind=types_pb2.ITEM_KIND_CATEGORY, value="loan"),
                        state=types_pb2.EFFECT_STATE_DEGRADED,
                        expected=types_pb2.EXPECTED_EFFECT_FULL,
                        report_time=write_time(NOW_MS),
                        precondition=types_pb2.Precondition(code="VOLTE_OFF", remedy="请开通VoLTE"),
                    ),
                ],
            )
        ],
    )


def test_subscription_when_closed_then_there_is_no_effect_and_no_time():
    closed = SubscriptionView(replace(SUBSCRIBER, voice=Leg()), Medium.VOICE, 1)
    (written,) = write_range(FeedRange(0, 1, (closed,), 0)).subscriptions
    assert not written.effects
    assert not any(written.HasField(name) for name in ("pending", "open_time", "change_time"))


def test_outcome_when_items_differ_then_each_is_told():
    items = (
        ItemOutcome(Item(ItemKind.CATEGORY, "loan"), Disposition.DONE, None, True, ExpectedEffect.DEGRADED, NOW_MS),
        ItemOutcome(Item(ItemKind.CATEGORY, "astrology"), Disposition.REFUSED, Reason.UNKNOWN_CATEGORY),
    )
    verdict = InstructionVerdict(Disposition.DONE, None, items, NOW_MS)
    written = write_outcome(Outcome("m1", verdict, SubscriptionView(SUBSCRIBER, Medium.VOICE, 7), 7, replayed=True))
    assert (written.instruction_id, written.revision, written.replayed) == ("m1", 7, True)
    assert (written.disposition, written.reason) == (types_pb2.DISPOSITION_DONE, 0)
    assert written.confirm_by == write_time(NOW_MS)
    done, refused = written.items
    assert (done.expected, done.effective_by) == (types_pb2.EXPECTED_EFFECT_DEGRADED, write_time(NOW_MS))
    assert (refused.item.value, refused.reason) == ("astrology", errors_pb2.ERROR_REASON_UNKNOWN_CATEGORY)
    assert not refused.HasField("effective_by")


def test_notice_when_written_then_it_names_what_it_answers():
    order = NoticeOrder("n-1", OWN, "opened", {"categories": "loan"}, "901234", "b4c5", NOW_MS)
    assert write_notice(order) == carrier_pb2.NotifyRequest(
        notice_id="n-1",
        number=OWN,
        template="opened",
        parameters={"categories": "loan"},
        in_reply_to=types_pb2.CarrierReference(account="901234", id="b4c5"),
        expire_time=write_time(NOW_MS),
    )
    assert not write_notice(NoticeOrder("n-2", OWN, "cancelled")).HasField("in_reply_to")


def test_order_when_written_then_it_holds_the_whole_state():
    written = write_apply(ApplyOrder("a-1", SUBSCRIBER, Medium.VOICE, 7, switch_off=True))
    assert (written.order_id, written.switch_off, written.subscription.version) == ("a-1", True, 3)


def declaration(**changes):
    fields = {
        "carrier": "mobile",
        "version": "3",
        "enforcement": carrier_pb2.ENFORCEMENT_PLATFORM,
        "items": [
            carrier_pb2.ItemCapability(kind=2, effect=1, values=["loan"]),
            carrier_pb2.ItemCapability(kind=2, effect=3),
            carrier_pb2.ItemCapability(kind=99, effect=1),
        ],
        "channels": [1, 2, 99],
        "templates": ["opened"],
        "effect_delay": Duration(seconds=86_399, nanos=1),
        "media": [1],
    }
    return carrier_pb2.GetCapabilitiesResponse(**fields | changes)


def test_capabilities_when_read_then_what_is_unknown_is_left_out():
    read = read_capabilities(declaration())
    assert (read.carrier, read.version, read.enforcement) == ("mobile", "3", Enforcement.PLATFORM)
    assert read.expect(Item(ItemKind.CATEGORY, "loan")) is ExpectedEffect.FULL
    assert read.expect(Item(ItemKind.CATEGORY, "insurance")) is ExpectedEffect.UNSUPPORTED
    assert set(read.items) == {ItemKind.CATEGORY}
    assert (read.channels, read.effect_delay_s) == ({Channel.SMS, Channel.HOTLINE}, 86_400)
    assert read_capabilities(declaration(enforcement=0)).enforcement is Enforcement.GATEWAY


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"carrier": ""}, "carrier"),
        ({"version": ""}, "version"),
        ({"items": [carrier_pb2.ItemCapability(kind=2)]}, "items[0].effect"),
        ({"effect_delay": Duration(seconds=-1)}, "effect_delay"),
    ],
)
def test_capabilities_when_malformed_then_the_field_is_named(changes, field):
    with pytest.raises(RefusedError) as caught:
        read_capabilities(declaration(**changes))
    assert caught.value.field == field
