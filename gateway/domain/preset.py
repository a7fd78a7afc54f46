"""A preset applied as one: its wishes on top of those that the subscriber has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gateway.domain.instruction import (
    ChooseNotices,
    ChooseTreatment,
    Item,
    ItemOutcome,
    SetQuietHours,
    SetRefusedCategories,
    SetRefusedSegments,
    Settings,
)
from gateway.domain.policy import Policy, Preset
from gateway.domain.preferences import NO_PREFERENCES, Preferences
from gateway.domain.settings import apply_settings
from optout.kit.number import PhoneNumber


def apply_preset(
    before: Preferences, preset: Preset, policy: Policy, carrier: str, number: PhoneNumber
) -> tuple[Preferences, tuple[ItemOutcome, ...]]:
    """Apply a preset to the subscriber ``number``, served by ``carrier``: what it leaves at the default stays."""
    after, outcomes = before, dict[Item, ItemOutcome]()
    for action in _steps(before, preset.preferences):
        after, told = apply_settings(after, action, policy, carrier, number)
        outcomes |= {outcome.item: outcome for outcome in told}
    return after, tuple(outcomes.values())


def _steps(before: Preferences, wishes: Preferences) -> Iterator[Settings]:
    if wishes.refused_categories:
        yield SetRefusedCategories(refuse=wishes.refused_categories)
    if wishes.refused_segments:
        # Segments are replaced as a whole, and a preset takes none away.
        yield SetRefusedSegments((*before.refused_segments, *wishes.refused_segments))
    treatment = None if wishes.treatment is NO_PREFERENCES.treatment else wishes.treatment
    strangers = None if wishes.stranger_policy is NO_PREFERENCES.stranger_policy else wishes.stranger_policy
    if treatment is not None or strangers is not None:
        yield ChooseTreatment(treatment, strangers)
    if wishes.notices.interception is not NO_PREFERENCES.notices.interception:
        yield ChooseNotices(replace(before.notices, interception=wishes.notices.interception))
    if wishes.quiet_hours:
        yield SetQuietHours((*before.quiet_hours, *wishes.quiet_hours))
