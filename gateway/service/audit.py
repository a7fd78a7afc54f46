"""Audit: checkpoints, proofs, entries, and what stood in the registry at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from gateway.domain.errors import Reason, RefusedError
from gateway.service.access import Caller, require_role
from gateway.service.asof import StateProver
from gateway.service.books import PolicyBook
from gateway.service.epoch import Epochs
from gateway.service.look import Look, LookUnit, require_case
from gateway.service.record import Recorder
from gateway.service.signer import LogSigner, Published
from gateway.service.tree import LogTree
from gateway.store.base import Store
from gateway.store.publication import NoteRow, Publication
from gateway.store.rows import EntryRow
from gateway.tlog.asof import AsOfProof, ProvenEntry
from gateway.tlog.hashing import leaf_hash
from gateway.tlog.opening import NO_PREVIOUS, Opening, decode_payload
from gateway.tlog.proof import ProofError
from gateway.tlog.receipt import Receipt
from optout.kit.identity import Role
from optout.kit.number import PhoneNumber

AUDITORS = (Role.CARRIER, Role.INSTITUTE, Role.OPERATOR, Role.WITNESS)
READERS = (Role.INSTITUTE, Role.OPERATOR, Role.WITNESS)
WAIT_S = 5.0
PIECE_BYTES = 1024 * 1024
"""About how much of a story or a proof is told in one message."""


@dataclass(frozen=True, slots=True)
class Included:
    """An inclusion proof: the entry's leaf hash, the tree's size, and the hashes."""

    leaf_hash: bytes
    size: int
    hashes: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry, and its opening if that is shown and there is one."""

    row: EntryRow
    opening: Opening | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """Entries, and the revision of the entry that records the look at their openings; 0 if none was shown."""

    entries: Sequence[ShownEntry]
    look_revision: int = 0


@dataclass(frozen=True, slots=True)
class LogRooms:
    """What the audit reads from."""

    tree: LogTree
    signer: LogSigner
    epochs: Epochs
    publication: Publication


