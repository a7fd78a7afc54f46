"""Notices into words: a pure function of template, parameters and the carrier's tables.

A template is a row of clauses. A clause is said if every word of its `when` holds: `name` if that parameter is not
empty, `!name` if it is, `name=value` and `name!=value` if it is or is not that value. In its text `{name}` stands for
the parameter, written as its kind says:

=========  ====================================  ==========================================
kind       parameter                             written as
=========  ====================================  ==========================================
text       ``2``                                 as it is
code       ``reject``                            the word for it
codes      ``loan,insurance``                    their words, joined
number     ``+8613900139000``                    as people write it
minute     ``2026-11-25 10:00``                  ``11月25日10:00``
day        ``2026-11-25 10:00``                  ``2026年11月25日``
windows    ``every_day 22:00-08:00``             ``每天22:00-08:00``
items      ``category:loan,quiet_hours``         the items' names, joined
refusals   ``category:x=UNKNOWN_CATEGORY``       the items' names, each with the reason
=========  ====================================  ==========================================

A code without a word is written as itself, or as the table's spare word (`_`) if it has one: a new category must not
keep anybody from being told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from adapters.carrier.base import (
    SPARE_WORD,
    Clause,
    ItemData,
    NoticeData,
    ParameterData,
    ParameterKind,
    TemplateData,
)
from optout.kit.number import NumberError, national_form, parse_number

_PLACEHOLDER = re.compile(r"\{(\w+)\}", re.ASCII)
_CONDITION = re.compile(r"(!?)(\w+)(?:(!?=)(\S+))?", re.ASCII)
_MINUTE_FORMAT = "%Y-%m-%d %H:%M"


class TemplateError(ValueError):
    """A notice cannot be written: the template is unknown, or a parameter is missing or not of its form.

    `template` and `parameter` (empty if the template itself is unknown) say what; never the parameter's value.
    """

    reason = "UNKNOWN_TEMPLATE"

    def __init__(self, template: str, parameter: str = "") -> None:
        super().__init__(f"{template}.{parameter}" if parameter else template)
        self.template = template
        self.parameter = parameter


class TemplateDataError(ValueError):
    """A carrier's template tables contradict themselves; the text says where."""


