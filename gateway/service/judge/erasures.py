"""What erasing leaves in the log besides the wish itself: carriers that did not confirm, and what retention removed."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.domain.erasure import CONFIRM_WITHIN_MS
from gateway.service.judge.case import Case, Ruling, WrongError


def judge_unconfirmed(case: Case) -> Iterator[Ruling]:
    """A carrier that had its time, and has not reported that it erased what it held."""
    erasure, carrier = case.subject.erasure, case.payload["carrier"]
    if erasure is None or carrier not in erasure.unconfirmed:
        raise WrongError("nobody waits for this carrier to erase anything")
    if case.time_ms < erasure.restrict_ms + CONFIRM_WITHIN_MS:
        raise WrongError("the carrier's time was not over")
    yield Ruling({"carrier": carrier}, case.subject)


def judge_retention(case: Case) -> Iterator[Ruling]:
    """How much went, under the periods in force."""
    payload, rules = case.payload, case.policy.retention
    counts = {name: payload[name] for name in ("swept", "erased")}
    if any(type(count) is not int or count < 0 for count in counts.values()) or not any(counts.values()):
        raise WrongError("it counts nothing")
    days = dict(payload["days"]) | {"consent": rules.consent_days, "frozen": rules.frozen_days}
    yield Ruling({**counts, "days": days})
