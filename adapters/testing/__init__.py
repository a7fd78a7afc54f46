"""Test aids that ship with the adapters: the simulators in a test's own event loop, and faults by their two bits."""

from adapters.simulators.faults import LOST_ANSWER, LOST_REQUEST, REFUSED, FaultPlan
from adapters.testing.harness import SP_ID, SP_SECRET, fake_carrier, smsc_control, smsc_simulator
from adapters.testing.instructions import make_instruction

__all__ = [
    "LOST_ANSWER",
    "LOST_REQUEST",
    "REFUSED",
    "SP_ID",
    "SP_SECRET",
    "FaultPlan",
    "fake_carrier",
    "make_instruction",
    "smsc_control",
    "smsc_simulator",
]
