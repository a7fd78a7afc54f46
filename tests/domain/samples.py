"""Values for tests of the rules: a policy, a subscriber's circumstances, synthetic numbers."""

import importlib.resources
import tomllib
from dataclasses import replace
from functools import cache

from hypothesis import strategies as st

from gateway.domain.enrolment import Circumstances
from gateway.domain.instruction import (
    ActForWard,
    ApplyPreset,
    AskGuardian,
    Cancel,
    Channel,
    ChooseNotices,
    ChooseTreatment,
    Confirm,
    Consent,
    EditList,
    EndGuardian,
    Evidence,
    Instruction,
    Open,
    Proof,
    Query,
    SetQuietHours,
    SetRefusedCategories,
    SetRefusedSegments,
    UndoCancel,
)
from gateway.domain.lines import Line
from gateway.domain.policy import Policy
from gateway.domain.policy_file import read_lines, read_policy
from gateway.domain.preferences import (
    DayType,
    InterceptionNotice,
    Medium,
    NoticeChoice,
    Preferences,
    QuietWindow,
    Segment,
    SegmentKind,
    StrangerPolicy,
    Treatment,
)
from gateway.domain.ties import GuardianScope
from optout.kit.number import parse_number

OWN = parse_number("13800138000")
FRIEND = parse_number("13900139000")
NUISANCE = parse_number("13700137000")
LOAN_LINE = parse_number("01059990000")
NOON_MS = 1_790_000_000_000 // 86_400_000 * 86_400_000 + 4 * 3_600_000
"""12:00 in China on some Monday to Sunday; the day is not important."""


@cache
def default_policy() -> Policy:
    """The policy that ships."""
    text = importlib.resources.files("gateway.data").joinpath("policy.toml").read_text(encoding="utf-8")
    return read_policy(tomllib.loads(text))


@cache
def default_lines() -> tuple[Line, ...]:
    """The lines that ship beside it."""
    text = importlib.resources.files("gateway.data").joinpath("policy.toml").read_text(encoding="utf-8")
    return read_lines(tomllib.loads(text), default_policy())


def policy_with(**changes: object) -> Policy:
    """The policy that ships, but for these fields."""
    return replace(default_policy(), **changes)  # type: ignore[arg-type]


CONSENT = Evidence(notice_version="2026-05", separate_consent=Consent.GIVEN)
PROOFS = {
    Channel.SMS: Evidence(proofs=(Proof.SIM,), notice_version="2026-05"),
    Channel.HOTLINE: replace(CONSENT, proofs=(Proof.AGENT,), booked_by="agent-1", mandate="order-1"),
    Channel.APP: replace(CONSENT, proofs=(Proof.SMS_CODE,)),
    Channel.HALL: replace(CONSENT, proofs=(Proof.IDENTITY_DOCUMENT,), booked_by="clerk-1", mandate="counter-1"),
}


def around(
    channel: Channel = Channel.SMS,
    *,
    carrier: str = "mobile",
    now_ms: int = NOON_MS,
    evidence: Evidence | None = None,
    policy: Policy | None = None,
) -> Circumstances:
    """Circumstances with the proof that the channel brings."""
    return Circumstances(OWN, channel, evidence or PROOFS[channel], policy or default_policy(), carrier, now_ms)


numbers = st.integers(0, 99_999_999).map(lambda tail: parse_number(f"139{tail:08}"))
categories = st.sampled_from([category.code for category in default_policy().taxonomy.categories])
segments = st.one_of(
    st.sampled_from([kind for kind in SegmentKind if kind is not SegmentKind.CUSTOM]).map(Segment),
    st.integers(100, 999).map(lambda digits: Segment(SegmentKind.CUSTOM, f"+8617{digits}")),
)
windows = st.builds(QuietWindow, st.sampled_from(DayType), st.integers(0, 1439), st.integers(0, 1439))
notice_choices = st.builds(NoticeChoice, st.sampled_from(InterceptionNotice), st.booleans())


def _sorted_tuple(elements: st.SearchStrategy, most: int = 5) -> st.SearchStrategy:  # type: ignore[type-arg]
    return st.sets(elements, max_size=most).map(lambda found: tuple(sorted(found)))


preferences = st.builds(
    Preferences,
    refused_categories=_sorted_tuple(categories),
    reject_list=_sorted_tuple(numbers),
    refused_segments=_sorted_tuple(segments, 3),
    treatment=st.sampled_from(Treatment),
    stranger_policy=st.sampled_from(StrangerPolicy),
    notices=notice_choices,
    quiet_hours=_sorted_tuple(windows),
)
settings = st.one_of(
    st.builds(
        SetRefusedCategories,
        _sorted_tuple(st.one_of(categories, st.just("astrology"))),
        _sorted_tuple(categories),
        st.booleans(),
    ),
    st.builds(EditList, st.booleans(), _sorted_tuple(numbers), _sorted_tuple(numbers)),
    st.builds(SetRefusedSegments, _sorted_tuple(segments)),
    st.builds(ChooseTreatment, st.none() | st.sampled_from(Treatment), st.none() | st.sampled_from(StrangerPolicy)),
    st.builds(ChooseNotices, notice_choices),
    st.builds(SetQuietHours, _sorted_tuple(windows, 9)),
)
actions = st.one_of(
    st.builds(Open, st.none() | preferences),
    st.sampled_from([Confirm(), Confirm(opens=True), Confirm(opens=False), Confirm(guardian=True)]),
    st.just(Cancel()),
    st.just(UndoCancel()),
    st.just(Query()),
    settings,
)
ward_changes = st.one_of(
    st.just(ApplyPreset("elder")),
    st.builds(SetRefusedCategories, _sorted_tuple(categories), _sorted_tuple(categories), st.booleans()),
    st.builds(EditList, st.booleans(), _sorted_tuple(numbers), _sorted_tuple(numbers)),
    st.builds(ChooseTreatment, st.none() | st.sampled_from(Treatment), st.none() | st.sampled_from(StrangerPolicy)),
)
guardianship = st.one_of(
    st.builds(AskGuardian, numbers, st.sampled_from(GuardianScope), st.none() | st.integers(0, 2**42)),
    st.builds(EndGuardian, st.none() | numbers),
    st.builds(ActForWard, numbers, ward_changes),
)
"""Instructions about guardians: `actions` holds all others."""
digests = st.binary(min_size=32, max_size=32).map(bytes.hex) | st.just("")
evidence = st.builds(
    Evidence,
    booked_by=st.text(max_size=10),
    mandate=st.text(max_size=10),
    original_digest=digests,
    notice_version=st.text(max_size=10),
    notice_digest=digests,
    separate_consent=st.sampled_from(Consent),
    recipients=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    purposes=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    proofs=st.lists(st.sampled_from(Proof), max_size=3, unique=True).map(tuple),
)
instructions = st.builds(
    Instruction,
    id=st.text(min_size=1, max_size=20),
    carrier=st.sampled_from(["telecom", "mobile", "unicom"]),
    channel=st.sampled_from(Channel),
    account=st.text(max_size=10),
    reference=st.text(max_size=10),
    number=numbers,
    medium=st.sampled_from(Medium),
    received_ms=st.integers(0, 2**42),
    action=actions | guardianship,
    evidence=evidence,
)
