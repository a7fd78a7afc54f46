"""``optout audit as-of`` and ``check``: what stood at a time, with a proof that needs nobody's word."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from gateway.cli.audit.options import IN_FILE, INSTITUTE, OUT_FILE, Trust, asking, case_option, trust_options
from gateway.cli.audit.outcome import Outcome, audited
from gateway.cli.audit.telling import Teller, other_number
from gateway.cli.connection import Connection, connection_options
from gateway.service.audit_file import AuditError, replace_durably
from gateway.tlog.asof import Answer, AsOf, AsOfError, decode_as_of, verify_as_of
from gateway.tlog.receipt import ReceiptError, decode_receipt, verify_receipt
from gateway.tlog.walk import Finding
from optout.kit.number import NumberError, PhoneNumber, parse_subscriber

_UNSAYABLE = {"FORMAT": "the file is no proof", "POLICY": "too few witnesses cosigned the checkpoint"}


@click.command("as-of")
@click.argument("number")
@click.argument("time")
@click.option("-o", "--output", "file", required=True, type=OUT_FILE, help="Where the proof goes. Personal data.")
@case_option
@connection_options(INSTITUTE)
@audited
def as_of_command(connection: Connection, number: str, time: str, file: Path, case_id: str) -> Outcome:
    """Ask what stood for NUMBER at TIME, and write the answer with its proof to a file that `check` verifies.

    NUMBER is - to read it from stdin, or @FILE to read it from a file, so that it stands in no shell's history. TIME is
    ISO 8601, in local time if no zone is given.
    """
    wanted, time_ms = _read_number(number), _read_time_ms(time)
    with asking(connection, case_id) as client:
        answer, proof = client.state(wanted, time_ms)
    try:
        replace_durably(file, proof)
    except OSError as error:
        raise AuditError("STATE", f"the proof cannot be written: {type(error).__name__}") from None
    facts = {"answer": answer.value, "bytes": len(proof), "file": str(file)}
    if answer is Answer.TOO_RECENT:
        return Outcome("no EPOCH is later than that time yet: ask again in a minute", facts, unsaid="TOO_RECENT")
    return Outcome("check it with `optout audit check`", facts)


@click.command("check")
@click.argument("file", type=IN_FILE)
@click.option("--number", help="Whom the proof must be about: - for stdin, @FILE, or the number itself.")
@click.option("--show-number", "full", is_flag=True, help="Write the number out instead of its last digits.")
@trust_options
@audited
def check_command(file: Path, number: str | None, full: bool, trust: Trust) -> Outcome:
    """Check a proof or a receipt, offline, with the log's public key alone, and say what it shows."""
    wanted = None if number is None else _read_number(number)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise AuditError("STATE", f"the file cannot be read: {type(error).__name__}") from None
    try:
        return _check(data, trust, wanted, Teller(full))
    except (AsOfError, ReceiptError) as error:
        if error.reason in _UNSAYABLE:
            raise AuditError(error.reason, _UNSAYABLE[error.reason]) from None
        index = error.index if isinstance(error, AsOfError) else None
        finding = (
            AuditError(error.reason, "what the file says is not proven")
            if index is None
            else Finding(index, error.reason.lower(), "what the file says of this entry is not proven")
        )
        return Outcome("the proof does not hold", findings=[finding])


def _check(data: bytes, trust: Trust, wanted: PhoneNumber | None, teller: Teller) -> Outcome:
    try:
        proof = decode_as_of(data)
    except AsOfError:
        confirmed = verify_receipt(decode_receipt(data), trust.log, trust.policy)
        if wanted is not None and confirmed.payload.get("instruction", {}).get("number") != wanted:
            return _about_another()
        facts = {"kind": "receipt", "entry": confirmed.index, "size": confirmed.checkpoint.size}
        return Outcome("the receipt holds", facts, lines=list(teller.receipt(confirmed)))
    found = verify_as_of(proof, trust.log, trust.policy)
    if wanted is not None and found.payload is not None and found.payload["after"].get("number") != wanted:
        return _about_another()
    facts = _facts(found)
    lines = list(teller.as_of(found, proof.time_ms))
    if found.answer is Answer.TOO_RECENT:
        return Outcome(
            "the proof holds, and says that it is too early to tell", facts, lines=lines, unsaid="TOO_RECENT"
        )
    return Outcome("the proof holds", facts, lines=lines)


def _facts(found: AsOf) -> dict[str, object]:
    facts = {"kind": "as-of", "answer": found.answer.value, "entry": found.entry, "state_entry": found.state_entry}
    named = {name: value for name, value in facts.items() if value is not None}
    return {**named, "size": found.checkpoint.size, "root": found.checkpoint.root.hex()}


def _about_another() -> Outcome:
    error = AuditError("NUMBER", "the proof is about another number")
    return Outcome("the proof does not hold for this number", findings=[error], lines=list(other_number()))


def _read_number(text: str) -> PhoneNumber:
    """The number, from where it is; what is wrong with it is told without it."""
    try:
        if text == "-":
            text = sys.stdin.readline()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8")
        return parse_subscriber(text.strip())
    except NumberError as error:
        raise click.BadParameter(f"is no subscriber's number ({error.reason.value})", param_hint="NUMBER") from None
    except (OSError, UnicodeDecodeError):
        raise click.BadParameter("the file cannot be read", param_hint="NUMBER") from None


def _read_time_ms(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError):
        raise click.BadParameter("must be like 2026-12-01T08:00:00+08:00", param_hint="TIME") from None
