"""What a subscriber is told of calls that did not ring."""

from __future__ import annotations

from gateway.domain.interception import TREATMENTS, Interception
from gateway.domain.notice_rules import Tally
from gateway.domain.notices import Notice, write_minute


def tell_call(call: Interception) -> Notice:
    """The notice of one call; only of a caller who withheld its number does it say that."""
    return Notice(
        "intercepted",
        {
            "time": write_minute(call.call_ms),
            "number": call.shown_caller or "",
            "treatment": TREATMENTS[call.action].value,
            "rule": "" if call.rule is None else call.rule.value,
            "category": call.category,
            **({"withheld": "yes"} if call.withheld else {}),
        },
    )


def tell_summary(tally: Tally) -> Notice:
    """The notice of all calls that wait to be told together."""
    return Notice(
        "intercepted_daily",
        {
            "since": write_minute(tally.since_ms),
            "count": str(tally.folded),
            "rules": ",".join(tally.rules),
            "categories": ",".join(tally.categories),
        },
    )