class AuditService:
    """Use cases of the audit. Every method takes the caller and refuses what it may not do."""

    def __init__(self, store: Store, recorder: Recorder, policies: PolicyBook, rooms: LogRooms) -> None:
        self._store = store
        self._recorder = recorder
        self._policies = policies
        self._tree = rooms.tree
        self._signer = rooms.signer
        self._publication = rooms.publication
        self._prover = StateProver(store, recorder, rooms.tree, rooms.signer, rooms.epochs)

    def checkpoint(self, caller: Caller) -> Published:
        """The latest published checkpoint. Raises RefusedError (NOT_PUBLISHED)."""
        require_role(caller, *AUDITORS)
        return self._published()

    def checkpoints(self, caller: Caller, after_size: int, limit: int) -> Sequence[NoteRow]:
        """Kept checkpoints up to the latest published one, smallest first."""
        require_role(caller, *AUDITORS)
        published = self._published()
        return [row for row in self._publication.notes(after_size, limit) if row.size <= published.checkpoint.size]

    async def inclusion(self, caller: Caller, index: int, size: int) -> Included:
        """Prove that the tree of ``size`` (0: the published one) holds an entry."""
        require_role(caller, *AUDITORS)
        size = self._check_size(size)
        try:
            hashes = await self._tree.inclusion(index, size)
        except ProofError:
            raise RefusedError(Reason.REVISION_OUT_OF_RANGE, "no such entry in this tree", field="index") from None
        return Included(leaf_hash((await self._entry(index)).leaf), size, hashes)

    async def consistency(self, caller: Caller, old_size: int, new_size: int) -> tuple[int, Sequence[bytes]]:
        """Prove that the tree of ``new_size`` (0: the published one) begins with that of ``old_size``."""
        require_role(caller, *AUDITORS)
        new_size = self._check_size(new_size)
        try:
            return new_size, await self._tree.consistency(old_size, new_size)
        except ProofError:
            raise RefusedError(Reason.REVISION_OUT_OF_RANGE, "the older tree is larger", field="old_size") from None

    async def entries(self, caller: Caller, first: int, limit: int) -> Shown:
        """Entries as anybody who audits may see them."""
        require_role(caller, *READERS)
        return Shown([ShownEntry(row) for row in await self._store.entries(first, limit)])

    async def open_entries(self, caller: Caller, first: int, limit: int, case_id: str) -> Shown:
        """Entries with their openings, for a case."""
        require_role(caller, Role.INSTITUTE)
        look = Look(caller.party, require_case(case_id), "entries", {"first": first, "limit": limit})
        index = await self._store.commit(LookUnit(look, self._recorder, self._policies.actor(caller.party)))
        rows = await self._store.entries(first, limit)
        return Shown([ShownEntry(row, self._recorder.opening(row)) for row in rows], index + 1)

    async def subject(self, caller: Caller, number: PhoneNumber, case_id: str) -> AsyncIterator[Shown]:
        """Everything about a number's present holder, oldest first and in pieces; the look is the last entry.

        Raises RefusedError (NOT_FOUND).
        """
        require_role(caller, Role.INSTITUTE)
        look = Look(caller.party, require_case(case_id), "subject", {})
        found = await self._store.number(self._recorder.vault.number_key(number))
        if found is None:
            raise RefusedError(Reason.NOT_FOUND, "the registry never heard of this number")
        unit = LookUnit(look, self._recorder, self._policies.actor(caller.party), found[1].label)
        index = await self._store.commit(unit)
        piece: list[ShownEntry] = []
        room = PIECE_BYTES
        for place in await self._chain(index):
            entry = await self._open(place)
            size = 0 if entry.opening is None else len(entry.opening.payload)
            if piece and size > room:
                yield Shown(piece, index + 1)
                piece, room = [], PIECE_BYTES
            piece.append(entry)
            room -= size
        yield Shown(piece, index + 1)

    async def state(self, caller: Caller, number: PhoneNumber, time_ms: int, case_id: str) -> tuple[AsOfProof, int]:
        """Prove what stood for a number at a time; gives the proof and the look's revision."""
        require_role(caller, Role.INSTITUTE)
        look = Look(caller.party, require_case(case_id), "state", {"as_of": time_ms})
        key = self._recorder.vault.number_key(number)
        found = await self._store.number(key)
        # Of a number that nobody holds the last holder may have been erased: that is the answer then.
        epoch = max(await self._store.erased_epoch(key), 1) if found is None else found[0].epoch
        label = self._recorder.vault.label(number, epoch)
        unit = LookUnit(look, self._recorder, self._policies.actor(caller.party), label)
        index = await self._store.commit(unit)
        return await self._prover.prove(number, epoch, time_ms), index + 1

    async def receipt(self, caller: Caller, revision: int) -> Receipt:
        """The receipt for an entry that this carrier caused; waits for a checkpoint that holds it."""
        require_role(caller, Role.CARRIER)
        rows = await self._store.entries(revision - 1, 1) if revision else []
        row = rows[0] if rows else None
        opening = None if row is None else self._recorder.opening(row)
        if row is None or (opening is not None and not _is_by(opening, caller.party)):
            raise RefusedError(Reason.NOT_FOUND, "no entry of this carrier has that revision")
        if opening is None:
            raise RefusedError(Reason.ERASED, "what this entry says was destroyed")
        published, inclusion = await self._signer.wait_published(row.index, WAIT_S)
        return Receipt(ProvenEntry(row.index, row.leaf, tuple(inclusion), opening), published.note)

    async def _chain(self, index: int) -> list[int]:
        """The entries of a subject up to one of them, oldest first; what was erased ends it."""
        chain: list[int] = []
        while index != NO_PREVIOUS:
            chain.append(index)
            opening = (await self._open(index)).opening
            if opening is None:
                break
            index = decode_payload(opening.payload)["prev"]
        return chain[::-1]

    async def _open(self, index: int) -> ShownEntry:
        row = await self._entry(index)
        return ShownEntry(row, self._recorder.opening(row))

    def _published(self) -> Published:
        if self._signer.published is None:
            raise RefusedError(Reason.NOT_PUBLISHED, "no checkpoint was published yet")
        return self._signer.published

    def _check_size(self, size: int) -> int:
        published = self._published().checkpoint.size
        if size > published:
            raise RefusedError(Reason.REVISION_OUT_OF_RANGE, "larger than what is published", field="size")
        return size or published

    async def _entry(self, index: int) -> EntryRow:
        return (await self._store.entries(index, 1))[0]


def _is_by(opening: Opening, carrier: str) -> bool:
    """Whether a carrier caused an entry: an instruction names it. What others report is nobody's receipt."""
    instruction = decode_payload(opening.payload).get("instruction")
    return isinstance(instruction, dict) and instruction.get("carrier") == carrier
