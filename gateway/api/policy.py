"""PolicyService on the wire: read, ask the service, write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Any

from gateway.api.call import current_call
from gateway.api.fields import (
    DIGEST_BYTES,
    check_count,
    invalid,
    missing,
    read_page_size,
    read_text,
    read_time,
    require_id,
    require_text,
)
from gateway.api.mapping_lines import (
    read_line,
    read_line_token,
    read_place_token,
    write_line,
    write_line_token,
)
from gateway.api.mapping_policy import read_policy, read_version, write_record
from gateway.api.mapping_screening import read_question, write_answer
from gateway.api.pipeline import Pipeline
from gateway.domain.lines import LineConflictError
from gateway.service.operator_keys import SIGNATURE_BYTES
from gateway.service.policy import PolicyService
from gateway.service.screening import Call
from optout.kit.clock import Clock
from optout.kit.redact import find_numbers
from optout.v1 import policy_pb2 as pb

PIPELINE_WIDTH = 64
MAX_SAMPLE = 1000
MAX_REASON_CHARS = 200
MAX_POLICIES, DEFAULT_POLICIES = 100, 20
MAX_PAGE_BYTES = 2 * 1024 * 1024
MAX_HOLDER_CHARS = 64
Context = Any


class PolicyServicer:
    """The methods of PolicyService."""

    def __init__(self, service: PolicyService, clock: Clock, draining: asyncio.Event) -> None:
        self._service = service
        self._clock = clock
        self._draining = draining

    async def DeclareLines(  # noqa: N802
        self, requests: AsyncIterable[pb.DeclareLinesRequest], context: Context
    ) -> AsyncIterator[pb.DeclareLinesResponse]:
        """Lines, answered in order. A conflict is an answer; any other refusal ends the stream with its reason.

        What was answered before is durable, and a request that comes again under its id gets its first answer again.
        """
        caller = current_call().caller

        async def work(request: pb.DeclareLinesRequest) -> pb.DeclareLinesResponse:
            request_id = require_id(request.request_id, "request_id")
            if not request.HasField("line"):
                raise missing("line")
            line = read_line(request.line, caller.party)
            try:
                revision = await self._service.declare(caller, request_id, line, withdraw=request.withdraw)
            except LineConflictError as conflict:
                return pb.DeclareLinesResponse(request_id=request_id, conflict=write_line(conflict.line))
            return pb.DeclareLinesResponse(request_id=request_id, revision=revision)

        pipeline = Pipeline(work, lambda request: request.line.number, self._draining, PIPELINE_WIDTH)
        async with aclosing(pipeline.answer(requests)) as answers:
            async for answer in answers:
                yield answer

    async def ListLines(self, request: pb.ListLinesRequest, context: Context) -> pb.ListLinesResponse:  # noqa: N802
        """A page of the directory."""
        page = self._service.list_lines(
            read_text(request.holder, "holder", MAX_HOLDER_CHARS),
            read_line_token(request.page_token),
            read_page_size(request.page_size),
        )
        return pb.ListLinesResponse(lines=map(write_line, page.lines), next_page_token=write_line_token(page.next_key))

    async def ProposePolicy(  # noqa: N802
        self, request: pb.ProposePolicyRequest, context: Context
    ) -> pb.ProposePolicyResponse:
        """A proposal."""
        if not request.HasField("activation_time"):
            raise missing("activation_time")
        record = await self._service.propose(
            current_call().caller,
            read_policy(request.policy),
            read_time(request.activation_time, "activation_time"),
            _read_signature(request.signature),
        )
        return pb.ProposePolicyResponse(record=write_record(record))

    async def ApprovePolicy(  # noqa: N802
        self, request: pb.ApprovePolicyRequest, context: Context
    ) -> pb.ApprovePolicyResponse:
        """An approval."""
        version = read_version(request.version, "version")
        if len(request.digest) != DIGEST_BYTES:
            raise invalid("digest", f"a digest has {DIGEST_BYTES} bytes") if request.digest else missing("digest")
        signature = _read_signature(request.signature)
        record = await self._service.approve(current_call().caller, version, request.digest.hex(), signature)
        return pb.ApprovePolicyResponse(record=write_record(record))

    async def PreviewPolicy(  # noqa: N802
        self, request: pb.PreviewPolicyRequest, context: Context
    ) -> pb.PreviewPolicyResponse:
        """What a policy would change for a sample of questions."""
        version = read_version(request.version, "version")
        check_count(request.sample, "sample", MAX_SAMPLE)
        now_ms = self._clock.now_ms()
        asked = [read_question(question, now_ms) for question in request.sample]
        sample = [Call(one.question, one.redirecting) for one in asked]
        differences = [
            pb.PolicyDifference(
                index=found.index,
                before=write_answer(found.before, asked[found.index].call_id),
                after=write_answer(found.after, asked[found.index].call_id),
            )
            for found in self._service.preview(current_call().caller, version, sample)
        ]
        return pb.PreviewPolicyResponse(differences=differences, asked=len(sample))

    async def RollbackPolicy(  # noqa: N802
        self, request: pb.RollbackPolicyRequest, context: Context
    ) -> pb.RollbackPolicyResponse:
        """Back to the policy before."""
        version = read_version(request.version, "version")
        reason = require_text(request.reason, "reason", MAX_REASON_CHARS)
        if find_numbers(reason):
            raise invalid("reason", "holds a telephone number")
        record = await self._service.roll_back(current_call().caller, version, reason)
        return pb.RollbackPolicyResponse(record=write_record(record))

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: Context) -> pb.GetPolicyResponse:  # noqa: N802
        """One policy."""
        return pb.GetPolicyResponse(record=write_record(self._service.get(request.version)))

    async def ListPolicies(  # noqa: N802
        self, request: pb.ListPoliciesRequest, context: Context
    ) -> pb.ListPoliciesResponse:
        """A page of the history."""
        if request.page_size > MAX_POLICIES:
            raise invalid("page_size", f"more than {MAX_POLICIES}")
        size = request.page_size or DEFAULT_POLICIES
        page = pb.ListPoliciesResponse()
        for place, found in self._service.history(read_place_token(request.page_token)):
            record = write_record(found)
            # Policies differ much in size: a page that holds one may be full.
            if len(page.records) == size or (page.records and page.ByteSize() + record.ByteSize() > MAX_PAGE_BYTES):
                page.next_page_token = str(place + 1)
                break
            page.records.append(record)
        return page


def _read_signature(signature: bytes) -> str:
    """A detached Ed25519 signature in hex, or empty."""
    if len(signature) not in {0, SIGNATURE_BYTES}:
        raise invalid("signature", f"a signature has {SIGNATURE_BYTES} bytes")
    return signature.hex()
