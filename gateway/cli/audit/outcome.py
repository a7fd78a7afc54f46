"""What an audit's commands say in the end, and with which code: 0 it holds, 1 something is wrong, 2 cannot say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar, cast

import click

from gateway.service.audit_file import ACCUSATIONS, AuditError
from gateway.tlog.walk import Finding

HOLDS, WRONG, CANNOT_SAY = 0, 1, 2
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Outcome:
    """``words`` sum it up; ``facts`` are said before them; a finding without a place in the log has no index.

    ``lines`` are said as they are, for people alone. With ``unsaid`` nothing can be said: a reason code.
    """

    words: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    findings: Sequence[Finding | AuditError] = ()
    lines: Sequence[str] = ()
    unsaid: str = ""

    @property
    def code(self) -> int:
        """The exit code."""
        if self.findings:
            return WRONG
        return CANNOT_SAY if self.unsaid else HOLDS


def audited(command: Command) -> Command:
    """Let a command give an Outcome or raise AuditError; print either, and end with its code."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
    @wraps(command)
    def invoke(*arguments: Any, as_json: bool, **options: Any) -> None:
        try:
            outcome = command(*arguments, **options)
        except AuditError as error:
            outcome = _read_error(error)
        (_print_json if as_json else _print_lines)(outcome)
        click.get_current_context().exit(outcome.code)

    return cast(Command, invoke)


def _read_error(error: AuditError) -> Outcome:
    if error.reason in ACCUSATIONS:
        return Outcome("the log does not hold", findings=[error])
    return Outcome(f"cannot say: {error}", unsaid=error.reason)


def _print_json(outcome: Outcome) -> None:
    findings = [
        {"index": None, "kind": each.reason.lower(), "detail": str(each)}
        if isinstance(each, AuditError)
        else {"index": each.index, "kind": str(each.flaw), "detail": each.detail}
        for each in outcome.findings
    ]
    holds = {HOLDS: True, WRONG: False}.get(outcome.code)
    fields = {"holds": holds, "reason": outcome.unsaid, "summary": outcome.words, **outcome.facts, "findings": findings}
    click.echo(json.dumps(fields, ensure_ascii=False))


def _print_lines(outcome: Outcome) -> None:
    for each in outcome.findings:
        if isinstance(each, AuditError):
            click.echo(f"- {each.reason.lower()} {each}")
        else:
            click.echo(f"{each.index} {each.flaw} {each.detail}".rstrip())
    for name, value in outcome.facts.items():
        click.echo(f"{name.replace('_', ' ')}: {_write(value)}")
    for line in outcome.lines:
        click.echo(line)
    if outcome.unsaid:
        click.echo(f"reason: {outcome.unsaid}")
    click.echo(outcome.words)


def _write(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
