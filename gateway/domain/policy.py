"""The federation's rules as one versioned whole: taxonomy, order, protected numbers, lists, carriers, presets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from gateway.domain.instruction import Channel
from gateway.domain.preferences import Preferences
from gateway.domain.taxonomy import Taxonomy
from optout.kit.number import PhoneNumber

GATEWAY_ACTOR = 0
"""The gateway's own number among actors."""


class DecidingRule(StrEnum):
    """The rules of screening. Their order is part of a policy; DEFAULT and NOT_REGISTERED stand outside it."""

    PROTECTED = "protected"
    PERSONAL_ALLOW = "personal_allow"
    PERSONAL_REJECT = "personal_reject"
    SYSTEM_ALLOW = "system_allow"
    SYSTEM_REJECT = "system_reject"
    SEGMENT = "segment"
    CATEGORY = "category"
    QUIET_HOURS = "quiet_hours"
    STRANGER = "stranger"
    DEFAULT = "default"
    NOT_REGISTERED = "not_registered"


@dataclass(frozen=True, slots=True)
class CarrierRules:
    """What holds for one carrier: its names, and on which channels a change needs the subscriber's second word.

    ``actor`` (1 to 65535, never reused) is the number under which its entries stand in the log. A cancellation can be
    taken back for ``undo_within_s``.
    """

    carrier: str
    actor: int
    name_zh: str
    confirm_open: frozenset[Channel] = frozenset()
    confirm_cancel: frozenset[Channel] = frozenset()
    confirm_within_s: int = 86_400
    undo_within_s: int = 86_400


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set of wishes. What its preferences leave at the default stays as the subscriber had it."""

    name: str
    name_zh: str
    preferences: Preferences


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """How notices are kept from becoming a nuisance: minutes of the day are China time; equal ends mean no night."""

    interceptions_per_day: int = 5
    night_start_minute: int = 1320
    night_end_minute: int = 480
    summary_minute: int = 1200


MIN_CONSENT_DAYS = 183
"""Evidence of consent is kept for at least half a year."""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """For how many days consent evidence outlives an erasure, and a closed number stays frozen."""

    consent_days: int = MIN_CONSENT_DAYS
    frozen_days: int = 90


@dataclass(frozen=True, slots=True)
class GuardianRules:
    """Limits of guardianship. ``asks_per_day`` (days of China time) bounds both asking and being asked."""

    guardians_per_ward: int = 2
    wards_per_guardian: int = 4
    asks_per_day: int = 3
    last_days: int = 365


@dataclass(frozen=True, slots=True)
class SystemListEntry:
    """A number, or prefix, let through or refused for everybody until ``expire_ms`` (exclusive)."""

    number: str
    is_prefix: bool
    allow: bool
    reason: str
    evidence_digest: str
    expire_ms: int
    redress_contact: str


class Numbered(Protocol):
    """Something said of a number, or of all numbers that begin with a prefix."""

    @property
    def number(self) -> str:
        """The number in canonical form, or the prefix."""

    @property
    def is_prefix(self) -> bool:
        """True if ``number`` is a prefix."""


E = TypeVar("E", bound=Numbered)


class NumberTable(Generic[E]):
    """Entries by exact number or by longest prefix."""

    def __init__(self, entries: Iterable[E]) -> None:
        self._exact: dict[str, list[E]] = {}
        self._prefixes: dict[str, list[E]] = {}
        for entry in entries:
            (self._prefixes if entry.is_prefix else self._exact).setdefault(entry.number, []).append(entry)
        self._lengths = sorted({len(prefix) for prefix in self._prefixes}, reverse=True)

    def find(self, number: str) -> list[E]:
        """All entries for ``number``, the exact ones first, then those of the longest prefix, and so on."""
        found = list(self._exact.get(number, ()))
        for length in self._lengths:
            if length <= len(number):
                found.extend(self._prefixes.get(number[:length], ()))
        return found


@dataclass(frozen=True)
class Policy:
    """One policy, whole, in canonical order. ``digest`` is the SHA-256 of its canonical form in lower-case hex.

    ``protected_numbers`` maps each number that nobody may refuse to why.
    """

    version: str
    digest: str
    taxonomy: Taxonomy
    order: tuple[DecidingRule, ...]
    protected_numbers: Mapping[PhoneNumber, str]
    system_list: tuple[SystemListEntry, ...]
    carriers: tuple[CarrierRules, ...]
    list_cap: int = 1000
    custom_segment_cap: int = 3
    presets: tuple[Preset, ...] = ()
    notices: NoticeRules = NoticeRules()
    retention: RetentionRules = RetentionRules()
    guardians: GuardianRules = GuardianRules()

    @cached_property
    def system_table(self) -> NumberTable[SystemListEntry]:
        """The system list, by number."""
        return NumberTable(self.system_list)

    @cached_property
    def _rules(self) -> dict[str, CarrierRules]:
        return {rules.carrier: rules for rules in self.carriers}

    def knows_carrier(self, carrier: str) -> bool:
        """True if the carrier takes part in the federation."""
        return carrier in self._rules

    def rules_for(self, carrier: str) -> CarrierRules:
        """The carrier's rules. KeyError if the federation does not know it."""
        return self._rules[carrier]

    def actor(self, party: str) -> int:
        """The number under which a party's entries stand in the log; the gateway's own if it is no carrier."""
        rules = self._rules.get(party)
        return GATEWAY_ACTOR if rules is None else rules.actor

    def is_protected(self, number: PhoneNumber) -> bool:
        """True for public numbers that nobody may refuse."""
        return number in self.protected_numbers

    def preset(self, name: str) -> Preset | None:
        """The preset of that name, if there is one."""
        return next((preset for preset in self.presets if preset.name == name), None)
