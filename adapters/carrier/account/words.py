"""What became of a wish, in the carrier's words: the templates of its account, over the words of its notices."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from google.protobuf.message import Message

from adapters.carrier.base import AccountData, CarrierData
from adapters.carrier.contract import name_disposition, name_reason, read_time
from adapters.carrier.notices import CHINA_TIME
from adapters.carrier.templates import Renderer
from optout.v1 import types_pb2

OUTCOME = "outcome"
UNKNOWN_STATE = ""
_KNOWN = ("state", "confirm_by", "categories", "undo_until", "restricted", "erase_by")


class OutcomeWords:
    """Writes outcomes. Raises `TemplateDataError` if the account's templates contradict themselves."""

    def __init__(self, data: CarrierData, account: AccountData) -> None:
        notices = data.notices
        parameters = {**notices.parameters, **account.parameters}
        self._renderer = Renderer(replace(notices, templates=account.templates, parameters=parameters))
        self._how_to_open = account.how_to_open

    def write(self, action: str, outcome: types_pb2.Outcome) -> str:
        """Say what became of a wish."""
        told = outcome.subscription
        return self._render(
            action,
            name_disposition(outcome.disposition),
            name_reason(outcome.reason) if outcome.reason else "",
            state=name_state(told.state),
            confirm_by=_minute(outcome, "confirm_by"),
            categories=",".join(told.preferences.refused_categories),
            undo_until=_minute(told, "undo_until"),
            restricted=_minute(told.erasure, "restrict_time"),
            erase_by=_minute(told.erasure, "erase_by"),
        )

    def write_refusal(self, action: str, reason: str) -> str:
        """Say that the gateway refused a wish for good, by its reason."""
        return self._render(action, "refused", reason)

    def _render(self, action: str, disposition: str, reason: str, **known: str) -> str:
        """Write the template; what is not known of the subscriber is empty."""
        values = dict.fromkeys(_KNOWN, "") | known
        given = {"action": action, "disposition": disposition, "reason": reason, "how_to_open": self._how_to_open}
        return self._renderer.render(OUTCOME, values | given)


def name_state(state: int) -> str:
    """Name an enrolment state as the words know it: `open`, `pending_cancel`; one never sent is empty."""
    value = types_pb2.EnrolmentState.DESCRIPTOR.values_by_number.get(state)
    return value.name.removeprefix("ENROLMENT_STATE_").lower() if value is not None and state else UNKNOWN_STATE


def name_action(instruction: types_pb2.Instruction) -> str:
    """Name the action as the words know it: `open`, `cancel`, `set_refused_categories`."""
    return instruction.WhichOneof("action") or ""


def _minute(message: Message, field: str) -> str:
    """Write a time of a message as templates take it; empty if there is none."""
    if not message.HasField(field):
        return ""
    time_ms = read_time(getattr(message, field))
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(CHINA_TIME):%Y-%m-%d %H:%M}"
