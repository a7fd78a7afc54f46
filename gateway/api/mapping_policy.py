"""Policies, wire ↔ domain, every field.

What is not of its form is refused here with the field's name; whether a policy is consistent is the rules' business.
A field left at zero stands for its default, as the contract says.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict

from gateway.api.fields import (
    check_count,
    invalid,
    missing,
    read_digest,
    read_number,
    read_time,
    require_text,
    write_time,
)
from gateway.api.mapping_enums import CHANNEL, DECIDING_RULE, POLICY_STATUS
from gateway.api.mapping_preferences import read_defaults, write_preferences
from gateway.domain.instruction import Channel
from gateway.domain.policy import (
    CarrierRules,
    DecidingRule,
    GuardianRules,
    NoticeRules,
    Policy,
    Preset,
    RetentionRules,
    SystemListEntry,
)
from gateway.domain.policy_form import seal_policy
from gateway.domain.publication import PolicyRecord, Signature
from gateway.domain.taxonomy import Category, Taxonomy
from optout.kit.number import NumberError, PhoneNumber, parse_prefix
from optout.kit.redact import find_numbers
from optout.v1 import policy_pb2 as pb
from optout.v1 import screening_pb2, types_pb2

MAX_TEXT_CHARS = 200
MAX_VERSION_CHARS = 64
MAX_CARRIERS, MAX_LABELS, MAX_PRESETS, MAX_PROTECTED, MAX_SYSTEM_LIST = 100, 1000, 100, 1000, 20_000


def read_version(text: str, field: str) -> str:
    """A policy's version. It appears in logs, so it must not look like a telephone number."""
    require_text(text, field, MAX_VERSION_CHARS)
    if find_numbers(text):
        raise invalid(field, "looks like a telephone number")
    return text


def read_policy(message: pb.Policy, field: str = "policy") -> Policy:
    """Read a policy, in canonical order and with its digest. Raises RefusedError."""
    check_count(message.categories, f"{field}.categories", 32)
    check_count(message.order, f"{field}.order", len(DecidingRule))
    check_count(message.protected_numbers, f"{field}.protected_numbers", MAX_PROTECTED)
    check_count(message.system_list, f"{field}.system_list", MAX_SYSTEM_LIST)
    check_count(message.carriers, f"{field}.carriers", MAX_CARRIERS)
    check_count(message.presets, f"{field}.presets", MAX_PRESETS)
    policy = Policy(
        version=read_version(message.version, f"{field}.version"),
        digest="",
        taxonomy=Taxonomy(
            _read_category(row, f"{field}.categories[{place}]") for place, row in enumerate(message.categories)
        ),
        order=tuple(_read_rule(value, f"{field}.order[{place}]") for place, value in enumerate(message.order)),
        protected_numbers=_read_protected(message.protected_numbers, f"{field}.protected_numbers"),
        system_list=tuple(
            _read_entry(row, f"{field}.system_list[{place}]") for place, row in enumerate(message.system_list)
        ),
        carriers=tuple(_read_carrier(row, f"{field}.carriers[{place}]") for place, row in enumerate(message.carriers)),
        list_cap=message.list_cap,
        custom_segment_cap=message.custom_segment_cap,
        presets=tuple(_read_preset(row, f"{field}.presets[{place}]") for place, row in enumerate(message.presets)),
        notices=_read_notice_rules(message.notices) if message.HasField("notices") else NoticeRules(),
        retention=_read_retention(message.retention),
        guardians=_read_guardians(message.guardians),
    )
    return seal_policy(policy)


def _read_category(message: pb.Category, field: str) -> Category:
    check_count(message.labels, f"{field}.labels", MAX_LABELS)
    labels: dict[str, tuple[str, ...]] = {}
    for place, label in enumerate(message.labels):
        at = f"{field}.labels[{place}]"
        carrier = require_text(label.carrier, f"{at}.carrier", MAX_TEXT_CHARS)
        labels[carrier] = (*labels.get(carrier, ()), require_text(label.label, f"{at}.label", MAX_TEXT_CHARS))
    return Category(
        require_text(message.code, f"{field}.code", MAX_TEXT_CHARS),
        message.index,
        require_text(message.name_zh, f"{field}.name_zh", MAX_TEXT_CHARS),
        require_text(message.name_en, f"{field}.name_en", MAX_TEXT_CHARS),
        labels,
    )


def _read_rule(value: screening_pb2.DecidingRule.ValueType, field: str) -> DecidingRule:
    rule = DECIDING_RULE.decode(value)
    if rule is None:
        raise invalid(field, "unknown value")
    return rule


def _read_protected(messages: Sequence[pb.ProtectedNumber], field: str) -> dict[PhoneNumber, str]:
    read = {
        read_number(row.number, f"{field}[{place}].number"): require_text(
            row.reason, f"{field}[{place}].reason", MAX_TEXT_CHARS
        )
        for place, row in enumerate(messages)
    }
    if len(read) != len(messages):
        raise invalid(field, "a number stands twice")
    return read


def read_number_or_prefix(text: str, is_prefix: bool, field: str) -> str:
    """A number, or a prefix, in canonical form. RefusedError (INVALID_NUMBER, INVALID_FIELD)."""
    if not is_prefix:
        return read_number(text, field)
    try:
        return parse_prefix(text)
    except NumberError as error:
        raise invalid(field, f"not a prefix: {error.reason.value}") from None


