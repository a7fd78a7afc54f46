"""The checks of the account APIs fuzz target hold for its seeds, their mutilations and random input."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.account_apis_checks import CHECKS, check, make_seeds

SEEDS = list(make_seeds())


@pytest.mark.parametrize("data", [data for _, data in SEEDS], ids=[name for name, _ in SEEDS])
def test_account_apis_check_when_input_is_a_seed_then_holds(data: bytes) -> None:
    check(data)


def test_account_apis_seeds_when_made_then_reach_every_check() -> None:
    assert {data[0] for _, data in SEEDS} == set(range(len(CHECKS)))


def test_account_apis_check_when_seeds_are_mutilated_then_holds() -> None:
    rng = random.Random(1)
    for _, data in SEEDS * 20:
        mutant = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            mutant[rng.randrange(2, len(mutant))] = rng.randrange(256)
        check(bytes(mutant))
        check(bytes(mutant[: rng.randrange(len(mutant))]))


@given(st.binary(max_size=200))
def test_account_apis_check_when_input_is_random_then_holds(data: bytes) -> None:
    check(data)
