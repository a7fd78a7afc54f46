"""What a policy must be to hold at all. Refusals are ``RefusedError(INVALID_POLICY)`` whose text names the place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Hashable, Iterable

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.lines import covers
from gateway.domain.policy import MIN_CONSENT_DAYS, CarrierRules, DecidingRule, Policy, Preset, SystemListEntry
from gateway.domain.preferences import Preferences
from gateway.domain.taxonomy import MAX_CATEGORIES

MAX_ACTORS = 2**16
MAX_LIST_CAP = 100_000
MAX_CUSTOM_SEGMENTS = 100
MAX_WAIT_S = 30 * 86_400
"""The longest that a confirmation or the taking back of a cancellation may take."""
MIN_FROZEN_DAYS, MAX_DAYS = 90, 36_500
MINUTES_PER_DAY = 1440
MAX_TEXT_CHARS = 200

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_CODE = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_PARTY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_OUTSIDE_THE_ORDER = frozenset({DecidingRule.DEFAULT, DecidingRule.NOT_REGISTERED})


def check_policy(policy: Policy) -> None:
    """Refuse a policy that contradicts itself."""
    demand(bool(_VERSION.fullmatch(policy.version)), "version: not 1 to 64 of A-Z a-z 0-9 . _ -")
    _check_categories(policy)
    _check_order(policy.order)
    _check_texts("protected_numbers", policy.protected_numbers.values())
    _check_carriers(policy.carriers)
    _check_system_list(policy)
    demand(1 <= policy.list_cap <= MAX_LIST_CAP, f"list_cap: not in 1 to {MAX_LIST_CAP}")
    demand(0 <= policy.custom_segment_cap <= MAX_CUSTOM_SEGMENTS, f"custom_segment_cap: over {MAX_CUSTOM_SEGMENTS}")
    _once("presets: a name", (preset.name for preset in policy.presets))
    for place, preset in enumerate(policy.presets):
        _check_preset(f"presets[{place}]", preset, policy)
    _check_notices(policy)
    _check_retention(policy)
    _check_guardians(policy)


def _check_categories(policy: Policy) -> None:
    categories = policy.taxonomy.categories
    demand(bool(categories), "categories: there are none")
    _once("categories: a code", (category.code for category in categories))
    _once("categories: an index", (category.index for category in categories))
    for place, category in enumerate(categories):
        demand(bool(_CODE.fullmatch(category.code)), f"categories[{place}]: code is not lower-case ASCII")
        demand(0 <= category.index < MAX_CATEGORIES, "categories: an index is not in 0 to 31")
        _check_texts(f"categories[{place}]", (category.name_zh, category.name_en))
        for words in category.labels.values():
            _check_texts(f"categories[{place}].labels", words)


def _check_order(order: Collection[DecidingRule]) -> None:
    _once("order: a rule", order)
    demand(not _OUTSIDE_THE_ORDER & set(order), "order: default and not_registered have no place in it")
    demand(next(iter(order), None) is DecidingRule.PROTECTED, "order: protected must come first")


def _check_carriers(carriers: Collection[CarrierRules]) -> None:
    demand(bool(carriers), "carriers: there are none")
    _once("carriers: an id", (rules.carrier for rules in carriers))
    _once("carriers: an actor", (rules.actor for rules in carriers))
    for place, rules in enumerate(carriers):
        demand(bool(_PARTY.fullmatch(rules.carrier)), f"carriers[{place}]: the id is no party's")
        demand(1 <= rules.actor < MAX_ACTORS, "carriers: an actor is not in 1 to 65535")
        _check_texts(f"carriers[{place}].name_zh", (rules.name_zh,))
        for wait_s in (rules.confirm_within_s, rules.undo_within_s):
            demand(1 <= wait_s <= MAX_WAIT_S, f"carriers[{place}]: a time to wait is not in 1 to {MAX_WAIT_S}")


def _check_system_list(policy: Policy) -> None:
    _once("system_list: a number", ((entry.number, entry.is_prefix, entry.allow) for entry in policy.system_list))
    for place, entry in enumerate(policy.system_list):
        _check_entry(f"system_list[{place}]", entry)
        touched = any(covers(entry.number, entry.is_prefix, number) for number in policy.protected_numbers)
        demand(entry.allow or not touched, f"system_list[{place}]: would refuse a protected number")


def _check_entry(place: str, entry: SystemListEntry) -> None:
    demand(bool(_DIGEST.fullmatch(entry.evidence_digest)), f"{place}: evidence_digest is no SHA-256")
    _check_texts(f"{place}.reason", (entry.reason,))
    _check_texts(f"{place}.redress_contact", (entry.redress_contact,))


def _check_preset(place: str, preset: Preset, policy: Policy) -> None:
    demand(bool(_CODE.fullmatch(preset.name)), f"{place}: name is not lower-case ASCII")
    _check_texts(f"{place}.name_zh", (preset.name_zh,))
    wishes = preset.preferences
    demand(wishes != Preferences(), f"{place}: sets nothing")
    unknown = [code for code in wishes.refused_categories if code not in policy.taxonomy]
    demand(not unknown, f"{place}: a category is not in the taxonomy")
    # Lists are a person's own; a preset that brought one would put strangers' numbers into everybody's.
    demand(not (wishes.reject_list or wishes.allow_list), f"{place}: holds a personal list")
    custom = [segment for segment in wishes.refused_segments if segment.prefix]
    demand(len(custom) <= policy.custom_segment_cap, f"{place}: more custom segments than the cap allows")
    demand(
        not any(number.startswith(segment.prefix) for segment in custom for number in policy.protected_numbers),
        f"{place}: a segment would refuse a protected number",
    )


def _check_notices(policy: Policy) -> None:
    rules = policy.notices
    demand(1 <= rules.interceptions_per_day <= 100, "notices: interceptions_per_day is not in 1 to 100")
    minutes = (rules.night_start_minute, rules.night_end_minute, rules.summary_minute)
    demand(all(0 <= minute < MINUTES_PER_DAY for minute in minutes), "notices: a minute is not in 0 to 1439")


def _check_retention(policy: Policy) -> None:
    rules = policy.retention
    for name, days, least in (
        ("consent_days", rules.consent_days, MIN_CONSENT_DAYS),
        ("frozen_days", rules.frozen_days, MIN_FROZEN_DAYS),
    ):
        demand(least <= days <= MAX_DAYS, f"retention: {name} is not in {least} to {MAX_DAYS}")


def _check_guardians(policy: Policy) -> None:
    rules = policy.guardians
    for name, most in (
        ("guardians_per_ward", 10),
        ("wards_per_guardian", 100),
        ("asks_per_day", 100),
        ("last_days", 366),
    ):
        demand(1 <= getattr(rules, name) <= most, f"guardians: {name} is not in 1 to {most}")


def _check_texts(place: str, texts: Iterable[str]) -> None:
    for text in texts:
        good = bool(text.strip()) and text.isprintable() and len(text) <= MAX_TEXT_CHARS
        demand(good, f"{place}: a text is missing, too long or not printable")


def _once(what: str, values: Iterable[Hashable]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    demand(not twice, f"{what} stands twice")


def demand(condition: bool, detail: str) -> None:
    """Refuse with INVALID_POLICY unless the condition holds."""
    if not condition:
        raise RefusedError(Reason.INVALID_POLICY, detail)
