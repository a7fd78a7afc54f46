import statistics
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.tlog.asof import Answer, AsOf, AsOfError, AsOfProof, decode_as_of, verify_as_of
from gateway.tlog.cosignature import Cosigner
from gateway.tlog.note import Ed25519Secret, Signer
from gateway.tlog.policy import parse_policy
from gateway.tlog.statemap import DEFAULT_BITS

from .ledger import SIGNER, Ledger, label_of

LOG = SIGNER.verifier()
STEPS = st.lists(st.tuples(st.sampled_from("cccssetttx"), st.integers(0, 3)), max_size=40)


def check(proof: AsOfProof) -> AsOf:
    """As whoever has only the file and the public key."""
    return verify_as_of(decode_as_of(proof.encode()), LOG)


def sample() -> Ledger:
    """Subject 1 changes at 1000 and 3000, asks at 2000 and 4000; subject 2 begins at 3000; EPOCHs at 2500 and 5000."""
    ledger = Ledger()
    for time_ms, step in (
        (1_000, lambda: ledger.change(1)),
        (2_000, lambda: ledger.change(1, is_statement=True)),
        (2_500, ledger.epoch),
        (3_000, lambda: (ledger.change(1), ledger.change(2))),
        (4_000, lambda: ledger.change(1, is_statement=True)),
        (5_000, ledger.epoch),
        (6_000, lambda: ledger.change(2)),
    ):
        ledger.time_ms = time_ms
        step()
    return ledger


@pytest.mark.parametrize(
    ("subject", "time_ms", "answer", "entry", "version"),
    [
        (1, 999, Answer.NONE_YET, None, None),
        (1, 1_000, Answer.PRESENT, 0, 1),
        (1, 2_400, Answer.PRESENT, 1, 1),
        (1, 2_999, Answer.PRESENT, 1, 1),
        (1, 3_000, Answer.PRESENT, 3, 2),
        (1, 4_999, Answer.PRESENT, 5, 2),
        (1, 5_000, Answer.TOO_RECENT, None, None),
        (2, 2_400, Answer.ABSENT, None, None),
        (2, 2_600, Answer.NONE_YET, None, None),
        (2, 3_000, Answer.PRESENT, 4, 1),
        (3, 3_000, Answer.ABSENT, None, None),
    ],
)
def test_as_of_when_asked_at_a_time_then_the_answer_is_what_stood_then(
    subject: int, time_ms: int, answer: Answer, entry: int | None, version: int | None
) -> None:
    found = check(sample().prove(subject, time_ms))
    assert (found.answer, found.entry, found.version) == (answer, entry, version)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.booleans())
def test_as_of_when_histories_are_random_then_answers_equal_a_naive_fold(
    steps: list[tuple[str, int]], latest: bool
) -> None:
    ledger = Ledger()
    ledger.epoch()
    for step, subject in steps:
        if step == "t":
            ledger.time_ms += 10
        elif step == "e":
            ledger.epoch()
        elif step == "x" and label_of(subject) in ledger.records:
            ledger.erase(subject)
        elif label_of(subject) not in ledger.erasures:
            ledger.change(subject, is_statement=step == "s")
    ledger.time_ms += 10
    last = ledger.time_ms
    ledger.epoch()

    for subject in range(4):
        for time_ms in range(995, last, 5):
            found = check(ledger.prove(subject, time_ms, latest=latest))
            versions = [version for at, version in ledger.history.get(subject, ()) if at <= time_ms]
            if found.answer is Answer.ERASED:
                assert label_of(subject) in ledger.erasures
            elif found.answer is Answer.PRESENT:
                assert found.version == versions[-1]
                assert found.payload is not None
                assert found.payload["after"] == {"subject": subject, "version": versions[-1]}
            else:
                assert found.answer is not Answer.TOO_RECENT
                assert not versions or label_of(subject) in ledger.erasures


def test_as_of_when_the_map_is_as_large_as_a_registrys_then_proofs_stay_small_and_quick(record_property: Any) -> None:
    ledger = Ledger(bits=DEFAULT_BITS)
    for turn in range(5):
        ledger.time_ms += 1_000
        for subject in range(200):
            ledger.change(subject, is_statement=turn % 2 == 1)
    ledger.time_ms += 1_000
    ledger.epoch()
    sizes: dict[Answer, list[int]] = {}
    took_s: dict[Answer, list[float]] = {}
    for subject in range(0, 220, 20):
        for time_ms in (1_500, 2_500, 4_500, 6_500):
            data = ledger.prove(subject, time_ms).encode()
            began = time.perf_counter()
            found = verify_as_of(decode_as_of(data), LOG)
            took_s.setdefault(found.answer, []).append(time.perf_counter() - began)
            sizes.setdefault(found.answer, []).append(len(data))
            versions = [version for at, version in ledger.history.get(subject, ()) if at <= time_ms]
            assert found.version == (versions[-1] if versions else None)
    assert set(sizes) == {Answer.PRESENT, Answer.NONE_YET, Answer.ABSENT}
    for answer, found_sizes in sizes.items():
        assert max(found_sizes) < 16_000
        size, took_ms = statistics.mean(found_sizes), statistics.median(took_s[answer]) * 1000
        record_property("as_of", (answer.value, f"{size:,.0f} bytes as a file", f"{took_ms:.2f} ms to check"))


def test_as_of_when_the_openings_are_erased_then_the_erase_entry_answers() -> None:
    ledger = sample()
    index = ledger.erase(1)
    for latest in (False, True):
        found = check(ledger.prove(1, 4_500, latest=latest))
        assert (found.answer, found.entry) == (Answer.ERASED, index)
        ledger.time_ms = 7_000
        ledger.epoch()


