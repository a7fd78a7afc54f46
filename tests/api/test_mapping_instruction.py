"""Instructions off the wire: what is well-formed survives, each malformed field is named."""

from dataclasses import replace

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.mapping_instruction import read_instruction
from gateway.api.mapping_preferences import read_defaults, write_preferences
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import Channel, Disposition, Evidence, Instruction, Open, Proof
from gateway.domain.preferences import Medium, Preferences
from gateway.domain.settings import apply_settings
from optout.v1 import types_pb2 as pb
from tests.api.wire import write_instruction
from tests.domain.samples import FRIEND, NUISANCE, OWN, actions, default_policy, digests, guardianship, preferences

ids = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=128)
words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=64)
instructions = st.builds(
    Instruction,
    id=ids,
    carrier=st.sampled_from(["telecom", "mobile", "unicom"]),
    channel=st.sampled_from(Channel),
    account=words,
    reference=words,
    number=st.just(OWN),
    medium=st.sampled_from(Medium),
    received_ms=st.integers(0, 2**42),
    action=actions | guardianship,
    evidence=st.builds(
        Evidence,
        booked_by=words,
        mandate=words,
        original_digest=digests,
        notice_version=words,
        notice_digest=digests,
        recipients=st.lists(words, max_size=3).map(tuple),
        purposes=st.lists(words, max_size=3).map(tuple),
        proofs=st.lists(st.sampled_from(Proof), max_size=3, unique=True).map(tuple),
    ),
)


@given(instructions)
@settings(max_examples=60, deadline=None)
def test_instruction_when_written_and_read_then_it_is_the_same(instruction):
    assert read_instruction(write_instruction(instruction)) == instruction


@given(preferences)
@settings(max_examples=60, deadline=None)
def test_preferences_when_written_and_read_then_they_are_the_same(wished):
    assert read_defaults(write_preferences(wished), "defaults") == wished


def test_defaults_when_unsorted_and_doubled_then_lists_become_sets():
    message = pb.Preferences(refused_categories=["loan", "insurance", "loan"], allow_list=[FRIEND, "13900139000"])
    assert read_defaults(message, "d") == Preferences(refused_categories=("insurance", "loan"), allow_list=(FRIEND,))


GOOD = write_instruction(
    Instruction("m1", "mobile", Channel.SMS, "901234", "m1", OWN, Medium.VOICE, 1_790_000_000_000, Open())
)
TOP = "instruction"


def _set(**fields):
    def change(message):
        for name, value in fields.items():
            setattr(message, name, value)

    return change


def _evidence(**fields):
    return lambda message: message.evidence.MergeFrom(pb.Evidence(**fields))


def _act(kind, **fields):
    def change(message):
        getattr(message, kind).SetInParent()
        target = getattr(message, kind)
        target.MergeFrom(type(target)(**fields))

    return change


def _default(**fields):
    return _act("open", defaults=pb.Preferences(**fields))


