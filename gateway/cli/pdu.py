"""``optout pdu``: look into packets."""

from __future__ import annotations

import json
import string

import click

from adapters.wire import cmpp, describe, describe_content, describe_sgip, describe_smgp, smgp
from adapters.wire.errors import WireError
from adapters.wire.fields import Json

_CMPP_VERSIONS = {version.label: version for version in cmpp.Version}
_SMGP_VERSIONS = {version.label: version for version in smgp.Version}
_VERSIONS = {"cmpp": sorted(_CMPP_VERSIONS), "smgp": sorted(_SMGP_VERSIONS), "sgip": []}
_PAGES = {"cmpp": describe, "smgp": describe_smgp, "sgip": describe_sgip}
_Protocol = click.Choice(list(_VERSIONS))


@click.group()
def pdu() -> None:
    """Look into the packets of the SMS links."""


@pdu.command()
@click.argument("protocol", type=_Protocol)
@click.argument("packet", metavar="HEX")
@click.option("--version", metavar="X.Y", help="The link's version (cmpp 2.0, 3.0; smgp 1.3, 3.0); else what fits.")
def decode(protocol: str, packet: str, version: str | None) -> None:
    """Print one packet, from its length field on, as JSON. Exits with 2 and a reason if it is malformed.

    What each field is called and means, `optout pdu fields PROTOCOL` tells.
    """
    if version is not None and version not in _VERSIONS[protocol]:
        known = ", ".join(_VERSIONS[protocol]) or "none to choose from"
        raise click.BadParameter(f"{protocol} has {known}", param_hint="--version")
    try:
        described = _describe(protocol, _read_hex(packet), version or "")
    except WireError as error:
        click.echo(f"malformed: {error}", err=True)
        raise SystemExit(2) from None
    click.echo(json.dumps(described, ensure_ascii=False, indent=2))


@pdu.command()
@click.argument("protocol", type=_Protocol)
def fields(protocol: str) -> None:
    """Print the names under which `decode` shows the fields of each packet."""
    for page in (_PAGES[protocol], describe_content):
        click.echo(page.__doc__)


def _describe(protocol: str, frame: bytes, version: str) -> dict[str, Json]:
    match protocol:
        case "cmpp":
            return describe.describe_cmpp(frame, _CMPP_VERSIONS.get(version))
        case "smgp":
            return describe_smgp.describe_smgp(frame, _SMGP_VERSIONS.get(version))
        case _:
            return describe_sgip.describe_sgip(frame)


def _read_hex(text: str) -> bytes:
    digits = "".join(text.split())
    if len(digits) % 2 or not set(digits) <= set(string.hexdigits):
        raise WireError("not_hexadecimal")
    return bytes.fromhex(digits)
