"""``optout``: the one command. Subcommands are loaded when they are named, so that each starts quickly."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

import click

from gateway.cli.packages import check_adapters_is_ours

_COMMANDS = {
    "adapter": "gateway.cli.adapter:adapter",
    "applied": "gateway.cli.applied:applied",
    "audit": "gateway.cli.audit.command:audit",
    "carrier-suite": "gateway.cli.carrier_suite:carrier_suite",
    "certs": "gateway.cli.certs:certs",
    "demo": "gateway.cli.demo.command:demo",
    "doctor": "gateway.cli.doctor:doctor",
    "lines": "gateway.cli.policy:lines",
    "list": "gateway.cli.ask:list_subscriptions",
    "migrate": "gateway.cli.store:migrate",
    "numbers": "gateway.cli.numbers:numbers",
    "outbox": "gateway.cli.outbox:outbox",
    "pdu": "gateway.cli.pdu:pdu",
    "policy": "gateway.cli.policy:policy",
    "screen": "gateway.cli.ask:screen",
    "secrets": "gateway.cli.store:secrets",
    "serve": "gateway.cli.serve:serve",
    "show": "gateway.cli.ask:show",
    "simulate": "gateway.cli.simulate:simulate",
    "watch": "gateway.cli.ask:watch",
    "witness": "gateway.cli.witness:witness",
}


class LazyGroup(click.Group):
    """Knows its commands by name and imports one when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None if there is none of that name."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        check_adapters_is_ours()
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names with the first line of each command's help."""
        rows: Iterable[tuple[str, str]] = (
            (name, command.get_short_help_str(80))
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) is not None
        )
        with formatter.section("Commands"):
            formatter.write_dl(list(rows))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="optout-gateway")
def main() -> None:
    """Optout Gateway: one opt-out registry for several carriers."""
