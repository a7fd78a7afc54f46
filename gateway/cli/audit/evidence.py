"""``optout audit evidence``: what witnesses refused, or what a witness was shown that contradicts itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.cli.audit.options import IN_FILE
from gateway.store.base import SchemaError
from gateway.store.evidence_file import Kept, read_evidence


@click.command("evidence")
@click.argument("file", type=IN_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each refusal.")
def evidence_command(file: Path, as_json: bool) -> None:
    """Show each refused checkpoint that FILE holds, with the log's own signature under it.

    FILE is a gateway's `tlog.publication` (what its witnesses refused, and what they said) or a witness's `path` (what
    logs showed it), in use or not. No telephone number is in them.
    """
    try:
        kept = read_evidence(file)
    except SchemaError as error:
        click.echo(f"cannot say: {error}", err=True)
        raise SystemExit(2) from None
    for each in kept:
        click.echo(_write_json(each) if as_json else _write_lines(each))


def _write_json(kept: Kept) -> str:
    request, response = kept.request.decode("utf-8", "replace"), kept.response.decode("utf-8", "replace")
    told = {"time": _write_time(kept), "name": kept.name, "status": kept.status}
    return json.dumps({**told, "request": request, "response": response})


def _write_lines(kept: Kept) -> str:
    """A line that sums it up, and all that was sent, indented. What others wrote reaches no terminal as it is."""
    said, sent = ([ascii(line)[1:-1] for line in _read_lines(data)] for data in (kept.response, kept.request))
    head = " ".join([_write_time(kept), ascii(kept.name)[1:-1], str(kept.status), *said])
    return "\n".join([head, *(f"    {line}" for line in sent)])


def _read_lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").removesuffix("\n").split("\n") if data else []


def _write_time(kept: Kept) -> str:
    return datetime.fromtimestamp(kept.time_ms / 1000, UTC).isoformat(timespec="milliseconds")
