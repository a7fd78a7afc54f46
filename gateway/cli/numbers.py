"""``optout numbers``: events of numbers, and claims that a carrier may contest, at a running gateway."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterator
from typing import TextIO

import click

from gateway.cli.connection import Connection, connection_options
from gateway.cli.moments import read_time
from gateway.cli.paper import table
from optout.v1 import errors_pb2, number_pb2, number_pb2_grpc

CARRIER = "carrier/mobile"
DEADLINE_S = 3600.0
COLUMNS = ("event_id", "kind", "number", "effective_time", "counterpart")
_KINDS = {name.removeprefix("NUMBER_EVENT_KIND_").lower(): kind for name, kind in number_pb2.NumberEventKind.items()}


@click.group()
def numbers() -> None:
    """Report events of numbers; list and contest claims."""


@numbers.command()
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@connection_options(CARRIER)
def report(connection: Connection, file: TextIO) -> None:
    """Report the events in FILE (- for stdin): a baseline of millions or a single port; 1 if one was refused.

    FILE is CSV whose first line names the columns event_id, kind (baseline, ported_in, ported_out, closed, reassigned),
    number, effective_time (ISO 8601), and for ports counterpart. Lines that were taken in already are known by their
    event_id, so a file that broke off is simply sent again.
    """
    rows = csv.DictReader(file)
    if rows.fieldnames is None or set(rows.fieldnames) ^ set(COLUMNS):
        raise click.BadParameter(f"the first line must be {','.join(COLUMNS)}", param_hint="FILE")
    taken = refused = 0
    with connection.open() as channel:
        stub = number_pb2_grpc.NumberServiceStub(channel)
        for line, answer in enumerate(stub.ReportNumberEvents(_read_events(rows), timeout=DEADLINE_S), start=2):
            if answer.reason:
                refused += 1
                reason = errors_pb2.ErrorReason.Name(answer.reason).removeprefix("ERROR_REASON_")
                click.echo(f"line {line}: {reason}: {answer.message}")
            else:
                taken += 1
    click.echo(f"{taken} taken in, {refused} refused")
    raise SystemExit(1 if refused else 0)


@numbers.command()
@connection_options(CARRIER)
def claims(connection: Connection) -> None:
    """List what others claim of the numbers that have the caller's prefixes, newest first."""
    with connection.open() as channel:
        cells = [
            (
                claim.number,
                claim.claimant,
                f"{claim.claim_time.ToDatetime():%Y-%m-%dT%H:%M:%SZ}",
                str(claim.revision),
                "contested" if claim.contested else "",
            )
            for claim in _iter_claims(number_pb2_grpc.NumberServiceStub(channel))
        ]
    for line in table(("number", "claimant", "since", "revision", ""), cells):
        click.echo(line)


@numbers.command()
@click.argument("revision", type=click.IntRange(1))
@click.option("--ground", default="", help="Why; it is logged, and holds no number.")
@connection_options(CARRIER)
def contest(connection: Connection, revision: int, ground: str) -> None:
    """Contest the claim that the list shows with REVISION: the number is the caller's."""
    with connection.open() as channel:
        stub = number_pb2_grpc.NumberServiceStub(channel)
        claim = next((claim for claim in _iter_claims(stub) if claim.revision == revision), None)
        if claim is None:
            raise click.ClickException("NOT_FOUND: there is no such claim")
        request = number_pb2.ContestClaimRequest(
            request_id=uuid.uuid4().hex, number=claim.number, revision=revision, ground=ground
        )
        answer = stub.ContestClaim(request, timeout=DEADLINE_S)
    click.echo(f"contested; logged at revision {answer.revision}")


def _read_events(rows: csv.DictReader[str]) -> Iterator[number_pb2.ReportNumberEventsRequest]:
    for row in rows:
        event = number_pb2.NumberEvent(
            event_id=row["event_id"],
            kind=_KINDS.get((row["kind"] or "").lower(), number_pb2.NUMBER_EVENT_KIND_UNSPECIFIED),
            number=row["number"],
            counterpart=row["counterpart"] or "",
        )
        if row["effective_time"]:
            event.effective_time.CopyFrom(read_time(row["effective_time"]))
        yield number_pb2.ReportNumberEventsRequest(event=event)


def _iter_claims(stub: number_pb2_grpc.NumberServiceStub) -> Iterator[number_pb2.ProvisionalClaim]:
    token = ""
    while True:
        request = number_pb2.ListProvisionalClaimsRequest(page_size=1000, page_token=token)
        page = stub.ListProvisionalClaims(request, timeout=DEADLINE_S)
        yield from page.claims
        token = page.next_page_token
        if not token:
            return
