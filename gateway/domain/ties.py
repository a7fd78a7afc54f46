"""Who may act for a subscriber, and for whom a subscriber may act. Part of the state's fold.

What a guardian may do stands at the ward alone. The guardian's own state says only for whom, and until when, so that
it can be counted and so that wards are told when the guardian's number is given up.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass, replace


class GuardianScope(StrEnum):
    """What a guardian may do for a ward."""

    PRESETS = "presets"
    SETTINGS = "settings"


class GuardianState(StrEnum):
    """Where a guardianship stands."""

    PENDING = "pending"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Guardian:
    """Somebody who acts, or asks to act, for the subscriber: one holder (``epoch``) of one number.

    ``expire_ms`` (Unix ms, exclusive) is when it ends, or while pending, until when the ward may agree. ``until_ms`` is
    when it shall end once agreed to; 0 means after the longest time that the policy allows. ``opens`` says that the
    ward, whose service was off, was told that agreeing opens it.
    """

    number: PhoneNumber
    epoch: int
    scope: GuardianScope
    state: GuardianState
    expire_ms: int
    until_ms: int = 0
    opens: bool = False

    def is_of(self, number: PhoneNumber, epoch: int) -> bool:
        """True if this is that holder of that number."""
        return (self.number, self.epoch) == (number, epoch)


@dataclass(frozen=True, slots=True)
class Ward:
    """Somebody for whom the subscriber acts, or asked to, until ``expire_ms`` (Unix ms, exclusive).

    Which holder of the number it is stands at the ward, whose word makes the tie.
    """

    number: PhoneNumber
    expire_ms: int


@dataclass(frozen=True, slots=True)
class Daily:
    """How often something happened on ``day`` (days since 1970, China time)."""

    day: int = 0
    count: int = 0

    def on(self, day: int) -> int:
        """How often it happened on that day."""
        return self.count if self.day == day else 0

    def add(self, day: int) -> Daily:
        """Once more on that day."""
        return Daily(day, self.on(day) + 1)


@dataclass(frozen=True, slots=True)
class Ties:
    """All ties of one subscriber. ``asks`` counts the questions put by the subscriber, ``asked`` those put to them."""

    guardians: tuple[Guardian, ...] = ()
    wards: tuple[Ward, ...] = ()
    asks: Daily = Daily()
    asked: Daily = Daily()

    def question(self, now_ms: int) -> Guardian | None:
        """The guardian's question that waits for the subscriber's word, if any."""
        waiting = (one for one in self.guardians if one.state is GuardianState.PENDING and one.expire_ms > now_ms)
        return next(waiting, None)

    def guardian(self, number: PhoneNumber, epoch: int, now_ms: int) -> Guardian | None:
        """The guardian of that number and holder whom the subscriber agreed to and whose time is not over."""
        mine = (one for one in self.guardians if one.is_of(number, epoch) and one.expire_ms > now_ms)
        return next((one for one in mine if one.state is GuardianState.ACTIVE), None)

    def with_ward(self, ward: Ward) -> Ties:
        """The ties with one ward's row replaced; one that is over at once (``expire_ms`` 0) is removed."""
        others = tuple(one for one in self.wards if one.number != ward.number)
        return replace(self, wards=(*others, ward) if ward.expire_ms else others)

    def without(self, gone: tuple[Guardian, ...]) -> Ties:
        """The ties without these guardians."""
        return replace(self, guardians=tuple(one for one in self.guardians if one not in gone))


NO_TIES = Ties()


def write_ties(ties: Ties) -> dict[str, Any]:
    """Ties as a map; what is at its default is left out."""
    out: dict[str, Any] = {}
    if ties.guardians:
        out["guardians"] = [_write_guardian(one) for one in ties.guardians]
    if ties.wards:
        out["wards"] = [[one.number, one.expire_ms] for one in ties.wards]
    for name in ("asks", "asked"):
        daily: Daily = getattr(ties, name)
        if daily != Daily():
            out[name] = [daily.day, daily.count]
    return out


def read_ties(data: Mapping[str, Any]) -> Ties:
    """Ties from their map."""
    if not data:
        return NO_TIES
    return Ties(
        tuple(map(_read_guardian, data.get("guardians", ()))),
        tuple(Ward(PhoneNumber(number), expire_ms) for number, expire_ms in data.get("wards", ())),
        Daily(*data.get("asks", ())),
        Daily(*data.get("asked", ())),
    )


def _write_guardian(one: Guardian) -> list[Any]:
    return [one.number, one.epoch, one.scope.value, one.state.value, one.expire_ms, one.until_ms, one.opens]


def _read_guardian(data: list[Any]) -> Guardian:
    number, epoch, scope, state, expire_ms, until_ms, opens = data
    return Guardian(PhoneNumber(number), epoch, GuardianScope(scope), GuardianState(state), expire_ms, until_ms, opens)
