"""What became of a wish, in the carrier's words: the templates of its account, over the words of its notices."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from adapters.carrier.base import AccountData, CarrierData
from adapters.carrier.contract import name_disposition, name_reason, read_time
from adapters.carrier.notices import CHINA_TIME
from adapters.carrier.templates import Renderer
from optout.v1 import types_pb2

OUTCOME = "outcome"
UNKNOWN_STATE = ""


class OutcomeWords:
    """Writes outcomes. Raises `TemplateDataError` if the account's templates contradict themselves."""

    def __init__(self, data: CarrierData, account: AccountData) -> None:
        notices = data.notices
        parameters = {**notices.parameters, **account.parameters}
        self._renderer = Renderer(replace(notices, templates=account.templates, parameters=parameters))
        self._how_to_open = account.how_to_open

    def write(self, action: str, outcome: types_pb2.Outcome) -> str:
        """Say what became of a wish."""
        confirm_by = ""
        if outcome.HasField("confirm_by"):
            confirm_by = _minute(read_time(outcome.confirm_by))
        return self._render(
            action,
            name_disposition(outcome.disposition),
            name_reason(outcome.reason) if outcome.reason else "",
            name_state(outcome.subscription.state) if outcome.HasField("subscription") else UNKNOWN_STATE,
            confirm_by,
            ",".join(outcome.subscription.preferences.refused_categories),
        )

    def write_refusal(self, action: str, reason: str) -> str:
        """Say that the gateway refused a wish for good, by its reason."""
        return self._render(action, "refused", reason, UNKNOWN_STATE, "", "")

    def _render(self, action: str, disposition: str, reason: str, state: str, confirm_by: str, categories: str) -> str:
        values = {
            "action": action,
            "disposition": disposition,
            "reason": reason,
            "state": state,
            "confirm_by": confirm_by,
            "categories": categories,
            "how_to_open": self._how_to_open,
        }
        return self._renderer.render(OUTCOME, values)


def name_state(state: int) -> str:
    """Name an enrolment state as the words know it: `open`, `pending_cancel`; one never sent is empty."""
    value = types_pb2.EnrolmentState.DESCRIPTOR.values_by_number.get(state)
    return value.name.removeprefix("ENROLMENT_STATE_").lower() if value is not None and state else UNKNOWN_STATE


def name_action(instruction: types_pb2.Instruction) -> str:
    """Name the action as the words know it: `open`, `cancel`, `set_refused_categories`."""
    return instruction.WhichOneof("action") or ""


def _minute(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(CHINA_TIME):%Y-%m-%d %H:%M}"
