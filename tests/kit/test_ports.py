"""Free ports, given once."""

import os
import socket
import subprocess
import sys

import pytest

from optout.kit import ports
from optout.kit.ports import pick_port

ONE_OF = "from optout.kit import ports; ports._PORTS = [{0}, {1}]; print(ports.pick_port())"


def pick_unclaimed() -> int:
    port = pick_port()
    os.close(ports._claims.pop())
    return port


def test_port_when_picked_often_then_never_the_same_one_and_claims_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_MOST_CLAIMS", len(ports._claims) + 20)
    assert len({pick_port() for _ in range(20)}) == 20
    pick_port()
    assert len(ports._claims) == ports._MOST_CLAIMS


def test_port_when_picked_but_not_yet_listened_on_then_no_other_process_is_given_it() -> None:
    claimed, free = pick_port(), pick_unclaimed()
    command = [sys.executable, "-c", ONE_OF.format(claimed, free)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert int(told.stdout) == free


def test_port_when_somebody_listens_on_it_then_is_not_picked(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, free = pick_unclaimed(), pick_unclaimed()
    monkeypatch.setattr(ports, "_PORTS", [taken, free])
    with socket.create_server(("127.0.0.1", taken)):
        assert pick_port() == free
