"""Reports of what carriers' networks carried out: as maps for the log, and what one makes of a state. Pure.

The gateway takes reports in with it, and whoever audits the log takes them in again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.domain.codec import Map
from gateway.domain.effects import AWAITED, SERVICE
from gateway.domain.effects_codec import EFFECT_STATES, ITEM_KINDS, read_precondition, write_precondition
from gateway.domain.erasure import confirm_erased
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import Item
from gateway.domain.knowledge import ReportedEffect, report
from gateway.domain.porting import switched_off
from gateway.domain.preferences import Medium
from gateway.domain.serving import check_served
from gateway.domain.subscription import Subscriber
from gateway.service.views import AppliedReport
from optout.kit.number import PhoneNumber
from optout.kit.values import by_value

_MEDIA = by_value(Medium)


def take_report(state: Subscriber, carrier: str, told: AppliedReport, since_ms: int) -> Subscriber:
    """The subscriber after a report of ``carrier``; the same object if it teaches nothing.

    A carrier that has to switch off reports that it did, or, if it serves the present holder, that it carried out
    this one's state, since one state of a number replaces the other. That it erased what it held, whoever is waited for
    may report. ``since_ms`` is since when the number has stood as it does, at whom. Raises RefusedError (NOT_SERVED,
    INVALID_FIELD, EVENT_CONFLICT).
    """
    serves = state.carrier == carrier
    waited = bool(state.life.switch_offs) and any(one.carrier == carrier for one in state.life.switch_offs)
    erased = told.erased and state.erasure is not None
    if not erased and not (told.switched_off and waited):
        check_served(state.carrier, carrier)
    _check_holder(state, told, since_ms)
    after = confirm_erased(state, carrier) if erased else state
    if waited and (told.switched_off or _tells_of_service(told.effects)):
        after = switched_off(after, carrier, told.version)
    if not serves:
        return after
    leg = after.leg(told.medium)
    learned = report(leg, told.version, told.effects, told.report_ms)
    return after if learned is leg else after.with_learned(told.medium, learned)


def _check_holder(state: Subscriber, told: AppliedReport, since_ms: int) -> None:
    """Refuse what is about another holder, or about a version that does not exist. Raises RefusedError."""
    if told.epoch > state.epoch:
        raise RefusedError(Reason.INVALID_FIELD, "there is no such holder yet", field="epoch")
    unsaid = told.epoch == 0 and state.epoch > 1
    if (unsaid and told.report_ms < since_ms) or 0 < told.epoch < state.epoch:
        raise RefusedError(Reason.EVENT_CONFLICT, "the number had another holder then")
    if told.version > state.version:
        raise RefusedError(Reason.INVALID_FIELD, "there is no such version yet", field="version")


def _tells_of_service(effects: tuple[ReportedEffect, ...]) -> bool:
    """True if the service as a whole is said to be carried out, however far."""
    return any(effect.item == SERVICE and effect.state not in AWAITED for effect in effects)


def write_report(told: AppliedReport) -> Map:
    """A report as a map, without its id and the number."""
    content: Map = {
        "medium": told.medium.value,
        "version": told.version,
        "effects": [_write_effect(effect) for effect in told.effects],
        "reported": told.report_ms,
    }
    if told.order:
        content["order"] = told.order
    if told.switched_off:
        content["switched_off"] = True
    if told.erased:
        content["erased"] = True
    if told.epoch:
        content["epoch"] = told.epoch
    return content


def read_report(number: PhoneNumber, data: Mapping[str, Any]) -> AppliedReport:
    """A report from its map; its id is not in it."""
    return AppliedReport(
        "",
        number,
        _MEDIA[data["medium"]],
        data["version"],
        tuple(map(_read_effect, data["effects"])),
        data["reported"],
        data.get("switched_off", False),
        data.get("erased", False),
        data.get("order", ""),
        data.get("epoch", 0),
    )


def _write_effect(effect: ReportedEffect) -> Map:
    out: Map = {"item": [effect.item.kind.value, effect.item.value], "effect": effect.state.value}
    if effect.precondition is not None:
        out["lacks"] = write_precondition(effect.precondition)
    return out


def _read_effect(data: Mapping[str, Any]) -> ReportedEffect:
    kind, value = data["item"]
    return ReportedEffect(
        Item(ITEM_KINDS[kind], value), EFFECT_STATES[data["effect"]], read_precondition(data.get("lacks"))
    )
