"""Steering the simulators over gRPC (`optout.sim.v1`), from this machine only."""

from adapters.simulators.control.crm import CrmControl
from adapters.simulators.control.fake_carrier import FakeCarrierControl
from adapters.simulators.control.platform import PlatformControl
from adapters.simulators.control.server import ControlServer
from adapters.simulators.control.smsc import SmscControl

__all__ = ["ControlServer", "CrmControl", "FakeCarrierControl", "PlatformControl", "SmscControl"]
