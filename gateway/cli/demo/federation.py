"""A folder in which a whole federation can run: gateway, three carriers' adapters, and the systems behind each of them.

What is laid out is what the commands read: ``optout serve``, ``optout adapter CARRIER`` and ``optout simulate …`` with
the files of this folder run the same federation as processes of their own.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.cli.certs import DEFAULT_PARTIES
from gateway.cli.demo.carriers import CARRIERS, DemoCarrier
from gateway.cli.demo.layout import SP_ID
from gateway.store.secret_files import make_secrets
from optout.kit.certificates import make_development_ca
from optout.kit.ports import pick_port

CRM_SOURCE = "CRM1"
WECHAT_APP = "wx2c2769f8efd9abc2"
APP_KEY = "app-1"

LOAN_LINES = "+8610599900"


@dataclass(frozen=True, slots=True)
class CarrierPorts:
    """Where one carrier's adapter and simulators listen."""

    adapter_port: int = field(default_factory=pick_port)
    orders_port: int = field(default_factory=pick_port)
    account_port: int = field(default_factory=pick_port)
    listen_port: int = field(default_factory=pick_port)
    smsc_port: int = field(default_factory=pick_port)
    smsc_control: int = field(default_factory=pick_port)
    crm_control: int = field(default_factory=pick_port)
    wechat_port: int = field(default_factory=pick_port)
    wechat_control: int = field(default_factory=pick_port)


@dataclass(frozen=True, slots=True)
class Federation:
    """Who listens where."""

    gateway_port: int = field(default_factory=pick_port)
    http_port: int = field(default_factory=pick_port)
    login_port: int = field(default_factory=pick_port)
    login_control: int = field(default_factory=pick_port)
    platform_port: int = field(default_factory=pick_port)
    platform_control: int = field(default_factory=pick_port)
    carriers: dict[str, CarrierPorts] = field(
        default_factory=lambda: {carrier.id: CarrierPorts() for carrier in CARRIERS}
    )


def lay_out_federation(folder: Path, federation: Federation) -> None:
    """Write certificates, secrets and every process's configuration file."""
    make_development_ca(folder / "certs", DEFAULT_PARTIES)
    make_secrets(folder / "secrets")
    _write_secrets(folder)
    shared = {name: value for name, value in asdict(federation).items() if name != "carriers"}
    shared |= {"folder": folder, "sp_id": SP_ID, "source": CRM_SOURCE, "lines": LOAN_LINES}
    shared |= {"wechat_app": WECHAT_APP, "app_key": APP_KEY}
    links = "".join(
        f'\n[carriers.{carrier.id}]\naddress = "127.0.0.1:{federation.carriers[carrier.id].adapter_port}"\n'
        for carrier in CARRIERS
    )
    apps = "".join(
        f'\n[[apps]]\ncarrier = "{carrier.id}"\napp_id = "{carrier.login_app}"\nkey = "{folder}/login.key"\n'
        for carrier in CARRIERS
    )
    _write(folder, "gateway", _GATEWAY.format(**shared) + links)
    _write(folder, "login", _LOGIN.format(**shared) + apps)
    _write(folder, "platform", _PLATFORM.format(**shared))
    for carrier in CARRIERS:
        _lay_out_carrier(folder, carrier, shared | asdict(federation.carriers[carrier.id]))


def _lay_out_carrier(folder: Path, carrier: DemoCarrier, fields: dict[str, object]) -> None:
    fields = fields | asdict(carrier)
    fields |= {name: getattr(carrier, name).format(**fields) for name in ("smsc", "account", "link")}
    fields["crm_secret"] = f'secret = "{folder}/crm.secret"\n' if carrier.crm_signs else ""
    fields["crm_secret_file"] = f'secret_file = "{folder}/crm.secret"\n' if carrier.crm_signs else ""
    fields["login_path"] = "" if carrier.id == "mobile" else f"/{carrier.id}"
    fields["login_key"] = f'key = "{folder}/login.key"\n' if carrier.id == "mobile" else ""
    platform = _ADAPTER_PLATFORM if carrier.id == "unicom" else ""
    _write(folder, f"smsc-{carrier.id}", _SMSC.format(**fields))
    _write(folder, f"crm-{carrier.id}", _CRM.format(**fields))
    _write(folder, f"wechat-{carrier.id}", _WECHAT.format(**fields))
    _write(folder, f"adapter-{carrier.id}", (_ADAPTER + platform + _ADAPTER_LINK).format(**fields))


