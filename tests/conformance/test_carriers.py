"""Every carrier's adapter passes the carrier suite; a mistake planted in its data fails it by the name of the row."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import optout_broadnet
import pytest

from adapters import mobile, telecom, unicom
from adapters.carrier.base import Carrier, CarrierData
from adapters.carrier.order_interboss import InterbossEnvelope
from adapters.testing.sheet import read_sheet
from adapters.testing.suite import Result, list_names, run_suite
from optout.kit.config import load
from optout.kit.redact import find_numbers
from tests.broadnet import install_broadnet
from tests.repo.tree import ROOT

CARRIERS = {
    carrier.id: carrier for carrier in (telecom.CARRIER, mobile.CARRIER, unicom.CARRIER, optout_broadnet.CARRIER)
}
CAP_AND_FROZEN = '2004 = "cap_reached"\n2005 = "number_frozen"'
FROZEN_AND_CAP = '2004 = "number_frozen"\n2005 = "cap_reached"'
PACKAGES = {"telecom": telecom, "mobile": mobile, "unicom": unicom, "broadnet": optout_broadnet}
SHEETS = {name: read_sheet(package.__name__) for name, package in PACKAGES.items()}


def play(carrier: Carrier, only: str = "", patience_s: float = 30.0) -> dict[str, Result]:
    with tempfile.TemporaryDirectory() as folder:
        run = run_suite(carrier, SHEETS[carrier.id], Path(folder), only, patience_s)
        return {result.row: result for result in asyncio.run(run)}


@functools.cache
def play_once(carrier_id: str) -> dict[str, Result]:
    return play(CARRIERS[carrier_id])


def failed(results: dict[str, Result]) -> list[str]:
    return [str(result) for result in results.values() if result.problem]


@pytest.mark.parametrize(
    ("carrier_id", "row"), [(name, row) for name in CARRIERS for row in list_names(CARRIERS[name], SHEETS[name])]
)
def test_carrier_when_a_row_is_played_then_it_holds(carrier_id: str, row: str) -> None:
    assert play_once(carrier_id)[row] == Result(row)


def plant(name: str, old: str, new: str, folder: Path) -> Carrier:
    """The carrier with one mistake in its data."""
    text = (resources.files(PACKAGES[name]) / "data.toml").read_text(encoding="utf-8")
    assert old in text
    file = folder / "data.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return replace(CARRIERS[name], data=load(CarrierData, file=file))


@pytest.mark.parametrize(
    ("name", "old", "new", "row"),
    [
        ("telecom", 'verb = "open", texts = ["KTFSR"]', 'verb = "open", texts = ["KTFRS"]', "sms: happy path"),
        ("telecom", CAP_AND_FROZEN, FROZEN_AND_CAP, "hotline: over the cap"),
        ("telecom", '2004 = "cap_reached"', '2004 = "number_frozen"', "start: "),
        ("telecom", 'bus_code = "BUS90001"', 'bus_code = "BUS90002"', "hall: happy path"),
        ("mobile", '["CSFZ", "LJDB"]', '["CSFZ"]', "sms: blog code LJDB"),
        ("mobile", '11 = "set_categories"', '18 = "set_categories"', "hotline: refuses a category"),
        ("mobile", '1 = "loan"', '1 = "insurance"', "sms: refuses a category"),
        ("mobile", '{ text = "骚扰电话拒接已关闭" }', '{ text = "已办" }', "sms: a notice arrives and is reported"),
        ("unicom", 'help_texts = ["KTFSR", ', "help_texts = [", "sms: KTFSR is answered with how to open"),
        ("unicom", "NUISANCE_CALL_ORDER", "NUISANCE_ORDER", "hotline: happy path"),
        ("unicom", 'verb = "confirm", texts = ["Y"', 'verb = "open", texts = ["KTFSR", "Y"', "sms: KTFSR is answered"),
        ("broadnet", CAP_AND_FROZEN, FROZEN_AND_CAP, "hotline: frozen"),
        ("broadnet", '["hotline", "app"]', '["sms", "hotline", "app"]', "sms: happy path"),
        ("broadnet", '["hotline", "app"]', '["hotline", "app", "fax"]', "start: "),
        ("broadnet", 'activity_code = "T9000001"', 'activity_code = "T9000009"', "hotline: happy path"),
    ],
)
def test_suite_when_a_mistake_is_planted_in_the_data_then_fails_by_the_name_of_the_row(
    name: str, old: str, new: str, row: str, tmp_path: Path
) -> None:
    problems = failed(play(plant(name, old, new, tmp_path), row, patience_s=1.5))
    assert any(problem.startswith(row) for problem in problems)
    assert find_numbers(" ".join(problems)) == []


class OpenEnvelope(InterbossEnvelope):
    """Takes every service's orders for its own."""

    def open(self, content_type: str, body: bytes) -> Any:
        return super().open(content_type, body.replace(b"BIP0X000", b"BIP9X001"))


class TellingEnvelope(InterbossEnvelope):
    """Logs what it reads."""

    def open(self, content_type: str, body: bytes) -> Any:
        logging.getLogger("adapters.example").debug("read", extra={"body": body})
        return super().open(content_type, body)


def test_suite_when_an_envelope_logs_what_it_reads_then_fails_by_the_log_without_telling_a_number() -> None:
    telling = replace(mobile.CARRIER, make_order_envelope=TellingEnvelope)
    (problem,) = failed(play(telling, "hotline: happy path"))
    assert problem.startswith("log: no number or secret in any line: ")
    assert find_numbers(problem) == []


def test_suite_when_a_mistake_is_planted_in_the_envelope_then_fails_by_the_name_of_the_row() -> None:
    broken = replace(mobile.CARRIER, make_order_envelope=OpenEnvelope)
    (problem,) = failed(play(broken, "hotline: another"))
    assert problem.startswith("hotline: another service's codes: ")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_broadnet(tmp_path_factory.mktemp("broadnet"))


def run_command(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "optout"), "carrier-suite", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT), str(ROOT / "protos")])}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_command_when_a_fourth_carrier_is_installed_then_plays_its_suite_by_the_entry_point_alone(
    installed: Path,
) -> None:
    done = run_command(installed, "broadnet")
    count = len(list_names(optout_broadnet.CARRIER, SHEETS["broadnet"]))
    assert (done.returncode, done.stdout) == (0, f"broadnet: {count} of {count} rows hold\n"), done.stderr


def test_command_when_the_installed_carrier_has_a_mistake_then_exits_with_1_and_names_the_row(
    installed: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    shutil.copytree(installed, site)
    data = site / "optout_broadnet/data.toml"
    data.write_text(data.read_text(encoding="utf-8").replace('0000 = "done"', '0009 = "done"'), encoding="utf-8")
    done = run_command(site, "broadnet", "--only", "hotline: happy path")
    assert done.returncode == 1
    assert "failed: hotline: happy path: 'done' should come back" in done.stderr


def test_command_when_nobody_offers_the_carrier_then_says_so(tmp_path: Path) -> None:
    done = run_command(tmp_path, "nobody")
    assert (done.returncode, "nobody" in done.stderr) == (2, True)
