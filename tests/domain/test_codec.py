"""Values as maps: there and back, canonical, and stable over time."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import codec
from gateway.domain.effects import Effects, EffectState, Knowledge
from gateway.domain.errors import Reason
from gateway.domain.instruction import (
    Channel,
    Disposition,
    ExpectedEffect,
    Item,
    ItemKind,
    ItemOutcome,
    Precondition,
    Verdict,
)
from gateway.domain.subscription import EnrolmentState, Leg, Pending, ServiceBasis, Subscriber
from gateway.tlog.opening import decode_payload, encode_payload
from tests.domain import samples
from tests.domain.samples import OWN

times = st.integers(0, 2**42)
any_items = st.builds(Item, st.sampled_from(ItemKind), st.text(max_size=9))
preconditions = st.none() | st.builds(Precondition, st.text(min_size=1, max_size=9), st.text(max_size=9))
knowledge = st.builds(
    Knowledge,
    st.sampled_from(EffectState),
    st.none() | times,
    st.integers(0, 2**40),
    st.sampled_from(ExpectedEffect),
    st.none() | times,
    preconditions,
)
legs = st.builds(
    Leg,
    state=st.sampled_from(EnrolmentState),
    preferences=samples.preferences,
    pending=st.none() | st.builds(Pending, st.sampled_from(EnrolmentState), times, st.sampled_from(Channel)),
    open_ms=st.none() | times,
    change_ms=times,
    effects=st.builds(Effects, knowledge, st.lists(st.tuples(any_items, knowledge), max_size=3).map(tuple)),
)
subscribers = st.builds(
    Subscriber,
    samples.numbers,
    st.integers(1, 9),
    st.sampled_from(["mobile", "telecom"]),
    st.sampled_from(ServiceBasis),
    st.integers(0, 2**40),
    legs,
    legs,
)
items = st.builds(
    ItemOutcome,
    any_items,
    st.sampled_from(Disposition),
    st.none() | st.sampled_from(Reason),
    st.booleans(),
    st.sampled_from(ExpectedEffect),
    st.none() | times,
    preconditions,
)
verdicts = st.builds(
    Verdict,
    st.sampled_from(Disposition),
    st.none() | st.sampled_from(Reason),
    st.lists(items, max_size=4).map(tuple),
    st.none() | times,
)


@given(subscribers)
def test_subscriber_when_written_then_it_reads_back_the_same(value):
    stored = encode_payload(codec.write_subscriber(value))
    assert codec.read_subscriber(decode_payload(stored)) == value


@given(samples.instructions)
def test_instruction_when_written_then_it_reads_back_the_same(value):
    stored = encode_payload(codec.write_instruction(value))
    assert codec.read_instruction(decode_payload(stored)) == value


@given(verdicts)
def test_verdict_when_written_then_it_reads_back_the_same(value):
    stored = encode_payload(codec.write_verdict(value))
    assert codec.read_verdict(decode_payload(stored)) == value


def test_subscriber_when_at_its_defaults_then_the_map_holds_what_identifies_it_alone():
    fresh = Subscriber(OWN, 1, "mobile", ServiceBasis.PREFIX)
    written = json.dumps(codec.write_subscriber(fresh), sort_keys=True)
    assert written == json.dumps(
        {"basis": "prefix", "carrier": "mobile", "epoch": 1, "number": "+8613800138000", "version": 0}
    )
