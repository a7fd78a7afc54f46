"""Texts as a table: what a subscriber wrote, read as one of the carrier's commands.

Read in this order, after folding (compatibility forms, surrounding space and letter case do not count):

1. A text of the table is that command. One marked `shared` belongs to other dialogues of the service code as well, so
   it is ours only while a question of ours is open.
2. A text that is explained gets its template: the subscriber then decides with another text.
3. A text that begins with a verb that takes an argument is that command, if the argument is good.
4. A text that begins with any verb of ours but fits none is a mistake made with our service in mind: help.
5. A text that begins with a wrong code in circulation gets help, too.
6. Everything else is not ours.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.carrier.base import Argument, CommandRule, SmsData, Verb
from optout.kit.number import NumberError, PhoneNumber, parse_number

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\x00"


@dataclass(frozen=True, slots=True)
class Command:
    """What the subscriber wants: a verb, and the categories, the number or the preset it is about."""

    verb: Verb
    categories: tuple[str, ...] = ()
    number: PhoneNumber | None = field(default=None, repr=False)
    preset: str = ""


@dataclass(frozen=True, slots=True)
class Help:
    """Meant for us, and wrong: answer with this template."""

    template: str


@dataclass(frozen=True, slots=True)
class NotOurs:
    """Meant for somebody else behind the same service code."""


Reading = Command | Help | NotOurs


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What the text alone does not tell: whether a question of ours to this subscriber is open."""

    has_prompt: bool = False


class CommandTable:
    """A carrier's texts, folded and laid out for look-up."""

    def __init__(self, data: SmsData) -> None:
        self.data = data
        self.exact = {fold(text): rule for rule, text in _texts(data) if rule.argument is Argument.NONE}
        own = {fold(text): rule for rule, text in _texts(data) if not rule.shared}
        self.prefixes = sorted(own, key=len, reverse=True)
        self.with_argument = {fold(text): rule for rule, text in _texts(data) if rule.argument is not Argument.NONE}
        self.help_texts = tuple(map(fold, data.help_texts))
        self.explained = {fold(text): template for text, template in data.explained.items()}

    def is_shared(self, text: str) -> bool:
        """Say whether it depends on the context whose text this is."""
        rule = self.exact.get(fold(text))
        return rule is not None and rule.shared


def parse_command(table: CommandTable, text: str, context: CommandContext) -> Reading:
    """Read one text. Pure, and total: every text is something."""
    folded = fold(text)
    if rule := table.exact.get(folded):
        is_ours = context.has_prompt or not rule.shared
        return Command(rule.verb) if is_ours else NotOurs()
    if template := table.explained.get(folded):
        return Help(template)
    for prefix in table.prefixes:
        if folded.startswith(prefix):
            return _read_argument(table, table.with_argument.get(prefix), folded.removeprefix(prefix).strip())
    return Help(table.data.help_template) if folded.startswith(table.help_texts) else NotOurs()


def fold(text: str) -> str:
    """Bring a text to the form in which texts are compared."""
    plain = unicodedata.normalize("NFKC", text).translate(dict.fromkeys(map(ord, _INVISIBLE)))
    return plain.strip().upper()


def _texts(data: SmsData) -> Iterator[tuple[CommandRule, str]]:
    return ((rule, text) for rule in data.commands for text in rule.texts)


def _read_argument(table: CommandTable, rule: CommandRule | None, argument: str) -> Reading:
    data = table.data
    if rule is None:
        return Help(data.help_template)
    if rule.argument is Argument.NUMBER:
        try:
            return Command(rule.verb, number=parse_number(argument), preset=rule.preset)
        except NumberError:
            return Help(rule.help or data.number_help_template)
    if argument == data.all_categories:
        return Command(rule.verb, categories=tuple(data.categories.values()))
    category = data.categories.get(argument)
    return Help(data.help_template) if category is None else Command(rule.verb, categories=(category,))
