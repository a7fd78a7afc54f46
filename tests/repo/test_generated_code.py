"""The contract and the code made from it are one commit, whoever made it."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repo.tree import ROOT, is_generated, shipped_modules

SOURCE = ROOT / "protos"
SERVED_BY = (
    "adapters.carrier.servicer",
    "adapters.simulators.control.crm",
    "adapters.simulators.control.fake_carrier",
    "adapters.simulators.control.login",
    "adapters.simulators.control.platform",
    "adapters.simulators.control.smsc",
    "adapters.simulators.control.wechat",
    "adapters.simulators.fake_carrier.servicer",
    "adapters.testing.recording_gateway",
)


def generated_files(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if is_generated(path) and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_generated_code_when_made_again_then_is_the_committed_one(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "tools/generate_protos.py", tmp_path], check=True)
    fresh, committed = generated_files(tmp_path), generated_files(SOURCE)
    assert fresh
    assert sorted(fresh) == sorted(committed)
    stale = [name for name, text in fresh.items() if committed[name] != text]
    assert stale == [], "run 'make proto'"


@pytest.mark.parametrize("module", SERVED_BY)
def test_generated_servicer_when_served_then_none_of_its_refusals_is_left(module: str) -> None:
    """What is generated refuses every method until somebody serves it: whoever is one has to serve them all."""
    here = [found for found in vars(importlib.import_module(module)).values() if isinstance(found, type)]
    served = [one for one in here if one.__module__ == module and one.__base__.__name__.endswith("ServiceServicer")]
    assert len(served) == 1
    generated = served[0].__base__
    methods = [name for name in vars(generated) if not name.startswith("_")]
    assert methods
    assert [name for name in methods if getattr(served[0], name) is getattr(generated, name)] == []


def test_generated_servicer_when_served_anywhere_then_it_is_looked_at() -> None:
    shipped = {name: path.read_text(encoding="utf-8") for name, path in shipped_modules().items()}
    heirs = {name for name, text in shipped.items() if "ServiceServicer):" in text}
    assert heirs == set(SERVED_BY)


def run_buf(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("buf"), *arguments]
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)


def test_contract_when_linted_then_follows_standard_and_comments() -> None:
    result = run_buf("lint")
    assert (result.returncode, result.stdout) == (0, "")


def test_contract_when_a_field_has_no_comment_then_lint_refuses(tmp_path: Path) -> None:
    folder = tmp_path / "protos" / "probe" / "v1"
    folder.mkdir(parents=True)
    (tmp_path / "buf.yaml").write_text((ROOT / "buf.yaml").read_text())
    head = 'syntax = "proto3";\npackage probe.v1;\n// A probe.\nmessage Probe {\n'
    (folder / "probe.proto").write_text(f"{head}  string silent = 1;\n}}\n")
    result = run_buf("lint", cwd=tmp_path)
    assert result.returncode != 0
    assert "silent" in result.stdout


@pytest.mark.parametrize("proto", sorted(SOURCE.rglob("*.proto")), ids=lambda path: path.stem)
def test_contract_when_formatted_then_stays_as_it_is(proto: Path) -> None:
    result = run_buf("format", "--diff", "--exit-code", str(proto))
    assert result.returncode == 0, result.stdout
