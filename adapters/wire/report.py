"""Status reports: what became of a message we submitted.

CMPP carries one as the content of a DELIVER whose Registered_Delivery is 1 (QB-GF-028-2003, 7.4.5.2):
``Msg_Id:8 | Stat:7 | Submit_time:10 | Done_time:10 | Dest_terminal_Id:21 or 32 | SMSC_sequence:4``. Gateways
put the 60-byte report of 2.0 into DELIVERs of 3.0, so its layout follows from its own length.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from adapters.wire.cmpp_pdus import Version
from adapters.wire.cmpp_tables import REPORT_LAYOUTS
from adapters.wire.errors import WireError

_LAYOUT_OF_LENGTH: dict[int, tuple[Version, Literal["2.0", "3.0"]]] = {
    60: (Version.V20, "2.0"),
    71: (Version.V30, "3.0"),
}


class Outcome(StrEnum):
    """What a status says of the message. ``ACCEPTED`` is intermediate: another report follows."""

    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    FAILED = "failed"


_OUTCOMES = {"DELIVRD": Outcome.DELIVERED, "ACCEPTD": Outcome.ACCEPTED}


def outcome_of(stat: str) -> Outcome:
    """Judge a status, known or not: whatever is neither DELIVRD nor ACCEPTD has failed."""
    return _OUTCOMES.get(stat, Outcome.FAILED)


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """One status report.

    ``stat`` is kept as received, known or not (``DELIVRD``, ``EXPIRED``, ``MK:0012``, ``AF:4`` …). The times
    are YYMMDDHHMM strings, sometimes no date at all. ``msg_id`` is the id SUBMIT_RESP gave.
    """

    msg_id: bytes
    stat: str
    submit_time: str
    done_time: str
    dest_terminal_id: str
    smsc_sequence: int
    layout: Literal["2.0", "3.0"]

    @property
    def outcome(self) -> Outcome:
        """Whatever is neither DELIVRD nor ACCEPTD has failed."""
        return outcome_of(self.stat)

    def __repr__(self) -> str:
        """The number is personal data, so it is left out."""
        return f"Report(msg_id={self.msg_id.hex()}, stat={self.stat!r}, …)"


def decode_cmpp_report(content: bytes) -> Report:
    """Decode the content of a DELIVER that is a status report, 60 bytes (2.0) or 71 (3.0).

    Raises ``WireError`` (``report_length``) for any other length.
    """
    version, layout = _LAYOUT_OF_LENGTH.get(len(content), (None, None))
    if version is None or layout is None:
        raise WireError("report_length", "msg_length")
    return Report(layout=layout, **REPORT_LAYOUTS[version].decode(content))


def encode_cmpp_report(report: Report, version: Version) -> bytes:
    """Encode a report in the layout of ``version``, whatever ``report.layout`` says.

    Raises ``WireError`` as ``cmpp.encode`` does.
    """
    return REPORT_LAYOUTS[version].encode(report)
