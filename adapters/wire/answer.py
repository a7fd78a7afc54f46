"""What a carrier's CRM is told of an order, in no carrier's envelope, and whether it should send the order again."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Result(StrEnum):
    """What the CRM is told of an order, or of one item in it."""

    DONE = "done"
    ALREADY_SO = "already_so"
    NEEDS_CONFIRMATION = "needs_confirmation"
    NOT_SERVED = "not_served"
    NOT_CONFIRMED = "not_confirmed"
    CAP_REACHED = "cap_reached"
    NUMBER_FROZEN = "number_frozen"
    NO_MANDATE = "no_mandate"
    NOT_OPEN = "not_open"
    SERIAL_REUSED = "serial_reused"
    REFUSED = "refused"
    MALFORMED = "malformed"
    BAD_SIGNATURE = "bad_signature"
    UNAVAILABLE = "unavailable"


class Retry(StrEnum):
    """What the CRM does next: ``LATER`` sends the same serial again, ``AFTER_CHANGE`` a mended order anew."""

    NEVER = "never"
    LATER = "later"
    AFTER_CHANGE = "after_change"


RETRY_OF: Final[dict[Result, Retry]] = {
    Result.DONE: Retry.NEVER,
    Result.ALREADY_SO: Retry.NEVER,
    Result.NEEDS_CONFIRMATION: Retry.NEVER,
    Result.NOT_SERVED: Retry.NEVER,
    Result.NOT_CONFIRMED: Retry.AFTER_CHANGE,
    Result.CAP_REACHED: Retry.AFTER_CHANGE,
    Result.NUMBER_FROZEN: Retry.NEVER,
    Result.NO_MANDATE: Retry.AFTER_CHANGE,
    Result.NOT_OPEN: Retry.AFTER_CHANGE,
    Result.SERIAL_REUSED: Retry.AFTER_CHANGE,
    Result.REFUSED: Retry.NEVER,
    Result.MALFORMED: Retry.AFTER_CHANGE,
    Result.BAD_SIGNATURE: Retry.AFTER_CHANGE,
    Result.UNAVAILABLE: Retry.LATER,
}


class RspType(StrEnum):
    """What sort of answer it is. Only a ``SYSTEM`` one is worth the same request once more."""

    SUCCESS = "success"
    SYSTEM = "system"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True)
class Response:
    """The answer in a word: its sort, its code, and a sentence for people."""

    rsp_type: RspType
    rsp_code: Result
    rsp_desc: str


_SUCCESSES: Final = frozenset({Result.DONE, Result.ALREADY_SO, Result.NEEDS_CONFIRMATION})


def make_response(result: Result, rsp_desc: str) -> Response:
    """Put a result into the envelopes' words."""
    if result in _SUCCESSES:
        return Response(RspType.SUCCESS, result, rsp_desc)
    is_ours = RETRY_OF[result] is Retry.LATER
    return Response(RspType.SYSTEM if is_ours else RspType.BUSINESS, result, rsp_desc)


_DISPOSITIONS: Final = {
    "DONE": Result.DONE,
    "ALREADY_SO": Result.ALREADY_SO,
    "NEEDS_CONFIRMATION": Result.NEEDS_CONFIRMATION,
}
# By the names of optout.v1.ErrorReason without their prefix. What is our own fault, or nobody's, comes again later:
# the serial makes that safe.
_REASONS: Final = {
    "INVALID_NUMBER": Result.MALFORMED,
    "NOT_A_SUBSCRIBER": Result.MALFORMED,
    "INVALID_MEDIUM": Result.MALFORMED,
    "INVALID_CHANNEL": Result.MALFORMED,
    "MISSING_FIELD": Result.MALFORMED,
    "INVALID_FIELD": Result.MALFORMED,
    "UNKNOWN_CATEGORY": Result.MALFORMED,
    "UNKNOWN_PRESET": Result.MALFORMED,
    "INVALID_SEGMENT": Result.MALFORMED,
    "INVALID_QUIET_HOURS": Result.MALFORMED,
    "LIST_FULL": Result.CAP_REACHED,
    "NOT_OPEN": Result.NOT_OPEN,
    "NOTHING_PENDING": Result.NOT_CONFIRMED,
    "CONFIRMATION_EXPIRED": Result.NOT_CONFIRMED,
    "PROOF_REQUIRED": Result.NO_MANDATE,
    "MANDATE_REQUIRED": Result.NO_MANDATE,
    "NOT_GUARDIAN": Result.NO_MANDATE,
    "GUARDIAN_LIMIT": Result.CAP_REACHED,
    "WARD_NOT_ASKABLE": Result.REFUSED,
    "NOT_SERVED": Result.NOT_SERVED,
    "NUMBER_FROZEN": Result.NUMBER_FROZEN,
    "ID_REUSED": Result.SERIAL_REUSED,
    "MEDIUM_NOT_OFFERED": Result.REFUSED,
    "NOT_REFUSABLE": Result.REFUSED,
    "RESTRICTED": Result.REFUSED,
    "NOTHING_TO_UNDO": Result.REFUSED,
    "CLAIM_CONTESTED": Result.REFUSED,
    "NOT_FOUND": Result.REFUSED,
    "NOT_OFFERED": Result.REFUSED,
    "EVENT_CONFLICT": Result.REFUSED,
    "CARRIER_REFUSED": Result.REFUSED,
}


def find_result(disposition: str, reason: str = "") -> Result:
    """Tell what to answer for an outcome, by the names of ``optout.v1.Disposition`` and ``ErrorReason``.

    An outcome that is neither a success nor a refusal known here is ``UNAVAILABLE``.
    """
    return _DISPOSITIONS.get(disposition) or _REASONS.get(reason, Result.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """What became of one item, such as ``category:loan``."""

    item: str
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answer:
    """What the agent is shown: the result, the state in a word and in plain language, what still waits.

    ``confirm_by`` is ``yyyyMMddHHmmss``, China time, or empty; ``items`` may name numbers, so the repr is bare.
    """

    result: Result
    state: str = ""
    state_text: str = ""
    confirm_by: str = ""
    items: tuple[ItemAnswer, ...] = ()

    def __repr__(self) -> str:
        """Show the result alone."""
        return f"Answer(result={self.result.value!r}, …)"

    @property
    def retry(self) -> Retry:
        """What the CRM does next."""
        return RETRY_OF[self.result]
