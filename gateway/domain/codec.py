"""Values of the domain as plain maps, for the log's openings and the sealed state: canonical, versioned, readable.

Maps hold strings, integers, booleans, lists and maps only. What is at its default is left out, so that a field added
later changes no map written before. ``read_*`` are the inverses; they raise KeyError or ValueError for maps that this
program did not write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import Enum
from typing import Any

from gateway.domain.effects_codec import read_effects, read_precondition, write_effects, write_precondition
from gateway.domain.errors import Reason
from gateway.domain.instruction import (
    ActForWard,
    Action,
    ApplyPreset,
    AskGuardian,
    Cancel,
    Channel,
    ChooseNotices,
    ChooseTreatment,
    Confirm,
    Consent,
    Disposition,
    EditList,
    EndGuardian,
    Erase,
    Evidence,
    ExpectedEffect,
    Instruction,
    Item,
    ItemKind,
    ItemOutcome,
    Open,
    Proof,
    Query,
    SetQuietHours,
    SetRefusedCategories,
    SetRefusedSegments,
    UndoCancel,
    Verdict,
)
from gateway.domain.number_life import NEW_LIFE, read_life, write_life
from gateway.domain.preferences import (
    NO_NOTICES,
    NO_PREFERENCES,
    DayType,
    InterceptionNotice,
    Medium,
    NoticeChoice,
    Preferences,
    QuietWindow,
    Segment,
    SegmentKind,
    StrangerPolicy,
    Treatment,
)
from gateway.domain.subscription import (
    CLOSED_LEG,
    EnrolmentState,
    Erasure,
    Leg,
    Pending,
    ServiceBasis,
    Subscriber,
    Undo,
)
from gateway.domain.ties import NO_TIES, GuardianScope, read_ties, write_ties
from optout.kit.number import PhoneNumber
from optout.kit.values import by_value

Map = dict[str, Any]

_BASES, _STATES, _CHANNELS = by_value(ServiceBasis), by_value(EnrolmentState), by_value(Channel)
_MEDIA, _PROOFS, _TREATMENTS = by_value(Medium), by_value(Proof), by_value(Treatment)
_STRANGERS, _INTERCEPTIONS = by_value(StrangerPolicy), by_value(InterceptionNotice)

# ---------------------------------------------------------------------------------------------------- preferences


def write_preferences(value: Preferences) -> Map:
    """Preferences as a map."""
    if value is NO_PREFERENCES:
        return {}
    out: Map = {}
    if value.refused_categories:
        out["categories"] = list(value.refused_categories)
    if value.reject_list:
        out["reject"] = list(value.reject_list)
    if value.allow_list:
        out["allow"] = list(value.allow_list)
    if value.refused_segments:
        out["segments"] = [_write_segment(segment) for segment in value.refused_segments]
    if value.treatment is not Treatment.REJECT:
        out["treatment"] = value.treatment.value
    if value.stranger_policy is not StrangerPolicy.ALLOW:
        out["strangers"] = value.stranger_policy.value
    if value.notices is not NO_NOTICES and value.notices != NO_NOTICES:
        out["notices"] = _write_notices(value.notices)
    if value.quiet_hours:
        out["quiet"] = [_write_window(window) for window in value.quiet_hours]
    return out


def read_preferences(data: Mapping[str, Any]) -> Preferences:
    """Preferences from their map."""
    if not data:
        return NO_PREFERENCES
    return Preferences(
        refused_categories=tuple(data.get("categories", ())),
        reject_list=tuple(data.get("reject", ())),
        allow_list=tuple(data.get("allow", ())),
        refused_segments=tuple(map(_read_segment, data.get("segments", ()))),
        treatment=_TREATMENTS[data.get("treatment", "reject")],
        stranger_policy=_STRANGERS[data.get("strangers", "allow")],
        notices=_read_notices(data["notices"]) if "notices" in data else NO_NOTICES,
        quiet_hours=tuple(map(_read_window, data.get("quiet", ()))),
    )


def _write_segment(segment: Segment) -> list[str]:
    return [segment.kind.value, segment.prefix]


def _read_segment(data: list[str]) -> Segment:
    return Segment(SegmentKind(data[0]), data[1])


def _write_window(window: QuietWindow) -> list[str | int]:
    return [window.days.value, window.start_minute, window.end_minute]


def _read_window(data: list[Any]) -> QuietWindow:
    return QuietWindow(DayType(data[0]), data[1], data[2])


def _write_notices(notices: NoticeChoice) -> Map:
    return {"interception": notices.interception.value, "at_night": notices.at_night}


def _read_notices(data: Mapping[str, Any]) -> NoticeChoice:
    return NoticeChoice(_INTERCEPTIONS[data.get("interception", "none")], data.get("at_night", False))


# ---------------------------------------------------------------------------------------------------- subscriber


def write_subscriber(value: Subscriber) -> Map:
    """A subscriber's whole state as a map."""
    out: Map = {
        "number": value.number,
        "epoch": value.epoch,
        "carrier": value.carrier,
        "basis": value.basis.value,
        "version": value.version,
    }
    # Most are the very constants: that is seen at once, and comparing them field by field is not.
    if value.voice is not CLOSED_LEG and value.voice != CLOSED_LEG:
        out["voice"] = _write_leg(value.voice)
    if value.message is not CLOSED_LEG and value.message != CLOSED_LEG:
        out["message"] = _write_leg(value.message)
    if value.life is not NEW_LIFE and value.life != NEW_LIFE:
        out["life"] = write_life(value.life)
    if value.ties is not NO_TIES and value.ties != NO_TIES:
        out["ties"] = write_ties(value.ties)
    if value.erasure is not None:
        out["erasure"] = _write_erasure(value.erasure)
    return out


