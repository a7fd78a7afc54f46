"""A witness: judges what logs ask it to cosign, keeps its books, and only then signs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.store.base import StoreError
from gateway.store.witness_book import BookMovedError, Contradiction, Cosigned, WitnessBook
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.cosignature import Cosigner
from gateway.tlog.note import Verifier
from gateway.tlog.witness import AddCheckpoint, Judgement, RequestError, Status, decode_request, judge
from optout.kit.clock import Clock

log = logging.getLogger(__name__)


class WitnessUnableError(Exception):
    """The witness cannot cosign now: ``reason`` is CLOCK_BEHIND or what its books say. Ask again later."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """The status, and a body: signature lines if cosigned, the size the witness is at on a conflict."""

    status: Status
    body: str = ""


class Witness:
    """Cosigns checkpoints of the logs it knows by the keys of each origin; each continues the one before."""

    def __init__(
        self, cosigner: Cosigner, logs: Mapping[str, Sequence[Verifier]], book: WitnessBook, clock: Clock
    ) -> None:
        self._cosigner = cosigner
        self._logs = logs
        self._book = book
        self._clock = clock
        self._turn = asyncio.Lock()

    async def add_checkpoint(self, body: bytes) -> WitnessAnswer:
        """Answer one request. Raises WitnessUnableError, with nothing cosigned."""
        try:
            request = decode_request(body)
        except RequestError:
            return WitnessAnswer(Status.BAD_REQUEST)
        try:
            async with self._turn:
                return await self._answer(request, body)
        except StoreError as error:
            raise WitnessUnableError(error.reason) from error

    async def _answer(self, request: AddCheckpoint, body: bytes) -> WitnessAnswer:
        origin = request.note.text.partition("\n")[0]
        last = await asyncio.to_thread(self._book.last, origin) if origin in self._logs else None
        known = last.checkpoint if last is not None else None
        judgement = judge(request, self._logs, known)
        time_s = self._clock.now_ms() // 1000
        if judgement.checkpoint is not None and judgement.status is Status.OK:
            await self._keep(last, Cosigned(judgement.checkpoint, time_s))
            return WitnessAnswer(Status.OK, self._cosigner.cosign(request.note.text, time_s).encode())
        contradicts = _contradicts(request, judgement, known)
        if contradicts:
            log.error("a log contradicts itself", extra={"origin": origin})
        if contradicts or judgement.status is Status.UNPROCESSABLE:
            row = Contradiction(origin, judgement.status, body, time_s)
            await asyncio.to_thread(self._book.add_evidence, row)
        return WitnessAnswer(judgement.status, f"{judgement.size}\n" if judgement.status is Status.CONFLICT else "")

    async def _keep(self, last: Cosigned | None, now: Cosigned) -> None:
        if last is not None and now.time_s < last.time_s:
            # A cosignature bounds the times of entries: it is never dated before an earlier one.
            raise WitnessUnableError("CLOCK_BEHIND")
        try:
            await asyncio.to_thread(self._book.keep, last, now)
        except BookMovedError:
            raise WitnessUnableError(BookMovedError.reason) from None


def _contradicts(request: AddCheckpoint, judgement: Judgement, known: Checkpoint | None) -> bool:
    """Whether the log's signature stands under two trees of one size.

    A proof that fails shows nothing: anybody who holds a signed checkpoint can send it with a false one.
    """
    if judgement.status is not Status.CONFLICT or known is None:
        return False
    shown = request.checkpoint()
    return shown.size == known.size and shown.root != known.root
