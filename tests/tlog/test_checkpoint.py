import pytest

from gateway.tlog.checkpoint import Checkpoint, CheckpointError
from gateway.tlog.cosignature import COSIGNER_READERS, Cosigner, find_cosignature
from gateway.tlog.note import Ed25519Secret, Note, NoteError, SignatureLine, Signer, open_note, parse_vkey

# The example of tlog-checkpoint.
TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
WITNESS = Cosigner("witness.example/w1", Ed25519Secret(bytes(range(32))))


def test_checkpoint_when_read_then_it_writes_the_same_text() -> None:
    checkpoint = Checkpoint.from_text(TEXT)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == TEXT


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TEXT[:-1], "LINES"),
        (f"{TEXT}extension\n", "LINES"),
        (TEXT.replace("example", "exa mple"), "ORIGIN"),
        (TEXT.replace("example.com/behind-the-sofa", ""), "ORIGIN"),
        (TEXT.replace("208", "0208"), "SIZE"),
        (TEXT.replace("208", "-208"), "SIZE"),
        (TEXT.replace("20852163", "18446744073709551616"), "SIZE"),
        (TEXT.replace("20852163", "２０"), "SIZE"),
        (TEXT.replace("I=\n", "J=\n"), "ROOT"),
        (TEXT.replace("CsUY", ""), "ROOT"),
        (TEXT.replace("CsUY", "*sUY"), "ROOT"),
    ],
)
def test_checkpoint_when_malformed_then_the_reason_says_how(text: str, reason: str) -> None:
    with pytest.raises(CheckpointError) as refused:
        Checkpoint.from_text(text)
    assert refused.value.reason == reason


def test_checkpoint_when_a_log_may_extend_it_then_the_lines_are_passed_over() -> None:
    extended = Checkpoint.from_text(f"{TEXT}extension\nand more\n", may_be_extended=True)
    assert extended == Checkpoint.from_text(TEXT) == Checkpoint.from_text(TEXT, may_be_extended=True)


@pytest.mark.parametrize("more", ["\n", "extension", "extension\n\n", "\nextension\n"])
def test_checkpoint_when_an_extension_is_empty_or_cut_off_then_refused(more: str) -> None:
    with pytest.raises(CheckpointError, match="LINES"):
        Checkpoint.from_text(TEXT + more, may_be_extended=True)


def test_cosignature_when_made_then_it_opens_and_bears_its_time() -> None:
    line = WITNESS.cosign(TEXT, 1679315147)
    note = Note(TEXT, (line,))

    assert open_note(note, [WITNESS.verifier()]) == (WITNESS.verifier(),)
    assert find_cosignature(note, WITNESS.verifier()) == 1679315147
    assert parse_vkey(WITNESS.verifier().encode(), COSIGNER_READERS) == WITNESS.verifier()


def test_cosignature_when_any_bit_changes_then_it_does_not_hold() -> None:
    line = WITNESS.cosign(TEXT, 1679315147)
    for bit in range(len(line.signature) * 8):
        changed = (int.from_bytes(line.signature, "big") ^ 1 << bit).to_bytes(len(line.signature), "big")
        note = Note(TEXT, (SignatureLine(line.name, line.key_id, changed),))
        assert find_cosignature(note, WITNESS.verifier()) is None


def test_cosignature_when_taken_for_a_plain_signature_then_the_key_ids_differ() -> None:
    plain = Signer(WITNESS.name, WITNESS.secret)
    assert plain.verifier().key_id != WITNESS.verifier().key_id
    assert find_cosignature(Note(TEXT, (plain.sign(TEXT),)), WITNESS.verifier()) is None


def test_cosignature_when_the_time_is_impossible_then_it_is_not_made() -> None:
    with pytest.raises(NoteError):
        WITNESS.cosign(TEXT, 2**63)