class Renderer:
    """Writes one carrier's notices. Raises `TemplateDataError` if the tables contradict themselves."""

    def __init__(self, data: NoticeData) -> None:
        self._data = data
        self._writers: dict[ParameterKind, Callable[[ParameterData, str], str]] = {
            ParameterKind.TEXT: lambda _, value: value,
            ParameterKind.CODE: lambda parameter, value: self._word(parameter.words, value),
            ParameterKind.CODES: lambda p, value: self._join(self._word(p.words, code) for code in _split(value)),
            ParameterKind.NUMBER: lambda _, value: _write_number(value),
            ParameterKind.MINUTE: lambda _, value: _write_minute(value),
            ParameterKind.DAY: lambda _, value: _write_day(value),
            ParameterKind.WINDOWS: lambda p, value: self._join(self._window(p, part) for part in _split(value)),
            ParameterKind.ITEMS: lambda _, value: self._join(map(self._item, _split(value))),
            ParameterKind.REFUSALS: lambda p, value: self._join(self._refusal(p, part) for part in _split(value)),
        }
        self._names = {name: _names_in(template) for name, template in data.templates.items()}
        self._absent = {name: "" for name, parameter in data.parameters.items() if parameter.optional}
        self._check()

    def needs(self, template: str) -> frozenset[str]:
        """Return the parameters that a template cannot do without. Raises `TemplateError`."""
        return self.names(template) - self._absent.keys()

    def names(self, template: str) -> frozenset[str]:
        """Return every parameter that a template speaks of. Raises `TemplateError`."""
        return self._names[self._find(template)]

    def render(self, template: str, parameters: Mapping[str, str]) -> str:
        """Write a notice. Parameters that the template does not know are ignored. Raises `TemplateError`."""
        missing = sorted(self.needs(template) - parameters.keys())
        if missing:
            raise TemplateError(template, missing[0])
        given = {**self._absent, **parameters}
        written = {name: self._write(template, name, given[name]) for name in self._names[template]}
        clauses = self._data.templates[template].clauses
        return "".join(
            _PLACEHOLDER.sub(lambda match: written[match[1]], clause.text)
            for clause in clauses
            if _holds(clause, given)
        )

    def _find(self, template: str) -> str:
        if template not in self._data.templates:
            raise TemplateError(template)
        return template

    def _write(self, template: str, name: str, value: str) -> str:
        parameter = self._data.parameters[name]
        try:
            return self._writers[parameter.kind](parameter, value)
        except ValueError:
            raise TemplateError(template, name) from None

    def _word(self, table: str, code: str) -> str:
        words = self._data.words.get(table, {})
        return words.get(code) or words.get(SPARE_WORD) or code

    def _join(self, words: Iterable[str]) -> str:
        style, named = self._data.style, list(words)
        if len(named) <= style.most:
            return style.joiner.join(named)
        return style.joiner.join(named[: style.most]) + style.more.format(count=len(named))

    def _window(self, parameter: ParameterData, window: str) -> str:
        days, _, hours = window.partition(" ")
        return self._word(parameter.words, days) + hours

    def _item(self, key: str) -> str:
        kind, _, value = key.partition(":")
        item = self._data.items.get(kind)
        return key if item is None else item.text.replace("{value}", self._value(item, value))

    def _value(self, item: ItemData, value: str) -> str:
        return _write_number(value) if item.is_number else self._word(item.words, value)

    def _refusal(self, parameter: ParameterData, refusal: str) -> str:
        key, _, reason = refusal.rpartition("=")
        return f"{self._item(key)}（{self._word(parameter.words, reason)}）"

    def _check(self) -> None:
        data = self._data
        for name, names in self._names.items():
            if unknown := sorted(names - data.parameters.keys()):
                raise TemplateDataError(f"template {name}: parameter {unknown[0]} is not declared")
            prompt = data.templates[name].prompt_until
            if prompt and prompt not in self.needs(name):
                raise TemplateDataError(f"template {name}: prompt_until names no parameter of it")
        tables = {p.words for p in data.parameters.values()} | {item.words for item in data.items.values()}
        if unknown := sorted(tables - data.words.keys() - {""}):
            raise TemplateDataError(f"word table {unknown[0]} is missing")


def parse_minute(value: str) -> datetime:
    """Read a `minute` parameter, as China time without its zone. Raises `ValueError`."""
    return datetime.strptime(value, _MINUTE_FORMAT)  # noqa: DTZ007 - the parameter names no zone


def _names_in(template: TemplateData) -> frozenset[str]:
    names = {match[1] for clause in template.clauses for match in _PLACEHOLDER.finditer(clause.text)}
    return frozenset(names | {match[2] for clause in template.clauses for match in _conditions(clause)})


def _conditions(clause: Clause) -> list[re.Match[str]]:
    matches = [(word, _CONDITION.fullmatch(word)) for word in clause.when.split()]
    for word, match in matches:
        if match is None or (match[1] and match[3]):
            raise TemplateDataError(f"condition {word!r} cannot be read")
    return [match for _, match in matches if match is not None]


def _holds(clause: Clause, parameters: Mapping[str, str]) -> bool:
    for match in _conditions(clause):
        negated, name, operator, expected = match.groups()
        value = parameters[name]
        holds = bool(value) if operator is None else value == expected
        if holds is (negated == "!" or operator == "!="):
            return False
    return True


def _split(value: str) -> list[str]:
    return [part for part in value.split(",") if part]


def _write_minute(value: str) -> str:
    if not value:
        return ""
    minute = parse_minute(value)
    return f"{minute.month}月{minute.day}日{minute:%H:%M}"


def _write_day(value: str) -> str:
    if not value:
        return ""
    day = parse_minute(value)
    return f"{day.year}年{day.month}月{day.day}日"


def _write_number(value: str) -> str:
    try:
        return national_form(parse_number(value))
    except NumberError:
        return value
