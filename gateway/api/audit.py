"""AuditService on the wire: read, ask the service, write."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

from gateway.api.call import current_call
from gateway.api.fields import invalid, missing, read_number, read_page_size, read_time, write_time
from gateway.api.mapping_enums import STATE_ANSWER
from gateway.service.audit import PIECE_BYTES, AuditService, Shown, ShownEntry
from optout.kit.number import parse_subscriber
from optout.kit.redact import find_numbers
from optout.v1 import audit_pb2 as pb

_CASE_ID = re.compile(r"[A-Za-z0-9._/-]{1,64}", re.ASCII)
Context = Any


class AuditServicer:
    """The methods of AuditService."""

    def __init__(self, service: AuditService) -> None:
        self._service = service

    async def GetCheckpoint(self, request: pb.GetCheckpointRequest, context: Context) -> pb.GetCheckpointResponse:  # noqa: N802
        """The latest checkpoint."""
        published = self._service.checkpoint(current_call().caller)
        return pb.GetCheckpointResponse(
            note=published.note.encode(), size=published.checkpoint.size, sign_time=write_time(published.time_ms)
        )

    async def ListCheckpoints(self, request: pb.ListCheckpointsRequest, context: Context) -> pb.ListCheckpointsResponse:  # noqa: N802
        """Checkpoints that were kept."""
        rows = self._service.checkpoints(current_call().caller, request.after_size, read_page_size(request.page_size))
        return pb.ListCheckpointsResponse(notes=[row.note for row in rows])

    async def ProveInclusion(self, request: pb.ProveInclusionRequest, context: Context) -> pb.ProveInclusionResponse:  # noqa: N802
        """An inclusion proof."""
        found = await self._service.inclusion(current_call().caller, request.index, request.size)
        return pb.ProveInclusionResponse(leaf_hash=found.leaf_hash, size=found.size, hashes=found.hashes)

    async def ProveConsistency(  # noqa: N802
        self, request: pb.ProveConsistencyRequest, context: Context
    ) -> pb.ProveConsistencyResponse:
        """A consistency proof."""
        size, hashes = await self._service.consistency(current_call().caller, request.old_size, request.new_size)
        return pb.ProveConsistencyResponse(new_size=size, hashes=hashes)

    async def ListEntries(self, request: pb.ListEntriesRequest, context: Context) -> pb.ListEntriesResponse:  # noqa: N802
        """Entries, with openings if they are asked for."""
        caller, limit = current_call().caller, read_page_size(request.page_size)
        if request.with_openings:
            case_id = read_case_id(request.case_id)
            shown = await self._service.open_entries(caller, request.first_index, limit, case_id)
        else:
            shown = await self._service.entries(caller, request.first_index, limit)
        return pb.ListEntriesResponse(entries=write_entries(shown), look_revision=shown.look_revision)

    async def LookUpSubject(  # noqa: N802
        self, request: pb.LookUpSubjectRequest, context: Context
    ) -> AsyncIterator[pb.LookUpSubjectResponse]:
        """Everything about one subscriber, message by message."""
        number = read_number(request.number, "number", parse_subscriber)
        async for shown in self._service.subject(current_call().caller, number, read_case_id(request.case_id)):
            yield pb.LookUpSubjectResponse(entries=write_entries(shown), look_revision=shown.look_revision)

    async def ProveState(  # noqa: N802
        self, request: pb.ProveStateRequest, context: Context
    ) -> AsyncIterator[pb.ProveStateResponse]:
        """What stood at a time, with its proof, piece by piece."""
        number = read_number(request.number, "number", parse_subscriber)
        if not request.HasField("as_of"):
            raise missing("as_of")
        time_ms, case_id = read_time(request.as_of, "as_of"), read_case_id(request.case_id)
        found, revision = await self._service.state(current_call().caller, number, time_ms, case_id)
        answer, proof = STATE_ANSWER.encode(found.answer), found.encode()
        for begin in range(0, len(proof), PIECE_BYTES):
            piece = proof[begin : begin + PIECE_BYTES]
            yield pb.ProveStateResponse(answer=answer, proof=piece, look_revision=revision)

    async def GetReceipt(self, request: pb.GetReceiptRequest, context: Context) -> pb.GetReceiptResponse:  # noqa: N802
        """A receipt."""
        if not request.revision:
            raise missing("revision")
        receipt = await self._service.receipt(current_call().caller, request.revision)
        return pb.GetReceiptResponse(receipt=receipt.encode())


def read_case_id(value: str) -> str:
    """A case's id, which stands in the log: nothing that could be a number. Empty is left to the service."""
    if value and (not _CASE_ID.fullmatch(value) or find_numbers(value)):
        raise invalid("case_id", "not 1 to 64 of A-Z a-z 0-9 . _ - /, or like a telephone number")
    return value


def write_entries(shown: Shown) -> list[pb.LogEntry]:
    """Entries, with what openings are shown; whose they are is told under a logged look alone."""
    return [write_entry(entry, labelled=bool(shown.look_revision)) for entry in shown.entries]


def write_entry(entry: ShownEntry, *, labelled: bool) -> pb.LogEntry:
    """One entry."""
    written = pb.LogEntry(index=entry.row.index, leaf=entry.row.leaf)
    if labelled:
        written.label = entry.row.label
    if entry.opening is not None:
        written.opening.salt, written.opening.payload = entry.opening.salt, entry.opening.payload
    return written
