"""How long it took from a subscriber's request until it was in effect."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.effects import AWAITED, EffectState
from gateway.domain.effects_codec import read_effects
from gateway.service.report.table import Row, Table

_PERCENTILES = (50, 95, 99)
_DONE = "done"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that was carried out in the registry, and is awaited in the network."""

    carrier: str
    received_ms: int


class Times:
    """Follows each change until nothing of it is awaited any more.

    A change that another one follows before the network answered ends with that one: what is in effect then is both.
    """

    def __init__(self) -> None:
        self._asked: dict[tuple[str, str], list[_Asked]] = {}
        self._took: dict[tuple[str, str], array[int]] = {}
        self._ended: Counter[Row] = Counter()
        self._overdue: Counter[str] = Counter()

    def take(self, time_ms: int, payload: Mapping[str, Any], *, counted: bool) -> None:
        """Take the next entry. ``counted`` tells whether requests of this time are to be reported."""
        after = payload.get("after")
        if after is None:
            return
        if payload["kind"] == "instruction" and payload["verdict"]["disposition"] == _DONE and counted:
            self._ask(time_ms, payload)
        for medium in ("voice", "message"):
            key = (payload["label"], medium)
            if key in self._asked:
                self._settle(key, time_ms, read_effects(after[medium]).word if medium in after else None)
        if payload["kind"] == "lapsed" and counted:
            self._overdue[after["carrier"]] += len(payload["overdue"])

    def table(self) -> Table:
        """By carrier: acceptance and effect, each as a number of requests and percentiles in ms; what is awaited."""
        awaited = Counter(asked.carrier for waiting in self._asked.values() for asked in waiting)
        rows: list[Row] = []
        for (carrier, step), took in sorted(self._took.items()):
            found = sorted(took)
            at = [found[min(len(found) * percent // 100, len(found) - 1)] for percent in _PERCENTILES]
            rows.append((carrier, step, len(found), *at, found[-1]))
        for step, counts in (("awaited", awaited), ("overdue_items", self._overdue)):
            rows += [(carrier, step, number, 0, 0, 0, 0) for carrier, number in sorted(counts.items()) if number]
        columns = ("carrier", "step", "count", *(f"p{percent}_ms" for percent in _PERCENTILES), "max_ms")
        return Table("times", columns, tuple(sorted(rows)))

    def outcomes(self) -> Table:
        """What became of requests in the network, by carrier: applied, degraded, unsupported."""
        return Table.count("effects", ("carrier", "effect"), self._ended)

    def _ask(self, time_ms: int, payload: Mapping[str, Any]) -> None:
        told = payload["instruction"]
        asked = _Asked(told["carrier"], told["received"])
        self._asked.setdefault((payload["label"], told["medium"]), []).append(asked)
        self._count(asked, "accepted", time_ms)

    def _settle(self, key: tuple[str, str], time_ms: int, word: EffectState | None) -> None:
        if word is None or word in AWAITED:
            return
        for asked in self._asked.pop(key):
            self._count(asked, "in_effect", time_ms)
            self._ended[asked.carrier, word.value] += 1

    def _count(self, asked: _Asked, step: str, time_ms: int) -> None:
        # A carrier's clock may run ahead of ours.
        self._took.setdefault((asked.carrier, step), array("q")).append(max(time_ms - asked.received_ms, 0))
