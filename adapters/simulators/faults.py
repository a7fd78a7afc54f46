"""When faults strike, and their two bits: whether it happened, and whether the caller heard.

=======  =====  ==========================================================
applied  heard  what the caller sees
=======  =====  ==========================================================
yes      yes    the ordinary answer, perhaps late or a lie
yes      no     silence or an error, though it was done
no       no     silence or an error, and nothing was done
no       yes    a refusal, and nothing was done
=======  =====  ==========================================================
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from adapters.simulators.spelling import spell_number


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """When a fault strikes, and its two bits.

    Of the calls that match, `skip` pass and then `count` are struck (0: all of them), each with `probability`; calls
    that chance spares count as neither. `number` narrows it to one subscriber, in any spelling. Raises `ValueError`
    for a probability outside (0, 1] and for negative counts or times.
    """

    name: str = ""
    applied: bool = True
    heard: bool = True
    delay_s: float = 0.0
    skip: int = 0
    count: int = 0
    probability: float = 1.0
    seed: int = 0
    number: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.probability <= 1:
            raise ValueError("probability lies above 0 and at most at 1")
        if min(self.skip, self.count, self.delay_s) < 0:
            raise ValueError("skip, count and delay are not negative")

    @property
    def refused(self) -> bool:
        """Whether the caller is told no, and truly so."""
        return self.heard and not self.applied


LOST_REQUEST = FaultPlan("lost request", applied=False, heard=False)
LOST_ANSWER = FaultPlan("lost answer", applied=True, heard=False)
REFUSED = FaultPlan("refused", applied=False, heard=True)


@dataclass(frozen=True, slots=True)
class FaultStatus:
    """How a fault has fared."""

    name: str
    struck: int
    used_up: bool


class Planned(Protocol):
    """A fault of any simulator."""

    @property
    def plan(self) -> FaultPlan:
        """When it strikes."""
        ...


F = TypeVar("F", bound=Planned)


class _Card(Generic[F]):
    def __init__(self, fault: F) -> None:
        self.fault = fault
        self._number = spell_number(fault.plan.number)
        self._chance = random.Random(fault.plan.seed)  # noqa: S311 - to be repeatable, not secret
        self._passed = 0
        self._struck = 0

    @property
    def status(self) -> FaultStatus:
        return FaultStatus(self.fault.plan.name, self._struck, self._is_used_up)

    @property
    def _is_used_up(self) -> bool:
        return 0 < self.fault.plan.count <= self._struck

    def strikes(self, number: str) -> bool:
        plan = self.fault.plan
        if self._is_used_up or (self._number and self._number != spell_number(number)):
            return False
        if plan.probability < 1 and self._chance.random() >= plan.probability:
            return False
        if self._passed < plan.skip:
            self._passed += 1
            return False
        self._struck += 1
        return True


class FaultDeck(Generic[F]):
    """The faults that are set; of several that match a call the first one strikes."""

    def __init__(self) -> None:
        self._cards: list[_Card[F]] = []

    def replace(self, faults: Iterable[F]) -> list[FaultStatus]:
        """Set other faults, and return how the old ones fared."""
        replaced = self.statuses()
        self._cards = [_Card(fault) for fault in faults]
        return replaced

    def statuses(self) -> list[FaultStatus]:
        """Return how each fault has fared so far."""
        return [card.status for card in self._cards]

    def draw(self, fits: Callable[[F], bool], number: str = "") -> F | None:
        """Return the fault that strikes this call; `number` is the subscriber it is about."""
        for card in self._cards:
            if fits(card.fault) and card.strikes(number):
                return card.fault
        return None
