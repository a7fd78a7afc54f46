"""How a setting changes preferences, item by item: each item is done, already so, or refused with its reason."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.domain.capability import Capabilities
from gateway.domain.errors import Reason
from gateway.domain.instruction import (
    Action,
    ChooseNotices,
    ChooseTreatment,
    Disposition,
    EditList,
    Item,
    ItemKind,
    ItemOutcome,
    SetQuietHours,
    SetRefusedCategories,
    SetRefusedSegments,
)
from gateway.domain.policy import Policy
from gateway.domain.preferences import NO_PREFERENCES, Preferences, QuietWindow, Segment, SegmentKind
from optout.kit.number import NumberError, PhoneNumber, parse_prefix
from optout.kit.values import replace

MAX_QUIET_WINDOWS = 8
MINUTES_PER_DAY = 1440

Changed = tuple[Preferences, tuple[ItemOutcome, ...]]


def apply_settings(
    before: Preferences,
    action: Action,
    policy: Policy,
    carrier: str,
    number: PhoneNumber,
    capabilities: Capabilities | None = None,
) -> Changed:
    """Apply one setting of the subscriber ``number``, served by ``carrier``, to its preferences.

    Lists are held to the policy's cap, and to what the carrier declared if that is less; what is on a list stays.
    Items that are refused leave the others untouched. TypeError for an action that is no setting.
    """
    match action:
        case SetRefusedCategories():
            return _set_categories(before, action, policy, carrier)
        case EditList():
            return _edit_list(before, action, policy, number, capabilities)
        case SetRefusedSegments():
            return _set_segments(before, action.segments, policy)
        case ChooseTreatment():
            return _choose_treatment(before, action)
        case ChooseNotices():
            after = replace(before, notices=action.notices)
            return after, (_done_if(after != before, Item(ItemKind.NOTICES, action.notices.interception.value)),)
        case SetQuietHours():
            return _set_quiet_hours(before, action.windows)
        case _:
            raise TypeError(f"not a setting: {type(action).__name__}")


def apply_defaults(
    defaults: Preferences,
    policy: Policy,
    carrier: str,
    number: PhoneNumber,
    capabilities: Capabilities | None = None,
) -> Changed:
    """A carrier's opening defaults as preferences, under the rules that hold for settings.

    What those refuse is left out, and comes back as refused items.
    """
    after = replace(
        NO_PREFERENCES,
        treatment=defaults.treatment,
        stranger_policy=defaults.stranger_policy,
        notices=defaults.notices,
    )
    refused: list[ItemOutcome] = []
    settings: tuple[tuple[tuple[object, ...], Action], ...] = (
        (defaults.refused_categories, SetRefusedCategories(refuse=defaults.refused_categories)),
        (defaults.reject_list, EditList(allow=False, add=defaults.reject_list)),
        (defaults.allow_list, EditList(allow=True, add=defaults.allow_list)),
        (defaults.refused_segments, SetRefusedSegments(defaults.refused_segments)),
        (defaults.quiet_hours, SetQuietHours(defaults.quiet_hours)),
    )
    for action in [action for wished, action in settings if wished]:
        after, outcomes = apply_settings(after, action, policy, carrier, number, capabilities)
        refused.extend(outcome for outcome in outcomes if outcome.disposition is Disposition.REFUSED)
    return after, tuple(refused)


def list_wishes(wishes: Preferences) -> tuple[Item, ...]:
    """What is wished for beyond what holds for everybody who opens and wishes nothing."""
    items = [
        *(Item(ItemKind.CATEGORY, code) for code in wishes.refused_categories),
        *(Item(ItemKind.REJECT_NUMBER, number) for number in wishes.reject_list),
        *(Item(ItemKind.ALLOW_NUMBER, number) for number in wishes.allow_list),
        *(Item(ItemKind.SEGMENT, segment.key) for segment in wishes.refused_segments),
    ]
    if wishes.treatment is not NO_PREFERENCES.treatment:
        items.append(Item(ItemKind.TREATMENT, wishes.treatment.value))
    if wishes.stranger_policy is not NO_PREFERENCES.stranger_policy:
        items.append(Item(ItemKind.STRANGER_POLICY, wishes.stranger_policy.value))
    if wishes.notices != NO_PREFERENCES.notices:
        items.append(Item(ItemKind.NOTICES, wishes.notices.interception.value))
    if wishes.quiet_hours:
        items.append(Item(ItemKind.QUIET_HOURS))
    return tuple(items)


def _done_if(changed: bool, item: Item, *, on: bool = True) -> ItemOutcome:
    return ItemOutcome(item, Disposition.DONE if changed else Disposition.ALREADY_SO, switched_on=on)


def _refused(item: Item, reason: Reason, *, on: bool = True) -> ItemOutcome:
    return ItemOutcome(item, Disposition.REFUSED, reason, switched_on=on)


def _set_categories(before: Preferences, action: SetRefusedCategories, policy: Policy, carrier: str) -> Changed:
    refused = set(before.refused_categories)
    outcomes: dict[Item, ItemOutcome] = {}

    def switch(words: Iterable[str], *, on: bool) -> None:
        for word in words:
            codes = policy.taxonomy.resolve(word, carrier)
            if not codes:
                item = Item(ItemKind.CATEGORY, word)
                outcomes[item] = _refused(item, Reason.UNKNOWN_CATEGORY, on=on)
            for code in codes:
                item = Item(ItemKind.CATEGORY, code)
                outcomes[item] = _done_if((code in refused) != on, item, on=on)
                (refused.add if on else refused.discard)(code)

    switch(action.refuse, on=True)
    if action.replace:
        kept = {code for word in action.refuse for code in policy.taxonomy.resolve(word, carrier)}
        switch(sorted(refused - kept), on=False)
    else:
        switch(action.accept, on=False)
    return replace(before, refused_categories=tuple(sorted(refused))), tuple(outcomes.values())


def _edit_list(
    before: Preferences, action: EditList, policy: Policy, own: PhoneNumber, capabilities: Capabilities | None
) -> Changed:
    kind = ItemKind.ALLOW_NUMBER if action.allow else ItemKind.REJECT_NUMBER
    cap = policy.list_cap if capabilities is None else capabilities.cap_of(kind, policy.list_cap)
    target = set(before.allow_list if action.allow else before.reject_list)
    other = set(before.reject_list if action.allow else before.allow_list)
    outcomes: list[ItemOutcome] = []
    for number in action.remove:
        outcomes.append(_done_if(number in target, Item(kind, number), on=False))
        target.discard(number)
    for number in action.add:
        item = Item(kind, number)
        if number in target:
            outcomes.append(_done_if(False, item))
        elif not action.allow and (number == own or policy.is_protected(number)):
            outcomes.append(_refused(item, Reason.NOT_REFUSABLE))
        elif len(target) >= cap:
            outcomes.append(_refused(item, Reason.LIST_FULL))
        else:
            outcomes.append(_done_if(True, item))
            target.add(number)
            other.discard(number)
    mine, theirs = tuple(sorted(target)), tuple(sorted(other))
    reject_list, allow_list = (theirs, mine) if action.allow else (mine, theirs)
    return replace(before, reject_list=reject_list, allow_list=allow_list), tuple(outcomes)


def _set_segments(before: Preferences, wanted: tuple[Segment, ...], policy: Policy) -> Changed:
    outcomes: list[ItemOutcome] = []
    kept: set[Segment] = set()
    customs = 0
    for segment in dict.fromkeys(wanted):
        item = Item(ItemKind.SEGMENT, segment.key)
        if not _is_valid_segment(segment):
            outcomes.append(_refused(item, Reason.INVALID_SEGMENT))
            continue
        customs += segment.kind is SegmentKind.CUSTOM
        if segment.kind is SegmentKind.CUSTOM and customs > policy.custom_segment_cap:
            outcomes.append(_refused(item, Reason.LIST_FULL))
            continue
        kept.add(segment)
        outcomes.append(_done_if(segment not in before.refused_segments, item))
    outcomes.extend(
        _done_if(True, Item(ItemKind.SEGMENT, segment.key), on=False)
        for segment in before.refused_segments
        if segment not in kept
    )
    if not outcomes:
        outcomes.append(_done_if(False, Item(ItemKind.SEGMENT), on=False))
    return replace(before, refused_segments=tuple(sorted(kept))), tuple(outcomes)


def _is_valid_segment(segment: Segment) -> bool:
    if segment.kind is not SegmentKind.CUSTOM:
        return not segment.prefix
    try:
        return parse_prefix(segment.prefix) == segment.prefix
    except NumberError:
        return False


def _choose_treatment(before: Preferences, action: ChooseTreatment) -> Changed:
    after, outcomes = before, []
    if action.treatment is not None:
        item = Item(ItemKind.TREATMENT, action.treatment.value)
        outcomes.append(_done_if(before.treatment is not action.treatment, item))
        after = replace(after, treatment=action.treatment)
    if action.stranger_policy is not None:
        item = Item(ItemKind.STRANGER_POLICY, action.stranger_policy.value)
        outcomes.append(_done_if(before.stranger_policy is not action.stranger_policy, item))
        after = replace(after, stranger_policy=action.stranger_policy)
    return after, tuple(outcomes)


def _set_quiet_hours(before: Preferences, windows: tuple[QuietWindow, ...]) -> Changed:
    item = Item(ItemKind.QUIET_HOURS)
    wanted = tuple(sorted(set(windows)))
    if len(wanted) > MAX_QUIET_WINDOWS:
        return before, (_refused(item, Reason.LIST_FULL),)
    if not all(_is_valid_window(window) for window in wanted):
        return before, (_refused(item, Reason.INVALID_QUIET_HOURS),)
    return replace(before, quiet_hours=wanted), (_done_if(wanted != before.quiet_hours, item, on=bool(wanted)),)


def _is_valid_window(window: QuietWindow) -> bool:
    return 0 <= window.start_minute < MINUTES_PER_DAY and 0 <= window.end_minute < MINUTES_PER_DAY
