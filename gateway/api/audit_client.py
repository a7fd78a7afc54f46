"""An auditor's side of AuditService: what a gateway shows, as the audit takes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.api.carrier_client import find_info
from gateway.api.mapping_enums import ENROLMENT_STATE, STATE_ANSWER
from gateway.domain.subscription import REFUSING
from gateway.service.audit_file import AuditError
from gateway.tlog.asof import Answer
from gateway.tlog.opening import Opening, OpeningError
from gateway.tlog.shown import Shown
from optout.v1 import audit_pb2 as pb
from optout.v1 import audit_pb2_grpc, registry_pb2, registry_pb2_grpc

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)

DEADLINE_S = 30.0
SNAPSHOT_S = 600.0
PAGE = 1000
MAX_BYTES = 255
CHECKPOINT_PAGE = 1000


class AuditClient:
    """Asks one gateway. Every method raises AuditError with the gateway's reason, or UNREACHABLE."""

    def __init__(self, channel: grpc.Channel, case_id: str = "") -> None:
        self._stub = audit_pb2_grpc.AuditServiceStub(channel)
        self._registry = registry_pb2_grpc.RegistryServiceStub(channel)
        self._case_id = case_id

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint."""
        return _ask(self._stub.GetCheckpoint, pb.GetCheckpointRequest()).note.encode()

    def checkpoints(self, after_size: int) -> Iterator[str]:
        """Checkpoints that were kept, over more entries than these, smallest first."""
        while True:
            request = pb.ListCheckpointsRequest(after_size=after_size, page_size=CHECKPOINT_PAGE)
            notes = _ask(self._stub.ListCheckpoints, request).notes
            yield from notes
            if len(notes) < CHECKPOINT_PAGE:
                return
            after_size = _size_of(notes[-1])

    def entries(self, first: int, size: int) -> Iterator[Shown]:
        """Entries with their openings, up to a size; each page is a look that the log records."""
        page = PAGE
        while first < size:
            request = pb.ListEntriesRequest(
                first_index=first, page_size=min(page, size - first), with_openings=True, case_id=self._case_id
            )
            try:
                entries = _ask(self._stub.ListEntries, request).entries
            except AuditError as error:
                if error.reason != "RESOURCE_EXHAUSTED" or page == 1:
                    raise
                # Long lists make long openings, and gRPC bounds a message.
                page //= 2
                continue
            if not entries:
                return
            for entry in entries:
                yield read_entry(entry)
            first += len(entries)

    def state(self, number: str, time_ms: int) -> tuple[Answer, bytes]:
        """What stood for a number at a time, and the proof as a file."""
        as_of = Timestamp()
        as_of.FromMilliseconds(time_ms)
        request = pb.ProveStateRequest(number=number, as_of=as_of, case_id=self._case_id)
        pieces = _gather(self._stub.ProveState, request)
        answer = STATE_ANSWER.decode(pieces[0].answer) if pieces else None
        if answer is None:
            raise AuditError("UNREACHABLE", "the gateway gives an answer that this program does not know")
        return answer, b"".join(piece.proof for piece in pieces)

    def count_on(self, revision: int) -> dict[str, int]:
        """How many subscriptions the registry lists as on at a revision, by carrier."""
        counts: Counter[str] = Counter()
        request = registry_pb2.GetSnapshotRequest(revision=revision)
        try:
            for part in self._registry.GetSnapshot(request, timeout=SNAPSHOT_S):
                counts.update(
                    each.carrier for each in part.subscriptions if ENROLMENT_STATE.decode(each.state) in REFUSING
                )
        except grpc.RpcError as error:
            raise read_error(error) from None
        return dict(counts)


def read_entry(entry: pb.LogEntry) -> Shown:
    """One entry as the replay takes it. Raises AuditError (UNREACHABLE) for what is no opening."""
    if max(len(entry.leaf), len(entry.label)) > MAX_BYTES:
        raise AuditError("UNREACHABLE", f"entry {entry.index} is none: its leaf or label is too long")
    try:
        opening = Opening(entry.opening.salt, entry.opening.payload) if entry.HasField("opening") else None
    except OpeningError as error:
        raise AuditError("UNREACHABLE", f"entry {entry.index} comes with no opening: {error.reason.value}") from None
    return Shown(entry.index, entry.leaf, entry.label, opening)


def _size_of(note: str) -> int:
    lines = note.split("\n")
    if len(lines) < 2 or not (lines[1].isascii() and lines[1].isdigit()):
        raise AuditError("UNREACHABLE", "a kept checkpoint has no size")
    return int(lines[1])


def _ask(method: Callable[..., A], request: Message) -> A:
    try:
        return method(request, timeout=DEADLINE_S)
    except grpc.RpcError as error:
        raise read_error(error) from None


def _gather(method: Callable[..., Iterable[A]], request: Message) -> list[A]:
    try:
        return list(method(request, timeout=DEADLINE_S))
    except grpc.RpcError as error:
        raise read_error(error) from None


def read_error(error: grpc.RpcError) -> AuditError:
    """What a failed call means: the gateway's own reason, or gRPC's code, UNREACHABLE if it did not answer at all."""
    info, code = find_info(error), error.code()
    if info is not None:
        return AuditError(info.reason, f"the gateway refuses: {info.reason}")
    unheard = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
    reason = "UNREACHABLE" if code in unheard else code.name
    return AuditError(reason, f"the gateway could not be asked: {code.name}")
