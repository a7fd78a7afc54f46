"""Refusals as the contract wants them, and what a refusal of the gateway says."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from optout.v1 import errors_pb2

DOMAIN = "optout.v1"
_CODES = {
    errors_pb2.ERROR_REASON_LINK_DOWN: grpc.StatusCode.UNAVAILABLE,
    errors_pb2.ERROR_REASON_OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors_pb2.ERROR_REASON_UNKNOWN_TEMPLATE: grpc.StatusCode.INVALID_ARGUMENT,
    errors_pb2.ERROR_REASON_INVALID_NUMBER: grpc.StatusCode.INVALID_ARGUMENT,
    errors_pb2.ERROR_REASON_MISSING_FIELD: grpc.StatusCode.INVALID_ARGUMENT,
}
_RETRYABLE = (errors_pb2.ERROR_REASON_LINK_DOWN, errors_pb2.ERROR_REASON_OVERLOADED)


def code_of(reason: errors_pb2.ErrorReason.ValueType) -> grpc.StatusCode:
    """Return the status code a reason is sent with; FAILED_PRECONDITION where the contract names no other."""
    return _CODES.get(reason, grpc.StatusCode.FAILED_PRECONDITION)


def name_reason(reason: errors_pb2.ErrorReason.ValueType) -> str:
    """Return the reason's name without prefix."""
    return errors_pb2.ErrorReason.Name(reason).removeprefix("ERROR_REASON_")


async def refuse(
    context: grpc.aio.ServicerContext[Any, Any], reason: errors_pb2.ErrorReason.ValueType, message: str
) -> NoReturn:
    """End a call with a reason in google.rpc.ErrorInfo; `message` holds no number."""
    retry = "later" if reason in _RETRYABLE else "never"
    info = ErrorInfo(reason=name_reason(reason), domain=DOMAIN, metadata={"retry": retry, "fault": "service"})
    detail = AnyMessage()
    detail.Pack(info)
    code, _ = code_of(reason).value
    status = rpc_status.to_status(Status(code=code, message=message, details=[detail]))
    await context.abort_with_status(status)
    raise AssertionError("an aborted call goes on")


def read_error(error: grpc.aio.AioRpcError) -> tuple[int, ErrorInfo]:
    """Return a failed call's status code and its ErrorInfo, empty if it has none."""
    code, _ = error.code().value
    info = ErrorInfo()
    status = Status()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            status.ParseFromString(value)
    for detail in status.details:
        if detail.Unpack(info):
            break
    return code, info
