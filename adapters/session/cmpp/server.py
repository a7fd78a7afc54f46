"""The ISMG's end of a CMPP connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from adapters.session.cmpp.peer import CMPP, CmppPeer
from adapters.session.cmpp.results import (
    DUPLICATE_SEQUENCE,
    LOGIN_AUTHENTICATION,
    LOGIN_STRUCTURE,
    OK,
    STRUCTURE_ERROR,
    classify_login_status,
)
from adapters.session.events import Bound, DeliverUnknown, DeliverUnsent, LoginRejected
from adapters.session.login import NO_AUTHENTICATOR, NOBODYS_SECRET, matches_any, reject
from adapters.session.roles import Deliverer, SubmitTaker
from adapters.session.settings import LinkSettings
from adapters.wire.cmpp import (
    NO_MSG_ID,
    Command,
    Connect,
    ConnectResp,
    DeliverResp,
    Submit,
    SubmitResp,
    Version,
    connect_authenticator,
    ismg_authenticator,
)


def admit_everybody(_connect: Connect) -> int:
    """Return status 0: what an authenticated client is answered unless somebody has another opinion."""
    return OK


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Who may log in, and how the server behaves.

    `version` None speaks whatever version the client offers; a fixed one is spoken whatever the client offers, as
    gateways in service do. `judge_login` is asked about clients whose authenticator is right and returns the status.
    """

    accounts: Mapping[str, str] = field(repr=False)
    version: Version | None = None
    judge_login: Callable[[Connect], int] = admit_everybody
    link: LinkSettings = field(default_factory=LinkSettings)


class CmppServer(CmppPeer, SubmitTaker, Deliverer):
    """One client's connection: checks the login, hands over SUBMITs, sends DELIVERs."""

    def __init__(self, settings: ServerSettings) -> None:
        super().__init__(settings.link, CMPP.make_dialect(DeliverUnknown, DeliverUnsent), settings.version)
        self._settings = settings
        self.account = ""
        self._handlers |= {
            Connect: self._on_connect,
            Submit: self._on_submit,
            DeliverResp: self._on_deliver_resp,
        }

    # Login

    def _on_opened(self, now: float, wall: datetime) -> None:
        """The client speaks first."""

    def _on_connect(self, pdu: Connect, now: float) -> None:
        if not self.link.awaits_login:
            self._ignore(Command.CONNECT, pdu.sequence, "already_bound")
            return
        if self._version is None:
            self._version = Version.V30 if pdu.version >= Version.V30 else Version.V20
        status = self._settings.judge_login(pdu) if self._is_authentic(pdu) else LOGIN_AUTHENTICATION
        if status != OK:
            self._reject_login(pdu.sequence, pdu.source_addr, status)
            return
        width = 4 if self._version is Version.V30 else 1
        secret = self._settings.accounts[pdu.source_addr]
        authenticator = ismg_authenticator(OK, pdu.authenticator, secret, width)
        self._write(ConnectResp(pdu.sequence, OK, authenticator, int(self._version)))
        self.account = pdu.source_addr
        self.link.accept_login(Bound(pdu.source_addr, int(self._version)), now, settle_s=0)

    def _is_authentic(self, pdu: Connect) -> bool:
        """Peers disagree on how to digest an SP_Id shorter than its field: either way will do."""
        secret = self._settings.accounts.get(pdu.source_addr)
        known = (
            connect_authenticator(pdu.source_addr, secret or NOBODYS_SECRET, pdu.timestamp, pad_source=pad_source)
            for pad_source in (False, True)
        )
        return matches_any(pdu.authenticator, known) and secret is not None

    def _reject_login(self, sequence: int, peer: str, status: int) -> None:
        reason, _ = classify_login_status(status)
        version = int(self._version or Version.V30)
        self._write(ConnectResp(sequence, status, NO_AUTHENTICATOR, version))
        reject(self.link, LoginRejected(peer, status, reason))

    # Messages

    def _on_submit(self, pdu: Submit, now: float) -> None:
        self._take_submit(pdu, now, DUPLICATE_SEQUENCE)

    def _on_deliver_resp(self, pdu: DeliverResp, now: float) -> None:
        self._take_deliver_answer(pdu, pdu.msg_id, pdu.result)

    def _make_submit_answer(self, sequence: int, msg_id: bytes, result: int) -> SubmitResp:
        return SubmitResp(sequence, msg_id or NO_MSG_ID, result)

    def _on_malformed(self, command_id: int, sequence: int, now: float) -> None:
        if command_id == Command.CONNECT and self.link.awaits_login:
            self._reject_login(sequence, "", LOGIN_STRUCTURE)
        elif command_id == Command.SUBMIT and not self._closes_stranger():
            self._write(SubmitResp(sequence, NO_MSG_ID, STRUCTURE_ERROR))
