"""The one mapping of failures to gRPC: status code, whose fault it is, and whether to repeat.

The codes are those that ``errors.proto`` states for each reason; a test compares the two. Reasons that the contract
knows as outcomes only are no failures of a call; should one be raised all the same, it is FAILED_PRECONDITION.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from gateway.api.mapping_enums import REASON
from gateway.domain.errors import Reason, RefusedError
from gateway.store.base import (
    CommitUnknownError,
    OverloadedError,
    StoreClosedError,
    StoreError,
    StoreUnavailableError,
)
from optout.kit.number import NumberError, NumberReason
from optout.v1 import registry_pb2

DOMAIN = "optout.v1"
STATUS_DETAILS = "grpc-status-details-bin"
"""The trailing metadata key under which gRPC carries a google.rpc.Status."""

OVERLOAD_HINT_S = 1


class Fault(StrEnum):
    """On whose side the cause lies."""

    CALLER = "caller"
    SERVICE = "service"
    SUBSCRIBER = "subscriber"


class Retry(StrEnum):
    """Whether the same request may succeed: never, later on its own, or after something else has changed."""

    NEVER = "never"
    LATER = "later"
    AFTER_CHANGE = "after_change"


@dataclass(frozen=True, slots=True)
class Rule:
    """How one reason is told to a caller."""

    code: grpc.StatusCode
    fault: Fault
    retry: Retry


_CODE = grpc.StatusCode
_INVALID = Rule(_CODE.INVALID_ARGUMENT, Fault.CALLER, Retry.NEVER)
_WISH = Rule(_CODE.FAILED_PRECONDITION, Fault.SUBSCRIBER, Retry.AFTER_CHANGE)
_DENIED = Rule(_CODE.PERMISSION_DENIED, Fault.CALLER, Retry.NEVER)
_UNKNOWN = Rule(_CODE.UNAUTHENTICATED, Fault.CALLER, Retry.AFTER_CHANGE)
_CONFLICT = Rule(_CODE.FAILED_PRECONDITION, Fault.CALLER, Retry.AFTER_CHANGE)
_AGAIN = Rule(_CODE.UNAVAILABLE, Fault.SERVICE, Retry.LATER)

RULES: dict[Reason, Rule] = {
    Reason.INVALID_NUMBER: _INVALID,
    Reason.NOT_A_SUBSCRIBER: _INVALID,
    Reason.INVALID_MEDIUM: _INVALID,
    Reason.MEDIUM_NOT_OFFERED: _WISH,
    Reason.INVALID_CHANNEL: _INVALID,
    Reason.MISSING_FIELD: _INVALID,
    Reason.INVALID_FIELD: _INVALID,
    Reason.UNKNOWN_CATEGORY: _WISH,
    Reason.INVALID_SEGMENT: _WISH,
    Reason.INVALID_QUIET_HOURS: _WISH,
    Reason.LIST_FULL: _WISH,
    Reason.NOT_REFUSABLE: _WISH,
    Reason.NOT_OPEN: _WISH,
    Reason.NOTHING_PENDING: _WISH,
    Reason.CONFIRMATION_EXPIRED: _WISH,
    Reason.PROOF_REQUIRED: _WISH,
    Reason.MANDATE_REQUIRED: _WISH,
    Reason.RESTRICTED: _WISH,
    Reason.NOTHING_TO_UNDO: _WISH,
    Reason.NOT_GUARDIAN: _WISH,
    Reason.UNKNOWN_PRESET: _WISH,
    Reason.GUARDIAN_LIMIT: _WISH,
    Reason.WARD_NOT_ASKABLE: _WISH,
    Reason.NOT_SERVED: Rule(_CODE.PERMISSION_DENIED, Fault.CALLER, Retry.AFTER_CHANGE),
    Reason.WRONG_CARRIER: _DENIED,
    Reason.ROLE_NOT_ALLOWED: _DENIED,
    Reason.UNKNOWN_PARTY: _UNKNOWN,
    Reason.CERTIFICATE_DENIED: _UNKNOWN,
    Reason.NUMBER_FROZEN: _WISH,
    Reason.CLAIM_CONTESTED: _WISH,
    Reason.ID_REUSED: Rule(_CODE.ALREADY_EXISTS, Fault.CALLER, Retry.NEVER),
    Reason.NOT_FOUND: Rule(_CODE.NOT_FOUND, Fault.CALLER, Retry.AFTER_CHANGE),
    Reason.INVALID_PAGE_TOKEN: _INVALID,
    Reason.REVISION_OUT_OF_RANGE: Rule(_CODE.OUT_OF_RANGE, Fault.CALLER, Retry.NEVER),
    Reason.EVENT_CONFLICT: _CONFLICT,
    Reason.LINE_CONFLICT: _CONFLICT,
    Reason.SECOND_SIGNER_REQUIRED: _CONFLICT,
    Reason.INVALID_POLICY: Rule(_CODE.FAILED_PRECONDITION, Fault.CALLER, Retry.NEVER),
    Reason.OVERLOADED: Rule(_CODE.RESOURCE_EXHAUSTED, Fault.SERVICE, Retry.LATER),
    Reason.DRAINING: _AGAIN,
    Reason.STORE_UNAVAILABLE: _AGAIN,
    Reason.COMMIT_UNKNOWN: _AGAIN,
    Reason.NOT_OFFERED: Rule(_CODE.UNIMPLEMENTED, Fault.SERVICE, Retry.NEVER),
    # Every write is idempotent, so a caller that repeats after an unforeseen failure does no harm and loses nothing.
    Reason.INTERNAL: Rule(_CODE.INTERNAL, Fault.SERVICE, Retry.LATER),
    Reason.LINK_DOWN: _AGAIN,
    Reason.CARRIER_REFUSED: Rule(_CODE.FAILED_PRECONDITION, Fault.SERVICE, Retry.NEVER),
    Reason.UNKNOWN_TEMPLATE: _INVALID,
    Reason.LOG_READ_ONLY: _AGAIN,
    Reason.NOT_PUBLISHED: _AGAIN,
    Reason.CASE_REQUIRED: _INVALID,
    Reason.ERASED: Rule(_CODE.NOT_FOUND, Fault.SERVICE, Retry.NEVER),
}

_STORE_REASONS: dict[type[StoreError], tuple[Reason, str]] = {
    OverloadedError: (Reason.OVERLOADED, "too much is waiting"),
    StoreUnavailableError: (Reason.STORE_UNAVAILABLE, "the store cannot be written just now"),
    CommitUnknownError: (Reason.COMMIT_UNKNOWN, "the commit's fate is unknown: repeat with the same id"),
    StoreClosedError: (Reason.DRAINING, "the gateway is stopping"),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure in the caller's terms. ``field`` names the offending field, if one is to blame."""

    reason: Reason
    message: str
    field: str = ""

    @property
    def rule(self) -> Rule:
        """How it is told."""
        return RULES[self.reason]


