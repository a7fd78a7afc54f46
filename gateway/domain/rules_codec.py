"""Changes of the rules as plain maps, for the log's openings; ``kind`` tells them apart.

A policy stands in the log whole, in its canonical form, so that its digest can be computed from the opening.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from gateway.domain.codec import Map
from gateway.domain.lines import Line, LineChange
from gateway.domain.policy import Policy
from gateway.domain.policy_form import read_policy_form, write_policy
from gateway.domain.publication import Adopted, Approved, Proposed, Rollback
from gateway.domain.rules import RuleChange

ADOPTED, PROPOSED, APPROVED, ROLLED_BACK = "policy-adopted", "policy-proposed", "policy-approved", "policy-rolled-back"
DECLARED, WITHDRAWN = "line-declared", "line-withdrawn"


def write_rule_change(change: RuleChange) -> Map:
    """A change as a map, its kind included."""
    match change:
        case Adopted(policy):
            return {"kind": ADOPTED, **_write_policy(policy)}
        case Proposed(policy, party, activation_ms, signature):
            signed = {"party": party, "activation": activation_ms, "signature": signature}
            return {"kind": PROPOSED, **_write_policy(policy), **signed}
        case Approved():
            return {"kind": APPROVED, **asdict(change)}
        case Rollback():
            return {"kind": ROLLED_BACK, **asdict(change)}
        case LineChange(line, withdraw):
            return {"kind": WITHDRAWN if withdraw else DECLARED, "line": asdict(line)}


def read_rule_change(payload: Mapping[str, Any]) -> RuleChange | None:
    """The change that an opening holds; None for a kind that changes no rules."""
    match payload["kind"]:
        case "policy-adopted":
            return Adopted(read_policy_form(payload["policy"]))
        case "policy-proposed":
            policy = read_policy_form(payload["policy"])
            return Proposed(policy, payload["party"], payload["activation"], payload["signature"])
        case "policy-approved":
            return Approved(payload["version"], payload["party"], payload["signature"])
        case "policy-rolled-back":
            return Rollback(payload["version"], payload["party"], payload["reason"])
        case "line-declared" | "line-withdrawn" as kind:
            return LineChange(Line(**payload["line"]), withdraw=kind == WITHDRAWN)
        case _:
            return None


def _write_policy(policy: Policy) -> Map:
    return {"policy": write_policy(policy), "digest": policy.digest}