def read_subscriber(data: Mapping[str, Any]) -> Subscriber:
    """A subscriber's whole state from its map."""
    return Subscriber(
        PhoneNumber(data["number"]),
        data["epoch"],
        data["carrier"],
        _BASES[data["basis"]],
        data["version"],
        _read_leg(data.get("voice", {})),
        _read_leg(data.get("message", {})),
        read_life(data.get("life", {})),
        read_ties(data.get("ties", {})),
        _read_erasure(data["erasure"]) if "erasure" in data else None,
    )


def _write_erasure(value: Erasure) -> Map:
    times = {"revision": value.revision, "restricted": value.restrict_ms, "by": value.erase_by_ms}
    return {**times, "unconfirmed": list(value.unconfirmed)}


def _read_erasure(data: Mapping[str, Any]) -> Erasure:
    return Erasure(data["revision"], data["restricted"], data["by"], tuple(data["unconfirmed"]))


def _write_leg(leg: Leg) -> Map:
    out: Map = {"state": leg.state.value, "changed": leg.change_ms, **write_effects(leg.effects)}
    preferences = write_preferences(leg.preferences)
    if preferences:
        out["preferences"] = preferences
    if leg.pending is not None:
        out["pending"] = [leg.pending.target.value, leg.pending.expire_ms, leg.pending.channel.value]
    if leg.open_ms is not None:
        out["opened"] = leg.open_ms
    if leg.undo is not None:
        out["undo"] = _write_undo(leg.undo)
    if leg.unanswered:
        out["unanswered"] = True
    return out


def _write_undo(undo: Undo) -> Map:
    return {"preferences": write_preferences(undo.preferences), "until": undo.until_ms}


def _read_undo(data: Mapping[str, Any]) -> Undo:
    return Undo(read_preferences(data["preferences"]), data["until"])


def _read_leg(data: Mapping[str, Any]) -> Leg:
    if not data:
        return CLOSED_LEG
    pending = data.get("pending")
    return Leg(
        state=_STATES[data["state"]],
        preferences=read_preferences(data.get("preferences", {})),
        pending=Pending(_STATES[pending[0]], pending[1], _CHANNELS[pending[2]]) if pending else None,
        open_ms=data.get("opened"),
        change_ms=data["changed"],
        effects=read_effects(data),
        undo=_read_undo(data["undo"]) if "undo" in data else None,
        unanswered=data.get("unanswered", False),
    )


