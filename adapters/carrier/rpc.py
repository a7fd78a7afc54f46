"""The adapter's gRPC manners: what a failed call of ours means, and how a call to us fails."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

DOMAIN = "optout.v1"
PARTY_METADATA = "x-optout-party"
"""Metadata that names the party, `role/party`, where there are no certificates (insecure development)."""
STATUS_DETAILS = "grpc-status-details-bin"


class Advice(Enum):
    """What a failure says about the message it was about."""

    LATER = "later"
    """Nothing is wrong with it; the same message may succeed."""
    NEVER = "never"
    """It will never be taken; who sent it should know."""
    OPERATOR = "operator"
    """It is we who are refused: somebody has to act, and the message must not be lost meanwhile."""


class GatewayError(Exception):
    """A call to the gateway failed. `reason` is the contract's, or the status code's name if gRPC itself failed."""

    def __init__(self, reason: str, advice: Advice) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


_CODE = grpc.StatusCode
_PERMANENT_CODES = frozenset(
    {_CODE.INVALID_ARGUMENT, _CODE.ALREADY_EXISTS, _CODE.FAILED_PRECONDITION, _CODE.OUT_OF_RANGE, _CODE.NOT_FOUND}
)
_OUR_OWN_CODES = frozenset({_CODE.UNAUTHENTICATED, _CODE.PERMISSION_DENIED, _CODE.UNIMPLEMENTED})
_OUR_OWN_REASONS = frozenset({"WRONG_CARRIER", "ROLE_NOT_ALLOWED", "UNKNOWN_PARTY", "CERTIFICATE_DENIED"})


def read_failure(error: grpc.aio.AioRpcError) -> GatewayError:
    """Read what a failed call means. The gateway's ErrorInfo decides; without one, the status code does."""
    info = _find_info(error)
    code = error.code()
    if info is None:
        if code in _PERMANENT_CODES:
            return GatewayError(code.name, Advice.NEVER)
        return GatewayError(code.name, Advice.OPERATOR if code in _OUR_OWN_CODES else Advice.LATER)
    if info.reason in _OUR_OWN_REASONS:
        return GatewayError(info.reason, Advice.OPERATOR)
    is_later = info.metadata.get("retry") == Advice.LATER.value
    return GatewayError(info.reason, Advice.LATER if is_later else Advice.NEVER)


def _find_info(error: grpc.aio.AioRpcError) -> ErrorInfo | None:
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # details that contradict the status come from no gateway of ours
        return None
    for detail in status.details if status is not None else ():
        info = ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            return info
    return None


@dataclass(frozen=True, slots=True)
class CallRule:
    """How one reason is told to the gateway."""

    code: grpc.StatusCode
    fault: str
    retry: str


_INVALID = CallRule(_CODE.INVALID_ARGUMENT, "caller", "never")
RULES = {
    "INVALID_NUMBER": _INVALID,
    "NOT_A_SUBSCRIBER": _INVALID,
    "MISSING_FIELD": _INVALID,
    "INVALID_FIELD": _INVALID,
    "UNKNOWN_TEMPLATE": _INVALID,
    "ROLE_NOT_ALLOWED": CallRule(_CODE.PERMISSION_DENIED, "caller", "never"),
    "UNKNOWN_PARTY": CallRule(_CODE.UNAUTHENTICATED, "caller", "after_change"),
    "CERTIFICATE_DENIED": CallRule(_CODE.UNAUTHENTICATED, "caller", "after_change"),
    "NOT_OFFERED": CallRule(_CODE.UNIMPLEMENTED, "service", "never"),
    "OVERLOADED": CallRule(_CODE.RESOURCE_EXHAUSTED, "service", "later"),
    "STORE_UNAVAILABLE": CallRule(_CODE.UNAVAILABLE, "service", "later"),
    "DRAINING": CallRule(_CODE.UNAVAILABLE, "service", "later"),
    "INTERNAL": CallRule(_CODE.INTERNAL, "service", "later"),
}


class CallRefusedError(Exception):
    """A call to us is refused with a reason of `RULES`; `message` holds no number."""

    def __init__(self, reason: str, message: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.message = message
        self.field = field


def write_status(error: CallRefusedError, request_id: str) -> tuple[grpc.StatusCode, Status]:
    """Write the rich status of a refused call."""
    rule = RULES[error.reason]
    metadata = {"fault": rule.fault, "retry": rule.retry, "request_id": request_id}
    if error.field:
        metadata["field"] = error.field
    detail = AnyMessage()
    detail.Pack(ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata))
    return rule.code, Status(code=rule.code.value[0], message=error.message, details=[detail])
