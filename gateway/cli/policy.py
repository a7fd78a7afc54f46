"""``optout policy`` and ``optout lines``: what operators and carriers publish, at a running gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.api.mapping_policy import read_policy, write_policy
from gateway.cli.connection import DEADLINE_S, Connection, connection_options
from gateway.cli.moments import read_time
from gateway.cli.paper import table
from gateway.cli.policy_source import read_policy_file
from gateway.domain.errors import RefusedError
from gateway.domain.policy import Policy
from optout.v1 import policy_pb2, policy_pb2_grpc, screening_pb2

OPERATOR, CARRIER = "operator/operator-a", "carrier/mobile"
_POLICY_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def policy() -> None:
    """Show, propose, approve, preview and roll back policies."""


@policy.command()
@click.argument("version", default="")
@connection_options(OPERATOR)
def show(connection: Connection, version: str) -> None:
    """Show the policy in force, or the one of VERSION, as JSON."""
    with connection.open() as channel:
        _print(_get(policy_pb2_grpc.PolicyServiceStub(channel), version))


@policy.command("list")
@connection_options(OPERATOR)
def list_policies(connection: Connection) -> None:
    """List every policy, newest first."""
    with connection.open() as channel:
        rows = [_row(record) for record in _history(policy_pb2_grpc.PolicyServiceStub(channel))]
    _table(("version", "status", "in force from", "signed by", "digest"), rows)


@policy.command()
@click.argument("file", type=_POLICY_FILE)
def digest(file: Path) -> None:
    """Print the digest of the policy in FILE: what an offline key signs, and what an approver compares."""
    click.echo(_read_file(file).digest)


@policy.command()
@click.argument("file", type=_POLICY_FILE)
@click.option("--activate", default="", metavar="TIME", help="From when it shall hold; at once if left out.")
@click.option("--signature", type=_POLICY_FILE, help="The 64 bytes that the offline key made of the digest.")
@connection_options(OPERATOR)
def propose(connection: Connection, file: Path, activate: str, signature: Path | None) -> None:
    """Propose the policy in FILE. It has no effect until another operator approves it."""
    wanted = _read_file(file)
    request = policy_pb2.ProposePolicyRequest(
        policy=write_policy(wanted), activation_time=read_time(activate), signature=_read_signature(signature)
    )
    with connection.open() as channel:
        stub = policy_pb2_grpc.PolicyServiceStub(channel)
        record = stub.ProposePolicy(request, timeout=DEADLINE_S).record
    _tell(record)


@policy.command()
@click.argument("version")
@click.option("--file", type=_POLICY_FILE, help="The policy as the approver has it: only the same is approved.")
@click.option("--digest", "expected", default="", metavar="HEX", help="The digest that the approver has checked.")
@click.option("--signature", type=_POLICY_FILE, help="The 64 bytes that the offline key made of the digest.")
@connection_options("operator/operator-b")
def approve(connection: Connection, version: str, file: Path | None, expected: str, signature: Path | None) -> None:
    """Approve the proposal of VERSION; without a file or a digest after a look at it."""
    with connection.open() as channel:
        stub = policy_pb2_grpc.PolicyServiceStub(channel)
        record = _get(stub, version)
        # Computed here: an approver puts its name under what it has read, not under what it was told of it.
        found = read_policy(record.policy).digest
        if file is not None:
            expected = _read_file(file).digest
        if not expected:
            _print(record)
            click.confirm(f"approve the policy with digest {found}?", abort=True)
        elif expected != found:
            raise click.ClickException(f"the proposal's digest is {found}: not what was checked")
        request = policy_pb2.ApprovePolicyRequest(
            version=version, digest=bytes.fromhex(found), signature=_read_signature(signature)
        )
        record = stub.ApprovePolicy(request, timeout=DEADLINE_S).record
    _tell(record)


@policy.command()
@click.argument("version")
@click.argument("sample", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@connection_options(OPERATOR)
def preview(connection: Connection, version: str, sample: Path) -> None:
    """Show which answers VERSION would change. SAMPLE holds one question a line, as JSON of a ScreenRequest."""
    request = policy_pb2.PreviewPolicyRequest(version=version, sample=_read_sample(sample))
    with connection.open() as channel:
        answer = policy_pb2_grpc.PolicyServiceStub(channel).PreviewPolicy(request, timeout=DEADLINE_S)
    rows = [
        (str(found.index + 1), *_verdict(found.before), "→", *_verdict(found.after)) for found in answer.differences
    ]
    _table(("line", "before", "by", "", "after", "by"), rows)
    click.echo(f"{len(rows)} of {answer.asked} answers would change")


@policy.command()
@click.argument("version")
@click.option("--reason", required=True, help="Why, at most 200 characters.")
@connection_options(OPERATOR)
def rollback(connection: Connection, version: str, reason: str) -> None:
    """Leave VERSION, which must be the policy in force, for the one before it: at once, by one operator."""
    request = policy_pb2.RollbackPolicyRequest(version=version, reason=reason)
    with connection.open() as channel:
        record = policy_pb2_grpc.PolicyServiceStub(channel).RollbackPolicy(request, timeout=DEADLINE_S).record
    _tell(record)


@click.group()
def lines() -> None:
    """The directory of lines from which voice-call platforms place calls."""


@lines.command("list")
@click.option("--holder", default="", help="Only this platform's lines.")
@connection_options(OPERATOR)
def list_lines(connection: Connection, holder: str) -> None:
    """List the lines in order of number."""
    with connection.open() as channel:
        stub = policy_pb2_grpc.PolicyServiceStub(channel)
        rows = [_line_row(line) for line in _directory(stub, holder)]
    _table(("number", "holder", "carrier", "category", "from", "until"), rows)


@lines.command()
@click.argument("number")
@click.option("--prefix", is_flag=True, help="NUMBER is the prefix of a block.")
@click.option("--holder", required=True, help="The platform that holds it.")
@click.option("--category", required=True, help="What it is declared for; a code of the taxonomy.")
@click.option("--until", default="", metavar="TIME", help="When it ends.")
@click.option("--withdraw", is_flag=True, help="End it instead, now or at --until.")
@click.option("--request-id", default="", help="Your own id of this request; one that comes again changes nothing.")
@connection_options(CARRIER)
def declare(
    connection: Connection,
    number: str,
    prefix: bool,
    holder: str,
    category: str,
    until: str,
    withdraw: bool,
    request_id: str,
) -> None:
    """Declare that NUMBER is a platform's line, as the carrier that hosts it."""
    line = policy_pb2.Line(
        number=number,
        is_prefix=prefix,
        holder=holder,
        category=category,
        end_time=read_time(until) if until else None,
    )
    stamp = datetime.now(UTC).strftime("cli-%Y%m%dT%H%M%S.%f")
    request = policy_pb2.DeclareLinesRequest(request_id=request_id or stamp, line=line, withdraw=withdraw)
    with connection.open() as channel:
        answers = policy_pb2_grpc.PolicyServiceStub(channel).DeclareLines(iter((request,)), timeout=DEADLINE_S)
        (answer,) = answers
    if answer.HasField("conflict"):
        raise click.ClickException(
            "LINE_CONFLICT: in the way is\n" + MessageToJson(answer.conflict, ensure_ascii=False)
        )
    click.echo(f"revision {answer.revision}")