# ---------------------------------------------------------------------------------------------------- instruction


def write_instruction(value: Instruction) -> Map:
    """An instruction as a map."""
    name, write, _ = _ACTIONS[type(value.action)]
    return {
        "id": value.id,
        "carrier": value.carrier,
        "channel": value.channel.value,
        "account": value.account,
        "reference": value.reference,
        "number": value.number,
        "medium": value.medium.value,
        "received": value.received_ms,
        "action": {name: write(value.action)},
        "evidence": _write_evidence(value.evidence),
    }


def read_instruction(data: Mapping[str, Any]) -> Instruction:
    """An instruction from its map."""
    ((name, body),) = data["action"].items()
    return Instruction(
        id=data["id"],
        carrier=data["carrier"],
        channel=_CHANNELS[data["channel"]],
        account=data["account"],
        reference=data["reference"],
        number=PhoneNumber(data["number"]),
        medium=_MEDIA[data["medium"]],
        received_ms=data["received"],
        action=_ACTION_READERS[name](body),
        evidence=_read_evidence(data["evidence"]),
    )


def name_action(action: Action) -> str:
    """The action's name in maps, metrics and notices, such as ``edit_list``."""
    return _ACTIONS[type(action)][0]


def _write_evidence(value: Evidence) -> Map:
    out: Map = {}
    for name, default in _EVIDENCE_DEFAULTS:
        item = getattr(value, name)
        if item != default:
            out[name] = _plain(item)
    return out


_EVIDENCE_DEFAULTS = tuple((field.name, field.default) for field in fields(Evidence))


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _read_evidence(data: Mapping[str, Any]) -> Evidence:
    plain: Map = {name: tuple(item) if isinstance(item, list) else item for name, item in data.items()}
    if "separate_consent" in plain:
        plain["separate_consent"] = Consent(plain["separate_consent"])
    if "proofs" in plain:
        plain["proofs"] = tuple([_PROOFS[proof] for proof in plain["proofs"]])
    return Evidence(**plain)


def _write_edit_list(action: EditList) -> Map:
    return {"list": "allow" if action.allow else "reject", "add": list(action.add), "remove": list(action.remove)}


def _read_edit_list(data: Map) -> EditList:
    return EditList(data["list"] == "allow", tuple(data["add"]), tuple(data["remove"]))


def _write_open(action: Open) -> Map:
    return {} if action.defaults is None else {"defaults": write_preferences(action.defaults)}


def _read_open(data: Map) -> Open:
    return Open(read_preferences(data["defaults"]) if "defaults" in data else None)


def _write_categories(action: SetRefusedCategories) -> Map:
    return {"refuse": list(action.refuse), "accept": list(action.accept), "replace": action.replace}


def _read_categories(data: Map) -> SetRefusedCategories:
    return SetRefusedCategories(tuple(data["refuse"]), tuple(data["accept"]), data["replace"])


def _write_treatment(action: ChooseTreatment) -> Map:
    chosen = {"treatment": action.treatment, "strangers": action.stranger_policy}
    return {name: value.value for name, value in chosen.items() if value is not None}


def _read_treatment(data: Map) -> ChooseTreatment:
    return ChooseTreatment(
        Treatment(data["treatment"]) if "treatment" in data else None,
        StrangerPolicy(data["strangers"]) if "strangers" in data else None,
    )


def _write_confirm(action: Confirm) -> Map:
    out: Map = {} if action.opens is None else {"opens": action.opens}
    return out | {"guardian": True} if action.guardian else out


def _write_ask(action: AskGuardian) -> Map:
    out: Map = {"ward": action.ward, "scope": action.scope.value}
    return out if action.until_ms is None else out | {"until": action.until_ms}


def _read_ask(data: Map) -> AskGuardian:
    return AskGuardian(PhoneNumber(data["ward"]), GuardianScope(data["scope"]), data.get("until"))


def _read_end(data: Map) -> EndGuardian:
    return EndGuardian(PhoneNumber(data["party"]) if "party" in data else None)


def _write_act(action: ActForWard) -> Map:
    name, write, _ = _ACTIONS[type(action.change)]
    return {"ward": action.ward, "change": {name: write(action.change)}}


