"""The vault: names, seals, and what cannot be unsealed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.memory import MemoryKeyStore
from gateway.store.vault import LabelKeyError, SealError, Vault
from optout.kit.number import parse_number

ONE, TWO = parse_number("13800138000"), parse_number("13900139000")


def open_vault():
    keys = MemoryKeyStore()
    vault = Vault(keys, b"l" * 32)
    label = vault.label(ONE, 1)
    keys.put((vault.new_key(label),))
    return vault, label


def test_names_when_made_then_number_epoch_and_key_all_count():
    vault = Vault(MemoryKeyStore(), b"l" * 32)
    other = Vault(MemoryKeyStore(), b"m" * 32)
    names = {
        vault.number_key(ONE),
        vault.number_key(TWO),
        vault.label(ONE, 1),
        vault.label(ONE, 2),
        vault.label(TWO, 1),
        other.label(ONE, 1),
        other.number_key(ONE),
    }
    assert len(names) == 7
    assert vault.label(ONE, 1) == Vault(MemoryKeyStore(), b"l" * 32).label(ONE, 1)


@given(st.binary(max_size=200))
def test_seal_when_opened_then_it_gives_back_what_was_sealed(clear):
    vault, label = open_vault()
    assert vault.unseal(label, "state", vault.seal(label, None, "state", clear)) == clear


def test_seal_when_any_bit_purpose_or_label_differs_then_it_is_refused():
    vault, label = open_vault()
    sealed = vault.seal(label, None, "state", b"hello")
    for place in range(len(sealed) * 8):
        flipped = bytearray(sealed)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(SealError):
            vault.unseal(label, "state", bytes(flipped))
    with pytest.raises(SealError, match="TAMPERED"):
        vault.unseal(label, "opening", sealed)
    with pytest.raises(SealError, match="KEY_MISSING"):
        vault.unseal(vault.label(TWO, 1), "state", sealed)
    with pytest.raises(SealError, match="FORMAT"):
        vault.unseal(label, "state", b"")


def test_seal_when_the_key_is_destroyed_then_nothing_opens_it():
    vault, label = open_vault()
    sealed = vault.seal(label, None, "state", b"hello")
    vault.destroy((label,))
    with pytest.raises(SealError, match="KEY_MISSING"):
        vault.unseal(label, "state", sealed)


def test_vault_when_opened_with_another_label_key_then_it_refuses():
    keys = MemoryKeyStore()
    Vault(keys, b"l" * 32)
    with pytest.raises(LabelKeyError, match="LABEL_KEY_CHANGED"):
        Vault(keys, b"m" * 32)
    with pytest.raises(LabelKeyError, match="LENGTH"):
        Vault(keys, b"short")
