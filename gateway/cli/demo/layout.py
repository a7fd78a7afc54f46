"""A folder in which gateway, China Mobile's adapter and a simulated SMS gateway can run: the files of each.

What is laid out is what the commands read: ``optout serve --config FOLDER/gateway.toml``, ``optout adapter mobile
--config FOLDER/adapter.toml`` and ``optout simulate smsc --config FOLDER/smsc.toml`` run the same federation.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.cli.certs import DEFAULT_PARTIES
from gateway.store.secret_files import make_secrets
from optout.kit.certificates import make_development_ca
from optout.kit.ports import pick_port

SP_ID = "901234"
SERVICE_CODE = "10086"


@dataclass(frozen=True, slots=True)
class Layout:
    """Who listens where, and how patient the SMS link is: ``resend_s`` and ``reconnect_s`` in seconds."""

    gateway_port: int = field(default_factory=pick_port)
    http_port: int = field(default_factory=pick_port)
    adapter_port: int = field(default_factory=pick_port)
    smsc_port: int = field(default_factory=pick_port)
    control_port: int = field(default_factory=pick_port)
    resend_s: float = 60.0
    reconnect_s: float = 1.0


def lay_out(folder: Path, layout: Layout) -> None:
    """Write certificates, secrets and configuration files."""
    make_development_ca(folder / "certs", DEFAULT_PARTIES)
    make_secrets(folder / "secrets")
    _write_secret(folder / "smsc.secret", "demo-secret")
    _write_secret(folder / "journal.key", os.urandom(32).hex())
    fields = {"folder": folder, "sp_id": SP_ID, "service_code": SERVICE_CODE, **asdict(layout)}
    for name, template in (("smsc", _SMSC), ("gateway", _GATEWAY), ("adapter", _ADAPTER)):
        (folder / f"{name}.toml").write_text(template.format(**fields), encoding="utf-8")


def _write_secret(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.write_text(secret + "\n")


_SMSC = """\
port = {smsc_port}
control_port = {control_port}
resend_s = {resend_s}

[[accounts]]
sp_id = "{sp_id}"
secret_file = "{folder}/smsc.secret"
service_code = "{service_code}"
"""

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

[carriers.mobile]
address = "127.0.0.1:{adapter_port}"
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
cert = "{folder}/certs/carrier-mobile.pem"
key = "{folder}/certs/carrier-mobile.key"
ca = "{folder}/certs/ca.pem"

[journal]
path = "{folder}/journal.sqlite"
key = "{folder}/journal.key"

[[links]]
name = "beijing-1"
host = "127.0.0.1"
port = {smsc_port}
reconnect_first_s = {reconnect_s}
account = "{sp_id}"
secret = "{folder}/smsc.secret"
version = "3.0"
"""
