"""Links as an operator writes them down."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.carrier.settings import AdapterConfig, LinkProtocol, SgipVersion, SmgpVersion
from optout.kit.config import ConfigError, load

TELECOM = """
[[links]]
name = "beijing"
host = "192.0.2.10"
port = 8890
account = "10001000"
secret = "/run/secrets/smgp"
protocol = "smgp"
hours_begin = "07:30"
smgp = { version = "1.3", digest_pad_client_id = true, udh_without_udhi = false }
"""
UNICOM = """
[[links]]
name = "smg"
host = "192.0.2.20"
port = 8801
account = "901234"
secret = "/run/secrets/sgip"
window = 32

[links.sgip]
node = 3010092008
corp_id = "92008"
listen = "0.0.0.0:8801"
allow = ["192.0.2.20", "198.51.100.0/24"]
mo_account = "smg"
mo_secret = "/run/secrets/sgip-mo"
dialect = "1.3"
silence_alarm_h = 6
"""


def read(tmp_path: Path, text: str) -> AdapterConfig:
    file = tmp_path / "adapter.toml"
    file.write_text(text, encoding="utf-8")
    return load(AdapterConfig, file=file)


@pytest.mark.parametrize("bound", ["window = 0", "request_attempts = 0", "rate_per_s = 0", "window = -1"])
def test_link_when_a_number_is_out_of_bounds_then_it_is_refused(tmp_path: Path, bound: str) -> None:
    with pytest.raises(ConfigError, match="BAD_VALUE: links"):
        read(tmp_path, TELECOM.replace("port = 8890", f"port = 8890\n{bound}"))


def test_link_when_of_smgp_then_its_switches_are_read(tmp_path: Path) -> None:
    [link] = read(tmp_path, TELECOM).links
    assert (link.protocol, link.hours_begin) == (LinkProtocol.SMGP, "07:30")
    assert (link.smgp.version, link.smgp.digest_pad_client_id, link.smgp.udh_without_udhi) == (
        SmgpVersion.V13,
        True,
        False,
    )


def test_link_when_of_sgip_then_both_directions_are_read(tmp_path: Path) -> None:
    [link] = read(tmp_path, UNICOM).links
    assert link.protocol is None
    assert (link.sgip.node, link.sgip.listen, link.sgip.dialect) == (3010092008, "0.0.0.0:8801", SgipVersion.V13)
    assert link.sgip.allow == ("192.0.2.20", "198.51.100.0/24")
    assert (link.sgip.mo_account, link.sgip.mo_secret) == ("smg", Path("/run/secrets/sgip-mo"))


@pytest.mark.parametrize(
    ("old", "new", "blamed"),
    [
        ('protocol = "smgp"', 'protocol = "smpp"', "links.0.protocol"),
        ('hours_begin = "07:30"', 'hours_begin = "half past"', "links.0"),
        ('version = "1.3"', 'version = "2.0"', "links.0.smgp.version"),
        ("digest_pad_client_id", "digest_pad_clientid", "links.0.smgp.digest_pad_clientid"),
    ],
)
def test_link_when_a_value_is_wrong_then_the_error_names_it(tmp_path: Path, old: str, new: str, blamed: str) -> None:
    with pytest.raises(ConfigError, match=blamed):
        read(tmp_path, TELECOM.replace(old, new))
