"""``optout adapter``: run a carrier's adapter."""

from __future__ import annotations

from pathlib import Path

import click

from adapters.carrier.base import UnknownCarrierError, find_carrier
from adapters.carrier.process import Addresses, run_adapter
from adapters.carrier.settings import AdapterConfig
from adapters.journal.errors import JournalError
from gateway.cli.serve import read_config, run_process
from optout.kit.clock import SystemClock
from optout.kit.config import ConfigError
from optout.kit.redact import configure_logging, log_uncaught_exceptions
from optout.kit.tls import TlsError

CANNOT_START = (ConfigError, TlsError, JournalError, OSError)


@click.command()
@click.argument("carrier")
@click.option("--config", "file", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file.")
def adapter(carrier: str, file: Path | None) -> None:
    """Run CARRIER's adapter until it is told to stop."""
    try:
        found = find_carrier(carrier)
    except (UnknownCarrierError, ConfigError) as error:
        raise click.BadParameter(str(error), param_hint="CARRIER") from None
    config = read_config(AdapterConfig, file, {})
    configure_logging("console" if config.log.format == "console" else "json", config.log.level)
    log_uncaught_exceptions()

    def tell(addresses: Addresses) -> None:
        click.echo(f"adapter ready grpc={addresses.grpc} http={addresses.http}", err=True)

    run_process(lambda stop: run_adapter(found, config, clock=SystemClock(), ready=tell, stop=stop), CANNOT_START)
