"""Questions and answers of screening.

A switch waits while a call does not ring, so what can be read in a safe sense is: an ingress or a trust that is not
known gives no privilege, and a caller whose number is no number is a caller without one.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.api.fields import invalid, missing, read_number, read_text, read_time, require_id
from gateway.api.mapping_enums import CALLER_TRUST, DECIDING_RULE, INGRESS, INTERCEPTION_ACTION, VERDICT
from gateway.api.mapping_instruction import read_medium
from gateway.api.mapping_preferences import MAX_WORD_CHARS
from gateway.domain.decision import CallerTrust, Ingress, Question
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.interception import Interception
from gateway.domain.preferences import Medium
from gateway.service.interceptions import InterceptionReport
from gateway.service.screening import Screened
from optout.kit.number import NumberError, PhoneNumber, parse_number
from optout.v1 import screening_pb2, types_pb2

MAX_CALL_ID_CHARS = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the service takes it, and what is echoed."""

    question: Question
    redirecting: PhoneNumber | None
    call_id: str
    withheld: bool


def read_question(message: screening_pb2.ScreenRequest, now_ms: int) -> Asked:
    """Read one question, which is decided at ``now_ms``. Raises RefusedError."""
    _require_voice(message.medium)
    question = Question(
        caller=_read_caller(message.caller),
        called=read_number(message.called, "called"),
        ingress=INGRESS.decode(message.ingress) or Ingress.UNKNOWN,
        trust=CALLER_TRUST.decode(message.caller_trust) or CallerTrust.UNVERIFIED,
        time_ms=now_ms,
        stated_category=read_text(message.stated_category, "stated_category", MAX_WORD_CHARS),
        call_ms=read_time(message.call_time, "call_time") if message.HasField("call_time") else None,
    )
    redirecting = message.redirecting_number
    return Asked(
        question,
        read_number(redirecting, "redirecting_number") if redirecting else None,
        read_text(message.call_id, "call_id", MAX_CALL_ID_CHARS),
        message.presentation_withheld,
    )


def _require_voice(value: types_pb2.Medium.ValueType) -> None:
    if value != types_pb2.MEDIUM_UNSPECIFIED and read_medium(value, "medium") is not Medium.VOICE:
        raise RefusedError(Reason.MEDIUM_NOT_OFFERED, "only calls are screened so far", field="medium")


def _read_caller(text: str) -> PhoneNumber | None:
    try:
        return parse_number(text)
    except NumberError:
        return None


def read_interception(message: screening_pb2.ReportInterceptionsRequest) -> InterceptionReport:
    """Read one report, checking every field. Raises RefusedError."""
    action = INTERCEPTION_ACTION.decode(message.action)
    if action is None:
        raise invalid("action", "missing or unknown")
    if not message.HasField("call_time"):
        raise missing("call_time")
    call = Interception(
        action,
        read_number(message.called, "called"),
        _read_caller(message.caller),
        read_time(message.call_time, "call_time"),
        DECIDING_RULE.decode(message.rule),
        read_text(message.category, "category", MAX_WORD_CHARS),
        message.presentation_withheld,
    )
    return InterceptionReport(require_id(message.report_id, "report_id"), call, message.revision)


def write_answer(screened: Screened, call_id: str, *, withheld: bool = False) -> screening_pb2.ScreenResponse:
    """A decision for the wire, with what is echoed."""
    answer = screened.answer
    return screening_pb2.ScreenResponse(
        verdict=VERDICT.encode(answer.verdict),
        rule=DECIDING_RULE.encode(answer.rule),
        reason=answer.reason,
        sip_code=answer.sip_code,
        q850_cause=answer.q850_cause,
        category=answer.category,
        policy_version=screened.policy_version,
        revision=screened.revision,
        redress_contact=answer.redress_contact,
        category_mismatch=answer.category_mismatch,
        call_id=call_id,
        presentation_withheld=withheld,
    )
