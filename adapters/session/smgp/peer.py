"""What both ends of an SMGP connection share: the version they speak."""

from __future__ import annotations

from functools import partial
from typing import Any

from adapters.session.link import Dialect
from adapters.session.peer import Grammar, Peer
from adapters.session.settings import LinkSettings
from adapters.wire import smgp
from adapters.wire.smgp import Pdu, Version
from adapters.wire.smgp_tables import COMMANDS

SMGP = Grammar(
    header_bytes=smgp.HEADER_BYTES,
    min_frame_bytes=smgp.MIN_FRAME_BYTES,
    max_frame_bytes=smgp.MAX_FRAME_BYTES,
    commands=COMMANDS,
    encode=partial(smgp.encode, version=Version.V30),  # what the link sends by itself is the same in both versions
    terminate=smgp.Exit,
    terminate_resp=smgp.ExitResp,
    active_test=smgp.ActiveTest,
    active_test_resp=smgp.ActiveTestResp,
)


class SmgpPeer(Peer):
    """One end of one SMGP connection."""

    def __init__(self, settings: LinkSettings, dialect: Dialect, version: Version | None) -> None:
        super().__init__(SMGP, settings, dialect)
        self._version = version

    @property
    def version(self) -> Version | None:
        """The version spoken; None on a server that follows its client and has not met it yet."""
        return self._version

    def _decode(self, frame: bytes) -> Pdu:
        return smgp.decode(frame, self._version)

    def _encode(self, pdu: Any) -> bytes:
        return smgp.encode(pdu, self._version or Version.V30)
