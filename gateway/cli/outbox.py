"""``optout outbox``: what waits for carriers and what was given up; of a store at hand, or of a running gateway."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.cli.connection import DEADLINE_S, Connection, connection_options
from gateway.cli.paper import table
from gateway.cli.serve import read_config
from gateway.config import GatewayConfig
from gateway.domain.decision import CHINA_TIME
from gateway.store.base import StoreError
from gateway.store.rows import OutboxState
from gateway.store.sqlite_reader import SqliteReadEngine
from optout.v1 import operations_pb2, operations_pb2_grpc

_KINDS = {operations_pb2.ORDER_KIND_NOTIFY: "notify", operations_pb2.ORDER_KIND_APPLY: "apply"}


@click.group(invoke_without_command=True)
@click.option("--config", "file", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file.")
@click.option("--state", type=click.Choice([state.name.lower() for state in OutboxState]), default="dead")
@click.option("--limit", default=100, show_default=True)
@click.pass_context
def outbox(context: click.Context, file: Path | None, state: str, limit: int) -> None:
    """Look at the outbox of a store at hand: by default at the dead letters, with the reason of each."""
    if context.invoked_subcommand is not None:
        return
    config = read_config(GatewayConfig, file, {}).store
    reader = SqliteReadEngine(config.path)
    try:
        rows = reader.outbox(OutboxState[state.upper()], limit)
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    finally:
        reader.close()
    cells = [(row.id, row.carrier, row.kind.value, str(row.attempts), row.reason, _when(row.due_ms)) for row in rows]
    for line in table(("id", "carrier", "kind", "attempts", "reason", "due"), cells):
        click.echo(line)


@outbox.command("list")
@click.option("--carrier", default="", help="Only this carrier's.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000))
@connection_options("operator/operator-a")
def list_letters(connection: Connection, carrier: str, limit: int) -> None:
    """List the dead letters of a running gateway, oldest first."""
    request = operations_pb2.ListDeadLettersRequest(page_size=limit, carrier=carrier)
    with connection.open() as channel:
        letters = (
            operations_pb2_grpc.OperationsServiceStub(channel).ListDeadLetters(request, timeout=DEADLINE_S).letters
        )
    cells = [
        (
            letter.order_id,
            letter.carrier,
            _KINDS.get(letter.kind, "?"),
            str(letter.attempts),
            letter.reason,
            _when(letter.expire_time.ToMilliseconds()),
        )
        for letter in letters
    ]
    for line in table(("id", "carrier", "kind", "attempts", "reason", "expired"), cells):
        click.echo(line)


@outbox.command("replay")
@click.argument("orders", nargs=-1, required=True, metavar="ORDER...")
@click.option("--reason", required=True, help="Why; it is logged, and holds no number.")
@connection_options("operator/operator-a")
def replay_letters(connection: Connection, orders: tuple[str, ...], reason: str) -> None:
    """Have a running gateway try dead letters again, with a fresh time to live; exits with 1 if one of them is not."""
    request = operations_pb2.ReplayDeadLettersRequest(order_ids=orders, reason=reason)
    with connection.open() as channel:
        stub = operations_pb2_grpc.OperationsServiceStub(channel)
        answer = stub.ReplayDeadLetters(request, timeout=DEADLINE_S)
    for order in orders:
        click.echo(f"{order}: {'waits again' if order in answer.replayed else 'is no dead letter, or nobody needs it'}")
    if answer.revision:
        click.echo(f"logged at revision {answer.revision}")
    raise SystemExit(0 if set(orders) <= set(answer.replayed) else 1)


def _when(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(CHINA_TIME):%Y-%m-%d %H:%M:%S}"
