"""The fourth carrier as its users have it: a wheel, unpacked where only its entry point makes it known."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.repo.tree import ROOT


def install_broadnet(folder: Path) -> Path:
    """Build the wheel and unpack it; returns the folder to be put on the path."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT / "examples/broadnet", check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"
