"""What a subscriber can live through, as the gateway tells it: notices, values of their parameters, outcomes.

All of it follows the contract (`docs/notices.md`), and none of it a carrier's data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from optout.v1 import errors_pb2, screening_pb2, types_pb2

_MINUTE: Final = "2026-11-25 10:00"
_YEAR: Final = "2027-11-25 10:00"
_FRIEND: Final = "+8613900139000"

PLAIN: Final[Mapping[str, str]] = {
    **dict.fromkeys(("done", "undone", "already", "refused", "applied", "degraded", "unsupported", "overdue"), ""),
    **dict.fromkeys(("precondition", "segments", "quiet_hours", "opens", "preset", "rule", "rules"), ""),
    **dict.fromkeys(("confirm_by", "effective_by", "undo_until", "restricted", "time", "since"), _MINUTE),
    "erase_by": _YEAR,
    "until": _YEAR,
    "categories": "loan",
    "category": "loan",
    "treatment": "reject",
    "stranger_policy": "allow",
    "effect": "applied",
    "state": "open",
    "reject_count": "0",
    "allow_count": "0",
    "guardian": _FRIEND,
    "ward": _FRIEND,
    "number": _FRIEND,
    "scope": "presets",
    "cause": "revoked",
    "action": "open",
    "reason": "LIST_FULL",
    "count": "7",
    "code": "000000",
    "minutes": "5",
}
"""The plainest value of each parameter; a situation says what is otherwise."""

_EFFECTS: Final = {
    "in effect": {},
    "in effect by a time": {"effect": "accepted"},
    "in effect some time": {"effect": "accepted", "effective_by": ""},
    "in part": {"effect": "degraded"},
    "unsupported": {"effect": "unsupported"},
    "late": {"effect": "overdue"},
}
_OPENED: Final = {
    **_EFFECTS,
    "no category": {"categories": ""},
    "segments": {"segments": "400,95"},
    "an assistant": {"treatment": "assistant"},
    "strangers": {"stranger_policy": "challenge"},
    "everything": {"segments": "400", "treatment": "assistant", "stranger_policy": "challenge"},
}
_ITEMS: Final = {
    "done": {"done": "category:loan"},
    "undone": {"undone": "category:loan"},
    "already so": {"already": "category:loan"},
    "refused": {"refused": "category:x=UNKNOWN_CATEGORY"},
    "all": {"done": "category:loan", "undone": "notices", "already": "quiet_hours", "refused": "service=LIST_FULL"},
}
SITUATIONS: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = {
    "opened": _OPENED,
    "already_open": _OPENED,
    "ported": _EFFECTS,
    "cancelled": {"can be undone": {}, "for good": {"undo_until": ""}},
    "changed": {
        "falls short": {"done": "category:loan", "limitations": "与保险合并拦截"},
        "nothing": {},
        **_ITEMS,
        **{name: {"done": "notices", **effect} for name, effect in _EFFECTS.items()},
    },
    "status": {
        **{name: {"confirm_by": "", "guardian": "", **changes} for name, changes in _OPENED.items()},
        "waits for a word": {"state": "pending_open", "guardian": ""},
        "waits, and accepted": {"state": "pending_cancel", "guardian": "", "effect": "accepted"},
        "asked by a guardian": {"state": "closed", "categories": ""},
        "closed": {"state": "closed", "confirm_by": "", "guardian": ""},
        "restricted": {"state": "restricted", "confirm_by": "", "guardian": ""},
        **{
            f"closed, {effect}": {"state": "closed", "confirm_by": "", "guardian": "", "effect": effect}
            for effect in ("accepted", "degraded", "unsupported", "overdue")
        },
        "closed, some time": {
            "state": "closed",
            "confirm_by": "",
            "guardian": "",
            "effect": "accepted",
            "effective_by": "",
        },
        "lists": {"confirm_by": "", "guardian": "", "reject_count": "12", "allow_count": "3"},
        "quiet hours": {"confirm_by": "", "guardian": "", "quiet_hours": "every_day 22:00-08:00"},
    },
    "effect": {
        "nothing": {},
        **{name: {name: "category:loan"} for name in ("applied", "undone", "degraded", "unsupported", "overdue")},
        "a condition": {"degraded": "service", "precondition": "VOLTE_OFF"},
    },
    "intercepted": {
        "a category": {},
        "a rule": {"category": "", "rule": "personal_reject"},
        "a rule and a category": {"rule": "category"},
        "nobody knows why": {"category": ""},
        "withheld": {"number": ""},
        "an assistant": {"treatment": "assistant"},
    },
    "intercepted_daily": {
        "categories": {},
        "rules": {"categories": "", "rules": "segment,personal_reject"},
        "both": {"rules": "category"},
        "neither": {"categories": ""},
    },
    "guardian_asked": {
        "presets": {},
        "settings": {"scope": "settings"},
        "for the longest time": {"until": ""},
        "opens": {"opens": "yes"},
    },
    "guardian_agreed": {"plain": {}, "opened": {"opens": "yes"}},
    "guardian_changed": {
        "a setting": {"done": "category:loan"},
        "a preset": {"preset": "elder", "done": "category:loan"},
        "undone": {"undone": "category:loan"},
        "by a time": {"done": "notices", "effect": "accepted"},
        "some time": {"done": "notices", "effect": "accepted", "effective_by": ""},
    },
    "guardian_ended": {
        "one": {},
        "all": {"guardian": ""},
        "none": {"cause": "none"},
        "no one": {"cause": "none", "guardian": ""},
    },
    "refused": {
        reason: {"reason": reason} for reason in ("NOT_OPEN", "NOTHING_PENDING", "CONFIRMATION_EXPIRED", "LIST_FULL")
    },
}
"""Situations of notices that are not always written alike; the rest are written once, of `PLAIN`."""

_CODES: Final = ("loan", "insurance", "securities", "real_estate", "education", "newer_than_us")
_ITEM_KEYS: Final = (
    "service",
    "category:loan",
    "reject_number:+864001234567",
    "allow_number:+8695588",
    "segment:400",
    "segment:+86170",
    "treatment:assistant",
    "stranger_policy:challenge",
    "notices",
    "quiet_hours",
    "newer_than_us:1",
)
_FIVE: Final = ",".join(f"allow_number:9558{digit}" for digit in range(5))
_LISTS: Final = (*_ITEM_KEYS, "category:loan,notices", _FIVE, f"{_FIVE},notices")


def _names(kind: Mapping[str, object], prefix: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(prefix).lower() for name in kind)


_RULES: Final = (*_names(dict(screening_pb2.DecidingRule.items()), "DECIDING_RULE_"), "newer_than_us")
_ACTIONS: Final = tuple(field.name for field in types_pb2.Instruction.DESCRIPTOR.oneofs_by_name["action"].fields)
_REASONS: Final = tuple(name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys())  # noqa: SIM118
_TIMES: Final = (_MINUTE, "never")

VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "categories": (*_CODES, ",".join(_CODES[:5]), ",".join(_CODES)),
    "category": _CODES,
    "segments": ("400", "95", "overseas", "hk_macao_taiwan", "+86170", "400,95"),
    "treatment": (*_names(dict(types_pb2.Treatment.items()), "TREATMENT_"),),
    "stranger_policy": (*_names(dict(types_pb2.StrangerPolicy.items()), "STRANGER_POLICY_"),),
    "quiet_hours": ("every_day 22:00-08:00", "weekday 22:00-07:30,weekend 23:00-09:00"),
    "state": _names(dict(types_pb2.EnrolmentState.items()), "ENROLMENT_STATE_"),
    "rule": _RULES,
    "rules": (*_RULES, "segment,personal_reject"),
    "action": (*_ACTIONS, "newer_than_us"),
    "reason": (*_REASONS, "newer_than_us"),
    "cause": ("revoked", "resigned", "expired", "unanswered", "gone", "newer_than_us"),
    "preset": ("elder", "newer_than_us"),
    "precondition": ("VOLTE_OFF", "newer_than_us", "VOLTE_OFF,newer_than_us"),
    "refused": ("category:loan=UNKNOWN_CATEGORY", "notices=newer_than_us", "service=LIST_FULL,notices=NOT_OPEN"),
    **dict.fromkeys(("done", "undone", "already", "applied", "degraded", "unsupported", "overdue"), _LISTS),
    **dict.fromkeys(
        ("confirm_by", "effective_by", "undo_until", "restricted", "erase_by", "until", "time", "since"), _TIMES
    ),
    **dict.fromkeys(("guardian", "ward", "number"), (_FRIEND, "+864001234567", "somebody")),
    "limitations": ("与保险合并拦截",),
    **dict.fromkeys(("count", "reject_count", "allow_count", "minutes", "code"), ("7",)),
}
"""Values of each parameter, and with them some that only a newer gateway would send."""


def make_outcome(asked: Mapping[str, str]) -> types_pb2.Outcome:
    """Make an outcome from `disposition`, `reason`, `state`, `categories`, and what there is a time for."""
    outcome = types_pb2.Outcome(disposition=types_pb2.Disposition.Value(f"DISPOSITION_{asked['disposition']}"))
    if "reason" in asked:
        outcome.reason = errors_pb2.ErrorReason.Value(f"ERROR_REASON_{asked['reason']}")
    told = outcome.subscription
    told.state = types_pb2.EnrolmentState.Value(f"ENROLMENT_STATE_{asked.get('state', 'OPEN')}")
    told.preferences.refused_categories.extend(filter(None, asked.get("categories", "").split(",")))
    if "confirm_by" in asked:
        outcome.confirm_by.seconds = 1_795_716_421
    if "undo_until" in asked:
        told.undo_until.seconds = 1_795_716_421
    if "erasure" in asked:
        told.erasure.restrict_time.seconds = 1_795_716_421
        told.erasure.erase_by.seconds = 1_811_268_421
    return outcome


_DONE: Final = {"disposition": "DONE"}
_PENDING: Final = {"disposition": "NEEDS_CONFIRMATION", "confirm_by": "yes"}
OUTCOMES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    **{f"done: {action}": (action, _DONE) for action in _ACTIONS},
    **{f"already so: {action}": (action, {"disposition": "ALREADY_SO"}) for action in _ACTIONS},
    **{f"waits: {action}": (action, _PENDING) for action in ("open", "cancel", "ask_guardian")},
    "waits: erase": ("erase", {**_PENDING, "erasure": "yes"}),
    "cancelled, can be undone": ("cancel", {**_DONE, "state": "CLOSED", "undo_until": "yes"}),
    "cancelled for good": ("cancel", {**_DONE, "state": "CLOSED"}),
    "erased": ("erase", {**_DONE, "state": "RESTRICTED", "erasure": "yes"}),
    "erased before": ("erase", {"disposition": "ALREADY_SO", "state": "RESTRICTED", "erasure": "yes"}),
    "asked, open": ("query", {"disposition": "ALREADY_SO", "categories": "loan,insurance"}),
    "asked, closed": ("query", {"disposition": "ALREADY_SO", "state": "CLOSED", "categories": "loan"}),
    "asked, never known": ("query", {"disposition": "DONE", "state": "UNSPECIFIED"}),
    **{
        f"refused: {reason}": ("edit_reject_list", {"disposition": "REFUSED", "reason": reason, "state": "CLOSED"})
        for reason in ("NOT_OPEN", "PROOF_REQUIRED", "LIST_FULL")
    },
    "refused: erase": ("erase", {"disposition": "REFUSED", "reason": "PROOF_REQUIRED", "erasure": "yes"}),
}
"""What comes back to the account: the action, and the outcome as `make_outcome` makes it."""
