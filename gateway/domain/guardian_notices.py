"""What wards and guardians are told. The words are the carrier's; the parameters stand in ``docs/notices.md``."""

from __future__ import annotations

from enum import StrEnum

from gateway.domain.instruction import ItemOutcome
from gateway.domain.notices import Notice, list_changes, write_minute
from gateway.domain.subscription import Leg
from gateway.domain.ties import Guardian
from optout.kit.number import PhoneNumber


class Ending(StrEnum):
    """Why a guardianship, or the question about one, is over."""

    REVOKED = "revoked"
    """The ward's word, whether it was agreed to or still waited."""
    RESIGNED = "resigned"
    """The guardian's word."""
    EXPIRED = "expired"
    UNANSWERED = "unanswered"
    GONE = "gone"
    """The other's number was given up."""
    NONE = "none"
    """There was nothing to end."""


def ask_ward(question: Guardian) -> Notice:
    """The question to the ward, good until it can no longer be answered."""
    parameters = _terms(question) | {"confirm_by": write_minute(question.expire_ms)}
    return Notice("guardian_asked", parameters, expire_ms=question.expire_ms)


def tell_agreed(guardian: Guardian, *, opened: bool) -> Notice:
    """To the ward, who has just agreed."""
    return Notice("guardian_agreed", _terms(guardian) | {"opens": "yes" if opened else ""})


def _terms(guardian: Guardian) -> dict[str, str]:
    until_ms = guardian.until_ms
    return {
        "guardian": guardian.number,
        "scope": guardian.scope.value,
        "until": write_minute(until_ms) if until_ms else "",
        "opens": "yes" if guardian.opens else "",
    }


def tell_changed(guardian: PhoneNumber, preset: str, items: tuple[ItemOutcome, ...], leg: Leg) -> Notice:
    """To the ward, of what a guardian changed."""
    listed = list_changes(items, leg)
    told = {name: listed[name] for name in ("done", "undone", "effect", "effective_by")}
    return Notice("guardian_changed", {"guardian": guardian, "preset": preset, **told})


def tell_ended(guardian: PhoneNumber | None, cause: Ending) -> Notice:
    """To the ward; without a number it is about all guardians."""
    return Notice("guardian_ended", {"guardian": guardian or "", "cause": cause.value})


def answer_asker(ward: PhoneNumber, confirm_by_ms: int) -> Notice:
    """To the asker: the ward was asked."""
    return Notice("ward_asked", {"ward": ward, "confirm_by": write_minute(confirm_by_ms)})


def tell_guardian_agreed(ward: PhoneNumber, until_ms: int) -> Notice:
    """To the guardian: the ward agreed."""
    return Notice("ward_agreed", {"ward": ward, "until": write_minute(until_ms)})


def answer_guardian(ward: PhoneNumber) -> Notice:
    """To the guardian: what was asked for the ward is done. Nothing of how the ward stands."""
    return Notice("ward_changed", {"ward": ward})


def tell_ward_ended(ward: PhoneNumber, cause: Ending) -> Notice:
    """To the guardian, or to who asked to be one."""
    return Notice("ward_ended", {"ward": ward, "cause": cause.value})
