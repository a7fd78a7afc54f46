from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from adapters.simulators.faults import FaultDeck, FaultPlan, FaultStatus


@dataclass(frozen=True)
class Sample:
    plan: FaultPlan
    kind: str = "a"


def draw_all(deck: FaultDeck[Sample], calls: int, kind: str = "a", number: str = "") -> list[bool]:
    return [deck.draw(lambda fault: fault.kind == kind, number) is not None for _ in range(calls)]


def deck_of(*faults: Sample) -> FaultDeck[Sample]:
    deck: FaultDeck[Sample] = FaultDeck()
    deck.replace(faults)
    return deck


def test_deck_when_skip_and_count_are_set_then_strikes_just_those() -> None:
    deck = deck_of(Sample(FaultPlan("x", skip=2, count=1)))
    assert draw_all(deck, 4) == [False, False, True, False]
    assert deck.statuses() == [FaultStatus("x", 1, used_up=True)]


def test_deck_when_no_count_then_strikes_for_ever() -> None:
    assert all(draw_all(deck_of(Sample(FaultPlan())), 50))


def test_deck_when_another_kind_calls_then_nothing_is_struck_or_counted() -> None:
    deck = deck_of(Sample(FaultPlan(count=1)))
    assert draw_all(deck, 3, kind="b") == [False] * 3
    assert draw_all(deck, 2) == [True, False]


def test_deck_when_number_is_spelt_otherwise_then_it_still_matches() -> None:
    deck = deck_of(Sample(FaultPlan(number="+8613800138000")))
    assert draw_all(deck, 1, number="13800138000") == [True]
    assert draw_all(deck, 1, number="13900139000") == [False]


def test_deck_when_probability_is_seeded_then_repeats_itself() -> None:
    plan = FaultPlan(probability=0.3, seed=7)
    first, second = draw_all(deck_of(Sample(plan)), 400), draw_all(deck_of(Sample(plan)), 400)
    assert first == second
    assert 80 < sum(first) < 160
    assert draw_all(deck_of(Sample(FaultPlan(probability=0.3, seed=8))), 400) != first


def test_deck_when_two_faults_match_then_the_first_strikes_until_used_up() -> None:
    deck = deck_of(Sample(FaultPlan("one", count=1)), Sample(FaultPlan("two")))
    drawn = [deck.draw(lambda fault: True) for _ in range(3)]
    assert [fault.plan.name for fault in drawn if fault] == ["one", "two", "two"]


def test_deck_when_replaced_then_returns_how_the_old_faults_fared() -> None:
    deck = deck_of(Sample(FaultPlan("old")))
    draw_all(deck, 2)
    assert deck.replace(()) == [FaultStatus("old", 2, used_up=False)]
    assert draw_all(deck, 1) == [False]


@pytest.mark.parametrize(
    "changes", [{"probability": 0.0}, {"probability": 1.5}, {"skip": -1}, {"count": -1}, {"delay_s": -0.1}]
)
def test_plan_when_it_makes_no_sense_then_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"probability|negative"):
        FaultPlan(**changes)  # type: ignore[arg-type]  # that is the point


BITS: Sequence[tuple[bool, bool, bool]] = [
    (True, True, False),
    (True, False, False),
    (False, False, False),
    (False, True, True),
]


@pytest.mark.parametrize(("applied", "heard", "refused"), BITS)
def test_plan_when_not_applied_but_heard_then_is_a_refusal(applied: bool, heard: bool, refused: bool) -> None:
    assert FaultPlan(applied=applied, heard=heard).refused is refused
