"""PDUs broken out for people: the same few names for every command of every protocol."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from adapters.wire.longmessage import Segment


class Kind(Enum):
    """What a PDU is, whatever its protocol calls it."""

    LOGIN = "login"
    LOGIN_ANSWER = "login_answer"
    SUBMIT = "submit"
    SUBMIT_ANSWER = "submit_answer"
    MO = "mo"
    REPORT = "report"
    RECEIPT = "receipt"
    """Answers an MO or a report."""
    ACTIVE_TEST = "active_test"
    TERMINATE = "terminate"
    OTHER = "other"
    UNDEFINED = "undefined"
    """A command that nobody defined."""


@dataclass(frozen=True, slots=True)
class PduReading:
    """What a PDU says; fields its command lacks are empty. `text` is this part's alone.

    `msg_id` names the message concerned, `handle` the id that the answer to an MO or a report has to repeat.
    """

    command: str = ""
    sequence: int = 0
    kind: Kind = Kind.OTHER
    msg_id: bytes = b""
    handle: bytes = b""
    result: int = 0
    number: str = field(default="", repr=False)
    service_code: str = ""
    text: str = field(default="", repr=False)
    msg_fmt: int = 0
    pk_number: int = 0
    pk_total: int = 0
    fee_type: str = ""
    stat: str = ""
    account: str = ""
    version: int = 0


NO_READING = PduReading()


def add_content(reading: PduReading, segment: Segment) -> PduReading:
    """Return the reading with the text of a message's part, and its place in the message as its header has it."""
    text = segment.read().value
    concat = segment.concat
    return replace(
        reading,
        text=text if isinstance(text, str) else "",
        msg_fmt=segment.msg_fmt,
        pk_number=concat.number if concat else 0,
        pk_total=concat.total if concat else 0,
    )
