"""The enum tables: complete and one to one."""

import pytest

from gateway.api import mapping_enums
from gateway.api.mapping_enums import EnumTable
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

WIRE = {
    "MEDIUM": types_pb2.Medium,
    "CHANNEL": types_pb2.Channel,
    "PROOF": types_pb2.Proof,
    "CONSENT": types_pb2.Consent,
    "SEGMENT_KIND": types_pb2.SegmentKind,
    "TREATMENT": types_pb2.Treatment,
    "STRANGER_POLICY": types_pb2.StrangerPolicy,
    "INTERCEPTION_NOTICE": types_pb2.InterceptionNotice,
    "DAY_TYPE": types_pb2.DayType,
    "ENROLMENT_STATE": types_pb2.EnrolmentState,
    "SERVICE_BASIS": types_pb2.ServiceBasis,
    "EFFECT_STATE": types_pb2.EffectState,
    "ITEM_KIND": types_pb2.ItemKind,
    "DISPOSITION": types_pb2.Disposition,
    "EXPECTED_EFFECT": types_pb2.ExpectedEffect,
    "GUARDIAN_SCOPE": types_pb2.GuardianScope,
    "GUARDIAN_STATE": types_pb2.GuardianState,
    "REASON": errors_pb2.ErrorReason,
    "DELIVERY_STATE": registry_pb2.DeliveryState,
    "VERDICT": screening_pb2.Verdict,
    "DECIDING_RULE": screening_pb2.DecidingRule,
    "INGRESS": screening_pb2.Ingress,
    "CALLER_TRUST": screening_pb2.CallerTrust,
    "INTERCEPTION_ACTION": screening_pb2.InterceptionAction,
    "ENFORCEMENT": carrier_pb2.Enforcement,
    "STATE_ANSWER": audit_pb2.StateAnswer,
    "POLICY_STATUS": policy_pb2.PolicyStatus,
    "NUMBER_EVENT_KIND": number_pb2.NumberEventKind,
}


def test_tables_when_listed_then_none_is_left_out():
    tables = {name for name, value in vars(mapping_enums).items() if isinstance(value, EnumTable)}
    assert tables == set(WIRE)


@pytest.mark.parametrize("name", WIRE)
def test_enum_when_mapped_there_and_back_then_every_wire_value_survives(name):
    table = getattr(mapping_enums, name)
    for label, value in WIRE[name].items():
        member = table.decode(value)
        if member is None:
            assert label.endswith("_UNSPECIFIED")
        else:
            assert table.encode(member) == value
    assert table.decode(4711) is None
