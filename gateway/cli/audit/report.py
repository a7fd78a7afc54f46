"""``optout audit report``: what an inspector asks for, from a log that is replayed on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from gateway.cli.audit.judging import JudgeMaker, judge_options
from gateway.cli.audit.options import (
    Place,
    Trust,
    asking,
    place_options,
    process_option,
    tile_options,
    trust_options,
)
from gateway.cli.audit.outcome import Outcome, audited
from gateway.cli.audit.progress import Progress
from gateway.domain.decision import CHINA_TIME
from gateway.service.audit_file import AuditError, replace_durably
from gateway.service.replay_session import ReplaySession
from gateway.service.replaying import ReplayPlan
from gateway.service.report import Heading, Report, Table, write_csv, write_page
from gateway.service.report.words import BOTH
from gateway.service.reporting import ReportedLog
from gateway.service.verify import TileSource
from gateway.tlog.checkpoint import Checkpoint

PAGE = "report.html"
LIMIT = 100


@click.command("report")
@click.option("--from", "first", default="", metavar="DAY", help="The first day, such as 2026-11-01, in China's time.")
@click.option("--to", "last", default="", metavar="DAY", help="The last day, itself included.")
@click.option(
    "-o", "--output", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where it goes."
)
@tile_options
@trust_options
@judge_options
@process_option
@place_options
@audited
def report_command(
    place: Place,
    tiles: TileSource | None,
    trust: Trust,
    judge: JudgeMaker,
    first: str,
    last: str,
    folder: Path,
    processes: int,
) -> Outcome:
    """Write a report into a folder: a page to read and print, in Chinese and English, and a CSV file for each table.

    The whole log is replayed for it, since what was on before the first day counts, too. No telephone number is in it.
    """
    since, until = _read_day(first, "--from"), _read_day(last, "--to")
    end_ms = None if until is None else _day_ms(until + timedelta(days=1))
    report = Report(0 if since is None else _day_ms(since), end_ms)
    with ExitStack() as stack:
        reported = ReportedLog(place.open(stack), report)
        session = ReplaySession(reported, trust.log, trust.policy, tiles)
        checkpoint, outcome = session.run(ReplayPlan(judge, processes, limit=LIMIT, progress=Progress("reported")))
    listed = _list(place, checkpoint) if end_ms is None else None
    tables = report.tables(listed)
    heading = Heading(
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root.hex(),
        first or BOTH["beginning"],
        last or BOTH["end"],
        f"{datetime.now(UTC).astimezone(CHINA_TIME):%Y-%m-%d %H:%M:%S}",
        not outcome.findings,
    )
    files = _write(folder, heading, tables, reported.names)
    unbalanced = _find_unbalanced(tables)
    facts = {"size": checkpoint.size, "files": files, "unbalanced": [error.text for error in unbalanced]}
    words = "the report rests on a log that holds"
    if outcome.findings:
        words = "the log does not hold: the figures prove nothing"
    elif unbalanced:
        words = "the log holds, and the figures do not balance"
    return Outcome(words, facts, [*outcome.findings[:LIMIT], *unbalanced])


def _find_unbalanced(tables: Sequence[Table]) -> list[AuditError]:
    """Findings, one for each equation whose sides differ; they have no place in the log."""
    (balance,) = (table for table in tables if table.name == "balance")
    rows = (dict(zip(balance.columns, row, strict=True)) for row in balance.rows)
    unequal = (row for row in rows if row["holds"] != "yes")
    return [AuditError("UNBALANCED", "{equation} {whom}: {left}, {right}".format(**row)) for row in unequal]


def _list(place: Place, checkpoint: Checkpoint) -> Mapping[str, int] | None:
    """What the registry itself says was on at that size; None if it is not at hand."""
    if place.export is not None:
        return None
    with asking(place.connection) as client:
        return client.count_on(checkpoint.size)


def _write(folder: Path, heading: Heading, tables: Sequence[Table], names: Mapping[str, str]) -> list[str]:
    contents = {f"{table.name}.csv": write_csv(table) for table in tables}
    contents[PAGE] = write_page(heading, tables, names).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            replace_durably(folder / name, content)
    except OSError as error:
        raise AuditError("STATE", f"the report cannot be written: {type(error).__name__}") from None
    return sorted(contents)


def _read_day(text: str, option: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise click.BadParameter("must be like 2026-11-01", param_hint=option) from None


def _day_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=CHINA_TIME).timestamp() * 1000)
