"""Options that the audit's commands share: where the log is, whose keys count, and whom to ask."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from gateway.api.audit_client import AuditClient
from gateway.cli.connection import Connection, connection_options
from gateway.service.audit_file import AuditError
from gateway.service.export import ExportFile
from gateway.service.replay_session import ShownLog, Vouching
from gateway.service.verify import TileSource
from gateway.store.secret_files import SecretKeyError, read_signer
from gateway.tlog.note import NoteError, Verifier, parse_vkey
from gateway.tlog.policy import Policy, PolicyError, decode_own_policy
from gateway.web.tile_source import FolderTiles, HttpTiles
from optout.kit.config import ConfigError

Command = TypeVar("Command", bound=Callable[..., Any])
INSTITUTE = "institute/institute"
IN_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
IN_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
OUT_FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures count: the log's key, and a policy if witnesses are to count."""

    log: Verifier
    policy: Policy | None = None


def trust_options(command: Command) -> Command:
    """Add ``--key`` and ``--policy`` to a command, which gets a Trust as ``trust``."""

    @click.option("--key", required=True, metavar="VKEY", help="The log's public key, or a file that holds it.")
    @click.option("--policy", "policy_file", type=IN_FILE, help="Whose witnessing is required (C2SP tlog-policy).")
    @wraps(command)
    def invoke(*arguments: Any, key: str, policy_file: Path | None, **options: Any) -> Any:
        return command(*arguments, trust=Trust(read_vkey(key, "--key"), _read_policy(policy_file)), **options)

    return cast(Command, invoke)


def tile_options(command: Command) -> Command:
    """Add ``--url`` and ``--folder`` to a command, which gets a TileSource or None as ``tiles``."""

    @click.option("--url", help="Where the log's tiles are served (C2SP tlog-tiles).")
    @click.option(
        "--folder",
        "copied",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="The same, copied to a folder.",
    )
    @wraps(command)
    def invoke(*arguments: Any, url: str | None, copied: Path | None, **options: Any) -> Any:
        if url is not None and copied is not None:
            raise click.UsageError("--url and --folder exclude each other")
        if url is not None and not url.startswith(("http://", "https://")):
            raise click.BadParameter("must begin with https:// or http://", param_hint="--url")
        tiles: TileSource | None = FolderTiles(copied) if copied is not None else HttpTiles(url) if url else None
        return command(*arguments, tiles=tiles, **options)

    return cast(Command, invoke)


@dataclass(frozen=True, slots=True)
class Place:
    """Where entries with their openings are shown: in an export, or by a gateway for a case."""

    connection: Connection
    export: Path | None
    case_id: str

    def open(self, stack: ExitStack) -> ShownLog:
        """Whoever shows them. Raises AuditError."""
        if self.export is not None:
            return ExportFile(self.export)
        return stack.enter_context(asking(self.connection, self.case_id))


case_option = click.option("--case", "case_id", default="", help="The case for which openings are looked at; logged.")


def place_options(command: Command) -> Command:
    """Add ``--export``, ``--case`` and the way to a gateway to a command, which gets a Place as ``place``."""

    @connection_options(INSTITUTE)
    @case_option
    @click.option("--export", type=IN_FILE, help="Read what `optout audit export` downloaded; no gateway is asked.")
    @wraps(command)
    def invoke(connection: Connection, *, export: Path | None, case_id: str, **options: Any) -> Any:
        return command(place=Place(connection, export, case_id), **options)

    return cast(Command, invoke)


def vouch_options(command: Command) -> Command:
    """Add ``--vouched``, ``--vouch-key`` and ``--vouch`` to a command, which gets a Vouching or None."""

    @click.option("--vouched", type=OUT_FILE, help="The note of whoever replayed the log in time; --vouch writes it.")
    @click.option("--vouch-key", metavar="VKEY", help="Whose note is believed.")
    @click.option("--vouch", "vouch_file", type=IN_FILE, metavar="KEYFILE", help="Sign such a note if all holds.")
    @wraps(command)
    def invoke(
        *arguments: Any, vouched: Path | None, vouch_key: str | None, vouch_file: Path | None, **options: Any
    ) -> Any:
        return command(*arguments, vouching=_read_vouching(vouched, vouch_key, vouch_file), **options)

    return cast(Command, invoke)


def _read_vouching(vouched: Path | None, vouch_key: str | None, vouch_file: Path | None) -> Vouching | None:
    if vouched is None:
        if vouch_key is not None or vouch_file is not None:
            raise click.UsageError("--vouched says where the note is")
        return None
    try:
        signer = None if vouch_file is None else read_signer(vouch_file)
    except (SecretKeyError, ConfigError) as error:
        raise click.BadParameter(str(error), param_hint="--vouch") from None
    known = [] if vouch_key is None else [read_vkey(vouch_key, "--vouch-key")]
    known += [] if signer is None else [signer.verifier()]
    if not known:
        raise click.UsageError("--vouch-key says whose note is believed")
    return Vouching(vouched, tuple(known), signer)


def process_option(command: Command) -> Command:
    """Add ``--processes``."""
    option = click.option(
        "--processes", default=os.cpu_count() or 1, show_default="one a core", type=click.IntRange(1, 64)
    )
    return option(command)


@contextmanager
def asking(connection: Connection, case_id: str = "") -> Iterator[AuditClient]:
    """A gateway to ask; what keeps it from being asked is AuditError."""
    try:
        with connection.open() as channel:
            yield AuditClient(channel, case_id)
    except click.ClickException as error:
        raise AuditError("UNREACHABLE", error.message) from None


def read_vkey(text: str, option: str) -> Verifier:
    """A public key, or the file it stands in."""
    try:
        path = Path(text)
        if "+" not in path.name and path.is_file():
            text = path.read_text(encoding="utf-8").strip()
        return parse_vkey(text)
    except (NoteError, UnicodeDecodeError, OSError):
        raise click.BadParameter("is neither a vkey nor a file that holds one", param_hint=option) from None


def _read_policy(path: Path | None) -> Policy | None:
    if path is None:
        return None
    try:
        return decode_own_policy(path.read_bytes())
    except PolicyError as error:
        raise click.BadParameter(f"{path}: {error}", param_hint="--policy") from None
