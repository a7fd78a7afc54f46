"""``optout carrier-suite``: hold a carrier's adapter to everything that an adapter promises."""

from __future__ import annotations

import asyncio
import tempfile
import tomllib
from pathlib import Path

import click

from adapters.carrier.base import UnknownCarrierError, find_carrier
from adapters.testing.sheet import find_sheet, format_sheet, observe
from adapters.testing.suite import run_suite
from optout.kit.config import ConfigError


@click.command("carrier-suite")
@click.argument("carrier")
@click.option("--only", default="", metavar="ROW", help='Rows whose names begin so, such as "sms:".')
@click.option("--write-sheet", is_flag=True, help="Print what CARRIER declares, takes and says, as its sheet.toml.")
def carrier_suite(carrier: str, only: str, *, write_sheet: bool) -> None:
    """Run every case against CARRIER's adapter, on this machine alone. Exits with 1 and names the rows that fail."""
    try:
        found = find_carrier(carrier)
        if write_sheet:
            click.echo(format_sheet(carrier, observe(found)), nl=False)
            return
        with tempfile.TemporaryDirectory() as folder:
            results = asyncio.run(run_suite(found, find_sheet(carrier), Path(folder), only))
    except (UnknownCarrierError, ConfigError, tomllib.TOMLDecodeError) as error:
        raise click.BadParameter(str(error), param_hint="CARRIER") from None
    failed = [result for result in results if result.problem]
    for result in failed:
        click.echo(f"failed: {result}", err=True)
    click.echo(f"{carrier}: {len(results) - len(failed)} of {len(results)} rows hold")
    if failed:
        raise SystemExit(1)
