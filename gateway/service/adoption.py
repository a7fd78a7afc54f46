"""The rules that a gateway starts with: those of the log, or of a file while no operators have published any."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.errors import RefusedError
from gateway.domain.lines import Line, declare
from gateway.domain.policy import Policy
from gateway.domain.publishing import adopt
from gateway.domain.rules import RuleChange, RuleEntry, Rules
from gateway.service.books import PolicyBook
from gateway.service.record import Recorder
from gateway.service.rules import RuleUnit, catch_up
from gateway.store.base import Store
from optout.kit.clock import Clock


async def read_book(store: Store, recorder: Recorder, clock: Clock) -> PolicyBook:
    """The rules as the log has them, of a registry that must not be written."""
    book = PolicyBook(clock=clock)
    await catch_up(store, recorder, book)
    return book


async def open_rules(
    store: Store, recorder: Recorder, policy: Policy, lines: Sequence[Line], clock: Clock
) -> PolicyBook:
    """The book of a starting gateway. ``policy`` and ``lines`` are those of its file.

    The file is adopted, as entries of the log, if the log holds no policy, or if it was changed and no two operators
    have published one yet; otherwise it is left aside. RefusedError (INVALID_POLICY).
    """
    book = await read_book(store, recorder, clock)

    def choose(rules: Rules, now_ms: int) -> Sequence[RuleChange]:
        adopted = adopt(rules.publications, policy)
        return () if adopted is None else (adopted, *_new_lines(rules, policy, lines, now_ms))

    await store.commit(RuleUnit(book, recorder, choose))
    await catch_up(store, recorder, book)
    return book


def _new_lines(rules: Rules, policy: Policy, lines: Sequence[Line], now_ms: int) -> list[RuleChange]:
    """The file's lines that are not declared yet and in nobody's way: carriers' own word counts more."""
    changes: list[RuleChange] = []
    for line in lines:
        if any(held.key == line.key for held in rules.directory.overlapping(line)):
            continue
        try:
            change = declare(line, rules.directory, policy, now_ms)
        except RefusedError:
            continue
        changes.append(change)
        rules = rules.fold([RuleEntry(rules.last_index, now_ms, change)])
    return changes
