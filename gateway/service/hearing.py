"""Who hears of reports as they are taken in, such as metrics: of each once, when its entry is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.service.views import AppliedReport, DeliveryReport


def _ignore(_carrier: str, _report: object) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What to call with the carrier and its report: about effects, an answer to an order included; about a notice."""

    applied: Callable[[str, AppliedReport], None] = _ignore
    delivery: Callable[[str, DeliveryReport], None] = _ignore


DEAF = Hearing()


@dataclass(frozen=True, slots=True)
class Taken:
    """A report taken in. ``revision`` is that of its entry; ``is_new`` if the entry was made now."""

    revision: int
    is_new: bool
