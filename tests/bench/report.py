"""What a benchmark says: a table for people and a file for programs, all figures of one run."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.cli.paper import table

FOLDER = Path("build/bench")


@dataclass(frozen=True)
class Figure:
    """One line: a rate, and what it is as a ratio to a limit or a rival measured in the same run."""

    case: str
    rate: float
    unit: str
    ratios: dict[str, float]
    goal: str = ""
    note: str = ""


def publish(name: str, title: str, figures: list[Figure]) -> None:
    """Print the table and write ``build/bench/<name>.json``."""
    columns = sorted({ratio for figure in figures for ratio in figure.ratios})
    rows = [
        (
            figure.case,
            f"{figure.rate:,.0f} {figure.unit}",
            *(f"{figure.ratios[column]:.2f}" if column in figure.ratios else "" for column in columns),
            figure.goal,
            figure.note,
        )
        for figure in figures
    ]
    print(f"\n{title}")
    for line in table(("case", "rate", *columns, "goal", "note"), rows):
        print(line)
    FOLDER.mkdir(parents=True, exist_ok=True)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version()}
    content = {"name": name, "title": title, "machine": machine, "figures": [asdict(figure) for figure in figures]}
    (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
