"""Gathering witnesses' cosignatures: asking each in its own time, and keeping what they refuse as evidence."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.service.tree import LogTree
from gateway.store.publication import EvidenceRow, Publication
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.note import Note, NoteError, SignatureLine, decode_lines
from gateway.tlog.policy import Policy
from gateway.tlog.witness import AddCheckpoint, RequestError, Status, read_size
from optout.kit.clock import Clock

log = logging.getLogger(__name__)

_ATTEMPTS = 3


class WitnessUnreachableError(Exception):
    """A witness did not answer in time, or not at all."""


@dataclass(frozen=True, slots=True)
class WitnessReply:
    """What a witness answered: an HTTP status and a body."""

    status: int
    body: bytes


class WitnessPort(Protocol):
    """One witness, as the log sees it."""

    async def add_checkpoint(self, body: bytes) -> WitnessReply:
        """Send a request. Raises WitnessUnreachableError."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A witness knows another log than ours.

    ``alarm`` is WITNESS_AHEAD (it cosigned more than we have) or WITNESS_DIFFERENT (another tree of a size we have).
    ``is_first`` is true if this witness agreed to nothing yet since we started.
    """

    witness: str
    alarm: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class LastCosigned:
    """The size that a witness cosigned last and when (Unix ms); 0 and the start if it did not since."""

    size: int
    time_ms: int


class _ConflictError(Exception):
    def __init__(self, alarm: str) -> None:
        super().__init__(alarm)
        self.alarm = alarm


class Cosigning:
    """Asks the witnesses of a policy. ``timeout_s`` bounds one round; who is slower is asked again in the next."""

    def __init__(
        self,
        policy: Policy,
        ports: Mapping[str, WitnessPort],
        tree: LogTree,
        publication: Publication,
        clock: Clock,
        *,
        timeout_s: float = 0.4,
    ) -> None:
        self.policy = policy
        self.conflicts: Counter[Conflict] = Counter()
        self._ports = ports
        self._tree = tree
        self._publication = publication
        self._clock = clock
        self._timeout_s = timeout_s
        self.last = dict.fromkeys(ports, LastCosigned(0, clock.now_ms()))
        self._sizes: dict[str, int] = {}
        self._busy: set[str] = set()

    async def gather(self, note: Note, checkpoint: Checkpoint, *, all_within_s: float | None = None) -> Note:
        """Give the note with the cosignatures that came in time; as soon as they suffice, unless all are wanted."""
        waiting = {
            asyncio.create_task(self._ask(name, note, checkpoint)) for name in self._ports if name not in self._busy
        }
        ends = asyncio.get_running_loop().time() + (all_within_s or self._timeout_s)
        try:
            while waiting and (all_within_s or not self.policy.has_quorum(self.policy.cosignatures(note))):
                left = ends - asyncio.get_running_loop().time()
                done, waiting = await asyncio.wait(waiting, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
                note = note.add(*(line for task in done for line in task.result()))
        finally:
            # They go on by themselves: a witness that has our checkpoint already must not be asked twice.
            for task in waiting:
                task.add_done_callback(_forget)
        return note

    async def _ask(self, name: str, note: Note, checkpoint: Checkpoint) -> list[SignatureLine]:
        is_first = name not in self._sizes
        self._busy.add(name)
        try:
            async with asyncio.timeout(30):
                return await self._talk(name, note, checkpoint)
        except _ConflictError as error:
            self.conflicts[Conflict(name, error.alarm, is_first)] += 1
            log.error("witness disagrees", extra={"witness": name, "alarm": error.alarm})
        except (WitnessUnreachableError, TimeoutError):
            log.warning("witness not reached", extra={"witness": name})
        except (NoteError, RequestError) as error:
            log.warning("witness not understood", extra={"witness": name, "reason": error.reason})
        finally:
            self._busy.discard(name)
        return []

    async def _talk(self, name: str, note: Note, checkpoint: Checkpoint) -> list[SignatureLine]:
        old = self._sizes.get(name, 0)
        for _ in range(_ATTEMPTS):
            proof = await self._tree.consistency(old, checkpoint.size)
            request = AddCheckpoint(old, tuple(proof), note).encode()
            reply = await self._ports[name].add_checkpoint(request)
            if reply.status == Status.OK:
                self._sizes[name] = checkpoint.size
                lines = self._check_lines(name, note, reply.body)
                if lines:
                    self.last[name] = LastCosigned(checkpoint.size, self._clock.now_ms())
                return lines
            if reply.status == Status.CONFLICT:
                size = read_size(reply.body.decode("ascii", "replace").removesuffix("\n"))
                if old < size <= checkpoint.size or size < old:
                    old = size
                    continue
            await self._keep(name, request, reply)
            if reply.status == Status.CONFLICT:
                raise _ConflictError("WITNESS_AHEAD" if size > checkpoint.size else "WITNESS_DIFFERENT")
            # Nothing has one root: a witness that takes no empty checkpoint disagrees about none.
            if reply.status == Status.UNPROCESSABLE and checkpoint.size:
                raise _ConflictError("WITNESS_DIFFERENT")
            log.warning("witness refused", extra={"witness": name, "status": int(reply.status)})
            return []
        return []

    def _check_lines(self, name: str, note: Note, body: bytes) -> list[SignatureLine]:
        verifier, text = self.policy.witnesses[name].verifier, note.text.encode()
        lines = decode_lines(body.decode("utf-8", "replace"))
        good = [line for line in lines if verifier.matches(line) and verifier.key.verify(text, line.signature)]
        if not good:
            log.warning("witness's cosignature does not hold", extra={"witness": name})
        return good

    async def _keep(self, name: str, request: bytes, reply: WitnessReply) -> None:
        row = EvidenceRow(name, int(reply.status), request, reply.body, self._clock.now_ms())
        await asyncio.to_thread(self._publication.add_evidence, row)


def _forget(task: asyncio.Task[list[SignatureLine]]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("asking a witness failed", exc_info=task.exception())
