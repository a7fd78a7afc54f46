"""A report folded from a log while it is replayed: whoever shows the entries is listened to on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.domain.policy_form import read_policy_form
from gateway.service.replay_session import ShownLog
from gateway.service.report import Report, Told
from gateway.tlog.leaf import LeafError, decode_leaf
from gateway.tlog.opening import OpeningError, decode_payload
from gateway.tlog.shown import Shown


class ReportedLog:
    """Passes entries on and has the report take them; ``names`` are those of the last policy that stood among them."""

    def __init__(self, shown: ShownLog, report: Report) -> None:
        self.names: dict[str, str] = {}
        self._shown = shown
        self._report = report

    def checkpoint(self) -> bytes:
        """The checkpoint of whoever shows the entries."""
        return self._shown.checkpoint()

    def entries(self, first: int, size: int) -> Iterator[Shown]:
        """Entries from an index up to a size."""
        for shown in self._shown.entries(first, size):
            payload = _read_payload(shown)
            self._take_names(payload)
            try:
                self._report.take(Told(shown.index, decode_leaf(shown.leaf).accept_time_ms, payload))
            except (LeafError, KeyError, TypeError, ValueError, AttributeError):
                # What is no entry of ours the replay names; the report says that it was not verified.
                self._report.take(Told(shown.index, 0, None))
            yield shown

    def _take_names(self, payload: dict[str, Any] | None) -> None:
        form = None if payload is None else payload.get("policy")
        if not isinstance(form, dict):
            return
        try:
            policy = read_policy_form(form)
        except (KeyError, TypeError, ValueError):
            return
        self.names |= {rules.carrier: rules.name_zh for rules in policy.carriers}
        self.names |= {each.code: f"{each.name_zh} {each.name_en}" for each in policy.taxonomy.categories}


def _read_payload(shown: Shown) -> dict[str, Any] | None:
    if shown.opening is None:
        return None
    try:
        return decode_payload(shown.opening.payload)
    except OpeningError:
        return None
