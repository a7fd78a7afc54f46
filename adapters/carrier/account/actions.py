"""Settings by name and values, as forms and the carrier's app send them, into the one action of an instruction."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from adapters.carrier.account.instructions import SetAction
from optout.kit.number import NumberError, parse_number, parse_subscriber
from optout.v1 import types_pb2
from optout.v1.types_pb2 import Instruction

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_MAX_VALUES: Final = 100
UNDERSTOOD: Final = "understood"
"""What a wish to be erased says of the warning before it."""


class ActionError(ValueError):
    """An action cannot be taken.

    `bad_number`, `bad_time`, `bad_value`, `unknown_action`, `consent_required`, `unknown_notice`: what was agreed to is
    no notice of the carrier's; or `not_understood`: what cannot be taken back was not preceded by its warning.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_action(name: str, values: Sequence[str], opening: types_pb2.Preferences) -> SetAction:
    """Read a setting; `opening` are the carrier's defaults. Raises `ActionError`."""
    if len(values) > _MAX_VALUES:
        raise ActionError("bad_value")
    if name == "open":
        return lambda instruction: instruction.open.defaults.CopyFrom(opening)
    if name in _PLAIN:
        return _PLAIN[name]
    if name not in _READERS:
        raise ActionError("unknown_action")
    return _READERS[name](list(values))


def _read_list(name: str, field: str) -> Callable[[list[str]], SetAction]:
    def read(values: list[str]) -> SetAction:
        try:
            numbers = [parse_number(value) for value in values]
        except NumberError:
            raise ActionError("bad_number") from None
        if not numbers:
            raise ActionError("bad_number")
        return lambda instruction: getattr(getattr(instruction, name), field).extend(numbers)

    return read


def _read_categories(values: list[str], *, field: str = "refuse", replace: bool = False) -> SetAction:
    def set_action(instruction: Instruction) -> None:
        getattr(instruction.set_refused_categories, field).extend(values)
        instruction.set_refused_categories.replace = replace

    return set_action


def _read_segments(values: list[str]) -> SetAction:
    """Values are kinds in lower case, or prefixes of the subscriber's own choice."""
    segments = [
        types_pb2.Segment(kind=_SEGMENTS[value])
        if value in _SEGMENTS
        else types_pb2.Segment(kind=types_pb2.SEGMENT_KIND_CUSTOM, prefix=_read_prefix(value))
        for value in values
    ]

    def set_action(instruction: Instruction) -> None:
        instruction.set_refused_segments.SetInParent()
        instruction.set_refused_segments.segments.extend(segments)

    return set_action


def _read_prefix(value: str) -> str:
    """People write a prefix without the country code; the registry holds it with one."""
    prefix = value.strip()
    return prefix if prefix.startswith("+") or not prefix.startswith("1") else f"+86{prefix}"


def _read_treatment(values: list[str]) -> SetAction:
    """The treatment of refused calls, and after it, if given, that of strangers."""
    treatment = _choose(types_pb2.Treatment.items(), "TREATMENT_", values[:1])
    stranger = _choose(types_pb2.StrangerPolicy.items(), "STRANGER_POLICY_", values[1:2] or ["unspecified"])

    def set_action(instruction: Instruction) -> None:
        instruction.choose_treatment.treatment = treatment  # type: ignore[assignment]
        instruction.choose_treatment.stranger_policy = stranger  # type: ignore[assignment]

    return set_action


def _read_notices(values: list[str]) -> SetAction:
    """How often: none, each or daily; and after it `at_night` if they may come then."""
    interception = _choose(types_pb2.InterceptionNotice.items(), "INTERCEPTION_NOTICE_", values[:1])

    def set_action(instruction: Instruction) -> None:
        instruction.choose_notices.notices.interception = interception  # type: ignore[assignment]
        instruction.choose_notices.notices.at_night = "at_night" in values[1:]

    return set_action


def _read_quiet_hours(values: list[str]) -> SetAction:
    """Windows as `every_day 22:00-08:00`; none switches quiet hours off."""
    windows = []
    for value in values:
        days, _, hours = value.partition(" ")
        start, _, end = hours.partition("-")
        windows.append(
            types_pb2.QuietWindow(
                days=_choose(types_pb2.DayType.items(), "DAY_TYPE_", [days]),  # type: ignore[arg-type]
                start_minute=_read_minute(start),
                end_minute=_read_minute(end),
            )
        )

    def set_action(instruction: Instruction) -> None:
        instruction.set_quiet_hours.SetInParent()
        instruction.set_quiet_hours.windows.extend(windows)

    return set_action


