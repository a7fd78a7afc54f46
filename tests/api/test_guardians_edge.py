"""Guardians on the wire: how a ward's are shown, and the policy's limits."""

from dataclasses import replace

import pytest

from gateway.api.mapping_policy import read_policy, write_policy
from gateway.api.mapping_subscription import write_subscription
from gateway.domain.errors import Reason
from gateway.domain.policy import GuardianRules
from gateway.domain.policy_form import read_policy_form, seal_policy
from gateway.domain.policy_form import write_policy as write_form
from gateway.domain.preferences import Medium
from gateway.domain.subscription import ServiceBasis, Subscriber
from gateway.domain.ties import Guardian, GuardianScope, GuardianState, Ties, Ward
from gateway.service.access import seen_by
from gateway.service.views import SubscriptionView
from optout.v1 import errors_pb2, types_pb2
from tests.domain.samples import FRIEND, OWN, default_policy, policy_with

STRICT = GuardianRules(guardians_per_ward=1, wards_per_guardian=2, asks_per_day=1, last_days=30)


def test_tie_when_shown_then_every_field_is_and_one_side_is_not_taken_for_the_other():
    guardian = Guardian(FRIEND, 2, GuardianScope.SETTINGS, GuardianState.PENDING, 1_790_000_000_000)
    guarded = Subscriber(OWN, 1, "mobile", ServiceBasis.PREFIX, ties=Ties((guardian,)))
    shown = write_subscription(SubscriptionView(guarded, Medium.VOICE, 7))
    assert [(one.number, one.scope, one.state, one.expire_time.seconds) for one in shown.guardians] == [
        (FRIEND, types_pb2.GUARDIAN_SCOPE_SETTINGS, types_pb2.GUARDIAN_STATE_PENDING, 1_790_000_000)
    ]
    assert list(shown.wards) == []
    guarding = Subscriber(OWN, 1, "mobile", ServiceBasis.PREFIX, ties=Ties(wards=(Ward(FRIEND, 1_790_000_000_000),)))
    shown = write_subscription(SubscriptionView(guarding, Medium.VOICE, 7))
    assert [(one.number, one.expire_time.seconds) for one in shown.wards] == [(FRIEND, 1_790_000_000)]
    assert list(shown.guardians) == []


@pytest.mark.parametrize("carrier", ["telecom", None], ids=["another carrier", "who sees everybody"])
def test_tie_when_another_carrier_or_the_institute_looks_then_neither_side_is_shown(carrier):
    guardian = Guardian(FRIEND, 2, GuardianScope.SETTINGS, GuardianState.ACTIVE, 1_790_000_000_000)
    ties = Ties((guardian,), (Ward(FRIEND, 1_790_000_000_000),))
    subscriber = Subscriber(OWN, 1, "mobile", ServiceBasis.PREFIX, ties=ties)
    shown = write_subscription(SubscriptionView(seen_by(subscriber, carrier), Medium.VOICE, 7))
    assert (list(shown.guardians), list(shown.wards)) == ([], [])


def test_limits_when_published_then_they_read_back_and_zero_stands_for_the_default():
    policy = seal_policy(policy_with(guardians=STRICT))
    assert read_policy(write_policy(policy)).digest == policy.digest
    assert read_policy_form(write_form(policy)).guardians == STRICT
    message = write_policy(policy)
    message.ClearField("guardians")
    assert read_policy(message).guardians == GuardianRules()


def test_policy_when_from_before_there_were_guardians_then_its_digest_is_the_same():
    form = write_form(replace(default_policy(), guardians=GuardianRules()))
    assert "guardians" not in form
    assert read_policy_form(form).digest == default_policy().digest


def test_reasons_when_new_then_they_have_their_numbers():
    names = (Reason.GUARDIAN_LIMIT, Reason.WARD_NOT_ASKABLE)
    assert [errors_pb2.ErrorReason.Value(f"ERROR_REASON_{name}") for name in names] == [29, 30]
