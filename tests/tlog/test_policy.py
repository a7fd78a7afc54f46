import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.cosignature import Cosigner
from gateway.tlog.note import Ed25519Secret, Note, NoteError, SignatureLine, Signer
from gateway.tlog.policy import (
    Policy,
    PolicyError,
    bound_times,
    decode_own_policy,
    decode_policy,
    parse_policy,
    safe_threshold,
)

LOG = Signer("log.example", Ed25519Secret(bytes(31) + b"L"))
WITNESSES = [Cosigner(f"w{n}.example", Ed25519Secret(bytes(31) + bytes([n]))) for n in range(1, 7)]
KEYS = [witness.verifier().encode() for witness in WITNESSES]
LINES = [
    f"log {LOG.verifier().encode()}",
    *(f"witness {name} {key}" for name, key in zip(("X1", "X2", "X3", "Y1", "Y2", "Y3"), KEYS, strict=True)),
]
BASE = "\n".join(LINES) + "\n"
# The example of tlog-policy.
EXAMPLE = BASE + "group X 2 X1 X2 X3\ngroup Y any Y1 Y2 Y3\ngroup X-and-Y all X Y\nquorum X-and-Y\n"
CHECKPOINT = Checkpoint("log.example", 5, bytes(32))


def three_of_four() -> Policy:
    return parse_policy(BASE + "group four 3 X1 X2 X3 Y1\nquorum four\n")


def certificate(cosigners: Iterable[Cosigner], time_s: int = 1_000) -> Note:
    text = CHECKPOINT.text()
    return Note(text, (LOG.sign(text), *(cosigner.cosign(text, time_s) for cosigner in cosigners)))


@given(st.sets(st.sampled_from(["X1", "X2", "X3", "Y1", "Y2", "Y3"])))
def test_quorum_when_groups_nest_then_it_is_two_of_x_and_one_of_y(cosigned: set[str]) -> None:
    expected = sum(name[0] == "X" for name in cosigned) >= 2 and any(name[0] == "Y" for name in cosigned)
    assert parse_policy(EXAMPLE).has_quorum(cosigned) is expected


def test_policy_when_comments_tabs_and_urls_stand_in_it_then_it_reads() -> None:
    text = f"# ours\n\n \tlog\t{LOG.verifier().encode()} https://log.example/\nquorum none\n"
    policy = parse_policy(text)
    assert policy.logs[0].url == "https://log.example/"
    assert policy.certify(certificate([])).checkpoint == CHECKPOINT


def test_policy_when_a_comment_is_in_another_encoding_then_it_reads_and_elsewhere_it_does_not() -> None:
    policy = f"log {LOG.verifier().encode()}\nquorum none\n".encode()
    assert decode_policy("# 见证者\n".encode("gb18030") + policy).logs[0].verifier == LOG.verifier()
    for line in ("quorum 见", "group 见 any X1", f"log {LOG.verifier().encode()} https://见.example"):
        with pytest.raises(PolicyError, match="CHARACTER in line 1"):
            decode_policy(line.encode("gb18030") + b"\n" + policy)


def test_certify_when_three_of_four_cosigned_then_their_times_are_told() -> None:
    certified = three_of_four().certify(certificate(WITNESSES[:3], 77))
    assert certified.times_s == {"X1": 77, "X2": 77, "X3": 77}


def test_certify_when_strangers_or_too_few_cosigned_then_it_is_refused() -> None:
    for cosigners in (WITNESSES[:2], [*WITNESSES[:2], *WITNESSES[4:]]):
        with pytest.raises(PolicyError, match="QUORUM"):
            three_of_four().certify(certificate(cosigners))


def test_certify_when_one_witness_signs_twice_then_it_counts_once() -> None:
    note = certificate([*WITNESSES[:2], WITNESSES[0]])
    with pytest.raises(PolicyError, match="QUORUM"):
        three_of_four().certify(note)


def test_certify_when_the_log_s_signature_is_missing_or_false_then_it_is_refused() -> None:
    note = certificate(WITNESSES)
    for signatures in (note.signatures[1:], (SignatureLine(LOG.name, LOG.verifier().key_id, bytes(64)),)):
        with pytest.raises(NoteError):
            three_of_four().certify(Note(note.text, signatures))


