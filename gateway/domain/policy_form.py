"""The canonical form of a policy: one map for one policy, whether it came from a file, over the wire or from the log.

What has no order of its own is sorted, so that two policies that say the same have the same digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

import orjson

from gateway.domain.codec import Map, read_preferences, write_preferences
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
from gateway.domain.taxonomy import Category, Taxonomy
from optout.kit.number import PhoneNumber


def seal_policy(policy: Policy) -> Policy:
    """The same policy in canonical order, with its digest."""
    categories = sorted(policy.taxonomy.categories, key=lambda category: category.index)
    ordered = replace(
        policy,
        taxonomy=Taxonomy(replace(category, labels=_sort_labels(category.labels)) for category in categories),
        protected_numbers=dict(sorted(policy.protected_numbers.items())),
        system_list=tuple(sorted(policy.system_list, key=lambda e: (e.number, e.is_prefix, e.allow, e.expire_ms))),
        carriers=tuple(sorted(policy.carriers, key=lambda rules: rules.carrier)),
        presets=tuple(sorted(policy.presets, key=lambda preset: preset.name)),
    )
    return replace(ordered, digest=sha256(canonical_bytes(write_policy(ordered))).hexdigest())


def _sort_labels(labels: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {carrier: tuple(sorted(set(words))) for carrier, words in sorted(labels.items()) if words}


def canonical_bytes(form: Map) -> bytes:
    """The bytes that the digest is made of, and that stand in the log: JSON, keys sorted, without spaces."""
    return orjson.dumps(form, option=orjson.OPT_SORT_KEYS)


def write_policy(policy: Policy) -> Map:
    """A policy as a map of strings, integers, booleans, lists and maps."""
    form: Map = {
        "version": policy.version,
        "categories": [_write_category(category) for category in policy.taxonomy.categories],
        "order": [rule.value for rule in policy.order],
        "protected": dict(policy.protected_numbers),
        "system_list": [asdict(entry) for entry in policy.system_list],
        "carriers": [_write_carrier(rules) for rules in policy.carriers],
        "list_cap": policy.list_cap,
        "custom_segment_cap": policy.custom_segment_cap,
        "presets": [
            {"name": preset.name, "name_zh": preset.name_zh, "preferences": write_preferences(preset.preferences)}
            for preset in policy.presets
        ],
        "notices": asdict(policy.notices),
        "retention": asdict(policy.retention),
    }
    # Policies from before there were guardians keep their digests.
    return form if policy.guardians == GuardianRules() else form | {"guardians": asdict(policy.guardians)}


def read_policy_form(form: Mapping[str, Any]) -> Policy:
    """A policy from its map, with its digest. KeyError, TypeError or ValueError for a map that no policy has."""
    policy = Policy(
        version=form["version"],
        digest="",
        taxonomy=Taxonomy(_read_category(row) for row in form["categories"]),
        order=tuple(DecidingRule(name) for name in form["order"]),
        protected_numbers={PhoneNumber(number): reason for number, reason in form["protected"].items()},
        system_list=tuple(SystemListEntry(**row) for row in form["system_list"]),
        carriers=tuple(_read_carrier(row) for row in form["carriers"]),
        list_cap=form["list_cap"],
        custom_segment_cap=form["custom_segment_cap"],
        presets=tuple(
            Preset(row["name"], row["name_zh"], read_preferences(row["preferences"])) for row in form["presets"]
        ),
        notices=NoticeRules(**form["notices"]),
        retention=RetentionRules(**form["retention"]),
        guardians=GuardianRules(**form.get("guardians", {})),
    )
    return seal_policy(policy)


def _write_category(category: Category) -> Map:
    return {
        "code": category.code,
        "index": category.index,
        "name_zh": category.name_zh,
        "name_en": category.name_en,
        "labels": {carrier: list(words) for carrier, words in category.labels.items()},
    }


def _read_category(row: Mapping[str, Any]) -> Category:
    labels = {carrier: tuple(words) for carrier, words in row["labels"].items()}
    return Category(row["code"], row["index"], row["name_zh"], row["name_en"], labels)


def _write_carrier(rules: CarrierRules) -> Map:
    return {
        "carrier": rules.carrier,
        "actor": rules.actor,
        "name_zh": rules.name_zh,
        "confirm_open": sorted(channel.value for channel in rules.confirm_open),
        "confirm_cancel": sorted(channel.value for channel in rules.confirm_cancel),
        "confirm_within_s": rules.confirm_within_s,
        "undo_within_s": rules.undo_within_s,
    }


def _read_carrier(row: Mapping[str, Any]) -> CarrierRules:
    channels = {name: frozenset(map(Channel, row[name])) for name in ("confirm_open", "confirm_cancel")}
    return CarrierRules(**{**row, **channels})
