"""The SP's end of an SMGP connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from adapters.session.events import (
    Bound,
    DeliverReceived,
    Fault,
    LoginRefused,
    Retry,
    SubmitUnknown,
    SubmitUnsent,
)
from adapters.session.login import ServerCheck, accepts_server, make_timestamp, take_refusal
from adapters.session.roles import Receiver, Submitter
from adapters.session.settings import LinkSettings
from adapters.session.smgp.peer import SMGP, SmgpPeer
from adapters.session.smgp.results import OK, RESULTS, STRUCTURE_ERROR, classify_login_status
from adapters.wire.smgp import (
    NO_MSG_ID,
    Command,
    Deliver,
    DeliverResp,
    Login,
    LoginMode,
    LoginResp,
    SubmitResp,
    Version,
    client_authenticator,
    server_authenticator,
)

_MSG_ID = slice(12, 22)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Who logs in where, and how. `client_id` is the SP's; `version` is fixed per link, never negotiated."""

    client_id: str
    secret: str = field(repr=False)
    version: Version = Version.V30
    login_mode: LoginMode = LoginMode.BOTH
    pad_client_id: bool = False
    """Digest a ClientID shorter than 8 with its padding, as some gateways do."""
    server_check: ServerCheck = ServerCheck.WARN
    link: LinkSettings = field(default_factory=LinkSettings)


class SmgpClient(SmgpPeer, Submitter, Receiver):
    """One login of an SP: sends Submits, hands over Delivers, acknowledges what it is told to."""

    _results = RESULTS

    def __init__(self, settings: ClientSettings) -> None:
        super().__init__(settings.link, SMGP.make_dialect(SubmitUnknown, SubmitUnsent), settings.version)
        self._settings = settings
        self._login_sequence = 0
        self._authenticator = b""
        self._handlers |= {
            LoginResp: self._on_login_resp,
            SubmitResp: self._on_submit_resp,
            Deliver: self._on_deliver,
        }

    # Login

    def _on_opened(self, now: float, wall: datetime) -> None:
        settings = self._settings
        timestamp = make_timestamp(wall)
        self._login_sequence = self.link.take_sequence(now)
        self._authenticator = client_authenticator(
            settings.client_id, settings.secret, timestamp, pad_client_id=settings.pad_client_id
        )
        self._write(
            Login(
                self._login_sequence,
                settings.client_id,
                self._authenticator,
                int(settings.login_mode),
                timestamp,
                int(settings.version),
            )
        )

    def _on_login_resp(self, pdu: LoginResp, now: float) -> None:
        version = int(self._settings.version)
        if not self.link.awaits_login or pdu.sequence != self._login_sequence:
            self._on_unexpected_response(pdu)
        elif pdu.status != OK:
            reason, retry = classify_login_status(pdu.status)
            take_refusal(self.link, LoginRefused(pdu.status, reason, version, pdu.server_version), retry)
        elif self._has_authenticator(pdu):
            self.link.accept_login(Bound("", version), now, self._settings.link.settle_s)

    def _has_authenticator(self, pdu: LoginResp) -> bool:
        statuses = (pdu.status.to_bytes(4, "big"), bytes((pdu.status & 0xFF,)), pdu.status.to_bytes(8, "little"))
        known = (server_authenticator(status, self._authenticator, self._settings.secret) for status in statuses)
        return accepts_server(self.link, self._settings.server_check, pdu.authenticator_server, known)

    # Messages

    def _on_submit_resp(self, pdu: SubmitResp, now: float) -> None:
        self._take_submit_answer(pdu, pdu.msg_id, pdu.status, now)

    def _on_deliver(self, pdu: Deliver, now: float) -> None:
        # A resend has the same sequence; a gateway that numbers it anew still names the message by its id.
        told_apart_by = pdu.sequence if pdu.msg_id == NO_MSG_ID else 0
        identity = (pdu.msg_id, told_apart_by, pdu.src_term_id, pdu.dest_term_id, pdu.is_report, pdu.msg_content)
        self._admit((pdu.sequence, pdu.msg_id), identity, DeliverReceived(pdu.sequence, pdu), now)

    def name_message(self, pdu: Deliver) -> bytes:
        """Return its id."""
        return pdu.msg_id

    def _make_deliver_answer(self, sequence: int, msg_id: bytes, result: int) -> DeliverResp:
        return DeliverResp(sequence, msg_id, result)

    def _on_malformed(self, command_id: int, sequence: int, now: float) -> None:
        """A Deliver that does not decode is refused with status 10, not acknowledged; all else runs into its timer."""
        if command_id == Command.DELIVER and self.link.trust(now):
            msg_id = self._frame[_MSG_ID].ljust(len(NO_MSG_ID), b"\0")
            self._write(DeliverResp(sequence, msg_id, STRUCTURE_ERROR))
        elif command_id == Command.LOGIN_RESP and self.link.awaits_login:
            self.link.close("malformed_login_answer", Fault.REMOTE, Retry.BACKOFF)
