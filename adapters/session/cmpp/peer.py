"""What both ends of a CMPP connection share: the version they speak."""

from __future__ import annotations

from functools import partial
from typing import Any

from adapters.session.link import Dialect
from adapters.session.peer import Grammar, Peer
from adapters.session.settings import LinkSettings
from adapters.wire import cmpp
from adapters.wire.cmpp import Pdu, Version
from adapters.wire.cmpp_tables import COMMANDS

CMPP = Grammar(
    header_bytes=cmpp.HEADER_BYTES,
    min_frame_bytes=cmpp.MIN_FRAME_BYTES,
    max_frame_bytes=cmpp.MAX_FRAME_BYTES,
    commands=COMMANDS,
    encode=partial(cmpp.encode, version=Version.V30),  # what the link sends by itself is the same in both versions
    terminate=cmpp.Terminate,
    terminate_resp=cmpp.TerminateResp,
    active_test=cmpp.ActiveTest,
    active_test_resp=cmpp.ActiveTestResp,
)


class CmppPeer(Peer):
    """One end of one CMPP connection."""

    def __init__(self, settings: LinkSettings, dialect: Dialect, version: Version | None) -> None:
        super().__init__(CMPP, settings, dialect)
        self._version = version

    @property
    def version(self) -> Version | None:
        """The version spoken; None on a server that follows its client and has not met it yet."""
        return self._version

    def _decode(self, frame: bytes) -> Pdu:
        return cmpp.decode(frame, self._version)

    def _encode(self, pdu: Any) -> bytes:
        return cmpp.encode(pdu, self._version or Version.V30)
