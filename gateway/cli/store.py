"""``optout migrate`` and ``secrets``: what an operator does with a store at hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from gateway.cli.serve import read_config
from gateway.config import GatewayConfig
from gateway.store.base import StoreError
from gateway.store.keys import SqliteKeyStore
from gateway.store.memory import MemoryKeyStore
from gateway.store.secret_files import (
    DEVELOPMENT_ORIGIN,
    LOG_KEY_FILE,
    SM2_KEY_FILE,
    SecretKeyError,
    make_secret_file,
    make_secrets,
    read_secrets,
    read_signer,
)
from gateway.store.sqlite import SqliteStore
from gateway.tlog.note import NoteError, Signer
from gateway.tlog.sm2 import SM2_SECRET_READERS, make_sm2_secret
from optout.kit.config import ConfigError

_config_option = click.option("--config", "file", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file.")


@click.command()
@_config_option
def migrate(file: Path | None) -> None:
    """Make the registry and its key store, or bring their schemas up to date."""
    config = read_config(GatewayConfig, file, {}).store
    try:
        SqliteKeyStore(config.keys, read_secrets(config.secrets).master_key).close()
        asyncio.run(_open_and_close(config.path))
    except (StoreError, SecretKeyError, ConfigError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{config.path} and {config.keys} are up to date")


async def _open_and_close(path: Path) -> None:
    async with SqliteStore(path, MemoryKeyStore()):
        pass


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--origin", default=DEVELOPMENT_ORIGIN, show_default=True, help="The log's name, such as host/path.")
@click.option("--sm2", is_flag=True, help="Also an SM2 key for the log, log.sm2.key (needs the extra sm).")
def secrets(folder: Path, origin: str, sm2: bool) -> None:
    """Make the registry's secret keys in FOLDER, for development; what is there is kept. Tells the log's public key."""
    try:
        make_secrets(folder, origin)
        signer = read_signer(folder / LOG_KEY_FILE)
        national = _make_sm2_key(folder / SM2_KEY_FILE, signer.name) if sm2 else None
    except (NoteError, SecretKeyError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"{folder} holds label.key, master.key and log.key; the log's public key is\n{signer.verifier().encode()}"
    )
    if national is not None:
        click.echo(f"and, of {SM2_KEY_FILE}, for SM2\n{national.verifier().encode()}")


def _make_sm2_key(path: Path, name: str) -> Signer:
    make_secret_file(path, Signer(name, make_sm2_secret()).encode())
    return read_signer(path, SM2_SECRET_READERS)
