"""``optout serve``: run the gateway."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.api.server import ListenError
from gateway.cli.gateway_process import GatewayPorts, run_gateway
from gateway.config import GatewayConfig
from gateway.domain.errors import RefusedError
from gateway.service.operator_keys import OperatorKeyError
from gateway.store.base import StoreError
from gateway.store.secret_files import SecretKeyError
from gateway.store.vault import LabelKeyError
from optout.kit.config import ConfigError, load
from optout.kit.redact import configure_logging, log_uncaught_exceptions
from optout.kit.tls import TlsError

Tree = TypeVar("Tree")

CANNOT_START = (
    ConfigError,
    StoreError,
    SecretKeyError,
    LabelKeyError,
    OperatorKeyError,
    RefusedError,
    ListenError,
    TlsError,
    OSError,
)


def read_config(tree: type[Tree], file: Path | None, flags: dict[str, Any]) -> Tree:
    """Fill a configuration tree from defaults, file, environment and flags; a mistake is a plain message."""
    named = file or (Path(os.environ["OPTOUT_CONFIG"]) if "OPTOUT_CONFIG" in os.environ else None)
    try:
        return load(tree, file=named, env=os.environ, flags=flags)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


def run_process(run: Callable[[asyncio.Event], Awaitable[None]], cannot_start: tuple[type[Exception], ...]) -> None:
    """Run until SIGTERM or SIGINT; what keeps a process from starting is a plain message and exit code 1."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await run(stop)

    try:
        asyncio.run(main())
    except cannot_start as error:
        raise click.ClickException(f"{type(error).__name__}: {error}") from None


@click.command()
@click.option("--config", "file", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file.")
@click.option("--listen", metavar="HOST:PORT", help="Where to serve gRPC.")
@click.option("--insecure-dev", is_flag=True, default=None, help="No TLS, on loopback only: callers name themselves.")
def serve(file: Path | None, listen: str | None, insecure_dev: bool | None) -> None:
    """Run the gateway until it is told to stop."""
    config = read_config(GatewayConfig, file, {"grpc.listen": listen, "grpc.insecure_dev": insecure_dev})
    configure_logging("console" if config.log.format == "console" else "json", config.log.level)
    log_uncaught_exceptions()

    def tell(ports: GatewayPorts) -> None:
        click.echo(f"gateway ready grpc={ports.grpc} http={ports.http or 0}", err=True)

    run_process(lambda stop: run_gateway(config, stop=stop, ready=tell), CANNOT_START)
