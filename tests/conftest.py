"""What holds for every run of the tests: no law is judged by a slow machine, and the tables to show come last."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

FOLDER = Path("build/audit")


TABLES = {
    "lie": ("lies.txt", "a lying gateway, and what a replay of its log names: index, kind, what is wrong"),
    "as_of": ("as-of.txt", "proofs of what stood at a time: how large they are, and how long it takes to check one"),
}
"""By the name of what tests record: the file it is kept in, and its title."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rows that tests recorded, from whichever process, and keep them in files."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    properties = [each for report in reports for each in getattr(report, "user_properties", ())]
    for table, (file, title) in TABLES.items():
        rows = sorted({tuple(value) for name, value in properties if name == table})
        if rows:
            _show(terminalreporter, rows, FOLDER / file, title)


def _show(terminalreporter: pytest.TerminalReporter, rows: list[tuple[str, ...]], file: Path, title: str) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    terminalreporter.section(title)
    for line in lines:
        terminalreporter.write_line(line)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