MALFORMED = [
    (_set(instruction_id=""), Reason.MISSING_FIELD, "instruction_id"),
    (_set(instruction_id="x" * 129), Reason.INVALID_FIELD, "instruction_id"),
    (_set(instruction_id="é"), Reason.INVALID_FIELD, "instruction_id"),
    (_set(instruction_id="a\nb"), Reason.INVALID_FIELD, "instruction_id"),
    (_set(carrier=""), Reason.MISSING_FIELD, "carrier"),
    (_set(carrier="m" * 64), Reason.INVALID_FIELD, "carrier"),
    (_set(channel=0), Reason.INVALID_CHANNEL, "channel"),
    (_set(channel=99), Reason.INVALID_CHANNEL, "channel"),
    (_set(medium=0), Reason.INVALID_MEDIUM, "medium"),
    (_set(medium=9), Reason.INVALID_MEDIUM, "medium"),
    (_set(number=""), Reason.INVALID_NUMBER, "number"),
    (_set(number="138-ABC"), Reason.INVALID_NUMBER, "number"),
    (_set(number="10086"), Reason.NOT_A_SUBSCRIBER, "number"),
    (_set(number="4001234567"), Reason.NOT_A_SUBSCRIBER, "number"),
    (lambda m: m.ClearField("reference"), Reason.MISSING_FIELD, "reference"),
    (lambda m: m.reference.ClearField("account"), Reason.MISSING_FIELD, "reference.account"),
    (lambda m: m.reference.ClearField("id"), Reason.MISSING_FIELD, "reference.id"),
    (lambda m: setattr(m.reference, "account", "9" * 65), Reason.INVALID_FIELD, "reference.account"),
    (lambda m: setattr(m.reference, "id", "\x00"), Reason.INVALID_FIELD, "reference.id"),
    (lambda m: m.ClearField("received_time"), Reason.MISSING_FIELD, "received_time"),
    (lambda m: m.received_time.CopyFrom(Timestamp(seconds=-1)), Reason.INVALID_FIELD, "received_time"),
    (lambda m: m.received_time.CopyFrom(Timestamp(seconds=2**60)), Reason.INVALID_FIELD, "received_time"),
    (lambda m: m.received_time.CopyFrom(Timestamp(nanos=-5)), Reason.INVALID_FIELD, "received_time"),
    (lambda m: m.ClearField("open"), Reason.MISSING_FIELD, "action"),
    (_evidence(original_digest=b"x" * 31), Reason.INVALID_FIELD, "evidence.original_digest"),
    (_evidence(notice_digest=b"x" * 33), Reason.INVALID_FIELD, "evidence.notice_digest"),
    (_evidence(booked_by="b" * 65), Reason.INVALID_FIELD, "evidence.booked_by"),
    (_evidence(mandate="b" * 129), Reason.INVALID_FIELD, "evidence.mandate"),
    (_evidence(separate_consent=7), Reason.INVALID_FIELD, "evidence.separate_consent"),
    (_evidence(proofs=[1, 77]), Reason.INVALID_FIELD, "evidence.proofs[1]"),
    (_evidence(recipients=[""]), Reason.MISSING_FIELD, "evidence.recipients[0]"),
    (_evidence(purposes=["p"] * 33), Reason.INVALID_FIELD, "evidence.purposes"),
    (_act("set_refused_categories", refuse=["loan", ""]), Reason.MISSING_FIELD, "set_refused_categories.refuse[1]"),
    (_act("set_refused_categories", accept=["x" * 65]), Reason.INVALID_FIELD, "set_refused_categories.accept[0]"),
    (_act("set_refused_categories", refuse=["x"] * 101), Reason.INVALID_FIELD, "set_refused_categories.refuse"),
    (_act("edit_reject_list", add=[NUISANCE, "junk"]), Reason.INVALID_NUMBER, "edit_reject_list.add[1]"),
    (_act("edit_reject_list", add=[NUISANCE] * 101), Reason.INVALID_FIELD, "edit_reject_list.add"),
    (_act("edit_allow_list", remove=["1"]), Reason.INVALID_NUMBER, "edit_allow_list.remove[0]"),
    (_act("choose_treatment", treatment=9), Reason.INVALID_FIELD, "choose_treatment.treatment"),
    (_act("choose_treatment", stranger_policy=9), Reason.INVALID_FIELD, "choose_treatment.stranger_policy"),
    (_act("choose_notices"), Reason.MISSING_FIELD, "choose_notices.notices"),
    (
        _act("choose_notices", notices=pb.NoticeChoice(interception=9)),
        Reason.INVALID_FIELD,
        "choose_notices.notices.interception",
    ),
    (
        _act("set_refused_segments", segments=[pb.Segment(kind=5, prefix="1" * 65)]),
        Reason.INVALID_FIELD,
        "set_refused_segments.segments[0].prefix",
    ),
    (_act("set_quiet_hours", windows=[pb.QuietWindow()] * 101), Reason.INVALID_FIELD, "set_quiet_hours.windows"),
    (_act("confirm", target=3, guardian=True), Reason.INVALID_FIELD, "confirm.guardian"),
    (_act("ask_guardian", scope=1), Reason.INVALID_NUMBER, "ask_guardian.ward"),
    (_act("ask_guardian", ward="10086", scope=1), Reason.NOT_A_SUBSCRIBER, "ask_guardian.ward"),
    (_act("ask_guardian", ward=FRIEND), Reason.INVALID_FIELD, "ask_guardian.scope"),
    (_act("ask_guardian", ward=FRIEND, scope=9), Reason.INVALID_FIELD, "ask_guardian.scope"),
    (
        _act("ask_guardian", ward=FRIEND, scope=1, expire_time=Timestamp(seconds=-1)),
        Reason.INVALID_FIELD,
        "ask_guardian.expire_time",
    ),
    (_act("end_guardian", party="1"), Reason.INVALID_NUMBER, "end_guardian.party"),
    (_act("act_for_ward", preset="elder"), Reason.INVALID_NUMBER, "act_for_ward.ward"),
    (_act("act_for_ward", ward=FRIEND), Reason.MISSING_FIELD, "act_for_ward.change"),
    (_act("act_for_ward", ward=FRIEND, preset=""), Reason.MISSING_FIELD, "act_for_ward.preset"),
    (_act("act_for_ward", ward=FRIEND, preset="e" * 33), Reason.INVALID_FIELD, "act_for_ward.preset"),
    (
        _act("act_for_ward", ward=FRIEND, edit_allow_list=pb.EditAllowListAction(add=["x"])),
        Reason.INVALID_NUMBER,
        "act_for_ward.edit_allow_list.add[0]",
    ),
    (_default(treatment=9), Reason.INVALID_FIELD, "open.defaults.treatment"),
    (_default(reject_list=["x"]), Reason.INVALID_NUMBER, "open.defaults.reject_list[0]"),
    (_default(allow_list=[NUISANCE] * 1001), Reason.INVALID_FIELD, "open.defaults.allow_list"),
    (
        _default(refused_segments=[pb.Segment(kind=1), pb.Segment(kind=1, prefix="+86")]),
        Reason.INVALID_FIELD,
        "open.defaults.refused_segments[1]",
    ),
    (_default(refused_segments=[pb.Segment()]), Reason.INVALID_FIELD, "open.defaults.refused_segments[0]"),
    (
        _default(quiet_hours=[pb.QuietWindow(days=1, start_minute=1440)]),
        Reason.INVALID_FIELD,
        "open.defaults.quiet_hours[0]",
    ),
    (_default(quiet_hours=[pb.QuietWindow(days=1)] * 9), Reason.INVALID_FIELD, "open.defaults.quiet_hours"),
    (_default(quiet_hours=[pb.QuietWindow()]), Reason.INVALID_FIELD, "open.defaults.quiet_hours[0]"),
]


