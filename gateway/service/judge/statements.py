"""What is only said: reports about notices, looks at openings, orders replayed by hand. None of it changes a state."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.service.judge.case import Case, Ruling, WrongError
from gateway.service.views import DeliveryState

_LOOKS = {"entries": ("first", "limit"), "subject": (), "state": ("as_of",)}
"""What a look names beside who looks and for which case."""


def judge_delivery(case: Case) -> Iterator[Ruling]:
    """A carrier's report about a notice that an earlier entry gave rise to."""
    payload = case.payload
    carrier, notice = payload["carrier"], payload["notice"]
    kind, index, _ = notice.split("-")
    if kind != "n" or int(index, 16) >= case.index:
        raise WrongError("no entry before gave rise to this notice")
    DeliveryState(payload["state"])
    content = {name: payload[name] for name in ("carrier", "notice", "state", "code", "reported", "parts")}
    yield Ruling(content, case.holder, case.policy.actor(carrier))


def judge_look(case: Case) -> Iterator[Ruling]:
    """A look, which is for a case."""
    payload = case.payload
    if not payload["case"]:
        raise WrongError("openings are shown for a case alone")
    names = ("by", "case", "what", *_LOOKS[payload["what"]])
    yield Ruling({name: payload[name] for name in names}, case.holder, case.policy.actor(payload["by"]))


def judge_replay(case: Case) -> Iterator[Ruling]:
    """Orders that an operator put back into the outbox."""
    payload = case.payload
    if not payload["orders"]:
        raise WrongError("no order is named")
    yield Ruling({name: payload[name] for name in ("orders", "reason", "operator")})
