"""aics-witness, a witness that is not ours, runs as a process and cosigns what our signer publishes."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.service.cosigning import Cosigning, WitnessPort
from gateway.service.gate import Gate
from gateway.service.signer import LogParts, LogSigner
from gateway.service.tree import LogTree
from gateway.tlog.cosignature import COSIGNER_READERS
from gateway.tlog.note import parse_vkey
from gateway.tlog.policy import Peer, quorum_policy
from gateway.web.witness_client import HttpWitness
from optout.kit.clock import SystemClock
from optout.kit.ports import pick_port
from tests.service.logroom import SIGNER, LogRoom, Some

pytestmark = pytest.mark.interop

NAME = "witness.example/third-party"


class ForeignWitness:
    """The process, its public key, and what it says about itself."""

    def __init__(self, folder: Path) -> None:
        self._config = str(folder / "witness.json")
        self._environment = {**os.environ, "PYTHONWARNINGS": "default"}
        self.port = pick_port()
        self.vkey = self.run("init", "--name", NAME, "--listen", f"127.0.0.1:{self.port}").strip()
        self.run("add-log", "--origin", SIGNER.name, "--vkey", SIGNER.verifier().encode())
        self._process = subprocess.Popen(self._command("serve"), env=self._environment, stderr=subprocess.DEVNULL)
        self._wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, command: str, *arguments: str) -> str:
        """One of its commands; gives what it printed."""
        line = [*self._command(command), *arguments]
        return subprocess.run(
            line, env=self._environment, check=True, capture_output=True, text=True, timeout=30
        ).stdout

    def status(self) -> dict:
        (log,) = json.loads(self.run("status", "--json"))["logs"]
        return log

    def evidence(self) -> str:
        return self.run("evidence")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)

    def _command(self, name: str) -> list[str]:
        return [sys.executable, "-m", "aics_witness", name, "--config", self._config]

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=2).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "aics-witness did not come up"
                time.sleep(0.05)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[ForeignWitness]:
    running = ForeignWitness(tmp_path)
    yield running
    running.stop()


class Signing:
    """Our signer, which needs this one witness."""

    def __init__(self, room: LogRoom, witness: ForeignWitness) -> None:
        self.room = room
        self.gate = Gate()
        peer = Peer(parse_vkey(witness.vkey, COSIGNER_READERS), witness.url)
        self.policy = quorum_policy(SIGNER.verifier(), {"w1": peer}, 1)
        self.port = HttpWitness(witness.url)
        clock = SystemClock()
        tree = LogTree(room.store, room.publication)
        ports: dict[str, WitnessPort] = {"w1": self.port}
        cosigning = Cosigning(self.policy, ports, tree, room.publication, clock, timeout_s=10)
        parts = LogParts(room.store, tree, room.fence, room.publication, [SIGNER], cosigning)
        self.signer = LogSigner(parts, clock, self.gate)

    async def __aenter__(self) -> "Signing":
        await self.signer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.port.close()


async def test_foreign_witness_when_the_log_grows_then_it_cosigns_and_our_policy_is_satisfied(
    witness: ForeignWitness,
) -> None:
    room = LogRoom()
    async with Signing(room, witness) as signing:
        for size in (1, 300, 301):
            await room.store.commit(Some(size - (await room.store.head()).size))
            await signing.signer.step()
            assert signing.signer.published is not None
            certified = signing.policy.certify(signing.signer.published.note)
            assert (certified.checkpoint.size, set(certified.times_s)) == (size, {"w1"})
    assert witness.status()["size"] == 301
    async with Signing(room, witness) as signing:
        # A new process knows nothing of where the witness is, and is told.
        assert signing.signer.published is not None
        assert signing.gate.is_open


async def test_foreign_witness_when_it_is_shown_a_fork_then_it_refuses_and_both_sides_keep_the_evidence(
    witness: ForeignWitness,
) -> None:
    async with Signing(LogRoom(), witness) as signing:
        await signing.room.store.commit(Some(20))
        await signing.signer.step()
    fork = LogRoom()
    await fork.store.commit(Some(25, mark=9))
    async with Signing(fork, witness) as signing:
        await signing.signer.step()
        assert signing.signer.published is None
        assert signing.gate.alarms == ["WITNESS_DIFFERENT"]
    assert [row.status for row in fork.publication.evidence()][-1] == 422
    assert witness.status()["size"] == 20
    assert SIGNER.name in witness.evidence()