def _read_act(data: Map) -> ActForWard:
    ((name, body),) = data["change"].items()
    return ActForWard(PhoneNumber(data["ward"]), _ACTION_READERS[name](body))


_ACTIONS: dict[type, tuple[str, Callable[[Any], Map], Callable[[Map], Any]]] = {
    Open: ("open", _write_open, _read_open),
    Confirm: (
        "confirm",
        _write_confirm,
        lambda data: Confirm(data.get("opens"), data.get("guardian", False)),
    ),
    Cancel: ("cancel", lambda _: {}, lambda _: Cancel()),
    Query: ("query", lambda _: {}, lambda _: Query()),
    UndoCancel: ("undo_cancel", lambda _: {}, lambda _: UndoCancel()),
    Erase: ("erase", lambda _: {}, lambda _: Erase()),
    SetRefusedCategories: ("set_categories", _write_categories, _read_categories),
    EditList: ("edit_list", _write_edit_list, _read_edit_list),
    SetRefusedSegments: (
        "set_segments",
        lambda action: {"segments": [_write_segment(segment) for segment in action.segments]},
        lambda data: SetRefusedSegments(tuple(map(_read_segment, data["segments"]))),
    ),
    ChooseTreatment: ("choose_treatment", _write_treatment, _read_treatment),
    ChooseNotices: (
        "choose_notices",
        lambda action: _write_notices(action.notices),
        lambda data: ChooseNotices(_read_notices(data)),
    ),
    SetQuietHours: (
        "set_quiet_hours",
        lambda action: {"windows": [_write_window(window) for window in action.windows]},
        lambda data: SetQuietHours(tuple(map(_read_window, data["windows"]))),
    ),
    AskGuardian: ("ask_guardian", _write_ask, _read_ask),
    EndGuardian: ("end_guardian", lambda action: {} if action.party is None else {"party": action.party}, _read_end),
    ActForWard: ("act_for_ward", _write_act, _read_act),
    # No action of its own: a guardian's change alone says it.
    ApplyPreset: ("preset", lambda action: {"name": action.name}, lambda data: ApplyPreset(data["name"])),
}
_ACTION_READERS = {name: read for name, _, read in _ACTIONS.values()}

# ---------------------------------------------------------------------------------------------------- verdict


def write_verdict(value: Verdict) -> Map:
    """An outcome as a map."""
    out: Map = {"disposition": value.disposition.value, "items": [_write_item(item) for item in value.items]}
    if value.reason is not None:
        out["reason"] = value.reason.value
    if value.confirm_by_ms is not None:
        out["confirm_by"] = value.confirm_by_ms
    return out


def read_verdict(data: Mapping[str, Any]) -> Verdict:
    """An outcome from its map."""
    return Verdict(
        Disposition(data["disposition"]),
        Reason(data["reason"]) if "reason" in data else None,
        tuple(map(_read_item, data["items"])),
        data.get("confirm_by"),
    )


def _write_item(value: ItemOutcome) -> Map:
    out: Map = {"item": [value.item.kind.value, value.item.value], "disposition": value.disposition.value}
    if not value.switched_on:
        out["off"] = True
    if value.reason is not None:
        out["reason"] = value.reason.value
    if value.expected is not ExpectedEffect.UNKNOWN:
        out["expected"] = value.expected.value
    if value.effective_by_ms is not None:
        out["effective_by"] = value.effective_by_ms
    if value.precondition is not None:
        out["lacks"] = write_precondition(value.precondition)
    if value.limitation:
        out["limitation"] = value.limitation
    return out


def _read_item(data: Mapping[str, Any]) -> ItemOutcome:
    kind, item_value = data["item"]
    return ItemOutcome(
        Item(ItemKind(kind), item_value),
        Disposition(data["disposition"]),
        Reason(data["reason"]) if "reason" in data else None,
        not data.get("off", False),
        ExpectedEffect(data.get("expected", "unknown")),
        data.get("effective_by"),
        read_precondition(data.get("lacks")),
        data.get("limitation", ""),
    )