def describe_error(error: Exception) -> Failure:
    """What to tell the caller of an exception. What nobody foresaw is INTERNAL and gives nothing away."""
    match error:
        case RefusedError():
            return Failure(error.reason, error.detail or error.reason.value, error.field)
        case NumberError():
            is_number = error.reason is NumberReason.NOT_A_SUBSCRIBER
            return Failure(Reason.NOT_A_SUBSCRIBER if is_number else Reason.INVALID_NUMBER, error.reason.value)
        case StoreError() if type(error) in _STORE_REASONS:
            return Failure(*_STORE_REASONS[type(error)])
        case _:
            return Failure(Reason.INTERNAL, "the gateway failed; its logs know more under the request id")


def write_status(failure: Failure, metadata: Mapping[str, str]) -> Status:
    """The rich status of a failed call: an ErrorInfo, and for an overload how long to wait.

    ``metadata`` is added to the ErrorInfo's own "fault", "retry" and "field".
    """
    rule = failure.rule
    told = {"fault": rule.fault.value, "retry": rule.retry.value, **metadata}
    if failure.field:
        told["field"] = failure.field
    details: list[Message] = [ErrorInfo(reason=failure.reason.value, domain=DOMAIN, metadata=told)]
    if failure.reason is Reason.OVERLOADED:
        details.append(RetryInfo(retry_delay=Duration(seconds=OVERLOAD_HINT_S)))
    packed = [_pack(detail) for detail in details]
    return Status(code=rule.code.value[0], message=failure.message, details=packed)


def _pack(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def write_refusal(failure: Failure) -> registry_pb2.Refusal:
    """The same failure of one message of a stream, which goes on."""
    about = f" ({failure.field})" if failure.field else ""
    return registry_pb2.Refusal(
        reason=REASON.encode(failure.reason),
        message=failure.message + about,
        retryable=failure.rule.retry is Retry.LATER,
    )