def _write_secrets(folder: Path) -> None:
    secrets = {
        "smsc.secret": "demo-secret",
        "crm.secret": "demo-crm-secret",
        "login.key": "demo-login-key",
        "platform.secret": "demo-platform-secret",
        "wechat.token": "demotoken",
        "wechat.aes": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        "wechat.secret": "demo-app-secret",
        "app.secret": "demo-key-of-the-app",
        "session.key": os.urandom(32).hex(),
        "journal.key": os.urandom(32).hex(),
    }
    for name, secret in secrets.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(secret + "\n")


def _write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")


_GATEWAY = """\
[grpc]
listen = "127.0.0.1:{gateway_port}"
drain_s = 2.0

[http]
listen = "127.0.0.1:{http_port}"

[tls]
cert = "{folder}/certs/gateway-gateway.pem"
key = "{folder}/certs/gateway-gateway.key"
ca = "{folder}/certs/ca.pem"

[store]
path = "{folder}/registry.sqlite"
keys = "{folder}/keys.sqlite"
secrets = "{folder}/secrets"
"""

_LOGIN = """\
port = {login_port}
control_port = {login_control}
"""

_PLATFORM = """\
port = {platform_port}
control_port = {platform_control}
secret_file = "{folder}/platform.secret"
apply_delay_s = 0.3

[lines]
"{lines}" = "loan"
"""

_SMSC = """\
{smsc}port = {smsc_port}
control_port = {smsc_control}

[[accounts]]
sp_id = "{sp_id}"
secret_file = "{folder}/smsc.secret"
service_code = "{service_code}"
{account}"""

_CRM = """\
url = "http://127.0.0.1:{orders_port}/orders"
source = "{source}"
envelope = "{envelope}"
control_port = {crm_control}
{crm_secret_file}"""

_WECHAT = """\
app_id = "{wechat_app}"
token = "{folder}/wechat.token"
aes_key = "{folder}/wechat.aes"
app_secret = "{folder}/wechat.secret"
callback_url = "http://127.0.0.1:{account_port}/wechat"
port = {wechat_port}
control_port = {wechat_control}
"""

_ADAPTER = """\
[grpc]
listen = "127.0.0.1:{adapter_port}"
drain_s = 2.0

[gateway]
address = "127.0.0.1:{gateway_port}"

[http]
listen = ""

[tls]
cert = "{folder}/certs/carrier-{id}.pem"
key = "{folder}/certs/carrier-{id}.key"
ca = "{folder}/certs/ca.pem"

[journal]
path = "{folder}/journal-{id}.sqlite"
key = "{folder}/journal.key"

[orders]
listen = "127.0.0.1:{orders_port}"

[[orders.sources]]
id = "{source}"
{crm_secret}
[account]
app_id = "{wechat_app}"
token = "{folder}/wechat.token"
aes_key = "{folder}/wechat.aes"
app_secret = "{folder}/wechat.secret"
session_key = "{folder}/session.key"
public_url = "http://127.0.0.1:{account_port}"
listen = "127.0.0.1:{account_port}"
api_url = "http://127.0.0.1:{wechat_port}"
authorize_url = "http://127.0.0.1:{wechat_port}"
poll_s = 0.1
retry_first_s = 0.1

[[account.apps]]
key_id = "{app_key}"
secret = "{folder}/app.secret"

[account.login]
url = "http://127.0.0.1:{login_port}{login_path}"
app_id = "{login_app}"
{login_key}
"""

_ADAPTER_PLATFORM = """\
[platform]
url = "http://127.0.0.1:{platform_port}"
secret = "{folder}/platform.secret"
poll_s = 0.1

"""

_ADAPTER_LINK = """\
[[links]]
name = "beijing-1"
host = "127.0.0.1"
port = {smsc_port}
account = "{sp_id}"
secret = "{folder}/smsc.secret"
{link}"""
