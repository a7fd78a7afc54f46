"""What the audit proves over the wire holds by the published checkpoint; a look at a subject is itself an entry."""

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.api.fields import write_time
from gateway.domain.instruction import Confirm, EditList, Open, SetRefusedCategories
from gateway.tlog.asof import Answer, decode_as_of, verify_as_of
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.hashing import leaf_hash
from gateway.tlog.note import decode_note, open_note
from gateway.tlog.opening import decode_payload
from gateway.tlog.proof import verify_consistency, verify_inclusion
from optout.kit.number import parse_number
from optout.v1 import audit_pb2 as pb
from optout.v1 import audit_pb2_grpc
from tests.domain.samples import FRIEND, OWN
from tests.e2e.test_receipts import MOBILE, Running, open_gateway

FULL_LIST, CHANGES = 1000, 260
TURNS = (SetRefusedCategories(accept=("loan",)), SetRefusedCategories(refuse=("loan",)))
ONE_MESSAGE = 4 * 1024 * 1024
INSTITUTE = (("x-optout-party", "institute/institute"),)


async def published(running: Running) -> Checkpoint:
    note = decode_note((await running.checkpoint()).encode())
    open_note(note, [running.log])
    return Checkpoint.from_text(note.text)


async def test_proofs_when_asked_over_the_wire_then_they_hold_by_the_published_checkpoint(tmp_path: Path) -> None:
    async with open_gateway(tmp_path) as running:
        stub = audit_pb2_grpc.AuditServiceStub(running.channel)
        opened = await running.submit("m1", Open())
        await running.receipt(opened.revision)
        older = await published(running)
        confirmed = await running.submit("m2", Confirm())
        await running.receipt(confirmed.revision)
        newer = await published(running)

        assert older.size < newer.size
        index = confirmed.revision - 1
        request = pb.ProveInclusionRequest(index=index, size=newer.size)
        found = await stub.ProveInclusion(request, metadata=MOBILE)
        verify_inclusion(found.leaf_hash, index, newer.size, list(found.hashes), newer.root)
        request = pb.ListEntriesRequest(first_index=index, page_size=1)
        (entry,) = (await stub.ListEntries(request, metadata=INSTITUTE)).entries
        assert leaf_hash(entry.leaf) == found.leaf_hash

        request = pb.ProveConsistencyRequest(old_size=older.size, new_size=newer.size)
        grown = await stub.ProveConsistency(request, metadata=MOBILE)
        verify_consistency(older.size, newer.size, list(grown.hashes), older.root, newer.root)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ProveInclusion(pb.ProveInclusionRequest(index=10_000), metadata=MOBILE)
        assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE


async def test_subject_when_looked_up_then_its_whole_story_ends_with_the_look(tmp_path: Path) -> None:
    async with open_gateway(tmp_path) as running:
        stub = audit_pb2_grpc.AuditServiceStub(running.channel)
        await running.submit("m1", Open())
        await running.submit("m2", Confirm())
        request = pb.LookUpSubjectRequest(number=OWN, case_id="CASE-1")
        (story,) = [part async for part in stub.LookUpSubject(request, metadata=INSTITUTE)]
        told = [decode_payload(entry.opening.payload) for entry in story.entries]
        assert [payload["kind"] for payload in told if payload["kind"] != "delivery"] == ["instruction"] * 2 + ["look"]
        assert (told[-1]["case"], story.entries[-1].index) == ("CASE-1", story.look_revision - 1)
        stranger = pb.LookUpSubjectRequest(number=FRIEND, case_id="CASE-1")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(aiter(stub.LookUpSubject(stranger, metadata=INSTITUTE)))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_subject_when_its_story_is_longer_than_a_message_then_it_is_told_and_proven_in_pieces(
    tmp_path: Path,
) -> None:
    """A full reject list, changed again and again: the state stands in every opening."""
    async with open_gateway(tmp_path, epoch_entries=FULL_LIST // 10 + CHANGES) as running:
        stub = audit_pb2_grpc.AuditServiceStub(running.channel)
        await running.submit("m1", Open())
        opened = await running.submit("m2", Confirm())
        opened_ms = time.time_ns() // 1_000_000
        numbers = [parse_number(f"139{tail:08}") for tail in range(FULL_LIST)]
        for begin in range(0, FULL_LIST, 100):
            await running.submit(f"list{begin}", EditList(allow=False, add=tuple(numbers[begin : begin + 100])))
        for change in range(CHANGES):
            last = await running.submit(f"c{change}", TURNS[change % 2])
        await running.receipt(last.revision)

        request = pb.LookUpSubjectRequest(number=OWN, case_id="CASE-1")
        parts = [part async for part in stub.LookUpSubject(request, metadata=INSTITUTE)]
        told = [entry for part in parts for entry in part.entries]
        assert sum(len(entry.opening.payload) for entry in told) > ONE_MESSAGE
        assert len(parts) > 1
        assert told[0].index < opened.revision <= told[-1].index == parts[-1].look_revision - 1
        assert [decode_payload(entry.opening.payload)["prev"] for entry in told[1:]] == [e.index for e in told[:-1]]

        pieces = await prove(stub, pb.ProveStateRequest(number=OWN, case_id="CASE-1", as_of=write_time(opened_ms)))
        proof = decode_as_of(b"".join(piece.proof for piece in pieces))
        assert {piece.answer for piece in pieces} == {pb.STATE_ANSWER_PRESENT}
        assert sum(len(piece.proof) for piece in pieces) > ONE_MESSAGE
        assert verify_as_of(proof, running.log).answer is Answer.PRESENT


async def prove(stub: Any, request: pb.ProveStateRequest) -> list[pb.ProveStateResponse]:
    """Ask until there is an EPOCH that is late enough, with a map."""
    async with asyncio.timeout(60):
        while True:
            try:
                pieces = [piece async for piece in stub.ProveState(request, metadata=INSTITUTE)]
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.UNAVAILABLE, error.code()  # noqa: PT017 - else it is tried again
            else:
                if pieces[0].answer != pb.STATE_ANSWER_TOO_RECENT:
                    return pieces
            await asyncio.sleep(0.1)
