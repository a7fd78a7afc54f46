import dataclasses
import pickle

from optout.kit.values import dataclass


@dataclass(frozen=True, slots=True)
class Made:
    a: int
    b: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    a: int
    b: str = ""


def test_value_when_made_then_compares_hashes_and_shows_as_a_frozen_one_does() -> None:
    assert Made(1, "x") == Made(a=1, b="x") != Made(1)
    assert hash(Made(1, "x")) == hash(Frozen(1, "x"))
    assert repr(Made(1)) == repr(Frozen(1)).replace("Frozen", "Made")


def test_value_when_replaced_then_the_first_stays_as_it_was() -> None:
    first = Made(1)
    assert dataclasses.replace(first, b="y") == Made(1, "y")
    assert first == Made(1)


def test_value_when_sent_to_another_process_then_is_the_same() -> None:
    assert pickle.loads(pickle.dumps(Made(1, "x"))) == Made(1, "x")
