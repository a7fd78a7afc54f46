"""A policy, and the lines to begin with, from the tables of a TOML file, checked as a whole before they may hold.

Unknown keys are errors. Refusals are ``RefusedError(INVALID_POLICY)`` whose text names the place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import Channel
from gateway.domain.lines import Line, LineChange, directory_of, find_conflict
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
from gateway.domain.policy_check import check_policy, demand
from gateway.domain.policy_form import seal_policy
from gateway.domain.preferences import (
    InterceptionNotice,
    NoticeChoice,
    Preferences,
    Segment,
    SegmentKind,
    StrangerPolicy,
    Treatment,
)
from gateway.domain.taxonomy import Category, Taxonomy
from optout.kit.number import NumberError, PhoneNumber, parse_number, parse_prefix

Table = Mapping[str, Any]
T = TypeVar("T")


def read_policy(tables: Table) -> Policy:
    """Read a policy from parsed TOML, with the digest of its canonical form; ``lines`` are no part of it."""
    _check_keys("policy", tables, _POLICY_KEYS)
    policy = Policy(
        version=_take(tables, "policy", "version", str),
        digest="",
        taxonomy=Taxonomy(_rows(tables, "categories", _read_category)),
        order=tuple(_enum("order", name, DecidingRule) for name in _take(tables, "policy", "order", list)),
        protected_numbers={
            _number("protected_numbers", text): reason
            for text, reason in _take(tables, "policy", "protected_numbers", dict).items()
        },
        system_list=_rows(tables, "system_list", _read_system_entry),
        carriers=_rows(tables, "carriers", _read_carrier),
        list_cap=_take(tables, "policy", "list_cap", int),
        custom_segment_cap=_take(tables, "policy", "custom_segment_cap", int),
        presets=_rows(tables, "presets", _read_preset),
        notices=NoticeRules(**_integers("notices", tables, NoticeRules.__slots__)),
        retention=RetentionRules(**_integers("retention", tables, RetentionRules.__slots__)),
        guardians=GuardianRules(**_integers("guardians", tables, GuardianRules.__slots__)),
    )
    check_policy(policy)
    return seal_policy(policy)


def read_lines(tables: Table, policy: Policy) -> tuple[Line, ...]:
    """Read the lines that a directory begins with, beside the policy of the same file."""
    directory = directory_of(())
    lines = _rows(tables, "lines", _read_line)
    for place, line in enumerate(lines):
        demand(line.category in policy.taxonomy, f"lines[{place}]: the category is not in the taxonomy")
        demand(policy.knows_carrier(line.carrier), f"lines[{place}]: the carrier is not known")
        demand(find_conflict(line, directory.overlapping(line)) is None, f"lines[{place}]: overlaps another holder's")
        directory = directory.apply((LineChange(line),), 0)
    return lines


_POLICY_KEYS = {
    "version", "order", "list_cap", "custom_segment_cap", "protected_numbers",
    "categories", "carriers", "lines", "system_list", "presets", "notices", "retention", "guardians",
}  # fmt: skip
_CARRIER_KEYS = {"id", "actor", "name_zh", "confirm_open", "confirm_cancel", "confirm_within_s", "undo_within_s"}


def _read_category(row: Table, place: str) -> Category:
    _check_keys(place, row, {"code", "index", "name_zh", "name_en", "labels"})
    labels = {carrier: tuple(words) for carrier, words in row.get("labels", {}).items()}
    return Category(
        _take(row, place, "code", str),
        _take(row, place, "index", int),
        _take(row, place, "name_zh", str),
        _take(row, place, "name_en", str),
        labels,
    )


def _read_carrier(row: Table, place: str) -> CarrierRules:
    _check_keys(place, row, {"id", "actor", "name_zh", "confirm_open", "confirm_cancel", *_WAITS})
    return CarrierRules(
        _take(row, place, "id", str),
        _take(row, place, "actor", int),
        _take(row, place, "name_zh", str),
        frozenset(_enum(place, name, Channel) for name in row.get("confirm_open", ())),
        frozenset(_enum(place, name, Channel) for name in row.get("confirm_cancel", ())),
        **{name: _take(row, place, name, int) for name in _WAITS if name in row},
    )


_WAITS = ("confirm_within_s", "undo_within_s")


def _read_preset(row: Table, place: str) -> Preset:
    _check_keys(place, row, {"name", "name_zh", "refuse", "segments", "treatment", "strangers", "interception"})
    wishes = Preferences(
        refused_categories=tuple(sorted(row.get("refuse", ()))),
        refused_segments=tuple(sorted(Segment(_enum(place, kind, SegmentKind)) for kind in row.get("segments", ()))),
        treatment=_enum(place, row.get("treatment", Treatment.REJECT), Treatment),
        stranger_policy=_enum(place, row.get("strangers", StrangerPolicy.ALLOW), StrangerPolicy),
        notices=NoticeChoice(_enum(place, row.get("interception", InterceptionNotice.NONE), InterceptionNotice)),
    )
    return Preset(_take(row, place, "name", str), _take(row, place, "name_zh", str), wishes)


def _integers(place: str, tables: Table, known: tuple[str, ...]) -> dict[str, int]:
    """A table of integers, any of which may be left out."""
    row = tables.get(place, {})
    _check_keys(place, row, set(known))
    return {name: _take(row, place, name, int) for name in row}


def _read_line(row: Table, place: str) -> Line:
    _check_keys(place, row, {"number", "prefix", "holder", "carrier", "category"})
    return Line(
        _number_or_prefix(row, place),
        row.get("prefix", False),
        _take(row, place, "holder", str),
        _take(row, place, "carrier", str),
        _take(row, place, "category", str),
    )


def _read_system_entry(row: Table, place: str) -> SystemListEntry:
    _check_keys(place, row, {"number", "prefix", "allow", "reason", "evidence_digest", "expires", "redress_contact"})
    return SystemListEntry(
        _number_or_prefix(row, place),
        row.get("prefix", False),
        _take(row, place, "allow", bool),
        _take(row, place, "reason", str),
        _take(row, place, "evidence_digest", str),
        round(_take(row, place, "expires", datetime).timestamp() * 1000),
        _take(row, place, "redress_contact", str),
    )


def _number_or_prefix(row: Table, place: str) -> str:
    text = _take(row, place, "number", str)
    if not row.get("prefix", False):
        return _number(place, text)
    try:
        return parse_prefix(text)
    except NumberError:
        raise RefusedError(Reason.INVALID_POLICY, f"{place}: not a prefix") from None


def _number(place: str, text: str) -> PhoneNumber:
    try:
        return parse_number(text)
    except NumberError:
        raise RefusedError(Reason.INVALID_POLICY, f"{place}: not a number") from None


def _rows(tables: Table, name: str, read: Callable[[Table, str], T]) -> tuple[T, ...]:
    return tuple(read(row, f"{name}[{index}]") for index, row in enumerate(tables.get(name, ())))


def _enum(place: str, name: str, kind: Callable[[str], T]) -> T:
    try:
        return kind(name)
    except ValueError:
        raise RefusedError(Reason.INVALID_POLICY, f"{place}: unknown word {name!r}") from None


def _take(row: Table, place: str, key: str, kind: type[T]) -> T:
    value = row.get(key)
    if type(value) is not kind:
        raise RefusedError(Reason.INVALID_POLICY, f"{place}: {key} must be given as {kind.__name__}")
    return value


def _check_keys(place: str, row: Table, known: set[str]) -> None:
    unknown = sorted(set(row) - known)
    demand(not unknown, f"{place}: unknown key {unknown[0]!r}" if unknown else "")
