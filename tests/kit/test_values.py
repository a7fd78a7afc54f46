import dataclasses
import pickle

import pytest

from optout.kit.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Made:
    a: int
    b: str = ""


@dataclass(frozen=True, slots=True)
class Single:
    items: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    a: int

    def __post_init__(self) -> None:
        if self.a < 0:
            raise ValueError


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
    assert replace(first, b="y") == dataclasses.replace(first, b="y") == Made(1, "y")
    assert first == Made(1)


def test_value_when_of_one_field_then_is_replaced_like_any_other() -> None:
    assert replace(Single((1, 2)), items=(3,)) == Single((3,))


def test_value_when_it_checks_itself_or_lacks_the_field_then_is_not_replaced() -> None:
    with pytest.raises(TypeError):
        replace(Checked(1), a=-1)
    with pytest.raises(AttributeError):
        replace(Made(1), c=2)  # type: ignore[call-arg]


def test_value_when_sent_to_another_process_then_is_the_same() -> None:
    assert pickle.loads(pickle.dumps(Made(1, "x"))) == Made(1, "x")
