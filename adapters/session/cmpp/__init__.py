"""CMPP 2.0 and 3.0 between an SP and an ISMG, both ends (QB-GF-028-2003)."""

from adapters.session.cmpp.client import ClientSettings, CmppClient
from adapters.session.cmpp.results import FLOW_CONTROL, OK, classify_result
from adapters.session.cmpp.server import CmppServer, ServerSettings
from adapters.session.login import ServerCheck

__all__ = [
    "FLOW_CONTROL",
    "OK",
    "ClientSettings",
    "CmppClient",
    "CmppServer",
    "ServerCheck",
    "ServerSettings",
    "classify_result",
]
