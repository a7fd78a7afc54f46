"""Enumerations, wire ↔ domain: one table for each, complete in both directions.

Wire names are the domain's member names behind the enum's prefix; the few that differ are named here. The wire's
UNSPECIFIED has no domain value unless it is listed: what it means depends on the field, so the field decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Generic, Protocol, TypeVar

from gateway.domain import (
    capability,
    decision,
    effects,
    instruction,
    interception,
    number_life,
    policy,
    preferences,
    publication,
    subscription,
    ties,
)
from gateway.domain.errors import Reason
from gateway.service.views import DeliveryState
from gateway.tlog import asof
from optout.v1 import (
    audit_pb2,
    carrier_pb2,
    errors_pb2,
    number_pb2,
    policy_pb2,
    registry_pb2,
    screening_pb2,
    types_pb2,
)

D = TypeVar("D", bound=Enum)
W = TypeVar("W", bound=int)
W_co = TypeVar("W_co", bound=int, covariant=True)


class WireEnum(Protocol[W_co]):
    """A generated enum: its value by its name. KeyError or ValueError for a name it does not have."""

    def Value(self, name: str) -> W_co:  # noqa: N802 - protobuf's name
        """The value of a name."""


class EnumTable(Generic[D, W]):
    """A bijection between a domain enum and the values of a wire enum."""

    def __init__(self, domain: type[D], wire: WireEnum[W], prefix: str, renamed: Mapping[D, str] | None = None) -> None:
        names = {member: member.name for member in domain} | dict(renamed or {})
        self._to_wire = {member: wire.Value(f"{prefix}_{name}") for member, name in names.items()}
        self._from_wire = {value: member for member, value in self._to_wire.items()}

    def encode(self, member: D) -> W:
        """The wire value of a domain member."""
        return self._to_wire[member]

    def decode(self, value: W) -> D | None:
        """The domain member of a wire value; None if there is none, as for UNSPECIFIED."""
        return self._from_wire.get(value)


MEDIUM = EnumTable(preferences.Medium, types_pb2.Medium, "MEDIUM")
CHANNEL = EnumTable(instruction.Channel, types_pb2.Channel, "CHANNEL")
PROOF = EnumTable(instruction.Proof, types_pb2.Proof, "PROOF")
CONSENT = EnumTable(instruction.Consent, types_pb2.Consent, "CONSENT", {instruction.Consent.NOT_ASKED: "UNSPECIFIED"})
SEGMENT_KIND = EnumTable(
    preferences.SegmentKind,
    types_pb2.SegmentKind,
    "SEGMENT_KIND",
    {preferences.SegmentKind.S400: "400", preferences.SegmentKind.S95: "95"},
)
TREATMENT = EnumTable(preferences.Treatment, types_pb2.Treatment, "TREATMENT")
STRANGER_POLICY = EnumTable(preferences.StrangerPolicy, types_pb2.StrangerPolicy, "STRANGER_POLICY")
INTERCEPTION_NOTICE = EnumTable(preferences.InterceptionNotice, types_pb2.InterceptionNotice, "INTERCEPTION_NOTICE")
DAY_TYPE = EnumTable(preferences.DayType, types_pb2.DayType, "DAY_TYPE")
ENROLMENT_STATE = EnumTable(subscription.EnrolmentState, types_pb2.EnrolmentState, "ENROLMENT_STATE")
SERVICE_BASIS = EnumTable(subscription.ServiceBasis, types_pb2.ServiceBasis, "SERVICE_BASIS")
EFFECT_STATE = EnumTable(effects.EffectState, types_pb2.EffectState, "EFFECT_STATE")
ITEM_KIND = EnumTable(instruction.ItemKind, types_pb2.ItemKind, "ITEM_KIND")
DISPOSITION = EnumTable(instruction.Disposition, types_pb2.Disposition, "DISPOSITION")
EXPECTED_EFFECT = EnumTable(
    instruction.ExpectedEffect,
    types_pb2.ExpectedEffect,
    "EXPECTED_EFFECT",
    {instruction.ExpectedEffect.UNKNOWN: "UNSPECIFIED"},
)
GUARDIAN_SCOPE = EnumTable(ties.GuardianScope, types_pb2.GuardianScope, "GUARDIAN_SCOPE")
GUARDIAN_STATE = EnumTable(ties.GuardianState, types_pb2.GuardianState, "GUARDIAN_STATE")
REASON = EnumTable(Reason, errors_pb2.ErrorReason, "ERROR_REASON")
DELIVERY_STATE = EnumTable(DeliveryState, registry_pb2.DeliveryState, "DELIVERY_STATE")
NUMBER_EVENT_KIND = EnumTable(number_life.NumberEventKind, number_pb2.NumberEventKind, "NUMBER_EVENT_KIND")
VERDICT = EnumTable(decision.Verdict, screening_pb2.Verdict, "VERDICT")
DECIDING_RULE = EnumTable(policy.DecidingRule, screening_pb2.DecidingRule, "DECIDING_RULE")
INGRESS = EnumTable(decision.Ingress, screening_pb2.Ingress, "INGRESS")
CALLER_TRUST = EnumTable(decision.CallerTrust, screening_pb2.CallerTrust, "CALLER_TRUST")
INTERCEPTION_ACTION = EnumTable(
    interception.InterceptionAction, screening_pb2.InterceptionAction, "INTERCEPTION_ACTION"
)
ENFORCEMENT = EnumTable(capability.Enforcement, carrier_pb2.Enforcement, "ENFORCEMENT")
POLICY_STATUS = EnumTable(publication.PolicyStatus, policy_pb2.PolicyStatus, "POLICY_STATUS")
STATE_ANSWER = EnumTable(asof.Answer, audit_pb2.StateAnswer, "STATE_ANSWER")