def test_certify_when_the_log_signs_another_origin_then_it_is_refused() -> None:
    text = Checkpoint("other.example", 5, bytes(32)).text()
    note = Note(text, (LOG.sign(text), *(witness.cosign(text, 1) for witness in WITNESSES)))
    with pytest.raises(PolicyError, match="ORIGIN"):
        three_of_four().certify(note)


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        (BASE, "QUORUM", None),
        ("quorum none\nquorum none\n", "QUORUM", 2),
        ("quorum X1\n", "NAME", 1),
        ("quorum\n", "LINE", 1),
        ("wish X1\n", "LINE", 1),
        (f"{BASE}group g 0 X1\nquorum g\n", "THRESHOLD", 8),
        (f"{BASE}group g 2 X1\nquorum g\n", "THRESHOLD", 8),
        (f"{BASE}group g some X1\nquorum g\n", "THRESHOLD", 8),
        (f"{BASE}group g 1 X1 X1\nquorum g\n", "MEMBER", 8),
        (f"{BASE}group g 1 X1\ngroup h 1 X1\nquorum g\n", "MEMBER", 9),
        (f"{BASE}group g 1 h\nquorum g\n", "NAME", 8),
        (f"{BASE}group X1 1 X2\nquorum X1\n", "NAME", 8),
        (f"{BASE}group none 1 X2\nquorum none\n", "NAME", 8),
        (f"{BASE}group g 1\nquorum g\n", "LINE", 8),
        (f"witness a {KEYS[0]}\nwitness b {KEYS[0]}\nquorum a\n", "DUPLICATE_KEY", 2),
        (f"witness a {LOG.verifier().encode()}\nquorum a\n", "KEY", 1),
        (f"log {KEYS[0]}\nquorum none\n", "KEY", 1),
        ("quorum none\r\n", "CHARACTER", 1),
    ],
)
def test_policy_when_malformed_then_reason_and_line_say_where(text: str, reason: str, line: int | None) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy(text)
    assert (refused.value.reason, refused.value.line) == (reason, line)


def test_times_when_an_entry_is_dated_before_a_checkpoint_without_it_then_it_is_not_allowed() -> None:
    bounds = bound_times([1_000, 1_001, 1_002], [1_010, 1_011, 1_012], slack_s=5, liars=1)
    assert bounds.allow(1_005_000)
    assert not bounds.allow(995_999)
    assert not bounds.allow(1_018_000)


def test_times_when_one_witness_lies_either_way_then_the_bounds_hold_for_the_honest() -> None:
    honest = bound_times([1_000] * 3, [1_010] * 3)
    for lie in (0, 2**40):
        assert bound_times([1_000, 1_000, lie], [1_010, 1_010, lie]) == honest


def test_times_when_too_few_witnesses_cosigned_then_nothing_is_bound() -> None:
    bounds = bound_times([1_000], [1_010])
    assert bounds.allow(0)
    assert bounds.allow(2**63)


@pytest.mark.parametrize(("count", "least", "is_weak"), [(1, 1, True), (2, 2, False), (3, 3, False), (4, 3, False)])
def test_quorum_when_a_file_of_ours_names_none_then_so_many_count_that_a_liar_certifies_nothing(
    count: int, least: int, is_weak: bool
) -> None:
    policy = decode_own_policy("\n".join(LINES[: count + 1]).encode())
    names = list(policy.witnesses)
    assert policy.has_quorum(names[:least])
    assert not policy.has_quorum(names[: least - 1])
    assert policy.is_weak is is_weak


def test_quorum_when_a_file_names_groups_alone_or_no_witness_then_none_is_made_up() -> None:
    for text in (f"{BASE}group g 1 X1\n", LINES[0]):
        with pytest.raises(PolicyError, match="QUORUM"):
            decode_own_policy(text.encode())


SIX = ("X1", "X2", "X3", "Y1", "Y2", "Y3")


@pytest.mark.parametrize(
    ("quorum", "is_weak"),
    [
        ("quorum none\n", True),
        ("quorum X1\n", True),
        ("group g 2 X1 X2 X3\nquorum g\n", True),
        ("group g 3 X1 X2 X3 Y1\nquorum g\n", False),
        ("group g 3 X1 X2 X3 Y1 Y2 Y3\nquorum g\n", True),
        ("group g 4 X1 X2 X3 Y1 Y2 Y3\nquorum g\n", False),
        ("group X 2 X1 X2 X3\ngroup Y any Y1 Y2 Y3\ngroup g all X Y\nquorum g\n", True),
        ("group X all X1 X2\ngroup Y any X3 Y1 Y2\ngroup g all X Y\nquorum g\n", False),
        ("group X 2 X1 X2 X3\ngroup Y all Y1 Y2 Y3\ngroup g any X Y\nquorum g\n", True),
    ],
)
def test_quorum_when_a_liar_could_certify_two_histories_then_it_is_weak(quorum: str, is_weak: bool) -> None:
    policy = parse_policy(BASE + quorum)
    assert policy.is_weak is is_weak
    enough = [set(some) for n in range(7) for some in itertools.combinations(SIX, n) if policy.has_quorum(some)]
    assert (min(len(one & other) for one in enough for other in enough) <= 1) is is_weak


@given(st.integers(1, 40))
def test_threshold_when_safe_then_two_quorums_share_more_than_lie_and_as_many_may_be_out(count: int) -> None:
    least, liars = safe_threshold(count), (count - 1) // 3
    assert 2 * least - count > liars
    assert count - least == liars
