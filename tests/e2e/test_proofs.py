"""What the audit proves over the wire holds by the published checkpoint; a look at a subject is itself an entry."""

from pathlib import Path

import grpc
import pytest

from gateway.domain.instruction import Confirm, Open
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.hashing import leaf_hash
from gateway.tlog.note import decode_note, open_note
from gateway.tlog.opening import decode_payload
from gateway.tlog.proof import verify_consistency, verify_inclusion
from optout.v1 import audit_pb2 as pb
from optout.v1 import audit_pb2_grpc
from tests.domain.samples import FRIEND, OWN
from tests.e2e.test_receipts import MOBILE, Running, open_gateway

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
        story = await stub.LookUpSubject(request, metadata=INSTITUTE)
        told = [decode_payload(entry.opening.payload) for entry in story.entries]
        assert [payload["kind"] for payload in told if payload["kind"] != "delivery"] == ["instruction"] * 2 + ["look"]
        assert (told[-1]["case"], story.entries[-1].index) == ("CASE-1", story.look_revision - 1)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.LookUpSubject(pb.LookUpSubjectRequest(number=FRIEND, case_id="CASE-1"), metadata=INSTITUTE)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
