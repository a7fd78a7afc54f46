import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.hashing import empty_root
from gateway.tlog.proof import (
    ProofError,
    make_consistency,
    make_inclusion,
    verify_consistency,
    verify_inclusion,
)

from .trees import entries_of, hashes_of, nodes_of, root_of

CASES: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "vectors" / "merkle-proofs.json").read_text())[
    "cases"
]
HASHES = hashes_of(entries_of(70))
NODE = nodes_of(HASHES)
ROOTS = [root_of(HASHES[:size]) for size in range(71)]


def accepts(check: Callable[[], None]) -> bool:
    try:
        check()
    except ProofError:
        return False
    return True


def decode(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def proof_of(case: dict[str, Any]) -> list[bytes]:
    return [decode(each) for each in case["proof"] or []]


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("inclusion")])
def test_inclusion_when_given_a_published_case_then_it_is_judged_as_published(name: str) -> None:
    case = CASES[name]
    leaf, root, proof = decode(case["leafHash"]), decode(case["root"]), proof_of(case)
    index, size = case["leafIdx"], case["treeSize"]

    assert accepts(lambda: verify_inclusion(leaf, index, size, proof, root)) is not case["wantErr"]


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("consistency")])
def test_consistency_when_given_a_published_case_then_it_is_judged_as_published(name: str) -> None:
    case = CASES[name]
    old, new, proof = decode(case["root1"]), decode(case["root2"]), proof_of(case)
    # Published as fine: odd lengths where both roots are the same bytes. We insist on hashes.
    expected = not case["wantErr"] and len(old) == len(new) == 32
    if case["size1"] == 0:
        expected = expected and old == empty_root()

    assert accepts(lambda: verify_consistency(case["size1"], case["size2"], proof, old, new)) is expected


@given(st.integers(1, 70).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_inclusion_when_made_for_any_leaf_of_any_tree_then_it_verifies_for_that_leaf_alone(at: tuple[int, int]) -> None:
    size, index = at
    proof = make_inclusion(index, size, NODE)

    verify_inclusion(HASHES[index], index, size, proof, ROOTS[size])
    for other in range(size):
        if other != index:
            assert not accepts(lambda at=other: verify_inclusion(HASHES[index], at, size, proof, ROOTS[size]))


@given(st.integers(0, 70).flatmap(lambda new: st.tuples(st.integers(0, new), st.just(new))))
def test_consistency_when_made_between_any_two_sizes_then_it_verifies(sizes: tuple[int, int]) -> None:
    old, new = sizes
    verify_consistency(old, new, make_consistency(old, new, NODE), ROOTS[old], ROOTS[new])


def flips(proof: list[bytes]) -> list[list[bytes]]:
    """The proof with each of its bits changed, and with a hash more and a hash less."""
    changed = []
    for position, each in enumerate(proof):
        for bit in range(len(each) * 8):
            flipped = (int.from_bytes(each, "big") ^ 1 << bit).to_bytes(len(each), "big")
            changed.append([*proof[:position], flipped, *proof[position + 1 :]])
    return [*changed, [*proof, bytes(32)], proof[:-1], proof[1:], [*proof[:-1], proof[-1][:31]]]


@pytest.mark.parametrize(("index", "size"), [(0, 2), (0, 7), (6, 7), (3, 8), (41, 70), (64, 65), (69, 70)])
def test_inclusion_when_any_bit_is_changed_then_it_is_refused(index: int, size: int) -> None:
    for changed in flips(make_inclusion(index, size, NODE)):
        assert not accepts(lambda proof=changed: verify_inclusion(HASHES[index], index, size, proof, ROOTS[size]))


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 7), (6, 7), (4, 8), (41, 70), (64, 65), (69, 70)])
def test_consistency_when_any_bit_is_changed_then_it_is_refused(old: int, new: int) -> None:
    for changed in flips(make_consistency(old, new, NODE)):
        assert not accepts(lambda proof=changed: verify_consistency(old, new, proof, ROOTS[old], ROOTS[new]))


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (lambda: verify_consistency(0, 5, [], ROOTS[1], ROOTS[5]), "ROOT"),
        (lambda: verify_consistency(0, 5, [ROOTS[1]], ROOTS[0], ROOTS[5]), "LENGTH"),
        (lambda: verify_consistency(5, 5, [], ROOTS[4], ROOTS[5]), "ROOT"),
        (lambda: verify_consistency(6, 5, [], ROOTS[6], ROOTS[5]), "SIZE"),
        (lambda: verify_consistency(-1, 5, [], ROOTS[0], ROOTS[5]), "SIZE"),
        (lambda: verify_consistency(3, 5, [], ROOTS[3], ROOTS[5]), "LENGTH"),
        (lambda: verify_consistency(4, 2**64, [], ROOTS[4], ROOTS[5]), "SIZE"),
        (lambda: verify_inclusion(HASHES[0], 0, 0, [], ROOTS[0]), "INDEX"),
        (lambda: verify_inclusion(HASHES[0], -1, 1, [], ROOTS[1]), "INDEX"),
        (lambda: verify_inclusion(b"", 0, 1, [], ROOTS[1]), "HASH_LENGTH"),
        (lambda: verify_inclusion(HASHES[0], 0, 2**64 - 1, [bytes(32)] * 65, ROOTS[1]), "LENGTH"),
        (lambda: make_inclusion(5, 5, NODE), "INDEX"),
        (lambda: make_consistency(6, 5, NODE), "SIZE"),
    ],
)
def test_proof_when_sizes_or_hashes_are_impossible_then_the_reason_says_so(
    check: Callable[[], object], reason: str
) -> None:
    with pytest.raises(ProofError) as refused:
        check()
    assert refused.value.reason == reason