def _get(stub: policy_pb2_grpc.PolicyServiceStub, version: str) -> policy_pb2.PolicyRecord:
    return stub.GetPolicy(policy_pb2.GetPolicyRequest(version=version), timeout=DEADLINE_S).record


def _history(stub: policy_pb2_grpc.PolicyServiceStub) -> Iterator[policy_pb2.PolicyRecord]:
    token = ""
    while True:
        page = stub.ListPolicies(policy_pb2.ListPoliciesRequest(page_token=token), timeout=DEADLINE_S)
        yield from page.records
        token = page.next_page_token
        if not token:
            return


def _directory(stub: policy_pb2_grpc.PolicyServiceStub, holder: str) -> Iterator[policy_pb2.Line]:
    token = ""
    while True:
        request = policy_pb2.ListLinesRequest(holder=holder, page_token=token, page_size=1000)
        page = stub.ListLines(request, timeout=DEADLINE_S)
        yield from page.lines
        token = page.next_page_token
        if not token:
            return


def _read_file(file: Path) -> Policy:
    try:
        return read_policy_file(file.read_text(encoding="utf-8"))[0]
    except RefusedError as error:
        raise click.ClickException(str(error)) from None


def _read_signature(file: Path | None) -> bytes:
    return b"" if file is None else file.read_bytes()


def _read_sample(file: Path) -> list[screening_pb2.ScreenRequest]:
    sample = []
    for place, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            sample.append(ParseDict(json.loads(text), screening_pb2.ScreenRequest()))
        except (ValueError, TypeError, ParseError):
            # The line itself may hold a number, so it is not repeated.
            raise click.ClickException(f"{file}:{place}: not the JSON of a ScreenRequest") from None
    return sample


def _verdict(answer: screening_pb2.ScreenResponse) -> tuple[str, str]:
    verdict = screening_pb2.Verdict.Name(answer.verdict).removeprefix("VERDICT_").lower()
    return verdict, screening_pb2.DecidingRule.Name(answer.rule).removeprefix("DECIDING_RULE_").lower()


def _row(record: policy_pb2.PolicyRecord) -> tuple[str, ...]:
    return (
        record.policy.version,
        policy_pb2.PolicyStatus.Name(record.status).removeprefix("POLICY_STATUS_").lower(),
        _write_time(record.activation_time),
        ", ".join(signature.party for signature in record.signatures) or "the gateway's file",
        read_policy(record.policy).digest[:16],
    )


def _line_row(line: policy_pb2.Line) -> tuple[str, ...]:
    return (
        line.number + ("…" if line.is_prefix else ""),
        line.holder,
        line.carrier,
        line.category,
        _write_time(line.start_time) if line.HasField("start_time") else "",
        _write_time(line.end_time) if line.HasField("end_time") else "",
    )


def _write_time(time: Timestamp) -> str:
    return time.ToDatetime(UTC).astimezone().isoformat(timespec="seconds")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    for text in table(head, rows):
        click.echo(text)


def _tell(record: policy_pb2.PolicyRecord) -> None:
    for name, value in zip(("version", "status", "in force from", "signed by", "digest"), _row(record), strict=True):
        click.echo(f"{name}: {value}")


def _print(message: Message) -> None:
    click.echo(MessageToJson(message, ensure_ascii=False, preserving_proto_field_name=True))
