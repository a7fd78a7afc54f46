"""Making proofs of what stood at a time (`gateway.tlog.asof`), from the latest EPOCH back."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.errors import Reason, RefusedError
from gateway.service.epoch import Epochs
from gateway.service.record import Recorder
from gateway.service.signer import LogSigner
from gateway.service.tree import LogTree
from gateway.store.base import Store
from gateway.store.rows import Label
from gateway.tlog.asof import Answer, AsOfProof, ChainWalk, ProvenEntry
from gateway.tlog.leaf import EpochLeaf, LeafType, decode_leaf
from optout.kit.number import PhoneNumber

WAIT_S = 5.0
READ_ROWS = 1000


class StateProver:
    """Makes proofs. They rest on the latest EPOCH, whose map is at hand; older states are reached by back-pointers."""

    def __init__(self, store: Store, recorder: Recorder, tree: LogTree, signer: LogSigner, epochs: Epochs) -> None:
        self._store = store
        self._recorder = recorder
        self._tree = tree
        self._signer = signer
        self._epochs = epochs
        self._erasures: dict[str, int] = {}
        self._erasures_to = 0

    async def prove(self, number: PhoneNumber, epoch: int, time_ms: int) -> AsOfProof:
        """Prove what stood for a number whose present holder is ``epoch``: of that one, or of whoever held it then.

        Raises RefusedError (NOT_PUBLISHED).
        """
        while True:
            proof = await self._prove(self._recorder.vault.label(number, epoch), time_ms)
            if proof.answer not in {Answer.ABSENT, Answer.NONE_YET} or epoch == 1:
                return proof
            epoch -= 1

    async def _prove(self, label: Label, time_ms: int) -> AsOfProof:
        found = await self._epochs.prove(label)
        if found is None:
            raise RefusedError(Reason.NOT_PUBLISHED, "the state map is being built")
        index, map_proof = found
        published, _ = await self._signer.wait_published(index, WAIT_S)
        size = published.checkpoint.size
        epoch = await self._proven(index, size)
        proof = AsOfProof(label, time_ms, Answer.TOO_RECENT, published.note, epoch)
        leaf = decode_leaf(epoch.leaf)
        if not isinstance(leaf, EpochLeaf) or leaf.accept_time_ms <= time_ms:
            return proof
        record = map_proof.verify(label, leaf.map_root)
        proof = replace(proof, answer=Answer.ABSENT, map=map_proof)
        if record is None:
            # Whoever came and was erased after the EPOCH is not known to its map, and no proof could rest on it.
            return await self._erased(proof, size, before=index) or proof
        walk = ChainWalk(record.last_index, time_ms)
        while walk.answer is None:
            walk.take(await self._proven(walk.next_index, size))
        if walk.answer is Answer.ERASED:
            erased = await self._erased(proof, size, before=size)
            if erased is None:
                raise RefusedError(Reason.ERASED, "the openings are gone, and no ERASE entry is published yet")
            return erased
        return replace(proof, answer=walk.answer, chain=tuple(walk.chain))

    async def _erased(self, proof: AsOfProof, size: int, before: int) -> AsOfProof | None:
        """The same proof with the ERASE entry that names its label, if that stands in the log before an index."""
        index = await self._find_erasure(proof.label)
        if index is None or index >= before:
            return None
        return replace(proof, answer=Answer.ERASED, erasure=await self._proven(index, size))

    async def _find_erasure(self, label: bytes) -> int | None:
        """The ERASE entry that names a label. The log is read once; afterwards only what came since."""
        if await self._store.last_of_type(LeafType.ERASE) is None:
            return None
        while rows := await self._store.entries(self._erasures_to, READ_ROWS):
            for row in rows:
                if decode_leaf(row.leaf).type is LeafType.ERASE:
                    payload = self._recorder.open(row)
                    if payload is not None:
                        self._erasures[payload["label"]] = row.index
            self._erasures_to = rows[-1].index + 1
        return self._erasures.get(label.hex())

    async def _proven(self, index: int, size: int) -> ProvenEntry:
        row = (await self._store.entries(index, 1))[0]
        inclusion = await self._tree.inclusion(index, size)
        return ProvenEntry(index, row.leaf, tuple(inclusion), self._recorder.opening(row))
