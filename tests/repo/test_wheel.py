"""What is installed is what is written here, whole, and nothing else."""

import configparser
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.repo.tree import ROOT, SHIPPED, list_files

PROGRAM = """
import importlib.resources, gateway, adapters, optout.kit.number, optout.v1.registry_pb2_grpc
for package in (gateway, adapters, optout.kit.number):
    print(package.__file__)
assert importlib.resources.files("optout.kit").joinpath("plan.toml").is_file()
assert importlib.resources.files("gateway.data").joinpath("policy.toml").is_file()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def expected_files() -> set[str]:
    return {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in SHIPPED.items()
        for path in list_files()
        if path.is_relative_to(folder)
    }


def test_wheel_when_built_then_holds_every_shipped_file_and_no_other(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == expected_files()
    assert {"gateway/py.typed", "adapters/py.typed", "optout/py.typed", "optout/v1/registry.proto"} <= names


def test_wheel_when_unpacked_elsewhere_then_imports_from_there(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-P", "-c", PROGRAM]
    found = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    assert all(Path(line).is_relative_to(tmp_path) for line in found.stdout.splitlines())


def test_wheel_when_read_then_names_its_command_and_carriers(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
    entries = configparser.ConfigParser()
    entries.read_string(archive.read(name).decode())
    assert entries["console_scripts"]["optout"] == "gateway.cli.main:main"
    assert set(entries["optout.carriers"]) == {"mobile", "telecom", "unicom"}
