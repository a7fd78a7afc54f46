"""SM2 lines on checkpoints: OpenSSL verifies them, and those who do not know them pass them over."""

import base64
import subprocess
from pathlib import Path

import pytest

from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.note import Ed25519Secret, NoteError, Signer, decode_note, open_note, parse_skey, parse_vkey
from gateway.tlog.sm2 import SM2_KEY_READERS, SM2_SECRET_READERS, Sm2Key, Sm2Secret, make_sm2_secret

LOG = Signer("registry.example/log", Ed25519Secret(bytes(range(32))))
NATIONAL = Signer(LOG.name, make_sm2_secret())
TEXT = Checkpoint(LOG.name, 7, bytes(32)).text()
NOTE = decode_note(Checkpoint.from_text(TEXT).unsigned().add(LOG.sign(TEXT), NATIONAL.sign(TEXT)).encode())


def openssl_accepts(folder: Path, key: Sm2Key, text: bytes, signature: bytes) -> bool:
    """Ask the command line program."""
    body = base64.encodebytes(key.subject_public_key_info()).decode()
    (folder / "public.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n")
    (folder / "text").write_bytes(text)
    (folder / "signature").write_bytes(signature)
    command = ["openssl", "dgst", "-sm3", "-sigopt", "distid:1234567812345678", "-verify", "public.pem"]
    command += ["-signature", "signature", "text"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout.strip() in {"Verified OK", "Verification failure", "Verification Failure", ""}, done.stdout
    return done.returncode == 0


def test_sm2_line_when_openssl_is_asked_then_it_verifies_the_text_and_no_other(tmp_path: Path) -> None:
    key, line = NATIONAL.key.public(), NOTE.signatures[1]
    assert isinstance(key, Sm2Key)
    assert openssl_accepts(tmp_path, key, TEXT.encode(), line.signature)
    assert not openssl_accepts(tmp_path, key, TEXT.encode() + b"\n", line.signature)
    other = make_sm2_secret().public()
    assert not openssl_accepts(tmp_path, other, TEXT.encode(), line.signature)


def test_sm2_line_when_openssl_made_it_then_it_holds(tmp_path: Path) -> None:
    def openssl(*arguments: str) -> bytes:
        return subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True).stdout

    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", "key.pem")
    point = openssl("pkey", "-in", "key.pem", "-pubout", "-outform", "DER")[-64:]
    (tmp_path / "text").write_text(TEXT)
    signature = openssl("dgst", "-sm3", "-sigopt", "distid:1234567812345678", "-sign", "key.pem", "text")
    assert Sm2Key(point).verify(TEXT.encode(), signature)
    assert not Sm2Key(point).verify(TEXT.encode() + b"\n", signature)


def test_note_when_it_has_an_sm2_line_then_each_verifier_finds_its_own() -> None:
    assert open_note(NOTE, [LOG.verifier()]) == (LOG.verifier(),)
    assert open_note(NOTE, [NATIONAL.verifier()]) == (NATIONAL.verifier(),)
    assert set(open_note(NOTE, [LOG.verifier(), NATIONAL.verifier()])) == {LOG.verifier(), NATIONAL.verifier()}
    forged = NOTE.add(NATIONAL.sign(TEXT + "\n"))
    assert open_note(forged, [LOG.verifier()]) == (LOG.verifier(),)
    with pytest.raises(NoteError, match="SIGNATURE"):
        open_note(forged, [NATIONAL.verifier()])


@pytest.mark.parametrize("signature", [b"", b"0", bytes(72), b"\x30\x06\x02\x01\x00\x02\x01\x00"])
def test_sm2_key_when_the_signature_is_none_then_it_does_not_hold(signature: bytes) -> None:
    assert not NATIONAL.key.public().verify(TEXT.encode(), signature)
    assert not Sm2Key(bytes(64)).verify(TEXT.encode(), signature)


def test_sm2_keys_when_written_then_they_are_read_again_by_those_who_know_them() -> None:
    vkey, skey = NATIONAL.verifier().encode(), NATIONAL.encode()
    assert parse_vkey(vkey, SM2_KEY_READERS) == NATIONAL.verifier()
    assert parse_skey(skey, SM2_SECRET_READERS).encode() == skey
    for refused in (lambda: parse_vkey(vkey), lambda: parse_skey(skey)):
        with pytest.raises(NoteError, match="ALGORITHM"):
            refused()
    assert skey[60:100] not in repr(NATIONAL)
    assert isinstance(NATIONAL.key, Sm2Secret)
    wrong = Signer(LOG.name, Sm2Secret(NATIONAL.key.scalar, make_sm2_secret().public()))
    with pytest.raises(NoteError, match="KEY"):
        parse_skey(wrong.encode(), SM2_SECRET_READERS)


def test_sm2_key_when_the_extra_is_not_installed_then_it_says_that_it_does_not_know_the_algorithm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gmssl_pyx", None)
    with pytest.raises(NoteError, match="ALGORITHM"):
        make_sm2_secret()
    assert open_note(NOTE, [LOG.verifier()]) == (LOG.verifier(),)
