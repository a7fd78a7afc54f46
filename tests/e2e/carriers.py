"""Each carrier's part of a federation: what its SMS gateway speaks, and the link that its adapter has to it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.cli.demo.layout import SP_ID, Layout, lay_out
from optout.kit.ports import pick_port


@dataclass(frozen=True)
class CarrierPart:
    """A carrier as a federation needs it; `smsc` and `link` are TOML, appended to what all carriers share."""

    id: str
    service_code: str
    smsc: str = ""
    account: str = ""
    link: str = ""


MOBILE = CarrierPart("mobile", "10086")
TELECOM = CarrierPart(
    "telecom",
    "10001",
    smsc='protocol = "smgp"\n',
)
UNICOM = CarrierPart(
    "unicom",
    "10010",
    smsc='protocol = "sgip"\nnode = 101001\nredial_s = 0.1\nidle_close_s = 2.0\n',
    account='corp_id = "92008"\n[accounts.call_back]\nport = {listen_port}\n',
    link='[links.sgip]\nnode = 3010092008\ncorp_id = "92008"\nlisten = "127.0.0.1:{listen_port}"\n'
    "reconnect_least_s = 0.2\n"
    '[platform]\nurl = "http://127.0.0.1:1"\nsecret = "{folder}/smsc.secret"\n',
)

_SMSC = """\
{smsc}port = {smsc_port}
control_port = {control_port}
resend_s = {resend_s}
state_file = "{folder}/smsc.jsonl"

[[accounts]]
sp_id = "{sp_id}"
secret_file = "{folder}/smsc.secret"
service_code = "{service_code}"
{account}"""

_LINK = """\
[[links]]
name = "beijing-1"
host = "127.0.0.1"
port = {smsc_port}
reconnect_first_s = {reconnect_s}
account = "{sp_id}"
secret = "{folder}/smsc.secret"
{link}"""


@dataclass(frozen=True)
class CarrierLayout(Layout):
    """As `Layout`, and where the adapter listens for the SMG."""

    listen_port: int = field(default_factory=pick_port)


def lay_out_for(folder: Path, layout: CarrierLayout, carrier: CarrierPart) -> None:
    """Write the files of a federation with this carrier in it."""
    lay_out(folder, layout)
    fields = {"folder": folder, "sp_id": SP_ID, "service_code": carrier.service_code, **asdict(layout)}
    parts = {name: getattr(carrier, name).format(**fields) for name in ("smsc", "account", "link")}
    (folder / "smsc.toml").write_text(_SMSC.format(**fields, **parts), encoding="utf-8")
    gateway = folder / "gateway.toml"
    gateway.write_text(gateway.read_text(encoding="utf-8").replace("[carriers.mobile]", f"[carriers.{carrier.id}]"))
    adapter = folder / "adapter.toml"
    shared = (
        adapter.read_text(encoding="utf-8").partition("[[links]]")[0].replace("carrier-mobile", f"carrier-{carrier.id}")
    )
    adapter.write_text(shared + _LINK.format(**fields, **parts), encoding="utf-8")
