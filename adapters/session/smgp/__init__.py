"""SMGP 3.0 between an SP and an SMGW, both ends (China Telecom SMGP V3.0.3)."""

from adapters.session.login import ServerCheck
from adapters.session.smgp.client import ClientSettings, SmgpClient
from adapters.session.smgp.results import BUSY, OK, classify_result
from adapters.session.smgp.server import ServerSettings, SmgpServer

__all__ = [
    "BUSY",
    "OK",
    "ClientSettings",
    "ServerCheck",
    "ServerSettings",
    "SmgpClient",
    "SmgpServer",
    "classify_result",
]
