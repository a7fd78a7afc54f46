"""The SP's end of a CMPP connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from adapters.session.cmpp.peer import CMPP, CmppPeer
from adapters.session.cmpp.results import OK, RESULTS, STRUCTURE_ERROR, classify_login_status
from adapters.session.events import (
    Bound,
    DeliverReceived,
    Fault,
    LoginRefused,
    Retry,
    SubmitUnknown,
    SubmitUnsent,
    VersionMismatch,
)
from adapters.session.login import ServerCheck, accepts_server, make_timestamp, take_refusal
from adapters.session.roles import Receiver, Submitter
from adapters.session.settings import LinkSettings
from adapters.wire.cmpp import (
    NO_MSG_ID,
    Command,
    Connect,
    ConnectResp,
    Deliver,
    DeliverResp,
    SubmitResp,
    Version,
    connect_authenticator,
    detect_version,
    ismg_authenticator,
)

_STATUS_WIDTHS = (1, 4)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Who logs in where, and how. `source_addr` is the SP_Id; `version` is fixed per link, never negotiated."""

    source_addr: str
    secret: str = field(repr=False)
    version: Version = Version.V30
    pad_source: bool = False
    """Digest an SP_Id shorter than 6 with its padding, as some gateways do."""
    server_check: ServerCheck = ServerCheck.WARN
    link: LinkSettings = field(default_factory=LinkSettings)


class CmppClient(CmppPeer, Submitter, Receiver):
    """One login of an SP: sends SUBMITs, hands over DELIVERs, acknowledges what it is told to."""

    _results = RESULTS

    def __init__(self, settings: ClientSettings) -> None:
        super().__init__(settings.link, CMPP.make_dialect(SubmitUnknown, SubmitUnsent), settings.version)
        self._settings = settings
        self._configured = settings.version
        self._connect_sequence = 0
        self._authenticator = b""
        self._handlers |= {
            ConnectResp: self._on_connect_resp,
            SubmitResp: self._on_submit_resp,
            Deliver: self._on_deliver,
        }

    # Login

    def _on_opened(self, now: float, wall: datetime) -> None:
        settings = self._settings
        timestamp = make_timestamp(wall)
        self._connect_sequence = self.link.take_sequence(now)
        self._authenticator = connect_authenticator(
            settings.source_addr, settings.secret, timestamp, pad_source=settings.pad_source
        )
        self._write(
            Connect(
                self._connect_sequence,
                settings.source_addr,
                self._authenticator,
                int(settings.version),
                timestamp,
            )
        )

    def _on_connect_resp(self, pdu: ConnectResp, now: float) -> None:
        if not self.link.awaits_login or pdu.sequence != self._connect_sequence:
            self._on_unexpected_response(pdu)
        elif pdu.status != OK:
            reason, retry = classify_login_status(pdu.status)
            take_refusal(self.link, LoginRefused(pdu.status, reason, int(self._configured), pdu.version), retry)
        elif self._has_version(self._frame) and self._has_authenticator(pdu):
            bound = Bound("", int(self._configured))
            self.link.accept_login(bound, now, self._settings.link.settle_s)

    def _has_version(self, frame: bytes) -> bool:
        """The length of the answer says which version the server speaks; whatever it was offered."""
        answered = detect_version(frame)
        if answered is None or answered is self._configured:
            return True
        self.counters["version_mismatch"] += 1
        self.link.emit(VersionMismatch(int(self._configured), int(answered), len(frame)))
        self.link.close("version_mismatch", Fault.REMOTE, Retry.SLOW)
        return False

    def _has_authenticator(self, pdu: ConnectResp) -> bool:
        secret = self._settings.secret
        known = (ismg_authenticator(pdu.status, self._authenticator, secret, width) for width in _STATUS_WIDTHS)
        return accepts_server(self.link, self._settings.server_check, pdu.authenticator_ismg, known)

    # Messages

    def _on_submit_resp(self, pdu: SubmitResp, now: float) -> None:
        self._take_submit_answer(pdu, pdu.msg_id, pdu.result, now)

    def _on_deliver(self, pdu: Deliver, now: float) -> None:
        # A resend has the same sequence; a gateway that numbers it anew still names the message by its id.
        told_apart_by = pdu.sequence if pdu.msg_id == NO_MSG_ID else 0
        identity = (
            pdu.msg_id,
            told_apart_by,
            pdu.src_terminal_id,
            pdu.dest_id,
            pdu.registered_delivery,
            pdu.msg_content,
        )
        self._admit((pdu.sequence, pdu.msg_id), identity, DeliverReceived(pdu.sequence, pdu), now)

    def name_message(self, pdu: Deliver) -> bytes:
        """Return its id."""
        return pdu.msg_id

    def _make_deliver_answer(self, sequence: int, msg_id: bytes, result: int) -> DeliverResp:
        return DeliverResp(sequence, msg_id, result)

    def _on_malformed(self, command_id: int, sequence: int, now: float) -> None:
        """A DELIVER that does not decode is refused with result 1, never acknowledged; all else runs into its timer."""
        if command_id == Command.DELIVER and self.link.trust(now):
            msg_id = self._frame[12:20].ljust(8, b"\0")
            self._write(DeliverResp(sequence, msg_id, STRUCTURE_ERROR))
        elif command_id == Command.CONNECT_RESP and self.link.awaits_login:
            self.link.close("malformed_login_answer", Fault.REMOTE, Retry.BACKOFF)
