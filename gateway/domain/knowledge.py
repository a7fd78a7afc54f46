"""How effects become known.

* A change is ACCEPTED where the carrier's platform enforces, and APPLIED at once where the gateway does. It concerns
  the items that it changed; of the others, what was known stays known.
* A report speaks of one version of the subscriber. It teaches about items that nothing newer has asked for or reported:
  what is older, or as old and earlier reported, changes nothing. Reports may come in any order and more than once.
* A report about the service speaks for the items too that it does not name, unless what was reported of these differs.
* "Accepted" in a report is no fact: it takes nothing back, and may name a precondition.
* What is ACCEPTED past its time is OVERDUE, until a report says more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import attrgetter

from gateway.domain.capability import Capabilities
from gateway.domain.effects import AWAITED, SERVICE, Effects, EffectState, Knowledge, is_unheard
from gateway.domain.instruction import Item, ItemKind, Precondition
from gateway.domain.preferences import Preferences
from gateway.domain.subscription import Leg
from optout.kit.values import dataclass, replace

_NOTICES, _QUIET_HOURS = Item(ItemKind.NOTICES), Item(ItemKind.QUIET_HOURS)


@dataclass(frozen=True, slots=True)
class ReportedEffect:
    """What a carrier says of one item."""

    item: Item
    state: EffectState
    precondition: Precondition | None = None


def list_items(leg: Leg) -> tuple[Item, ...]:
    """What a leg asks of the network besides the service itself, sorted; nothing where nothing is refused."""
    if not leg.refusing:
        return ()
    wishes = leg.preferences
    # Most have the same few wishes, but for their lists of numbers, which are not kept here.
    return _sort_items(wishes) if wishes.reject_list or wishes.allow_list else _sort_few_items(wishes)


def _sort_items(wishes: Preferences) -> tuple[Item, ...]:
    valued = (
        (ItemKind.CATEGORY, wishes.refused_categories),
        (ItemKind.REJECT_NUMBER, wishes.reject_list),
        (ItemKind.ALLOW_NUMBER, wishes.allow_list),
        (ItemKind.SEGMENT, [segment.key for segment in wishes.refused_segments]),
        (ItemKind.TREATMENT, (wishes.treatment.value,)),
        (ItemKind.STRANGER_POLICY, (wishes.stranger_policy.value,)),
    )
    items = [Item(kind, value) for kind, values in valued for value in values]
    items.append(_NOTICES)
    if wishes.quiet_hours:
        items.append(_QUIET_HOURS)
    return tuple(sorted(items))


_sort_few_items = lru_cache(maxsize=1024)(_sort_items)


def begin(before: Leg, after: Leg, version: int, capabilities: Capabilities | None, now_ms: int) -> Leg:
    """``after`` with what is known of it the moment it is committed as the subscriber's ``version``.

    Its effects are those of ``before``, the same object, if the change asks nothing of the network.
    """
    if before.refusing is not after.refusing:
        return begin_anew(after, version, capabilities, now_ms)
    wanted = list_items(after)
    changed = _changed_items(before, after, wanted)
    if not changed:
        return after
    table = dict(before.effects.items)
    table.update((item, _first(item, version, capabilities, now_ms)) for item in changed)
    return replace(after, effects=_compact(wanted, before.effects.service, table))


def begin_anew(leg: Leg, version: int, capabilities: Capabilities | None, now_ms: int) -> Leg:
    """The leg with everything in it still to be carried out: just opened, closed, or taken over by another carrier."""
    wanted, service = list_items(leg), _first(SERVICE, version, capabilities, now_ms)
    if capabilities is None or all(capabilities.expect(item) is service.expected for item in wanted):
        return replace(leg, effects=Effects(service))
    items = {item: _first(item, version, capabilities, now_ms) for item in wanted}
    return replace(leg, effects=_compact(wanted, service, items))


def report(leg: Leg, version: int, told: Iterable[ReportedEffect], report_ms: int) -> Leg:
    """The leg after a carrier's report about ``version``; the same object if it teaches nothing."""
    named = {effect.item: effect for effect in told}
    whole = named.pop(SERVICE, None)
    if not named and not leg.effects.items:
        # The service speaks for every item, before and after.
        service = leg.effects.service
        learned = service if whole is None else _learn(service, version, whole, report_ms)
        return leg if learned == service else replace(leg, effects=Effects(learned))
    apart, service, wanted = dict(leg.effects.items), leg.effects.service, list_items(leg)
    table = dict.fromkeys(wanted, service) | apart
    for item, known in table.items():
        effect = named.get(item)
        if effect is None and not (item in apart and _is_reported(known, version)):
            effect = whole
        if effect is not None:
            table[item] = _learn(known, version, effect, report_ms)
    if whole is not None:
        service = _learn(service, version, whole, report_ms)
    effects = _compact(wanted, service, table)
    return leg if effects == leg.effects else replace(leg, effects=effects)


