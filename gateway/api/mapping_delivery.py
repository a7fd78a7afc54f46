"""Reports about notices, wire → domain."""

from __future__ import annotations

from gateway.api.fields import invalid, missing, read_text, read_time, require_id
from gateway.api.mapping_enums import DELIVERY_STATE
from gateway.service.views import DeliveryReport
from optout.v1 import registry_pb2

MAX_CODE_CHARS = 16
MAX_PARTS = 255


def read_delivery_report(message: registry_pb2.ReportDeliveryRequest) -> DeliveryReport:
    """Read one report, checking every field. Raises RefusedError."""
    report_id = require_id(message.report_id, "report_id")
    notice_id = require_id(message.notice_id, "notice_id")
    state = DELIVERY_STATE.decode(message.state)
    if state is None:
        raise invalid("state", "missing or unknown")
    if not message.HasField("report_time"):
        raise missing("report_time")
    if message.parts > MAX_PARTS:
        raise invalid("parts", f"more than {MAX_PARTS}")
    code = read_text(message.code, "code", MAX_CODE_CHARS)
    return DeliveryReport(
        report_id, notice_id, state, code, read_time(message.report_time, "report_time"), message.parts
    )
