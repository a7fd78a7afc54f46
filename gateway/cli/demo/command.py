"""``optout demo``."""

from __future__ import annotations

import asyncio
import logging
import signal
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import grpc

from gateway.cli.demo import channels, duties, guardian, story
from gateway.cli.demo.stage import DeviationError, Stage, StageError, open_stage
from gateway.domain.decision import CHINA_TIME
from gateway.store.secret_files import LOG_KEY_FILE, read_signer
from optout.kit.redact import configure_logging


@click.command()
@click.option("--once", is_flag=True, help="End after the story; exit code 0 only if all went as told.")
@click.option("--verbose", is_flag=True, help="Show what the processes log.")
def demo(once: bool, verbose: bool) -> None:
    """Play the story on this machine: real protocols on loopback, certificates in a temporary folder."""
    configure_logging("console", logging.INFO if verbose else logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="optout-demo-") as folder:
        try:
            asyncio.run(_run(Path(folder), once))
        except* (DeviationError, StageError, grpc.aio.AioRpcError) as group:
            for error in group.exceptions:
                click.echo(f"DEVIATION: {error}", err=True)
            raise SystemExit(1) from None


async def _run(folder: Path, once: bool) -> None:
    async with open_stage(folder) as stage:
        click.echo(
            "Gateway on SQLite, three carriers' adapters and their systems: real protocols and mTLS on loopback.\n"
        )
        for chapter in (story.play, channels.play, guardian.play, duties.play, channels.check):
            await chapter(stage, click.echo)
        if not once:
            await _stay(stage)


async def _stay(stage: Stage) -> None:
    click.echo("\nIt stays up until Ctrl-C. Poke it from another terminal:\n")
    for line in _list_commands(stage):
        click.echo(f"  .venv/bin/{line}" if line.startswith("optout") else f"  {line}")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _list_commands(stage: Stage) -> Iterator[str]:
    """What to try against the running demo."""
    certs = stage.folder / "certs"
    reach = f"--gateway 127.0.0.1:{stage.federation.gateway_port} --certs {certs}"
    control = f"--control 127.0.0.1:{stage.federation.carriers['mobile'].smsc_control}"
    http = f"http://127.0.0.1:{stage.federation.http_port}"
    key = read_signer(stage.folder / "secrets" / LOG_KEY_FILE).verifier().encode()
    now = datetime.now(UTC).astimezone(CHINA_TIME).isoformat(timespec="seconds")
    yield f"optout simulate text {control} {story.SUBSCRIBER} CXFSR"
    yield f"optout simulate inbox {control} {story.SUBSCRIBER}"
    yield f"optout show {reach} {story.SUBSCRIBER}"
    yield f"optout screen {reach} {story.SUBSCRIBER} {story.NUISANCE}"
    yield f"optout watch {reach}"
    yield f"optout outbox --config {stage.folder}/gateway.toml --state sent"
    yield f"curl {http}/metrics"
    yield "# audit it; what stood at a time can be proven once the next EPOCH is logged, within a minute"
    yield f"optout audit verify --url {http} --key {key}"
    yield f"optout audit replay --url {http} --key {key} --case demo {reach}"
    yield f"optout audit as-of {story.SUBSCRIBER} {now} --case demo -o proof.json {reach}"
    yield f"optout audit check proof.json --key {key}"
