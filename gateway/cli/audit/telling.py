"""What a proof shows, in plain words: Chinese and English, one line each. Numbers are masked unless they are wanted."""

from __future__ import annotations

import importlib.resources
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from gateway.domain.decision import CHINA_TIME
from gateway.tlog.asof import Answer, AsOf
from gateway.tlog.receipt import Confirmed

_MEDIA = ("voice", "message")
_SHOWN_DIGITS = 4


@cache
def _words() -> Mapping[str, Mapping[str, tuple[str, str]]]:
    file = importlib.resources.files("gateway.data").joinpath("audit_words.toml")
    words: Mapping[str, Mapping[str, tuple[str, str]]] = tomllib.loads(file.read_text(encoding="utf-8"))
    return words


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells. With ``full`` numbers are written out."""

    full: bool = False

    def as_of(self, found: AsOf, time_ms: int) -> Iterator[str]:
        """What stood at a time."""
        yield from _both(
            "answer",
            found.answer.value,
            time=write_time(time_ms),
            entry=found.entry,
            state_entry=found.state_entry,
            version=found.version,
        )
        if found.answer is Answer.PRESENT and found.payload is not None:
            yield from self._state(found.payload["after"])
        elif found.answer is not Answer.TOO_RECENT:
            yield from _both("line", "label_only")
        checkpoint = found.checkpoint
        if found.epoch_time_ms is None:
            yield from _both("line", "checkpoint", origin=checkpoint.origin, size=checkpoint.size)
        else:
            epoch = write_time(found.epoch_time_ms)
            yield from _both("line", "known", origin=checkpoint.origin, size=checkpoint.size, epoch=epoch)

    def receipt(self, found: Confirmed) -> Iterator[str]:
        """What an entry says."""
        told, verdict = found.payload.get("instruction"), found.payload.get("verdict", {})
        place = {"entry": found.index, "time": write_time(found.leaf.accept_time_ms)}
        if isinstance(told, dict):
            yield from _both(
                "line", "receipt", **place, carrier=told["carrier"], channel=told["channel"], id=told["id"]
            )
            yield from _both(
                "line",
                "asked",
                action=", ".join(told["action"]),
                disposition=verdict.get("disposition", ""),
                reason=verdict.get("reason", ""),
            )
        else:
            yield from _both("line", "other", **place, kind=found.payload.get("kind", "?"))
        checkpoint = found.checkpoint
        yield from _both("line", "checkpoint", origin=checkpoint.origin, size=checkpoint.size)

    def _state(self, state: Mapping[str, Any]) -> Iterator[str]:
        number = state["number"] if self.full else mask(state["number"])
        yield from _both("line", "number", number=number, carrier=state["carrier"])
        legs = [medium for medium in _MEDIA if medium in state]
        for medium in legs:
            yield from self._leg(medium, state[medium])
        if not legs:
            yield from _both("line", "no_leg")

    def _leg(self, medium: str, leg: Mapping[str, Any]) -> Iterator[str]:
        chosen = leg.get("preferences", {})
        yield from (
            text.format(medium=_word("medium", medium)[at], state=_word("state", leg["state"])[at])
            for at, text in enumerate(_word("line", "leg"))
        )
        if chosen.get("categories"):
            yield from _both("line", "categories", names=", ".join(chosen["categories"]))
        if chosen.get("reject") or chosen.get("allow"):
            counts = {name: len(chosen.get(name, ())) for name in ("reject", "allow")}
            yield from _both("line", "lists", **counts)


def other_number() -> Iterator[str]:
    """The proof is about somebody else."""
    return _both("line", "other_number")


def write_time(time_ms: int) -> str:
    """A time as people in China write it, with its zone."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(CHINA_TIME)
    return moment.isoformat(sep=" ", timespec="milliseconds")


def mask(number: str) -> str:
    """A number of which only the last digits show."""
    return "*" * max(len(number) - _SHOWN_DIGITS, 0) + number[-_SHOWN_DIGITS:]


def _word(group: str, name: str) -> tuple[str, str]:
    found = _words()[group].get(name, (name, name))
    return found[0], found[1]


def _both(group: str, name: str, **fields: object) -> Iterator[str]:
    for text in _word(group, name):
        yield text.format(**fields)
