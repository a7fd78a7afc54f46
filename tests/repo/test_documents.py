"""The documents agree with each other and with the house."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.repo.tree import ROOT, list_files, name_of

FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
COMMAND = re.compile(r"^\s*(?:make|optout|\.venv/bin/optout) .*$", re.MULTILINE)
DOCUMENTS = [path for path in list_files() if path.suffix == ".md"]
BOTH = ("README.md", "README.zh-CN.md")


def prose(text: str) -> str:
    return FENCE.sub("", text)


def commands_of(text: str) -> list[str]:
    """The commands a document tells, without remarks behind them: those are in its own language."""
    return [line.split("#")[0].strip() for block in FENCE.findall(text) for line in COMMAND.findall(block)]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_readmes_when_compared_then_have_the_same_headings_commands_and_links() -> None:
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in BOTH)
    assert HEADING.findall(prose(english)) == HEADING.findall(prose(chinese))
    assert commands_of(english) == commands_of(chinese)
    assert {"make demo", "make test"} <= set(commands_of(english))
    links = [{link for link in LINK.findall(prose(text)) if link not in BOTH} for text in (english, chinese)]
    assert links[0] == links[1]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_document_when_it_links_within_then_the_target_exists(document: Path) -> None:
    links = LINK.findall(prose(document.read_text(encoding="utf-8")))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_document_when_it_names_a_make_target_then_the_makefile_has_it(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    told = re.findall(r"`make ([a-z]+)", text) + [
        line.split()[1] for line in commands_of(text) if line.startswith("make ")
    ]
    assert set(told) <= targets()


def test_makefile_when_asked_for_help_then_names_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    help_text = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert set(phony[1].split()) == set(re.findall(r"^  make ([a-z]+)", help_text, re.MULTILINE))


def test_decisions_when_listed_then_are_numbered_without_gap() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs/adr").glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_decision_when_cited_then_exists() -> None:
    known = {path.name[:4] for path in (ROOT / "docs/adr").glob("[0-9]*.md")}
    cited = {
        (name_of(path), number)
        for path in list_files()
        if path.suffix in {".py", ".md", ".toml", ".proto", ".sql"}
        for number in re.findall(r"\bADR-(\d{4})\b", path.read_text(encoding="utf-8"))
    }
    assert {(name, number) for name, number in cited if number not in known} == set()
