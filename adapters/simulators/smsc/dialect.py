"""The one interface between the simulator and the protocol it speaks.

Everything else in this room deals in `PduReading`, `Submission` and `Parcel`; what is on the wire is a dialect's
affair. PDUs and sessions are opaque to the rest: they go from one method of a dialect, or of its session, to another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, ClassVar, Protocol

from adapters.session.link import Link
from adapters.session.roles import Deliverer
from adapters.session.settings import LinkSettings
from adapters.simulators.smsc.messages import Breach, Parcel, Submission
from adapters.simulators.smsc.reading import PduReading
from adapters.simulators.smsc.settings import Account, CallBack
from adapters.simulators.smsc.tally import Tally
from adapters.transport.stream import Session


class Pdu(Protocol):
    """A packet of any protocol."""

    @property
    def sequence(self) -> Hashable:
        """What tells it from others on the link, and its answer repeats."""
        ...


class FarEnd(Session, Protocol):
    """A protocol's session, at the carrier's end of a connection: a `SubmitTaker`, a `Deliverer`, or both."""

    link: Link

    @property
    def account(self) -> str:
        """The SP that is logged in; empty before."""
        ...

    @property
    def version(self) -> int | None:
        """The version spoken, as on the wire; None until known, and where the protocol tells none."""
        ...

    @property
    def outstanding(self) -> int:
        """How many of our requests wait for an answer."""
        ...

    @property
    def queued(self) -> int:
        """How many of our requests wait for room in the window."""
        ...


class MsgIds(Protocol):
    """Makes ids that no message had before."""

    def make(self, time: datetime, *, gateway_offset: int = 0) -> bytes:
        """Make an id; `time` in the gateway's zone, `gateway_offset` names a neighbour gateway."""
        ...

    def continue_after(self, msg_id: bytes) -> None:
        """Continue after an id of an earlier life, if it is one of ours."""
        ...


class Codec(Protocol):
    """What the codecs in `adapters.wire` have in common; each is a module."""

    HEADER_BYTES: int
    MIN_FRAME_BYTES: int
    MAX_FRAME_BYTES: int

    @property
    def Command(self) -> type[IntEnum]:  # noqa: N802 - the name of a class
        """The commands that the specification defines."""
        ...

    def command_of(self, pdu: Any) -> int:
        """Return the command id a PDU is sent under."""
        ...


@dataclass(frozen=True, slots=True)
class Codes:
    """Statuses and results that the simulator itself has a reason to answer."""

    flow_control: int
    """To an SP that sends too fast; from an SP, that it wants it again later."""
    login_refused: int
    """To a login that a fault refuses without saying how."""
    version_too_high: int = 0
    sequence_reused: int = 0
    """To a message under the number of another one; 0 where numbers may come again."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """How a server treats logins: `judge` is asked about those whose secret is right, and returns the status."""

    judge: Callable[[Any], int]
    link: LinkSettings


class Dialect(ABC):
    """What the simulator has to know of a protocol."""

    codec: ClassVar[Codec]
    versions: ClassVar[frozenset[int]]
    """Versions that a login can be answered with."""
    msg_id_bytes: ClassVar[int]
    ascii_bytes: ClassVar[int]
    """How much ASCII one short message carries."""
    window: ClassVar[int] = 16
    """How many requests may be without an answer, unless the settings say otherwise."""
    rests: ClassVar[bool] = False
    """Whether connections are closed when they are idle, and not asked whether somebody is there."""
    writes_gb: ClassVar[bool] = False
    """Whether phones' Chinese comes in GB and not in UCS-2."""
    codes: Codes

    @abstractmethod
    def make_server(self, welcome: Welcome) -> FarEnd:
        """Make the session of a connection that came in."""

    def make_caller(self, account: Account, call_back: CallBack, link: LinkSettings) -> FarEnd:
        """Make the session of a connection that the gateway opens to an SP; only SGIP has such."""
        raise ValueError("SPs are called over SGIP alone")

    @abstractmethod
    def decode(self, frame: bytes, version: int | None) -> Pdu:
        """Decode a whole frame; raise `WireError`."""

    @abstractmethod
    def read(self, pdu: Any) -> PduReading:
        """Break a PDU out."""

    def name_command(self, command_id: int) -> str:
        """Return the command's name, or its id in hexadecimal for one nobody defined."""
        try:
            return self.codec.Command(command_id).name
        except ValueError:
            return f"{command_id:#010x}"

    @abstractmethod
    def restate_login(self, pdu: Any, layout: int, *, version: int | None = None, proof: bytes = b"") -> bytes:
        """Encode the answer to a login in the layout of a version, naming another one or bearing another proof."""

    # What SPs send

    @abstractmethod
    def read_submit(self, pdu: Any) -> Submission:
        """Return what a SUBMIT asks for."""

    @abstractmethod
    def check_own(self, pdu: Any, account: Account) -> Iterator[Breach]:
        """Yield the rules that a SUBMIT breaks in fields that only this protocol has: who pays, and legal values."""

    @abstractmethod
    def name_submit(self, pdu: Any, make: Callable[[], bytes]) -> bytes:
        """Return the id of an accepted SUBMIT, of `make` where the gateway gives it."""

    @abstractmethod
    def answer_request(self, pdu: Any, account: str, tally: Tally) -> Pdu | None:
        """Answer any other request of an SP; None leaves it unanswered."""

    # What SPs get

    @abstractmethod
    def make_msg_ids(self) -> MsgIds:
        """Return a new counter of ids."""

    @abstractmethod
    def lay_out(self, parcel: Parcel, version: int | None) -> Pdu:
        """Make the PDU that carries a parcel over a link of that version; raise `WireError` for what does not fit."""

    def takes_deliveries(self, session: FarEnd) -> bool:
        """Tell whether MO and reports may go over a link where somebody is logged in."""
        return isinstance(session, Deliverer)
