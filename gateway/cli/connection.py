"""How the command line reaches a running gateway: as one of the parties that have certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from optout.kit.certificates import files_of
from optout.kit.identity import Identity, IdentityError, Role
from optout.kit.tls import TlsError, channel_credentials, channel_options

Command = TypeVar("Command", bound=Callable[..., Any])
DEADLINE_S = 10.0
GATEWAY = Identity(Role.GATEWAY, "gateway")


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the gateway is, and as whom to speak to it."""

    address: str
    certs: Path
    party: Identity

    @contextmanager
    def open(self) -> Iterator[grpc.Channel]:
        """A channel; what the gateway refuses becomes a plain message and exit code 1."""
        try:
            credentials = channel_credentials(files_of(self.certs, self.party))
        except TlsError as error:
            raise click.ClickException(str(error)) from None
        with grpc.secure_channel(self.address, credentials, channel_options(GATEWAY)) as channel:
            try:
                yield channel
            except grpc.RpcError as error:
                raise click.ClickException(explain(error)) from None


def explain(error: grpc.RpcError) -> str:
    """What went wrong, with the reason from the status details."""
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        info = ErrorInfo()
        if detail.Unpack(info):
            return f"{info.reason}: {status.message} (retry: {info.metadata.get('retry', 'never')})"
    code: grpc.StatusCode = error.code()
    return f"{code.name}: the gateway could not be asked"


def connection_options(default_party: str, *, optional: bool = False) -> Callable[[Command], Command]:
    """Add ``--gateway``, ``--certs`` and ``--as`` to a command, which gets a Connection first.

    Where it is ``optional`` nobody is asked unless ``--gateway`` is given, and the command may get None.
    """
    default = None if optional else "127.0.0.1:50051"

    def decorate(command: Command) -> Command:
        @wraps(command)
        def invoke(gateway: str | None, certs: Path, party: str, **others: Any) -> Any:
            connection = None if gateway is None else Connection(gateway, certs, _read_party(party))
            return command(connection, **others)

        decorated: Any = invoke
        for option in (
            click.option("--as", "party", default=default_party, show_default=True, metavar="ROLE/NAME"),
            click.option("--certs", type=click.Path(path_type=Path), default=Path("certs"), show_default=True),
            click.option("--gateway", default=default, show_default=not optional, metavar="HOST:PORT"),
        ):
            decorated = option(decorated)
        return cast(Command, decorated)

    return decorate


def _read_party(text: str) -> Identity:
    role, _, name = text.partition("/")
    try:
        return Identity(Role(role), name)
    except (ValueError, IdentityError):
        raise click.BadParameter("must be ROLE/NAME, such as institute/institute", param_hint="--as") from None
