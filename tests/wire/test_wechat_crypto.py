"""Signatures and ciphertexts: WeChat's own sample, a deterministic one, and everything that is neither."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.wechat_crypto import Account, WechatError, check_signature, decrypt, encrypt, make_account, sign
from tests.wire.wechat_samples import ACCOUNT, OFFICIAL, RANDOM, VECTORS


def account_of(vector: dict[str, Any]) -> Account:
    return make_account(vector["appid"], vector["token"], vector["encoding_aes_key"])


def encrypt_raw(plain: bytes) -> str:
    """The account's cipher over bytes that are whatever they are."""
    cipher = Cipher(algorithms.AES(ACCOUNT.aes_key), modes.CBC(ACCOUNT.aes_key[:16])).encryptor()
    return base64.b64encode(cipher.update(plain) + cipher.finalize()).decode()


@pytest.mark.parametrize("vector", VECTORS, ids=["official", "ours"])
def test_sample_when_opened_then_gives_its_plaintext(vector: dict[str, Any]) -> None:
    account = account_of(vector)
    check_signature(vector["msg_signature"], account.token, vector["timestamp"], vector["nonce"], vector["encrypt"])
    assert decrypt(account, vector["encrypt"]).decode() == vector["plaintext"]


def test_sample_when_encrypted_with_its_random_bytes_then_gives_its_ciphertext() -> None:
    vector = VECTORS[1]
    assert encrypt(account_of(vector), vector["plaintext"].encode(), vector["random"].encode()) == vector["encrypt"]


def test_sign_when_given_the_samples_then_gives_their_signatures() -> None:
    assert sign("spamtest", OFFICIAL["timestamp"], OFFICIAL["nonce"]) == OFFICIAL["plain_signature"]
    assert sign("789", "456", "123") == "f7c3bc1d808e04732adf679965ccc34ca7ae3441"


@given(st.binary(max_size=200))
def test_decrypt_when_encrypted_here_then_gives_it_back(message: bytes) -> None:
    encrypted = encrypt(ACCOUNT, message, RANDOM)
    assert len(base64.b64decode(encrypted)) % 32 == 0
    assert decrypt(ACCOUNT, encrypted) == message


def test_decrypt_when_padding_is_every_length_then_works() -> None:
    # 16 random + 4 length + 18 app id leave 26 of the second block, so these messages need pads 32 down to 1.
    for size in range(26, 58):
        assert decrypt(ACCOUNT, encrypt(ACCOUNT, b"x" * size, RANDOM)) == b"x" * size


BODY = RANDOM + (4).to_bytes(4, "big") + b"<a/>" + ACCOUNT.app_id.encode()


@pytest.mark.parametrize(
    ("plain", "reason"),
    [
        (BODY.ljust(64, b"\x00"), "bad_padding"),
        (BODY.ljust(64, b"\x21"), "bad_padding"),
        (BODY + bytes([22]) * 21 + bytes([23]), "bad_padding"),
        (BODY.ljust(63, b"\x16") + b"\x15", "bad_padding"),
        (bytes([32]) * 32, "bad_length"),
        (b"x" * 19 + bytes([13]) * 13, "bad_length"),
        (RANDOM + b"\xff" * 4 + b"<a/>" + b"\x08" * 8, "bad_length"),
        (RANDOM + bytes(4) + b"wx0000" + bytes([6]) * 6, "wrong_appid"),
    ],
)
def test_decrypt_when_plaintext_is_broken_then_names_what(plain: bytes, reason: str) -> None:
    with pytest.raises(WechatError) as refused:
        decrypt(ACCOUNT, encrypt_raw(plain))
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("encrypted", "reason"),
    [
        ("", "bad_length"),
        ("AAAA", "bad_length"),
        (base64.b64encode(bytes(16)).decode(), "bad_length"),
        ("A", "not_base64"),
        ("密文", "not_base64"),
        ("AA AA", "not_base64"),
    ],
)
def test_decrypt_when_ciphertext_is_no_ciphertext_then_names_why(encrypted: str, reason: str) -> None:
    with pytest.raises(WechatError) as refused:
        decrypt(ACCOUNT, encrypted)
    assert refused.value.reason == reason


def test_decrypt_when_account_differs_then_refuses() -> None:
    with pytest.raises(WechatError, match="wrong_appid"):
        decrypt(replace(ACCOUNT, app_id="wx2c2769f8efd9abc3"), OFFICIAL["encrypt"])


@pytest.mark.parametrize("signature", ["", "0" * 40, "A" * 40, OFFICIAL["plain_signature"].upper(), "签" * 40])
def test_check_signature_when_it_is_not_the_one_then_refuses(signature: str) -> None:
    with pytest.raises(WechatError, match="bad_signature"):
        check_signature(signature, "spamtest", OFFICIAL["timestamp"], OFFICIAL["nonce"])


@pytest.mark.parametrize("key", ["", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "\n", "密" * 43])
def test_make_account_when_key_is_not_43_letters_and_digits_then_refuses(key: str) -> None:
    with pytest.raises(WechatError, match="bad_aes_key"):
        make_account("wx", "token", key)


@pytest.mark.parametrize("random", [b"", b"x" * 15, b"x" * 17])
def test_encrypt_when_random_bytes_are_not_16_then_refuses(random: bytes) -> None:
    with pytest.raises(WechatError, match="bad_random"):
        encrypt(ACCOUNT, b"success", random)


def test_account_when_shown_then_keeps_its_secrets() -> None:
    shown = f"{ACCOUNT!r} {ACCOUNT}"
    assert ACCOUNT.token not in shown
    assert str(ACCOUNT.aes_key) not in shown