def _read_confirm(values: list[str]) -> SetAction:
    """Which question is answered, if it is said: `open`, `closed` or `guardian`."""
    if not values:
        return lambda instruction: instruction.confirm.SetInParent()
    if values == ["guardian"]:
        return lambda instruction: setattr(instruction.confirm, "guardian", True)
    if values not in (["open"], ["closed"]):
        raise ActionError("bad_value")
    target = types_pb2.EnrolmentState.Value(f"ENROLMENT_STATE_{values[0].upper()}")
    return lambda instruction: setattr(instruction.confirm, "target", target)


def _read_erase(values: list[str]) -> SetAction:
    """It cannot be taken back, so it takes two steps: the value says that the warning was read and understood."""
    if values != [UNDERSTOOD]:
        raise ActionError("not_understood")
    return lambda instruction: instruction.erase.SetInParent()


def _read_ask_guardian(values: list[str]) -> SetAction:
    """The ward's number, and after it what is asked for: presets, or settings."""
    ward = _read_party(values[:1])
    scope = _choose(types_pb2.GuardianScope.items(), "GUARDIAN_SCOPE_", values[1:] or ["presets"])

    def set_action(instruction: Instruction) -> None:
        instruction.ask_guardian.ward = ward
        instruction.ask_guardian.scope = scope  # type: ignore[assignment]

    return set_action


def _read_end_guardian(values: list[str]) -> SetAction:
    """The other party's number; without one, all that guard the subscriber."""
    party = _read_party(values) if values else ""
    return lambda instruction: setattr(instruction.end_guardian, "party", party)


def _read_act_for_ward(values: list[str]) -> SetAction:
    """The ward's number and the preset."""
    ward = _read_party(values[:1])
    if len(values) != 2:
        raise ActionError("bad_value")

    def set_action(instruction: Instruction) -> None:
        instruction.act_for_ward.ward, instruction.act_for_ward.preset = ward, values[1]

    return set_action


def _read_party(values: list[str]) -> str:
    try:
        (number,) = values
        return parse_subscriber(number)
    except ValueError:
        raise ActionError("bad_number") from None


def _choose(items: Sequence[tuple[str, int]], prefix: str, values: list[str]) -> int:
    known: Mapping[str, int] = {name.removeprefix(prefix).lower(): number for name, number in items}
    if not values or values[0] not in known:
        raise ActionError("bad_value")
    return known[values[0]]


def _read_minute(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ActionError("bad_time")
    return int(match[1]) * 60 + int(match[2])


_SEGMENTS: Final = {
    "400": types_pb2.SEGMENT_KIND_400,
    "95": types_pb2.SEGMENT_KIND_95,
    "overseas": types_pb2.SEGMENT_KIND_OVERSEAS,
    "hk_macao_taiwan": types_pb2.SEGMENT_KIND_HK_MACAO_TAIWAN,
}
_PLAIN: Final[dict[str, SetAction]] = {
    "cancel": lambda instruction: instruction.cancel.SetInParent(),
    "query": lambda instruction: instruction.query.SetInParent(),
    "undo": lambda instruction: instruction.undo_cancel.SetInParent(),
}
_READERS: Final[dict[str, Callable[[list[str]], SetAction]]] = {
    "refuse": _read_categories,
    "accept": lambda values: _read_categories(values, field="accept"),
    "categories": lambda values: _read_categories(values, replace=True),
    "reject_add": _read_list("edit_reject_list", "add"),
    "reject_remove": _read_list("edit_reject_list", "remove"),
    "allow_add": _read_list("edit_allow_list", "add"),
    "allow_remove": _read_list("edit_allow_list", "remove"),
    "segments": _read_segments,
    "treatment": _read_treatment,
    "notices": _read_notices,
    "quiet_hours": _read_quiet_hours,
    "confirm": _read_confirm,
    "erase": _read_erase,
    "ask_guardian": _read_ask_guardian,
    "end_guardian": _read_end_guardian,
    "act_for_ward": _read_act_for_ward,
}
