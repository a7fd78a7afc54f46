"""A carrier's adapter without a network behind it: scripted, asserting, for tests of the gateway."""

from adapters.simulators.fake_carrier.carrier import FakeCarrier
from adapters.simulators.fake_carrier.entries import CarrierEntry, CarrierFault, CarrierFilter, Method
from adapters.simulators.fake_carrier.errors import read_error
from adapters.simulators.fake_carrier.gateway import GatewayError
from adapters.simulators.fake_carrier.settings import FakeCarrierSettings, GatewayLink, make_capabilities

__all__ = [
    "CarrierEntry",
    "CarrierFault",
    "CarrierFilter",
    "FakeCarrier",
    "FakeCarrierSettings",
    "GatewayError",
    "GatewayLink",
    "Method",
    "make_capabilities",
    "read_error",
]
