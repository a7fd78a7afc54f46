"""The SMS gateway simulator: CMPP, SMGP and SGIP, the carrier's side, steerable and asserting."""

from adapters.simulators.smsc.entries import Entry, EntryFilter, Fate, Happening
from adapters.simulators.smsc.fault import Operation, ReportScript, ReportTiming, SmscFault
from adapters.simulators.smsc.mo import MobileOriginated, RawContent, TextEncoding
from adapters.simulators.smsc.phones import Message, Phone
from adapters.simulators.smsc.settings import Account, CallBack, Protocol, SmscSettings
from adapters.simulators.smsc.simulator import LinkStatus, Sent, SmscSimulator

__all__ = [
    "Account",
    "CallBack",
    "Entry",
    "EntryFilter",
    "Fate",
    "Happening",
    "LinkStatus",
    "Message",
    "MobileOriginated",
    "Operation",
    "Phone",
    "Protocol",
    "RawContent",
    "ReportScript",
    "ReportTiming",
    "Sent",
    "SmscFault",
    "SmscSettings",
    "SmscSimulator",
    "TextEncoding",
]
