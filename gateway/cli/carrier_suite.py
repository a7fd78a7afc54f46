"""``optout carrier-suite``: hold a carrier's adapter to everything that an adapter promises."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import click

from adapters.carrier.base import UnknownCarrierError, find_carrier
from adapters.testing.suite import run_suite
from optout.kit.config import ConfigError


@click.command("carrier-suite")
@click.argument("carrier")
@click.option("--only", default="", metavar="ROW", help='Rows whose names begin so, such as "sms:".')
def carrier_suite(carrier: str, only: str) -> None:
    """Run every case against CARRIER's adapter, on this machine alone. Exits with 1 and names the rows that fail."""
    try:
        found = find_carrier(carrier)
        with tempfile.TemporaryDirectory() as folder:
            results = asyncio.run(run_suite(found, Path(folder), only))
    except (UnknownCarrierError, ConfigError) as error:
        raise click.BadParameter(str(error), param_hint="CARRIER") from None
    failed = [result for result in results if result.problem]
    for result in failed:
        click.echo(f"failed: {result}", err=True)
    click.echo(f"{carrier}: {len(results) - len(failed)} of {len(results)} rows hold")
    if failed:
        raise SystemExit(1)
