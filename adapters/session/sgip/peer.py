"""What all ends of SGIP connections share."""

from __future__ import annotations

from datetime import datetime

from adapters.session.events import Event
from adapters.session.link import Dialect
from adapters.session.peer import Grammar, Peer
from adapters.session.settings import LinkSettings
from adapters.session.sgip.numbers import SgipNumbers
from adapters.wire import sgip
from adapters.wire.sgip import Pdu, Sequence
from adapters.wire.sgip_tables import COMMANDS

SGIP = Grammar(
    header_bytes=sgip.HEADER_BYTES,
    min_frame_bytes=sgip.MIN_FRAME_BYTES,
    max_frame_bytes=sgip.MAX_FRAME_BYTES,
    commands=COMMANDS,
    encode=sgip.encode,
    terminate=sgip.Unbind,
    terminate_resp=sgip.UnbindResp,
    write_sequence=Sequence.from_int,
    rests=True,
)


class SgipPeer(Peer):
    """One end of one SGIP connection. Sequence numbers are the 96 bits as one integer, ids of messages the 12 bytes."""

    def __init__(self, settings: LinkSettings, dialect: Dialect, numbers: SgipNumbers) -> None:
        super().__init__(SGIP, settings, dialect, numbers)
        self._numbers = numbers

    def opened(self, now: float, wall: datetime) -> list[Event]:
        """The connection is open. `wall` is an aware time of day, for the sequence numbers."""
        self._numbers.set_time(now, wall)
        return super().opened(now, wall)

    def _decode(self, frame: bytes) -> Pdu:
        return sgip.decode(frame)
