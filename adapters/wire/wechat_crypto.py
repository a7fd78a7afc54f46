"""How WeChat proves and hides what it sends: signatures, and AES-256-CBC in safe mode.

Source: WeChat official accounts, "message encryption and decryption". A signature is the lower-case hex SHA-1 of
its parts, sorted and joined. The cipher's key is the decoded EncodingAESKey, its IV the key's first 16 bytes; the
plaintext is ``random:16 | length:4, big-endian | XML | app id``, padded after PKCS#7 to blocks of 32 bytes, which
is twice AES's own. The ciphertext carries no code of its own: only the signature over it proves it, so it is
checked first.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from adapters.wire.errors import WireError

BLOCK_BYTES = 32
RANDOM_BYTES = 16
_IV_BYTES = 16
_LENGTH_BYTES = 4
_AES_KEY = re.compile(r"[0-9A-Za-z]{43}")
_SIGNATURE = re.compile(r"[0-9a-f]{40}")


class WechatError(WireError):
    """A callback, a reply or a setting that is refused. ``reason`` is stable, and no content is ever in it.

    Reasons, besides those of ``markup`` and ``elements``:
        ``bad_aes_key``       an EncodingAESKey that is not 43 letters and digits
        ``bad_signature``     a signature that is absent, not of its form, or not made with our token
        ``bad_query``         a query parameter that is absent or not of its form
        ``stale_timestamp``   signed longer ago, or further ahead, than the window allows
        ``replayed_nonce``    a request that was let in already
        ``not_encrypted``     a callback in plain mode
        ``not_safe_mode``     a callback in compatibility mode: its plain half is not signed
        ``not_base64``        a ciphertext that is not base64
        ``bad_length``        a ciphertext that is no whole number of blocks, or an inner length past its end
        ``bad_padding``       padding that is not PKCS#7 to 32 bytes
        ``wrong_appid``       meant for another account
        ``wrong_account``     the envelope and the message in it name different accounts
        ``wrong_sender``      the query and the message in it name different users
        ``bad_random``        random bytes that are not 16 (when sealing)
        ``text_too_long``     a reply of more than 2048 bytes
    """


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """What an official account shares with WeChat. Made by ``make_account``; its repr keeps the secrets."""

    app_id: str
    token: str
    aes_key: bytes

    def __repr__(self) -> str:
        """Name the account only."""
        return f"Account(app_id={self.app_id!r}, …)"


def make_account(app_id: str, token: str, encoding_aes_key: str) -> Account:
    """Take an account's settings as WeChat's console shows them; raises ``WechatError`` (``bad_aes_key``)."""
    if not _AES_KEY.fullmatch(encoding_aes_key):
        raise WechatError("bad_aes_key")
    return Account(app_id, token, base64.b64decode(encoding_aes_key + "="))


def sign(token: str, *parts: str) -> str:
    """Sign a timestamp, a nonce and, for ``msg_signature``, the ciphertext."""
    joined = "".join(sorted((token, *parts))).encode()
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest()


def check_signature(signature: str, token: str, *parts: str) -> None:
    """Compare in constant time; raises ``WechatError`` (``bad_signature``)."""
    if not _SIGNATURE.fullmatch(signature) or not hmac.compare_digest(signature, sign(token, *parts)):
        raise WechatError("bad_signature")


def encrypt(account: Account, message: bytes, random: bytes) -> str:
    """Encrypt for ``account`` with 16 random bytes in front; return base64.

    Raises ``WechatError`` (``bad_random``).
    """
    if len(random) != RANDOM_BYTES:
        raise WechatError("bad_random")
    length = len(message).to_bytes(_LENGTH_BYTES, "big")
    plain = random + length + message + account.app_id.encode()
    pad = BLOCK_BYTES - len(plain) % BLOCK_BYTES
    cipher = _cipher(account).encryptor()
    return base64.b64encode(_run(cipher, plain + bytes([pad]) * pad)).decode()


def decrypt(account: Account, encrypted: str) -> bytes:
    """Undo ``encrypt``. Call it only on what ``check_signature`` let pass.

    Raises ``WechatError``: ``not_base64``, ``bad_length``, ``bad_padding``, ``wrong_appid``.
    """
    try:
        raw = binascii.a2b_base64(encrypted, strict_mode=True)
    except ValueError:
        raise WechatError("not_base64") from None
    if not raw or len(raw) % BLOCK_BYTES:
        raise WechatError("bad_length")
    return _unpack(account, _unpad(_run(_cipher(account).decryptor(), raw)))


def _cipher(account: Account) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(account.aes_key), modes.CBC(account.aes_key[:_IV_BYTES]))


def _run(context: CipherContext, data: bytes) -> bytes:
    return context.update(data) + context.finalize()


def _unpad(padded: bytes) -> bytes:
    pad = padded[-1]
    if not 1 <= pad <= BLOCK_BYTES or padded[-pad:] != bytes([pad]) * pad:
        raise WechatError("bad_padding")
    return padded[:-pad]


def _unpack(account: Account, plain: bytes) -> bytes:
    start = RANDOM_BYTES + _LENGTH_BYTES
    end = start + int.from_bytes(plain[RANDOM_BYTES:start], "big")
    if len(plain) < start or end > len(plain):
        raise WechatError("bad_length")
    if not hmac.compare_digest(plain[end:], account.app_id.encode()):
        raise WechatError("wrong_appid")
    return plain[start:end]
