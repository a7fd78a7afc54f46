"""What is known of a change's effect in the carrier's network, as values. How it becomes known: `knowledge`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from gateway.domain.instruction import ExpectedEffect, Item, ItemKind, Precondition
from optout.kit.values import dataclass

SERVICE = Item(ItemKind.SERVICE)


class EffectState(StrEnum):
    """What is known of a change's effect in the carrier's network. Each word means one thing, everywhere."""

    ACCEPTED = "accepted"
    APPLIED = "applied"
    DEGRADED = "degraded"
    UNSUPPORTED = "unsupported"
    OVERDUE = "overdue"


AWAITED = frozenset({EffectState.ACCEPTED, EffectState.OVERDUE})
"""The states in which the carrier's word is still awaited; the others are facts that it reported."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of one item.

    ``version`` is the subscriber's version that it is about: the one that asked for the item, or a later one that was
    reported. ``expected`` is a forecast. Times are Unix ms; ``effective_by_ms`` is None where nothing is awaited, or no
    time for it is known.
    """

    state: EffectState = EffectState.ACCEPTED
    effective_by_ms: int | None = None
    version: int = 0
    expected: ExpectedEffect = ExpectedEffect.UNKNOWN
    report_ms: int | None = None
    precondition: Precondition | None = None


@dataclass(frozen=True, slots=True)
class Effects:
    """What is known of a leg: of the service as a whole, and of those items that it is not true of.

    ``items`` are sorted. One that the leg does not hold is a wish taken back whose end the network has yet to report.
    """

    service: Knowledge = Knowledge()
    items: tuple[tuple[Item, Knowledge], ...] = ()

    def of(self, item: Item) -> Knowledge:
        """What is known of one item."""
        for own, known in self.items:
            if own == item:
                return known
        return self.service

    def __iter__(self) -> Iterator[tuple[Item, Knowledge]]:
        yield SERVICE, self.service
        yield from self.items

    @property
    def word(self) -> EffectState:
        """The one word for the whole: what is awaited outweighs what is known, and what differs is in part."""
        return sum_up([known.state for _, known in self]) if self.items else self.service.state

    @property
    def effective_by_ms(self) -> int | None:
        """When all that is awaited should be in effect."""
        times = [known.effective_by_ms for _, known in self if known.state is EffectState.ACCEPTED]
        return max((time for time in times if time is not None), default=None)

    @property
    def due_ms(self) -> int | None:
        """When the first of what is awaited will be overdue."""
        times = [known.effective_by_ms for _, known in self if known.state is EffectState.ACCEPTED]
        return min((time for time in times if time is not None), default=None)

    @property
    def is_unheard(self) -> bool:
        """True if something is awaited of a carrier whose capabilities were not known then, so without a time."""
        return is_unheard(self.service) or any(is_unheard(known) for _, known in self.items)


NOTHING_KNOWN = Effects()


def is_unheard(known: Knowledge) -> bool:
    """True if it is awaited of a carrier whose capabilities were not known when it was asked for."""
    return known.state is EffectState.ACCEPTED and known.effective_by_ms is None and known.version > 0


def sum_up(states: Iterable[EffectState]) -> EffectState:
    """One word for several states."""
    found = set(states)
    for weighty in (EffectState.OVERDUE, EffectState.ACCEPTED):
        if weighty in found:
            return weighty
    return found.pop() if len(found) == 1 else EffectState.DEGRADED
