"""Mistakes of one value in a carrier's data: none that anybody could notice passes the sheet."""

from __future__ import annotations

import os
from collections.abc import Iterator

import optout_broadnet
import pytest

from adapters import mobile, telecom, unicom
from adapters.carrier.base import Carrier
from adapters.testing.sheet import Sheet, read_sheet
from adapters.testing.suite import check_sheet
from optout.kit.config import ConfigError
from optout.kit.redact import find_numbers
from tests.conformance.mutants import Mistake, choose, list_mistakes

PACKAGES = {"telecom": telecom, "mobile": mobile, "unicom": unicom, "broadnet": optout_broadnet}
SEED = int(os.environ.get("SEED", "1"))

by_carrier = pytest.mark.parametrize("name", PACKAGES)


def list_survivors(name: str, per_section: int) -> Iterator[str]:
    """Plant so many mistakes of each section; name those that no row finds, and problems that tell a number."""
    package = PACKAGES[name]
    carrier: Carrier = package.CARRIER
    sheet = read_sheet(package.__name__)
    for mistake in choose(list(list_mistakes(package.__name__)), SEED, per_section):
        yield from play(mistake, carrier, sheet)


def play(mistake: Mistake, carrier: Carrier, sheet: Sheet) -> Iterator[str]:
    try:
        wrong = mistake.plant(carrier)
    except ConfigError:
        return  # the adapter does not start, and says which key is wrong
    problems = [str(result) for result in check_sheet(wrong, sheet) if result.problem]
    if wrong.data != carrier.data and not problems:  # a default that is left out changes nothing
        yield str(mistake)
    if find_numbers(" ".join(problems)):
        yield f"{mistake}: a number is told"


@by_carrier
def test_sheet_when_one_mistake_of_each_section_is_planted_then_a_row_is_named(name: str) -> None:
    assert list(list_survivors(name, 1)) == []


@pytest.mark.torture
@by_carrier
def test_sheet_when_many_mistakes_of_each_section_are_planted_then_a_row_is_named(name: str) -> None:
    assert list(list_survivors(name, 8)) == []


@by_carrier
def test_mistakes_when_listed_then_every_section_of_the_data_has_some(name: str) -> None:
    sections = {mistake.path[0] for mistake in list_mistakes(PACKAGES[name].__name__)}
    assert sections >= {"id", "capabilities", "opening", "sms", "account", "orders", "notices"}
