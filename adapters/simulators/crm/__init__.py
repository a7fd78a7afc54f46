"""A carrier's CRM, simulated: agents and clerks book orders in it, and it checks every reply of the adapter."""

from adapters.simulators.crm.entries import Booked, Booking, CrmEntry, CrmFault, CrmFilter, Event, Spoil
from adapters.simulators.crm.settings import CrmSettings, EnvelopeKind
from adapters.simulators.crm.simulator import CrmSimulator

__all__ = [
    "Booked",
    "Booking",
    "CrmEntry",
    "CrmFault",
    "CrmFilter",
    "CrmSettings",
    "CrmSimulator",
    "EnvelopeKind",
    "Event",
    "Spoil",
]
