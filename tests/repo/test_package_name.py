"""An unrelated package is called ``adapters``, too: started beside it, the program says so instead of half working."""

import os
import subprocess
import sys
from pathlib import Path

from tests.repo.tree import ROOT

PROGRAM = "from gateway.cli.packages import check_adapters_is_ours as check; check(); print('ours')"


def run_beside(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), str(ROOT / "protos")])}
    command = [sys.executable, "-P", "-c", PROGRAM]
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


def test_start_when_alone_then_adapters_is_ours(tmp_path: Path) -> None:
    assert run_beside(tmp_path).stdout == "ours\n"


def test_start_when_a_foreign_adapters_comes_first_then_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "__init__.py").write_text("")
    result = run_beside(tmp_path)
    assert result.returncode != 0
    assert "FOREIGN_ADAPTERS" in result.stderr


def test_start_when_a_foreign_adapters_was_installed_over_ours_then_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapters-1.2.3.dist-info").mkdir()
    (tmp_path / "adapters-1.2.3.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: adapters\nVersion: 1.2.3\n"
    )
    result = run_beside(tmp_path)
    assert result.returncode != 0
    assert "adapters 1.2.3" in result.stderr
