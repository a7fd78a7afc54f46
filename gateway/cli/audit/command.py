"""``optout audit``: the group."""

from __future__ import annotations

import click

from gateway.cli.audit.asof import as_of_command, check_command
from gateway.cli.audit.evidence import evidence_command
from gateway.cli.audit.replay import export_command, key_command, replay_command
from gateway.cli.audit.report import report_command
from gateway.cli.audit.verify import verify_command


@click.group()
def audit() -> None:
    """Check the registry without trusting it: exit code 0 it holds, 1 something is wrong, 2 cannot say."""


_COMMANDS = (
    as_of_command,
    check_command,
    evidence_command,
    export_command,
    key_command,
    replay_command,
    report_command,
    verify_command,
)
for command in _COMMANDS:
    audit.add_command(command)
