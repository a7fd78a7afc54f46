"""What a carrier declares it can carry out, and what may therefore be expected of an item. Never a fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.effects import EffectState
from gateway.domain.instruction import Channel, ExpectedEffect, Item, ItemKind
from gateway.domain.preferences import Medium

AT_ONCE_MS = 3_600_000
"""Within what time a platform that declares no delay has to report: what is at once and not heard of is not known."""


class Enforcement(StrEnum):
    """Who refuses the calls: the gateway's answers to the carrier's switches, or the carrier's own platform."""

    GATEWAY = "gateway"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class ItemCapability:
    """How well one kind of item can be carried out; ``values`` empty means all values of that kind."""

    effect: ExpectedEffect
    values: frozenset[str] = frozenset()
    limitation: str = ""
    cap: int = 0


VOICE_ALONE = frozenset({Medium.VOICE})
UNDECLARED = ItemCapability(ExpectedEffect.UNSUPPORTED)
"""What holds of items that no declaration covers."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One carrier's declaration. ``effect_delay_s`` is how long a change may take to be in effect; 0 means at once."""

    carrier: str
    version: str
    enforcement: Enforcement
    items: Mapping[ItemKind, tuple[ItemCapability, ...]] = field(default_factory=dict)
    channels: frozenset[Channel] = frozenset()
    templates: frozenset[str] = frozenset()
    effect_delay_s: int = 0
    media: frozenset[Medium] = VOICE_ALONE

    def find(self, item: Item) -> ItemCapability:
        """What is declared of one item: the declaration that names its value, else the one for all values."""
        declared = self.items.get(item.kind, ())
        for capability in declared:
            if item.value in capability.values:
                return capability
        for capability in declared:
            if not capability.values:
                return capability
        return UNDECLARED

    def expect(self, item: Item) -> ExpectedEffect:
        """What may be expected of one item."""
        return self.find(item).effect

    def cap_of(self, kind: ItemKind, cap: int) -> int:
        """How many of one kind a subscriber may have where the policy allows ``cap``: the smaller counts."""
        return min([cap, *(declared.cap for declared in self.items.get(kind, ()) if declared.cap)])

    @property
    def first_effect(self) -> EffectState:
        """What is known of a change the moment it is committed."""
        return EffectState.APPLIED if self.enforcement is Enforcement.GATEWAY else EffectState.ACCEPTED

    def effective_by(self, now_ms: int) -> int | None:
        """When a change of now should be in effect (Unix ms); None where it is so the moment it is committed."""
        if self.effect_delay_s:
            return now_ms + self.effect_delay_s * 1000
        return now_ms + AT_ONCE_MS if self.enforcement is Enforcement.PLATFORM else None
