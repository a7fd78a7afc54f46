"""Who judges in a replay: the rules, as the log itself tells them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from gateway.cli.audit.options import IN_FILE
from gateway.service.judge import LogJudge
from gateway.service.operator_keys import OperatorKeyError, read_operator_keys

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class JudgeMaker:
    """Makes a judge in whichever process. ``keys`` are operators' offline keys: PEM files, by party."""

    keys: tuple[tuple[str, Path], ...] = ()

    def __call__(self) -> LogJudge:
        """A judge that has seen nothing yet. Raises OperatorKeyError and OSError."""
        return LogJudge(read_operator_keys(dict(self.keys)))


def judge_options(command: Command) -> Command:
    """Add ``--operator-key`` to a command, which gets a JudgeMaker as ``judge``."""

    @click.option(
        "--operator-key",
        "keys",
        type=(str, IN_FILE),
        multiple=True,
        metavar="PARTY FILE",
        help="An operator's offline public key (PEM): what it published must be signed with it. May be repeated.",
    )
    @wraps(command)
    def invoke(*arguments: Any, keys: tuple[tuple[str, Path], ...], **options: Any) -> Any:
        judge = JudgeMaker(keys)
        try:
            judge()
        except (OperatorKeyError, OSError) as error:
            raise click.BadParameter(str(error), param_hint="--operator-key") from None
        return command(*arguments, judge=judge, **options)

    return cast(Command, invoke)
