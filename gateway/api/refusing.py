"""Refusing one message of a stream that goes on: counted, and logged if nobody foresaw why."""

from __future__ import annotations

import logging

from gateway.api.call import current_call
from gateway.api.errors import Failure, describe_error, write_refusal
from gateway.domain.errors import Reason
from gateway.telemetry import Telemetry
from optout.v1 import registry_pb2

log = logging.getLogger(__name__)


def refuse_message(error: Exception, telemetry: Telemetry) -> registry_pb2.Refusal:
    """What to tell the caller of the running stream about a message that failed."""
    return write_refusal(note_refusal(error, telemetry))


def note_refusal(error: Exception, telemetry: Telemetry) -> Failure:
    """Count a message that failed; what there is to say of it."""
    failure, call = describe_error(error), current_call()
    telemetry.stream_refusals.labels(call.method, failure.reason.value).inc()
    if failure.reason is Reason.INTERNAL:
        extra = {"method": call.method, "request_id": call.request_id}
        log.error("message of a stream failed", extra=extra, exc_info=error)
    return failure
