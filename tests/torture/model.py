"""The slow and obvious registry: read the log from its beginning, cause by cause, and write down who wants what.

It looks at what was asked and how it was answered, never at the states that the entries hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gateway.domain.number_life import read_event
from gateway.domain.porting import gaining_carrier
from gateway.domain.subscription import Subscriber
from optout.kit.number import PhoneNumber, hint_carrier

DAY_MS = 86_400_000
Wishes = frozenset[str]


@dataclass(frozen=True)
class Holder:
    """One number's present holder; ``wishes`` is None while the service is off."""

    carrier: str
    epoch: int = 1
    wishes: Wishes | None = None
    pending: Wishes | None = None
    aside: Wishes | None = None
    aside_until_ms: int = 0
    frozen: bool = False

    def describes(self, state: Subscriber) -> bool:
        """Whether a stored state says the same."""
        leg = state.voice
        wishes = frozenset(leg.preferences.reject_list) if leg.refusing else None
        aside = None if leg.undo is None else frozenset(leg.undo.preferences.reject_list)
        return (self.carrier, self.epoch, self.wishes, self.aside, self.frozen) == (
            state.carrier,
            state.epoch,
            wishes,
            aside,
            state.life.frozen_until_ms is not None,
        )


def explain(payloads: list[tuple[int, dict[str, Any]]]) -> dict[PhoneNumber, Holder]:
    """Fold (accept time, payload) of the whole log."""
    holders: dict[PhoneNumber, Holder] = {}
    owners: dict[str, PhoneNumber] = {}
    for time_ms, payload in payloads:
        kind = payload["kind"]
        if kind == "instruction":
            number = payload["instruction"]["number"]
        elif kind == "number_event":
            number = payload["event"]["number"]
        else:
            number = owners.get(payload.get("label", ""))
        if number is None:
            continue
        owners[payload["label"]] = number
        before = holders.get(number) or Holder(hint_carrier(number) or "")
        holders[number] = _STEPS.get(kind, _nothing)(before, payload, time_ms)
    return holders


def _nothing(holder: Holder, payload: dict[str, Any], time_ms: int) -> Holder:
    return holder


def _drop_aside(holder: Holder, payload: dict[str, Any], time_ms: int) -> Holder:
    return replace(holder, aside=None)


def _end_question(holder: Holder, payload: dict[str, Any], time_ms: int) -> Holder:
    return replace(holder, pending=None)


def _instruct(holder: Holder, payload: dict[str, Any], time_ms: int) -> Holder:
    verdict, instruction = payload["verdict"], payload["instruction"]
    ((action, body),) = instruction["action"].items()
    if verdict["disposition"] == "refused" or action == "query":
        return holder
    holder = replace(holder, carrier=instruction["carrier"])
    changed = verdict["disposition"] in {"done", "needs_confirmation"}
    if changed and holder.aside is not None and holder.aside_until_ms <= time_ms:
        holder = replace(holder, aside=None)
    if verdict["disposition"] == "needs_confirmation":
        return replace(holder, pending=frozenset())
    if verdict["disposition"] != "done":
        return holder
    match action:
        case "open" | "confirm":
            return replace(holder, wishes=frozenset(), pending=None, aside=None)
        case "undo_cancel":
            return replace(holder, wishes=holder.aside, pending=None, aside=None)
        case "cancel" if holder.wishes is None:
            return replace(holder, pending=None)
        case "cancel":
            return replace(holder, wishes=None, aside=holder.wishes, aside_until_ms=time_ms + DAY_MS)
        case _:
            return replace(holder, wishes=(holder.wishes or frozenset()) | set(body["add"]))


def _live(holder: Holder, payload: dict[str, Any], time_ms: int) -> Holder:
    to = gaining_carrier(read_event(payload["event"]))
    match payload["follows"]:
        case "serve" | "hand_over":
            return replace(holder, carrier=to)
        case "leave":
            return replace(holder, carrier="")
        case "freeze":
            return replace(holder, wishes=None, pending=None, aside=None, frozen=True)
        case "new_epoch" if payload["epoch"] > holder.epoch:
            return Holder(to, payload["epoch"])
        case _:
            return holder


_STEPS = {
    "instruction": _instruct,
    "number_event": _live,
    "aside_dropped": _drop_aside,
    "question_ended": _end_question,
}