def _read_entry(message: pb.SystemListEntry, field: str) -> SystemListEntry:
    if not message.HasField("expire_time"):
        raise missing(f"{field}.expire_time")
    digest = read_digest(message.evidence_digest, f"{field}.evidence_digest")
    if not digest:
        raise missing(f"{field}.evidence_digest")
    return SystemListEntry(
        read_number_or_prefix(message.number, message.is_prefix, f"{field}.number"),
        message.is_prefix,
        message.allow,
        require_text(message.reason, f"{field}.reason", MAX_TEXT_CHARS),
        digest,
        read_time(message.expire_time, f"{field}.expire_time"),
        require_text(message.redress_contact, f"{field}.redress_contact", MAX_TEXT_CHARS),
    )


def _read_carrier(message: pb.CarrierRules, field: str) -> CarrierRules:
    default = CarrierRules("", 0, "")
    return CarrierRules(
        require_text(message.carrier, f"{field}.carrier", MAX_TEXT_CHARS),
        message.actor,
        require_text(message.name_zh, f"{field}.name_zh", MAX_TEXT_CHARS),
        _read_channels(message.confirm_open, f"{field}.confirm_open"),
        _read_channels(message.confirm_cancel, f"{field}.confirm_cancel"),
        message.confirm_within_s or default.confirm_within_s,
        message.undo_within_s or default.undo_within_s,
    )


def _read_channels(values: Collection[types_pb2.Channel.ValueType], field: str) -> frozenset[Channel]:
    channels = [CHANNEL.decode(value) for value in values]
    if None in channels:
        raise invalid(field, "unknown value")
    return frozenset(channel for channel in channels if channel is not None)


def _read_preset(message: pb.Preset, field: str) -> Preset:
    return Preset(
        require_text(message.name, f"{field}.name", MAX_TEXT_CHARS),
        require_text(message.name_zh, f"{field}.name_zh", MAX_TEXT_CHARS),
        read_defaults(message.preferences, f"{field}.preferences"),
    )


def _read_notice_rules(message: pb.NoticeRules) -> NoticeRules:
    return NoticeRules(
        message.interceptions_per_day or NoticeRules().interceptions_per_day,
        message.night_start_minute,
        message.night_end_minute,
        message.summary_minute,
    )


def _read_retention(message: pb.RetentionRules) -> RetentionRules:
    default = RetentionRules()
    return RetentionRules(message.consent_days or default.consent_days, message.frozen_days or default.frozen_days)


def _read_guardians(message: pb.GuardianRules) -> GuardianRules:
    default = GuardianRules()
    return GuardianRules(**{name: getattr(message, name) or getattr(default, name) for name in GuardianRules.__slots__})


def write_policy(policy: Policy) -> pb.Policy:
    """A policy for the wire; reading it back gives the same digest."""
    return pb.Policy(
        version=policy.version,
        categories=map(_write_category, policy.taxonomy.categories),
        order=map(DECIDING_RULE.encode, policy.order),
        protected_numbers=[
            pb.ProtectedNumber(number=number, reason=reason) for number, reason in policy.protected_numbers.items()
        ],
        system_list=map(_write_entry, policy.system_list),
        carriers=map(_write_carrier, policy.carriers),
        list_cap=policy.list_cap,
        custom_segment_cap=policy.custom_segment_cap,
        presets=[
            pb.Preset(name=preset.name, name_zh=preset.name_zh, preferences=write_preferences(preset.preferences))
            for preset in policy.presets
        ],
        notices=pb.NoticeRules(
            interceptions_per_day=policy.notices.interceptions_per_day,
            night_start_minute=policy.notices.night_start_minute,
            night_end_minute=policy.notices.night_end_minute,
            summary_minute=policy.notices.summary_minute,
        ),
        retention=pb.RetentionRules(
            consent_days=policy.retention.consent_days, frozen_days=policy.retention.frozen_days
        ),
        guardians=pb.GuardianRules(**asdict(policy.guardians)),
    )


def _write_category(category: Category) -> pb.Category:
    labels = [
        pb.CategoryLabel(carrier=carrier, label=word) for carrier, words in category.labels.items() for word in words
    ]
    return pb.Category(
        code=category.code, index=category.index, name_zh=category.name_zh, name_en=category.name_en, labels=labels
    )


def _write_entry(entry: SystemListEntry) -> pb.SystemListEntry:
    return pb.SystemListEntry(
        number=entry.number,
        is_prefix=entry.is_prefix,
        allow=entry.allow,
        reason=entry.reason,
        evidence_digest=bytes.fromhex(entry.evidence_digest),
        expire_time=write_time(entry.expire_ms),
        redress_contact=entry.redress_contact,
    )


def _write_carrier(rules: CarrierRules) -> pb.CarrierRules:
    return pb.CarrierRules(
        carrier=rules.carrier,
        actor=rules.actor,
        name_zh=rules.name_zh,
        confirm_open=sorted(map(CHANNEL.encode, rules.confirm_open)),
        confirm_cancel=sorted(map(CHANNEL.encode, rules.confirm_cancel)),
        confirm_within_s=rules.confirm_within_s,
        undo_within_s=rules.undo_within_s,
    )


def write_record(record: PolicyRecord) -> pb.PolicyRecord:
    """A policy with its history for the wire."""
    digest = bytes.fromhex(record.policy.digest)
    return pb.PolicyRecord(
        policy=write_policy(record.policy),
        status=POLICY_STATUS.encode(record.status),
        signatures=[_write_signature(signature, digest) for signature in record.signatures],
        activation_time=write_time(record.activation_ms),
        revision=record.revision,
    )


def _write_signature(signature: Signature, digest: bytes) -> pb.PolicySignature:
    return pb.PolicySignature(
        party=signature.party,
        digest=digest,
        sign_time=write_time(signature.time_ms),
        signature=bytes.fromhex(signature.signature),
    )
