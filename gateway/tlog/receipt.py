"""Receipts: the proof that one entry, and what it says, is in the log; for whoever caused it, to keep.

A JSON file with the entry, its opening, its inclusion and a signed checkpoint. It is checked with the log's public key
alone, and a policy if witnesses are to count.
"""

import json
from dataclasses import dataclass
from typing import Any

from gateway.tlog.asof import AsOfError, ProvenEntry, check_entry, check_note, check_opening, read_entry, write_entry
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.leaf import EpochLeaf, Leaf
from gateway.tlog.note import Note, Verifier, decode_note
from gateway.tlog.policy import Policy

FORMAT = "optout.v1/receipt"


class ReceiptError(ValueError):
    """A receipt was refused; `reason` is FORMAT, CHECKPOINT, POLICY, INCLUSION, LEAF or OPENING."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Receipt:
    """An entry with its opening, and the checkpoint it is proven under."""

    entry: ProvenEntry
    checkpoint: Note

    def encode(self) -> bytes:
        """Write the file. It holds an opening, which is personal data."""
        fields = {"format": FORMAT, "entry": write_entry(self.entry), "checkpoint": self.checkpoint.encode()}
        return json.dumps(fields, indent=1, ensure_ascii=False).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a receipt showed: an entry of the log and what it says."""

    checkpoint: Checkpoint
    index: int
    leaf: Leaf
    payload: dict[str, Any]


def decode_receipt(data: bytes) -> Receipt:
    """Read a receipt's file without believing it. Raises `ReceiptError` (FORMAT)."""
    try:
        fields = json.loads(data)
        if fields["format"] != FORMAT:
            raise ReceiptError("FORMAT")
        return Receipt(read_entry(fields["entry"]), decode_note(fields["checkpoint"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ReceiptError("FORMAT") from None


def verify_receipt(receipt: Receipt, log: Verifier, policy: Policy | None = None) -> Confirmed:
    """Check a receipt. Raises `ReceiptError`."""
    try:
        checkpoint = check_note(receipt.checkpoint, log, policy)
        leaf = check_entry(receipt.entry, checkpoint)
        if isinstance(leaf, EpochLeaf):
            raise ReceiptError("LEAF")
        return Confirmed(checkpoint, receipt.entry.index, leaf, check_opening(receipt.entry, leaf))
    except AsOfError as error:
        raise ReceiptError(error.reason) from None
