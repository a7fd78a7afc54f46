import pytest

from gateway.tlog.note import (
    Ed25519Secret,
    Note,
    NoteError,
    SignatureLine,
    Signer,
    decode_lines,
    decode_note,
    open_note,
    parse_skey,
    parse_vkey,
)

# The example of Go's note package, which defined the form.
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
PUBLISHED = f"{TEXT}\n{LINE}"

SIGNER = Signer("log.example/one", Ed25519Secret(bytes(range(32))))
OTHER = Signer("log.example/two", Ed25519Secret(bytes(32)))


def signed(text: str, *signers: Signer) -> Note:
    return Note(text).add(*(signer.sign(text) for signer in signers))


def test_note_when_published_by_another_implementation_then_it_opens_and_is_made_again_byte_for_byte() -> None:
    verifier = parse_vkey(VKEY)
    assert open_note(decode_note(PUBLISHED.encode()), [verifier]) == (verifier,)
    assert signed(TEXT, parse_skey(SKEY)).encode() == PUBLISHED


def test_keys_when_written_then_they_are_the_published_forms() -> None:
    assert parse_skey(SKEY).encode() == SKEY
    assert parse_skey(SKEY).verifier().encode() == VKEY
    assert SKEY[40:] not in repr(parse_skey(SKEY))


def test_note_when_signed_by_unknown_keys_as_well_then_these_are_ignored() -> None:
    note = signed("text\n", SIGNER, OTHER)
    assert open_note(note, [OTHER.verifier()]) == (OTHER.verifier(),)
    with pytest.raises(NoteError, match="UNSIGNED"):
        open_note(note, [parse_vkey(VKEY)])


def test_note_when_any_bit_of_text_or_signature_flips_then_it_does_not_open() -> None:
    data = signed("some\ntext\n", SIGNER).encode().encode()
    for bit in range(len(data) * 8):
        changed = (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")
        with pytest.raises(NoteError):
            open_note(decode_note(changed), [SIGNER.verifier()])


def test_note_when_a_known_key_s_second_signature_is_wrong_then_the_whole_note_is_refused() -> None:
    note = signed("text\n", SIGNER, OTHER)
    forged = SignatureLine(SIGNER.name, SIGNER.verifier().key_id, bytes(64))
    with pytest.raises(NoteError, match="SIGNATURE"):
        open_note(Note(note.text, (*note.signatures, forged)), [SIGNER.verifier(), OTHER.verifier()])


def test_note_when_text_has_empty_lines_then_the_last_one_parts_it_from_the_signatures() -> None:
    note = signed("a\n\nb\n", SIGNER)
    assert decode_note(note.encode()) == note


def test_note_when_a_key_signs_again_then_the_newer_signature_counts() -> None:
    note = signed("text\n", SIGNER)
    assert note.add(SIGNER.sign("text\n")).signatures == note.signatures


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("text\n", "FORMAT"),
        ("text\n\n", "FORMAT"),
        (f"text\n\n{LINE[:-1]}", "FORMAT"),
        (f"te\txt\n\n{LINE}", "TEXT"),
        (f"text\n\n{LINE.replace('— ', '- ')}", "FORMAT"),
        (f"text\n\n{LINE.replace('=', '')}", "FORMAT"),
        (f"text\n\n{LINE.replace(' x', ' x ')}", "FORMAT"),
        (f"text\n\n{LINE.replace('Peter', 'Peter+')}", "NAME"),
        ("text\n\n— a AAAAAA==\n", "FORMAT"),
        (b"\xff\n\n", "TEXT"),
        (f"half a character: \ud800\n\n{LINE}", "TEXT"),
        (f"text\n\n{LINE * 65}", "TOO_LONG"),
        ("x" * (1 << 21), "TOO_LONG"),
    ],
)
def test_note_when_malformed_then_the_reason_says_how(data: str | bytes, reason: str) -> None:
    with pytest.raises(NoteError) as refused:
        decode_note(data)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("vkey", "reason"),
    [
        ("PeterNeumann", "FORMAT"),
        (VKEY.replace("c7", "c8"), "KEY_ID"),
        (VKEY.replace("Peter", "Pe ter"), "NAME"),
        (VKEY.replace("Peter", "Pe\udcffter"), "NAME"),
        (VKEY[:-4], "KEY"),
        (VKEY.replace("+AR", "+BR"), "ALGORITHM"),
        (VKEY.replace("W", "-"), "FORMAT"),
    ],
)
def test_vkey_when_malformed_then_the_reason_says_how(vkey: str, reason: str) -> None:
    with pytest.raises(NoteError) as refused:
        parse_vkey(vkey)
    assert refused.value.reason == reason


@pytest.mark.parametrize("skey", [VKEY, SKEY.replace("c7", "c8"), SKEY[:-4], SKEY.replace("+AY", "+BY")])
def test_skey_when_malformed_then_it_is_refused_without_being_quoted(skey: str) -> None:
    with pytest.raises(NoteError) as refused:
        parse_skey(skey)
    assert "EKFALVFG" not in str(refused.value)


def test_lines_when_a_witness_answers_none_or_garbage_then_they_are_none_or_refused() -> None:
    assert decode_lines("") == ()
    with pytest.raises(NoteError):
        decode_lines("nothing")
