"""China's numbering plan, read once from ``plan.toml`` beside this module."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class Span:
    """How many digits a kind of number may have, both ends included."""

    min_digits: int
    max_digits: int


@dataclass(frozen=True, slots=True)
class Series:
    """A family of numbers that share a prefix: its kind's name and its length in digits."""

    kind: str
    span: Span


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan as look-up tables; what each one means stands in ``plan.toml``."""

    carriers: dict[str, str]
    areas: frozenset[str]
    freephone: tuple[str, ...]
    national: frozenset[str]
    series: dict[str, Series]
    regions: dict[str, Span]


def _read_span(row: dict[str, Any]) -> Span:
    return Span(row["min_digits"], row["max_digits"])


def load_plan() -> Plan:
    """Read the plan that ships with the package."""
    source = resources.files("optout.kit").joinpath("plan.toml")
    tree = tomllib.loads(source.read_text(encoding="utf-8"))
    service = tree["service"]
    return Plan(
        carriers={prefix: carrier for carrier, prefixes in tree["mobile"].items() for prefix in prefixes},
        areas=frozenset(tree["landline"]["areas"]),
        freephone=tuple(tree["freephone"]["prefixes"]),
        national=frozenset(service["national"]),
        series={row["prefix"]: Series(row["kind"], _read_span(row)) for row in service["series"]},
        regions={row["country_code"]: _read_span(row) for row in tree["region"]},
    )


PLAN = load_plan()