@pytest.mark.parametrize(
    ("change", "reason", "field"), MALFORMED, ids=[f"{field}-{place}" for place, (_, _, field) in enumerate(MALFORMED)]
)
def test_instruction_when_malformed_then_the_field_is_named(change, reason, field):
    message = pb.Instruction()
    message.CopyFrom(GOOD)
    change(message)
    with pytest.raises(RefusedError) as caught:
        read_instruction(message)
    assert (caught.value.reason, caught.value.field) == (reason, f"{TOP}.{field}")


@pytest.mark.parametrize("target", ["PENDING_OPEN", "PENDING_CANCEL", "RESTRICTED", "42"])
def test_confirmation_when_no_question_leads_to_its_target_then_the_field_is_named(target):
    message = pb.Instruction()
    message.CopyFrom(GOOD)
    number = int(target) if target.isdigit() else pb.EnrolmentState.Value(f"ENROLMENT_STATE_{target}")
    _act("confirm", target=number)(message)
    with pytest.raises(RefusedError) as caught:
        read_instruction(message)
    assert caught.value.field == f"{TOP}.confirm.target"


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        ("set_refused_segments", {"segments": [pb.Segment(prefix="+86170")]}, Reason.INVALID_SEGMENT),
        ("set_refused_segments", {"segments": [pb.Segment(kind=42)]}, Reason.INVALID_SEGMENT),
        ("set_refused_segments", {"segments": [pb.Segment(kind=5, prefix="x")]}, Reason.INVALID_SEGMENT),
        ("set_quiet_hours", {"windows": [pb.QuietWindow(start_minute=60)]}, Reason.INVALID_QUIET_HOURS),
        ("set_quiet_hours", {"windows": [pb.QuietWindow(days=1, end_minute=1500)]}, Reason.INVALID_QUIET_HOURS),
        ("set_quiet_hours", {"windows": [pb.QuietWindow(days=1, end_minute=i) for i in range(9)]}, Reason.LIST_FULL),
    ],
)
def test_wish_when_it_has_no_valid_form_then_the_rules_refuse_the_item(kind, fields, reason):
    message = pb.Instruction()
    message.CopyFrom(GOOD)
    _act(kind, **fields)(message)
    action = read_instruction(message).action
    after, (outcome,) = apply_settings(Preferences(), action, default_policy(), "mobile", OWN)
    assert (outcome.disposition, outcome.reason, after) == (Disposition.REFUSED, reason, Preferences())


def test_proofs_when_unspecified_or_doubled_then_they_prove_once_or_nothing():
    message = pb.Instruction()
    message.CopyFrom(GOOD)
    message.evidence.proofs.extend([0, 1, 1])
    assert read_instruction(message).evidence.proofs == (Proof.SIM,)


def test_refusals_when_numbers_are_malformed_then_they_are_not_repeated():
    message = write_instruction(replace(read_instruction(GOOD), number=OWN))
    message.number = "138001380001234"
    with pytest.raises(RefusedError) as caught:
        read_instruction(message)
    assert "138001380001234" not in f"{caught.value!r}{caught.value.__cause__}{caught.value.field}"
