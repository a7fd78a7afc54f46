"""``optout witness``: cosign what logs sign, as long as each checkpoint continues the one before."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import click
from aiohttp import web

from gateway.cli.serve import read_config, run_process
from gateway.config import LogConfig
from gateway.service.witness import Witness
from gateway.store.base import StoreError
from gateway.store.secret_files import SecretKeyError, make_secret_file, read_signer
from gateway.store.sqlite_witness import SqliteWitnessBook
from gateway.tlog.cosignature import Cosigner
from gateway.tlog.note import Ed25519Secret, NoteError, Signer, Verifier, parse_vkey
from gateway.web.witness import make_witness_app
from optout.kit.clock import SystemClock
from optout.kit.config import ConfigError, ConfigReason
from optout.kit.redact import configure_logging, log_uncaught_exceptions

CANNOT_START = (ConfigError, StoreError, SecretKeyError, NoteError, OSError)


@dataclass(frozen=True, slots=True)
class WitnessConfig:
    """``logs`` are the public keys of the logs to witness, as vkeys; several of one name are one log's.

    ``key`` is the file of the witness's own key, which must sign nothing else. ``path`` holds its books: if they are
    lost, the key must be retired. ``listen`` is host:port, port 0 picks one; it speaks plain HTTP, so put TLS before
    it where others reach it.
    """

    logs: tuple[str, ...]
    key: Path = Path("witness.key")
    path: Path = Path("witness.sqlite")
    listen: str = "127.0.0.1:8090"
    log: LogConfig = field(default_factory=LogConfig)


@click.command()
@click.option("--config", "file", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file.")
@click.option("--new-key", "name", metavar="NAME", help="Make the key under this name, unless there is one, and end.")
def witness(file: Path | None, name: str | None) -> None:
    """Cosign the checkpoints of the logs it knows, over HTTP, until it is told to stop."""
    config = read_config(WitnessConfig, file, {})
    if name is not None:
        click.echo(_make_key(config.key, name))
        return
    configure_logging("console" if config.log.format == "console" else "json", config.log.level)
    log_uncaught_exceptions()

    def tell(port: int) -> None:
        click.echo(f"witness ready http={port}", err=True)

    run_process(lambda stop: run_witness(config, stop=stop, ready=tell), CANNOT_START)


async def run_witness(config: WitnessConfig, *, stop: asyncio.Event, ready: Callable[[int], None]) -> None:
    """Serve until ``stop`` is set; ``ready`` is told the port. Raises what `CANNOT_START` names."""
    cosigner = read_cosigner(config.key)
    logs = _read_logs(config.logs)
    book = SqliteWitnessBook(config.path, cosigner.verifier().encode())
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(book.close)
        runner = web.AppRunner(make_witness_app(Witness(cosigner, logs, book, SystemClock())), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        host, _, port = config.listen.rpartition(":")
        await web.TCPSite(runner, host, int(port)).start()
        ready(runner.addresses[0][1])
        await stop.wait()


def read_cosigner(path: Path) -> Cosigner:
    """Read a witness's key. Raises SecretKeyError and ConfigError."""
    signer = read_signer(path)
    if not isinstance(signer.key, Ed25519Secret):
        raise SecretKeyError(f"{path} does not hold an Ed25519 key")
    return Cosigner(signer.name, signer.key)


def _make_key(path: Path, name: str) -> str:
    try:
        make_secret_file(path, Signer(name, Ed25519Secret(os.urandom(32))).encode())
        return read_cosigner(path).verifier().encode()
    except CANNOT_START as error:
        raise click.ClickException(f"{type(error).__name__}: {error}") from None


def _read_logs(vkeys: tuple[str, ...]) -> dict[str, list[Verifier]]:
    logs: dict[str, list[Verifier]] = {}
    for vkey in vkeys:
        try:
            verifier = parse_vkey(vkey)
        except NoteError as error:
            raise ConfigError(ConfigReason.BAD_VALUE, "logs", error.reason) from None
        logs.setdefault(verifier.name, []).append(verifier)
    return logs
