"""What is known of a number's life beside its holder's wishes: events, hand-overs, claims. Part of the state's fold."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass


class NumberEventKind(StrEnum):
    """What happened to a number."""

    BASELINE = "baseline"
    PORTED_IN = "ported_in"
    PORTED_OUT = "ported_out"
    CLOSED = "closed"
    REASSIGNED = "reassigned"


@dataclass(frozen=True, slots=True)
class NumberEvent:
    """One event in the life of one number, as a party reported it. ``effective_ms`` is Unix time in ms.

    ``reporter`` is a carrier's id, or empty for the operator. ``counterpart`` is the carrier at the other side of a
    port; from the operator, who stands at no side, it is the carrier that serves the number after the event.
    """

    id: str
    kind: NumberEventKind
    number: PhoneNumber
    effective_ms: int
    reporter: str = ""
    counterpart: str = ""


@dataclass(frozen=True, slots=True)
class SwitchOff:
    """A carrier that lost the number and has not yet reported that it switched it off.

    It was told at ``version`` of the subscriber, and should have reported by ``due_ms``.
    """

    carrier: str
    version: int
    due_ms: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A carrier's order for a number that its prefix gives to another. ``revision`` is that of the order's entry."""

    revision: int
    claim_ms: int
    contested: bool = False


@dataclass(frozen=True, slots=True)
class NumberLife:
    """What events, orders and reports have told. Times are Unix ms.

    ``since_ms`` is the effective time of the event in force and ``kind`` what that was (0 and None before any event);
    ``came_from`` is the carrier that served the number before it. ``frozen_until_ms`` is set once the number is
    closed. ``ended`` marks a holder after whom the number went to somebody else. ``served`` are the carriers that
    served this holder before, when there was anything to know of, sorted.
    """

    since_ms: int = 0
    kind: NumberEventKind | None = None
    came_from: str = ""
    switch_offs: tuple[SwitchOff, ...] = ()
    frozen_until_ms: int | None = None
    claim: Claim | None = None
    ended: bool = False
    served: tuple[str, ...] = ()


NEW_LIFE = NumberLife()


def write_event(event: NumberEvent) -> dict[str, Any]:
    """An event as a map, for the log."""
    return {
        "id": event.id,
        "kind": event.kind.value,
        "number": event.number,
        "effective": event.effective_ms,
        "reporter": event.reporter,
        "counterpart": event.counterpart,
    }


def read_event(data: Mapping[str, Any]) -> NumberEvent:
    """An event from its map."""
    return NumberEvent(
        data["id"],
        NumberEventKind(data["kind"]),
        PhoneNumber(data["number"]),
        data["effective"],
        data["reporter"],
        data["counterpart"],
    )


def write_life(life: NumberLife) -> dict[str, Any]:
    """A number's life as a map; what is at its default is left out."""
    out: dict[str, Any] = {}
    if life.kind is not None:
        out |= {"since": life.since_ms, "kind": life.kind.value}
    if life.came_from:
        out["came_from"] = life.came_from
    if life.switch_offs:
        out["switch_offs"] = [[one.carrier, one.version, one.due_ms] for one in life.switch_offs]
    if life.frozen_until_ms is not None:
        out["frozen_until"] = life.frozen_until_ms
    if life.claim is not None:
        out["claim"] = [life.claim.revision, life.claim.claim_ms, life.claim.contested]
    if life.ended:
        out["ended"] = True
    if life.served:
        out["served"] = list(life.served)
    return out


def read_life(data: Mapping[str, Any]) -> NumberLife:
    """A number's life from its map."""
    if not data:
        return NEW_LIFE
    claim = data.get("claim")
    return NumberLife(
        since_ms=data.get("since", 0),
        kind=NumberEventKind(data["kind"]) if "kind" in data else None,
        came_from=data.get("came_from", ""),
        switch_offs=tuple(SwitchOff(*one) for one in data.get("switch_offs", ())),
        frozen_until_ms=data.get("frozen_until"),
        claim=Claim(*claim) if claim else None,
        ended=data.get("ended", False),
        served=tuple(data.get("served", ())),
    )
