"""``optout doctor``: whether this machine and this configuration can run a gateway."""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from cryptography import x509

from gateway.cli.log_process import read_witnesses
from gateway.cli.policy_source import read_policy_of
from gateway.cli.serve import CANNOT_START, read_config
from gateway.config import GatewayConfig
from gateway.store.secret_files import read_secrets
from optout.kit.tls import TlsFiles, read_material

WAL_RESET_FIXED = (3, 51, 3)
"""From this version on SQLite cannot corrupt a WAL that two connections reset at once. Ours has one writer that
alone checkpoints, which avoids it on any version."""

SOON = timedelta(days=14)


@click.command()
@click.option("--config", "file", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file.")
def doctor(file: Path | None) -> None:
    """Check machine and configuration; exits with 1 if something would keep the gateway from serving."""
    config = read_config(GatewayConfig, file, {})
    failed = False
    for name, check in _checks(config):
        try:
            finding = check()
        except CANNOT_START as error:
            failed = True
            finding = f"FAILED  {type(error).__name__}: {error}"
        click.echo(f"{name:12} {finding}")
    raise SystemExit(1 if failed else 0)


def _checks(config: GatewayConfig) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "python", lambda: sys.version.split()[0]
    yield "sqlite", _check_sqlite
    yield "policy", lambda: read_policy_of(config)[0].version
    yield "secrets", lambda: f"read from {config.store.secrets}" if read_secrets(config.store.secrets) else ""
    yield "witnesses", lambda: _check_witnesses(config)
    yield "key copies", lambda: _check_backups(config.store.key_backups)
    yield "certificate", lambda: _check_certificate(config)


def _check_sqlite() -> str:
    note = "" if sqlite3.sqlite_version_info >= WAL_RESET_FIXED else " (one writer alone checkpoints; keep it so)"
    return f"{sqlite3.sqlite_version}{note}"


def _check_witnesses(config: GatewayConfig) -> str:
    policy = read_witnesses(config)
    if policy is None:
        return "none: tlog.witnesses is not set"
    advice = " (one that lies could have two histories certified; 3 of 4 rule that out)" if policy.is_weak else ""
    return f"{len(policy.witnesses)} in {config.tlog.witnesses}{advice}"


def _check_backups(folder: Path | None) -> str:
    if folder is None:
        return "none: store.key_backups is not set"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return f"kept in {folder}"


def _check_certificate(config: GatewayConfig) -> str:
    tls = config.tls
    if config.grpc.insecure_dev:
        return "none: insecure_dev is set"
    if tls.cert is None or tls.key is None or tls.ca is None:
        raise OSError("tls.cert, tls.key and tls.ca are needed, or grpc.insecure_dev")
    material = read_material(TlsFiles(tls.cert, tls.key, tls.ca))
    left = x509.load_pem_x509_certificates(material.cert)[0].not_valid_after_utc - datetime.now(UTC)
    if left <= timedelta():
        raise OSError("the certificate has expired")
    return f"valid for {left.days} days" + (" (renew it)" if left < SOON else "")
