"""The fourth carrier before a real gateway: refused while the policy has no row for it, served once it has one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.request import urlopen

import grpc
import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from optout.kit.ports import pick_port
from optout.kit.redact import find_numbers
from optout.sim.v1 import crm_pb2, crm_pb2_grpc, smsc_pb2, smsc_pb2_grpc
from tests.broadnet import install_broadnet
from tests.e2e.carriers import CarrierLayout, CarrierPart, lay_out_for
from tests.e2e.federation import PATIENCE_S, Federation, Process

NUMBER, SERIAL = "19200192000", "CRM120261127000000000001"
LOAN_LINE = "01059990000"
SHIPPED = resources.files("gateway.data").joinpath("policy.toml").read_text(encoding="utf-8")
ROW = '[[carriers]]\nid = "broadnet"\nactor = 4\nname_zh = "中国广电"\n'
ORDERS = '\n[orders]\nlisten = "127.0.0.1:{orders}"\n\n[[orders.sources]]\nid = "CRM1"\n'
CRM = """\
url = "http://127.0.0.1:{orders}/orders"
source = "CRM1"
envelope = "interboss"
control_port = {control}
retry_s = 0.1
attempts = 2
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_broadnet(tmp_path_factory.mktemp("broadnet"))


@dataclass(frozen=True)
class Broadnet:
    """The carrier's adapter and systems, connected to a gateway as `adapters/ADDING_A_CARRIER.md` says."""

    federation: Federation
    crm: crm_pb2_grpc.CrmServiceStub
    reach: tuple[str, ...]
    adapter_url: str

    def book(self, verb: str, serial: str = "", **wishes: object) -> str:
        """Have an agent on 10099 book an order; returns what the CRM was told."""
        order = crm_pb2.CrmOrder(
            verb=verb, number=NUMBER, booked_by="agent-1", mandate="M", consent="given", notice_version="2026-11"
        )
        order.MergeFrom(crm_pb2.CrmOrder(**wishes))  # type: ignore[arg-type]
        return self.crm.Book(crm_pb2.CrmServiceBookRequest(order=order, serial=serial), timeout=60).answer.result

    def count_refused(self) -> float:
        """How often the gateway refused the adapter as a party it does not know, as the adapter's metrics tell."""
        with urlopen(f"{self.adapter_url}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if "submits_total{" in line and '"UNKNOWN_PARTY"' in line)

    def optout(self, *arguments: str) -> str:
        """Run a command against the gateway."""
        done = CliRunner().invoke(main, [*arguments, *self.reach])
        assert done.exit_code == 0, done.output
        return done.output


@contextmanager
def connected(folder: Path, policy: str) -> Iterator[Broadnet]:
    """A gateway that begins with this policy, and the carrier beside it."""
    layout = CarrierLayout(resend_s=1.0, reconnect_s=0.2)
    orders, control, http = pick_port(), pick_port(), pick_port()
    lay_out_for(folder, layout, CarrierPart("broadnet", "10099"))
    made = CliRunner().invoke(main, ["certs", str(folder / "certs"), "--party", "carrier/broadnet"])
    assert made.exit_code == 0, made.output
    (folder / "policy.toml").write_text(policy, encoding="utf-8")
    gateway, adapter = folder / "gateway.toml", folder / "adapter.toml"
    gateway.write_text(f'policy = "{folder}/policy.toml"\n\n{gateway.read_text()}')
    served = adapter.read_text().replace('[http]\nlisten = ""', f'[http]\nlisten = "127.0.0.1:{http}"')
    adapter.write_text(served + ORDERS.format(orders=orders))
    (folder / "crm.toml").write_text(CRM.format(orders=orders, control=control))
    commands = {
        "smsc": ("simulate", "smsc"),
        "crm": ("simulate", "crm"),
        "gateway": ("serve",),
        "adapter": ("adapter", "broadnet"),
    }
    processes = {name: Process(name, command, folder) for name, command in commands.items()}
    with ExitStack() as cleanup:
        for process in processes.values():
            process.start()
            cleanup.callback(process.end)
        smsc = smsc_pb2_grpc.SmscServiceStub(
            cleanup.enter_context(grpc.insecure_channel(f"127.0.0.1:{layout.control_port}"))
        )
        crm = crm_pb2_grpc.CrmServiceStub(cleanup.enter_context(grpc.insecure_channel(f"127.0.0.1:{control}")))
        part = CarrierPart("broadnet", "10099")
        federation = Federation(folder, part, processes["smsc"], processes["gateway"], processes["adapter"], smsc)
        reach = ("--gateway", f"127.0.0.1:{layout.gateway_port}", "--certs", str(folder / "certs"))
        yield Broadnet(federation, crm, reach, f"http://127.0.0.1:{http}")


def assert_served(broadnet: Broadnet, serial: str = "") -> None:
    """Opened by an agent, told by text, and calls are refused as the subscriber wishes."""
    after = broadnet.federation.state().last_index
    assert broadnet.book("open", serial) == "done"
    broadnet.federation.wait_for(smsc_pb2.SMSC_EVENT_ARRIVED, NUMBER, after, "已开通")
    assert broadnet.book("set_categories", refuse=["loan"]) == "done"
    assert '"carrier": "broadnet"' in broadnet.optout("show", NUMBER)
    deadline = time.monotonic() + PATIENCE_S
    while "VERDICT_REFUSE" not in broadnet.optout("screen", NUMBER, LOAN_LINE):  # it reads the log a moment later
        assert time.monotonic() < deadline, "the call still rings"
        time.sleep(0.05)


def test_fourth_carrier_when_operators_publish_its_row_then_what_was_refused_before_is_booked(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(site)
    assert ROW in SHIPPED
    without = SHIPPED.replace(ROW, "").replace('version = "2026.11-2"', 'version = "three"')
    four = tmp_path / "four.toml"
    four.write_text(SHIPPED.replace('version = "2026.11-2"', 'version = "four"'), encoding="utf-8")
    with connected(tmp_path, without) as broadnet:
        assert broadnet.book("open", SERIAL) == "unavailable"
        assert broadnet.count_refused() > 0
        broadnet.optout("policy", "propose", str(four))
        broadnet.optout("policy", "approve", "four", "--file", str(four))
        assert_served(broadnet, SERIAL)
        log = broadnet.federation.adapter.log.read_text() + broadnet.federation.gateway.log.read_text()
        assert find_numbers(log) == []


def test_fourth_carrier_when_the_first_policy_has_its_row_then_served_from_the_start(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(site)
    with connected(tmp_path, SHIPPED) as broadnet:
        assert_served(broadnet)