def hear(leg: Leg, capabilities: Capabilities, now_ms: int) -> Leg:
    """The leg once a carrier has declared itself that had not when changes were committed; the same if none waits."""
    if not leg.effects.is_unheard:
        return leg
    wanted = list_items(leg)
    table = dict.fromkeys(wanted, leg.effects.service) | dict(leg.effects)
    for item, known in table.items():
        if is_unheard(known):
            table[item] = _first(item, known.version, capabilities, now_ms)
    service = table.pop(SERVICE)
    return replace(leg, effects=_compact(wanted, service, table))


def lapse(leg: Leg, now_ms: int) -> Leg:
    """The leg with what is past its time marked as overdue; the same object if nothing is."""
    if leg.effects.due_ms is None or leg.effects.due_ms > now_ms:
        return leg
    service, *items = [(item, _lapse(known, now_ms)) for item, known in leg.effects]
    return replace(leg, effects=Effects(service[1], tuple(items)))


def list_news(before: Leg, after: Leg) -> tuple[tuple[Item, Knowledge], ...]:
    """What a subscriber who was told of ``before`` has to be told now: other words, and preconditions not met."""
    old, new = before.effects, after.effects
    held = {*list_items(after), *(item for item, _ in new.items)}
    apart = sorted({item for effects in (old, new) for item, _ in effects.items})
    pairs = [
        (SERVICE, old.service, new.service),
        *((item, old.of(item), new.of(item) if item in held else _ENDED) for item in apart),
    ]
    return tuple((item, now) for item, was, now in pairs if now.state is not was.state or _lacks_more(was, now))


_ENDED = Knowledge(EffectState.APPLIED)
"""What is known of a wish taken back once nothing more is awaited of it."""


def _lacks_more(old: Knowledge, new: Knowledge) -> bool:
    return new.precondition is not None and new.precondition != old.precondition


def _changed_items(before: Leg, after: Leg, wanted: tuple[Item, ...]) -> set[Item]:
    """Items wished for or taken back. Of what there is one of, the new value alone counts."""
    old, new = set(list_items(before)), set(wanted)
    changed = new - old | {item for item in old - new if item.kind not in _SINGLE}
    if after.refusing:
        changed.update(item for item, read in _WHOLE if read(before.preferences) != read(after.preferences))
    return changed


_SINGLE = frozenset({ItemKind.TREATMENT, ItemKind.STRANGER_POLICY})
_WHOLE: tuple[tuple[Item, Callable[[Preferences], object]], ...] = (
    (_NOTICES, attrgetter("notices")),
    (_QUIET_HOURS, attrgetter("quiet_hours")),
)
"""Items without a value, so that a change of theirs shows in the preferences alone."""


def _first(item: Item, version: int, capabilities: Capabilities | None, now_ms: int) -> Knowledge:
    if capabilities is None:
        return Knowledge(version=version)
    state = capabilities.first_effect
    by_ms = capabilities.effective_by(now_ms) if state is EffectState.ACCEPTED else None
    return Knowledge(state, by_ms, version, capabilities.expect(item))


def _is_reported(known: Knowledge, version: int) -> bool:
    return known.state not in AWAITED and known.version >= version


def _learn(known: Knowledge, version: int, effect: ReportedEffect, report_ms: int) -> Knowledge:
    older = version == known.version and known.report_ms is not None and report_ms < known.report_ms
    if version < known.version or older:
        return known
    if effect.state in AWAITED:
        return replace(known, precondition=effect.precondition) if known.state in AWAITED else known
    return Knowledge(effect.state, None, version, known.expected, report_ms, effect.precondition)


def _lapse(known: Knowledge, now_ms: int) -> Knowledge:
    if known.state is EffectState.ACCEPTED and known.effective_by_ms is not None and known.effective_by_ms <= now_ms:
        return replace(known, state=EffectState.OVERDUE)
    return known


def _compact(wanted: tuple[Item, ...], service: Knowledge, table: dict[Item, Knowledge]) -> Effects:
    """Leave out the items that are as the service is, and those no longer wanted whose end is known."""
    held, kept, left_out = set(wanted), [], [service]
    for item, known in sorted(table.items()):
        ended = item not in held and (known.state is EffectState.APPLIED or item.kind in _SINGLE)
        if ended or _is_alike(known, service):
            left_out.append(known)
        else:
            kept.append((item, known))
    if service.state not in AWAITED:
        # The service now speaks for what is left out, so what is older than that teaches nothing about it any more.
        latest = max(left_out, key=lambda known: (known.version, known.report_ms or 0))
        if latest is not service:
            service = replace(service, version=latest.version, report_ms=latest.report_ms)
    return Effects(service, tuple(kept))


def _is_alike(known: Knowledge, service: Knowledge) -> bool:
    if known.state is not service.state or known.precondition != service.precondition:
        return False
    if known.state is EffectState.APPLIED:
        return True
    return (known.effective_by_ms, known.expected) == (service.effective_by_ms, service.expected) and (
        known.state not in AWAITED or known.version == service.version
    )
