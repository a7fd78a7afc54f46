"""``optout certs``: a development authority and the parties' certificates."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.service.roster import DEVELOPMENT
from optout.kit.certificates import AuthorityError, make_development_ca
from optout.kit.identity import Identity, IdentityError, Role

DEFAULT_PARTIES = (
    Identity(Role.GATEWAY, "gateway"),
    Identity(Role.CARRIER, "telecom"),
    Identity(Role.CARRIER, "mobile"),
    Identity(Role.CARRIER, "unicom"),
    *DEVELOPMENT.parties(),
)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--party", "parties", multiple=True, metavar="ROLE/NAME", help="Another party; may be repeated.")
@click.option("--host", "hosts", multiple=True, help="Hosts that servers answer for. [default: loopback]")
@click.option("--days", default=30, type=click.IntRange(1, 3650), show_default=True, help="How long they are valid.")
def certs(folder: Path, parties: tuple[str, ...], hosts: tuple[str, ...], days: int) -> None:
    """Make a development authority in FOLDER with certificates for the gateway, carriers, and readers.

    The gateway knows these without being told; whoever is added by --party has to be added to its roster, too. What is
    there already is kept. Never use this authority on a network that anybody relies on.
    """
    try:
        wanted = (*DEFAULT_PARTIES, *map(_read_party, parties))
        made = make_development_ca(folder, wanted, days, *([hosts] if hosts else []))
    except (AuthorityError, IdentityError) as error:
        raise click.ClickException(str(error)) from None
    for identity, files in made.items():
        click.echo(f"{identity!s:24} {files.cert}")


def _read_party(text: str) -> Identity:
    role, _, name = text.partition("/")
    if role not in {known.value for known in Role}:
        raise click.BadParameter(f"{role!r} is no role", param_hint="--party")
    return Identity(Role(role), name)
