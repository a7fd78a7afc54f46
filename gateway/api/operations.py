"""OperationsService on the wire: read, ask the service, write."""

from __future__ import annotations

from typing import Any

from gateway.api.call import current_call
from gateway.api.fields import (
    check_count,
    invalid,
    missing,
    read_page_size,
    read_text,
    require_id,
    require_text,
    write_time,
)
from gateway.api.mapping_instruction import MAX_PARTY_CHARS
from gateway.service.operations import OperationsService
from gateway.store.rows import OutboxKind, OutboxRow
from gateway.telemetry import Telemetry
from optout.kit.redact import find_numbers
from optout.v1 import operations_pb2 as pb

MAX_ORDERS = 1000
MAX_REASON_CHARS = 200

_KINDS = {OutboxKind.NOTIFY: pb.ORDER_KIND_NOTIFY, OutboxKind.APPLY: pb.ORDER_KIND_APPLY}


class OperationsServicer:
    """The methods of OperationsService."""

    def __init__(self, service: OperationsService, telemetry: Telemetry) -> None:
        self._service = service
        self._telemetry = telemetry

    async def ListDeadLetters(  # noqa: N802
        self, request: pb.ListDeadLettersRequest, context: Any
    ) -> pb.ListDeadLettersResponse:
        """Orders that were given up."""
        rows = await self._service.list_dead_letters(
            current_call().caller,
            read_text(request.carrier, "carrier", MAX_PARTY_CHARS),
            read_page_size(request.page_size),
        )
        return pb.ListDeadLettersResponse(letters=map(write_letter, rows))

    async def ReplayDeadLetters(  # noqa: N802
        self, request: pb.ReplayDeadLettersRequest, context: Any
    ) -> pb.ReplayDeadLettersResponse:
        """Try orders again."""
        if not request.order_ids:
            raise missing("order_ids")
        check_count(request.order_ids, "order_ids", MAX_ORDERS)
        ids = tuple(require_id(id_, f"order_ids[{place}]") for place, id_ in enumerate(request.order_ids))
        reason = require_text(request.reason, "reason", MAX_REASON_CHARS)
        if find_numbers(reason):
            raise invalid("reason", "holds a number")
        replayed = await self._service.replay(current_call().caller, ids, reason)
        self._telemetry.replayed_orders.inc(len(replayed.ids))
        return pb.ReplayDeadLettersResponse(replayed=replayed.ids, revision=replayed.revision)


def write_letter(row: OutboxRow) -> pb.DeadLetter:
    """One order that was given up."""
    return pb.DeadLetter(
        order_id=row.id,
        carrier=row.carrier,
        kind=_KINDS[row.kind],
        reason=row.reason,
        attempts=row.attempts,
        revision=row.index + 1,
        expire_time=write_time(row.expire_ms),
    )
