import json
from dataclasses import replace

import pytest

from gateway.tlog.receipt import Receipt, ReceiptError, decode_receipt, verify_receipt

from .ledger import SIGNER, Ledger

LOG = SIGNER.verifier()


def sample() -> Receipt:
    ledger = Ledger()
    for _ in range(5):
        ledger.change(1)
    return Receipt(ledger.proven(3), ledger.checkpoint())


def test_receipt_when_checked_with_the_public_key_alone_then_it_tells_what_was_logged() -> None:
    confirmed = verify_receipt(decode_receipt(sample().encode()), LOG)
    assert (confirmed.index, confirmed.payload["version"], confirmed.checkpoint.size) == (3, 4, 5)


def test_receipt_when_any_byte_changes_then_it_never_confirms_another_entry() -> None:
    data, true = sample().encode(), verify_receipt(sample(), LOG)
    for at in range(0, len(data), 2):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            confirmed = verify_receipt(decode_receipt(changed), LOG)
        except ReceiptError:
            continue
        assert confirmed == true


def test_receipt_when_opening_entry_or_checkpoint_is_another_s_then_the_reason_says_so() -> None:
    receipt, other = sample(), Ledger()
    other.change(2)
    epoch = Ledger()
    epoch.epoch()
    for forged, reason in (
        (replace(receipt, checkpoint=other.checkpoint()), "INCLUSION"),
        (replace(receipt, entry=replace(receipt.entry, opening=None)), "OPENING"),
        (replace(receipt, entry=replace(receipt.entry, opening=other.proven(0).opening)), "OPENING"),
        (replace(receipt, entry=replace(receipt.entry, index=2)), "INCLUSION"),
        (Receipt(epoch.proven(0), epoch.checkpoint()), "LEAF"),
    ):
        with pytest.raises(ReceiptError) as refused:
            verify_receipt(forged, LOG)
        assert refused.value.reason == reason


def replaced(name: str, value: object) -> bytes:
    return json.dumps(json.loads(sample().encode()) | {name: value}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"format":"optout.v1/receipt"}',
        b'{"format":"optout.v1/as-of"}',
        b"[" * 100_000,
        *(replaced("checkpoint", value) for value in (None, 1, [], {}, "", sample().checkpoint.text)),
        *(replaced("entry", value) for value in (None, 1, [], {}, {"index": "3"})),
        replaced("checkpoint", sample().checkpoint.encode().replace("\n", "\ud800\n", 1)),
    ],
)
def test_receipt_when_it_is_no_receipt_then_it_is_refused(data: bytes) -> None:
    with pytest.raises(ReceiptError, match="FORMAT"):
        decode_receipt(data)
