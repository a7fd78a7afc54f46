"""The categories of commercial calls, and what each carrier calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MAX_CATEGORIES = 32
"""Masks of categories are 32 bits wide."""


@dataclass(frozen=True, slots=True)
class Category:
    """One category: a stable ``code``, its bit ``index`` in masks (never reused), and its names.

    ``labels`` maps a carrier's id to that carrier's own labels for it.
    """

    code: str
    index: int
    name_zh: str
    name_en: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Taxonomy:
    """An ordered set of categories with look-up by code and by a carrier's label."""

    def __init__(self, categories: Iterable[Category]) -> None:
        self.categories = tuple(categories)
        self._by_code = {category.code: category for category in self.categories}
        self._by_label: dict[tuple[str, str], tuple[str, ...]] = {}
        for category in self.categories:
            for carrier, labels in category.labels.items():
                for label in labels:
                    self._by_label[carrier, label] = (*self._by_label.get((carrier, label), ()), category.code)

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def __getitem__(self, code: str) -> Category:
        return self._by_code[code]

    def resolve(self, word: str, carrier: str) -> tuple[str, ...]:
        """The codes that a code, or a label of ``carrier``, stands for; empty if it is neither."""
        if word in self._by_code:
            return (word,)
        return self._by_label.get((carrier, word), ())