def forgeries() -> dict[str, tuple[AsOfProof, str]]:
    ledger = sample()
    proof, none_yet = ledger.prove(1, 4_500), ledger.prove(2, 2_600)
    assert proof.epoch is not None
    newest, oldest = proof.chain[0], proof.chain[-1]
    early = ledger.prove(1, 1_500)
    lost = replace(newest, opening=None)
    stranger = Signer(SIGNER.name, Ed25519Secret(bytes(32)))
    signed_by_stranger = replace(proof.checkpoint, signatures=(stranger.sign(proof.checkpoint.text),))
    return {
        "another answer": (replace(proof, answer=Answer.NONE_YET), "ANSWER"),
        "absence of one who is there": (replace(proof, answer=Answer.ABSENT, chain=()), "CHAIN"),
        "erasure without an entry": (replace(proof, answer=Answer.ERASED, chain=()), "ERASURE"),
        "erasure by an entry of another kind": (
            replace(proof, answer=Answer.ERASED, chain=(), erasure=ledger.proven(7)),
            "ERASURE",
        ),
        "too recent though an epoch is later": (
            replace(proof, answer=Answer.TOO_RECENT, map=None, chain=()),
            "ANSWER",
        ),
        "an epoch too early": (replace(early, time_ms=2_500), "EPOCH"),
        "no epoch": (replace(proof, epoch=None), "EPOCH"),
        "an entry that is no epoch": (replace(proof, epoch=newest), "EPOCH"),
        "no map": (replace(proof, map=None), "MAP"),
        "the map of another epoch": (replace(proof, map=early.map), "MAP"),
        "an older entry as the newest": (replace(proof, chain=proof.chain[1:]), "CHAIN"),
        "a link left out": (replace(proof, chain=(*proof.chain[:1], *proof.chain[2:])), "CHAIN"),
        "a chain cut short": (replace(proof, chain=proof.chain[:-1]), "CHAIN"),
        "a chain too long": (replace(proof, chain=(*proof.chain, oldest)), "FORMAT"),
        "the entry of another subject": (replace(proof, chain=(ledger.proven(4), *proof.chain[1:])), "CHAIN"),
        "an opening withheld": (replace(proof, chain=(lost, *proof.chain[1:])), "OPENING"),
        "another opening": (
            replace(proof, chain=(replace(newest, opening=oldest.opening), *proof.chain[1:])),
            "OPENING",
        ),
        "an inclusion of another entry": (
            replace(proof, chain=(replace(newest, inclusion=oldest.inclusion), *proof.chain[1:])),
            "INCLUSION",
        ),
        "another time": (replace(proof, time_ms=2_600), "CHAIN"),
        "another label": (replace(none_yet, label=label_of(1)), "MAP"),
        "a stranger's signature": (replace(proof, checkpoint=signed_by_stranger), "CHECKPOINT"),
    }


@pytest.mark.parametrize("name", forgeries())
def test_as_of_when_forged_then_it_is_refused_with_the_reason(name: str) -> None:
    forged, reason = forgeries()[name]
    with pytest.raises(AsOfError) as refused:
        check(forged)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        ({"prev": 7}, "CHAIN"),
        ({"prev": -1}, "CHAIN"),
        ({"prev": "0"}, "OPENING"),
        ({"version": 9}, "CHAIN"),
        ({"label": label_of(9).hex()}, "LABEL"),
    ],
)
def test_as_of_when_the_log_itself_holds_a_false_link_then_the_entry_is_named(
    forged: dict[str, object], reason: str
) -> None:
    ledger = Ledger()
    ledger.change(1)
    ledger.change(1, is_statement=True)
    index = ledger.change(1, is_statement=True, **forged)
    ledger.time_ms = 2_000
    ledger.epoch()
    label = label_of(1)
    epoch = ledger.proven(3)
    chain = tuple(ledger.proven(at) for at in (2, 1, 0))
    proof = AsOfProof(label, 1_500, Answer.PRESENT, ledger.checkpoint(), epoch, ledger.maps[3].prove(label), chain)

    with pytest.raises(AsOfError) as refused:
        check(proof)
    assert (refused.value.reason, refused.value.index) == (reason, index)


def test_as_of_when_witnesses_count_then_a_checkpoint_without_them_is_refused() -> None:
    proof = sample().prove(1, 4_500)
    witness = Cosigner("w.example", Ed25519Secret(bytes(32)))
    policy = parse_policy(f"log {LOG.encode()}\nwitness w {witness.verifier().encode()}\nquorum w\n")
    with pytest.raises(AsOfError, match="POLICY"):
        verify_as_of(proof, LOG, policy)
    cosigned = proof.checkpoint.add(witness.cosign(proof.checkpoint.text, 1))
    assert verify_as_of(replace(proof, checkpoint=cosigned), LOG, policy).answer is Answer.PRESENT


def test_as_of_file_when_any_byte_is_dropped_or_changed_then_it_never_proves_something_else() -> None:
    proof = sample().prove(1, 4_500)
    data, true = proof.encode(), check(proof)
    for at in range(0, len(data), 3):
        for changed in (data[:at] + data[at + 1 :], data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]):
            try:
                found = verify_as_of(decode_as_of(changed), LOG)
            except AsOfError:
                continue
            # White space and the time asked for may change, as long as the same state stood then.
            assert (found.answer, found.entry, found.payload) == (true.answer, true.entry, true.payload)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format":"optout.v1/as-of"}', b"\xff", b"[" * 100_000])
def test_as_of_file_when_it_is_no_proof_then_it_is_refused(data: bytes) -> None:
    with pytest.raises(AsOfError, match="FORMAT"):
        decode_as_of(data)
