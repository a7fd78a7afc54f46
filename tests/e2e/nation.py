"""A gateway, three carriers' adapters and their interception platforms, as processes that can be killed one by one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.simulators.crm import CrmSettings
from gateway.cli.demo.layout import Layout, lay_out
from optout.kit.config import read_secret
from optout.kit.identity import Identity
from optout.kit.ports import pick_port
from optout.kit.tls import TlsFiles
from tests.e2e.desks import ENVELOPES, SOURCE
from tests.e2e.federation import Process

CARRIERS = tuple(ENVELOPES)


@dataclass(frozen=True)
class Ports:
    """Where one carrier's adapter and platform listen."""

    adapter: int = field(default_factory=pick_port)
    orders: int = field(default_factory=pick_port)
    platform: int = field(default_factory=pick_port)
    control: int = field(default_factory=pick_port)


class Nation(AbstractContextManager["Nation"]):
    """Laid out in a folder when made; entered, everything runs, and left, nothing does any more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        layout = Layout()
        self.address = f"127.0.0.1:{layout.gateway_port}"
        self.ports = {carrier: Ports() for carrier in CARRIERS}
        lay_out(folder, layout)
        _write_links(folder, self.ports)
        self.gateway = Process("gateway", ("serve",), folder)
        self.adapters = {one: Process(f"adapter-{one}", ("adapter", one), folder) for one in CARRIERS}
        self.platforms = {one: Process(f"platform-{one}", ("simulate", "platform"), folder) for one in CARRIERS}
        for carrier, ports in self.ports.items():
            fields = {"folder": folder, "carrier": carrier, "gateway": self.address, "source": SOURCE}
            fields |= {name: getattr(ports, name) for name in ("adapter", "orders", "platform", "control")}
            fields["secret"] = "" if carrier == "mobile" else f'secret = "{folder}/smsc.secret"'
            (folder / f"adapter-{carrier}.toml").write_text(_ADAPTER.format(**fields), encoding="utf-8")
            (folder / f"platform-{carrier}.toml").write_text(_PLATFORM.format(**fields), encoding="utf-8")

    @property
    def processes(self) -> tuple[Process, ...]:
        """All of them, the gateway first."""
        return self.gateway, *self.adapters.values(), *self.platforms.values()

    def tls_of(self, party: Identity) -> TlsFiles:
        """A party's certificate."""
        stem = self.folder / "certs" / f"{party.role.value}-{party.party}"
        return TlsFiles(stem.with_suffix(".pem"), stem.with_suffix(".key"), self.folder / "certs" / "ca.pem")

    def desk_of(self, carrier: str) -> CrmSettings:
        """How a carrier's CRM speaks to its adapter: it repeats what was not answered for as long as anything is."""
        url = f"http://127.0.0.1:{self.ports[carrier].orders}/orders"
        secret = read_secret(self.folder / "smsc.secret")
        return CrmSettings(url, ENVELOPES[carrier], SOURCE, secret, retry_s=0.1, attempts=600, timeout_s=5.0)

    def __enter__(self) -> Nation:
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(Process.start, self.processes))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.end()


def _write_links(folder: Path, ports: dict[str, Ports]) -> None:
    gateway = folder / "gateway.toml"
    shared = gateway.read_text(encoding="utf-8").partition("[carriers.mobile]")[0]
    links = [f'[carriers.{carrier}]\naddress = "127.0.0.1:{each.adapter}"\n' for carrier, each in ports.items()]
    gateway.write_text(shared + "\n".join(links), encoding="utf-8")


_ADAPTER = """\
[grpc]
listen = "127.0.0.1:{adapter}"
drain_s = 2.0

[gateway]
address = "{gateway}"

[http]
listen = ""

[tls]
cert = "{folder}/certs/carrier-{carrier}.pem"
key = "{folder}/certs/carrier-{carrier}.key"
ca = "{folder}/certs/ca.pem"

[journal]
path = "{folder}/journal-{carrier}.sqlite"
key = "{folder}/journal.key"

[orders]
listen = "127.0.0.1:{orders}"

[[orders.sources]]
id = "{source}"
{secret}

[platform]
url = "http://127.0.0.1:{platform}"
secret = "{folder}/smsc.secret"
poll_s = 0.05
retry_first_s = 0.05
retry_most_s = 0.5
"""

_PLATFORM = """\
port = {platform}
control_port = {control}
secret_file = "{folder}/smsc.secret"
apply_delay_s = 0.02
state_file = "{folder}/platform-{carrier}.jsonl"
"""
