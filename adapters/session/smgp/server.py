"""The SMGW's end of an SMGP connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from adapters.session.events import Bound, DeliverUnknown, DeliverUnsent, LoginRejected
from adapters.session.login import NO_AUTHENTICATOR, NOBODYS_SECRET, matches_any, reject
from adapters.session.roles import Deliverer, SubmitTaker
from adapters.session.settings import LinkSettings
from adapters.session.smgp.peer import SMGP, SmgpPeer
from adapters.session.smgp.results import (
    AUTHENTICATION,
    DUPLICATE_SEQUENCE,
    OK,
    STRUCTURE_ERROR,
    classify_login_status,
)
from adapters.wire.smgp import (
    NO_MSG_ID,
    Command,
    DeliverResp,
    Login,
    LoginResp,
    Submit,
    SubmitResp,
    Version,
    client_authenticator,
    server_authenticator,
)

_STATUS_BYTES = 4


def admit_everybody(_login: Login) -> int:
    """Return status 0: what an authenticated client is answered unless somebody has another opinion."""
    return OK


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Who may log in, by ClientID, and how the server behaves.

    `version` None speaks whatever version the client offers; a fixed one is spoken whatever the client offers.
    `judge_login` is asked about clients whose authenticator is right and returns the status.
    """

    accounts: Mapping[str, str] = field(repr=False)
    version: Version | None = None
    judge_login: Callable[[Login], int] = admit_everybody
    link: LinkSettings = field(default_factory=LinkSettings)


class SmgpServer(SmgpPeer, SubmitTaker, Deliverer):
    """One client's connection: checks the login, hands over Submits, sends Delivers."""

    def __init__(self, settings: ServerSettings) -> None:
        super().__init__(settings.link, SMGP.make_dialect(DeliverUnknown, DeliverUnsent), settings.version)
        self._settings = settings
        self.account = ""
        self._handlers |= {
            Login: self._on_login,
            Submit: self._on_submit,
            DeliverResp: self._on_deliver_resp,
        }

    # Login

    def _on_opened(self, now: float, wall: datetime) -> None:
        """The client speaks first."""

    def _on_login(self, pdu: Login, now: float) -> None:
        if not self.link.awaits_login:
            self._ignore(Command.LOGIN, pdu.sequence, "already_bound")
            return
        if self._version is None:
            self._version = Version.V13 if pdu.client_version < Version.V30 else Version.V30
        status = self._settings.judge_login(pdu) if self._is_authentic(pdu) else AUTHENTICATION
        if status != OK:
            self._reject_login(pdu.sequence, pdu.client_id, status)
            return
        secret = self._settings.accounts[pdu.client_id]
        digest = server_authenticator(status.to_bytes(_STATUS_BYTES, "big"), pdu.authenticator_client, secret)
        self._write(LoginResp(pdu.sequence, OK, digest, int(self._version)))
        self.account = pdu.client_id
        self.link.accept_login(Bound(pdu.client_id, int(self._version)), now, settle_s=0)

    def _is_authentic(self, pdu: Login) -> bool:
        """Peers disagree on how to digest a ClientID shorter than its field: either way will do."""
        secret = self._settings.accounts.get(pdu.client_id)
        known = (
            client_authenticator(pdu.client_id, secret or NOBODYS_SECRET, pdu.timestamp, pad_client_id=pad_client_id)
            for pad_client_id in (False, True)
        )
        return matches_any(pdu.authenticator_client, known) and secret is not None

    def _reject_login(self, sequence: int, peer: str, status: int) -> None:
        reason, _ = classify_login_status(status)
        self._write(LoginResp(sequence, status, NO_AUTHENTICATOR, int(self._version or Version.V30)))
        reject(self.link, LoginRejected(peer, status, reason))

    # Messages

    def _on_submit(self, pdu: Submit, now: float) -> None:
        self._take_submit(pdu, now, DUPLICATE_SEQUENCE)

    def _on_deliver_resp(self, pdu: DeliverResp, now: float) -> None:
        self._take_deliver_answer(pdu, pdu.msg_id, pdu.status)

    def _make_submit_answer(self, sequence: int, msg_id: bytes, result: int) -> SubmitResp:
        return SubmitResp(sequence, msg_id or NO_MSG_ID, result)

    def _on_malformed(self, command_id: int, sequence: int, now: float) -> None:
        if command_id == Command.LOGIN and self.link.awaits_login:
            self._reject_login(sequence, "", STRUCTURE_ERROR)
        elif command_id == Command.SUBMIT and not self._closes_stranger():
            self._write(SubmitResp(sequence, NO_MSG_ID, STRUCTURE_ERROR))
