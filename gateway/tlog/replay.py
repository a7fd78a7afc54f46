"""Replaying a log: every opening against its commitment, every chain, every state, every map root, every outcome.

The replay is told each entry in order, with its opening. It keeps of each subject where its chain ends and the state
there (`Fold`), and builds the same map that the registry says it keeps. What an entry *means* it does not know: a
`Judge` is handed the payload and the state before it, and says what is wrong with the state after it.

An entry whose opening is gone is *dark*, and so is its subject, until an ERASE entry accounts for it. A dark subject
that nothing accounts for is a withheld opening. The map root of an EPOCH that held a dark subject cannot be rebuilt: it
is *covered by erasure*, never verified, unless somebody vouches for having replayed the log that far in time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gateway.tlog.fold import MOST_BITS, Fold
from gateway.tlog.hashing import node_hash
from gateway.tlog.leaf import AnyLeaf, EpochLeaf, LeafError, decode_leaf
from gateway.tlog.shown import Fault, Judge, Judged, KeptJudge, Shown
from gateway.tlog.walk import Finding, Flaw

__all__ = ["Fault", "Judge", "Judged", "KeptJudge", "Replay", "Replayed", "Shown", "Spine"]


@dataclass(slots=True)
class Replayed:
    """What a replay has come to: counts, and EPOCHs whose root could not be rebuilt because of an erasure."""

    entries: int = 0
    opened: int = 0
    epochs: int = 0
    covered: list[int] = field(default_factory=list)
    vouched: list[int] = field(default_factory=list)
    last_ms: int = 0


class Spine:
    """What a log says of itself, whoever it concerns: leaves, times and EPOCHs.

    ``vouched_size`` is how far somebody trusted signed a replay in time.
    """

    def __init__(self, result: Replayed, vouched_size: int = 0) -> None:
        self.result = result
        self._vouched_size = vouched_size
        result.vouched = sorted([*result.vouched, *(index for index in result.covered if index < vouched_size)])
        result.covered = [index for index in result.covered if index >= vouched_size]

    def take(self, first: int, entries: Sequence[bytes]) -> tuple[list[AnyLeaf | None], list[Finding]]:
        """Read the leaves of the entries from an index on, None for one that is none, and look at their times."""
        leaves: list[AnyLeaf | None] = []
        findings: list[Finding] = []
        last_ms = self.result.last_ms
        for index, data in enumerate(entries, first):
            try:
                leaf = decode_leaf(data)
            except LeafError as error:
                leaves.append(None)
                findings.append(Finding(index, Flaw.LEAF, error.reason))
                continue
            leaves.append(leaf)
            if leaf.accept_time_ms < last_ms:
                findings.append(Finding(index, Flaw.TIME_BACKWARDS))
            else:
                last_ms = leaf.accept_time_ms
        self.result.entries += len(leaves)
        self.result.last_ms = last_ms
        return leaves, findings

    def seal(self, index: int, leaf: EpochLeaf, nodes: Sequence[bytes | None]) -> Iterator[Finding]:
        """Compare an EPOCH with what folds came to: the subtrees of all shards in order, None where one is dark."""
        self.result.epochs += 1
        if leaf.covers != index:
            yield Finding(index, Fault.COVERS)
        row = [node for node in nodes if node is not None]
        if len(row) < len(nodes):
            (self.result.vouched if index < self._vouched_size else self.result.covered).append(index)
            return
        if leaf.flags > MOST_BITS:
            yield Finding(index, Fault.MAP_BITS)
            return
        while len(row) > 1:
            row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
        if row[0] != leaf.map_root:
            yield Finding(index, Fault.MAP_ROOT)


class Replay:
    """Takes entries in order from index 0, all in one place."""

    def __init__(self, judge: Judge, *, vouched_size: int = 0) -> None:
        self.result = Replayed()
        self._spine = Spine(self.result, vouched_size)
        self._fold = Fold(judge)

    def take(self, shown: Shown) -> Iterator[Finding]:
        """Take the next entry; yields what is wrong with it."""
        (leaf,), findings = self._spine.take(shown.index, (shown.leaf,))
        yield from findings
        if isinstance(leaf, EpochLeaf):
            yield from self._spine.seal(shown.index, leaf, [self._fold.seal(leaf.flags)])
        elif leaf is not None:
            yield from self._fold.take(shown, leaf)
            self.result.opened = self._fold.opened

    def finish(self) -> Iterator[Finding]:
        """The log ends here: what is dark now was never accounted for."""
        yield from self._fold.finish()
