"""The end of an SGIP connection that is dialled and bound to, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from adapters.session.events import Bound, DeliverUnknown, DeliverUnsent, LoginRejected
from adapters.session.login import NOBODYS_SECRET, matches_any, reject
from adapters.session.roles import Listening
from adapters.session.settings import LinkSettings
from adapters.session.sgip.numbers import SgipNumbers
from adapters.session.sgip.peer import SGIP, SgipPeer
from adapters.session.sgip.results import (
    ILLEGAL_LOGIN,
    LOGIN_TYPE,
    OK,
    PARAMETER_FORMAT,
    classify_login_result,
)
from adapters.wire.sgip import Bind, BindResp, Command, LoginType, Sequence


def admit_everybody(_bind: Bind) -> int:
    """Return result 0: what an authenticated peer is answered unless somebody has another opinion."""
    return OK


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """Who may bind. `node` is the listening end's own; `accounts` are passwords by login name.

    `judge_login` is asked about peers whose name and password are right and returns the result.
    """

    node: int
    accounts: Mapping[str, str] = field(repr=False)
    judge_login: Callable[[Bind], int] = admit_everybody
    link: LinkSettings = field(default_factory=LinkSettings)


class ListeningPeer(SgipPeer, Listening):
    """Checks the Bind; nobody but a peer that has bound may ask for anything."""

    def __init__(self, settings: ListenSettings, login_type: LoginType, numbers: SgipNumbers | None) -> None:
        dialect = SGIP.make_dialect(DeliverUnknown, DeliverUnsent)
        super().__init__(settings.link, dialect, numbers or SgipNumbers(settings.node))
        self._settings = settings
        self._login_type = login_type
        self.account = ""
        self._handlers[Bind] = self._on_bind

    def _on_opened(self, now: float, wall: datetime) -> None:
        """The peer speaks first."""

    def _on_bind(self, pdu: Bind, now: float) -> None:
        if not self.link.awaits_login:
            self._ignore(Command.BIND, int(pdu.sequence), "already_bound")
            return
        result = self._judge(pdu)
        if result != OK:
            self._reject_login(pdu.sequence, pdu.login_name, result)
            return
        self._write(BindResp(pdu.sequence, OK))
        self.account = pdu.login_name
        self.link.accept_login(Bound(pdu.login_name, 0), now, settle_s=0)

    def _judge(self, pdu: Bind) -> int:
        password = self._settings.accounts.get(pdu.login_name)
        expected = (NOBODYS_SECRET if password is None else password).encode()
        if not matches_any(pdu.login_password.encode(), (expected,)) or password is None:
            return ILLEGAL_LOGIN
        if pdu.login_type != self._login_type:
            return LOGIN_TYPE
        return self._settings.judge_login(pdu)

    def _reject_login(self, sequence: Sequence, peer: str, result: int) -> None:
        reason, _ = classify_login_result(result)
        self._write(BindResp(sequence, result))
        reject(self.link, LoginRejected(peer, result, reason))

    def _on_malformed(self, command_id: int, sequence: int, now: float) -> None:
        """Refuse it, if it is a request that this end takes."""
        if command_id == Command.BIND and self.link.awaits_login:
            self._reject_login(Sequence.from_int(sequence), "", PARAMETER_FORMAT)
        elif not self._closes_stranger():
            self._refuse_malformed(command_id, Sequence.from_int(sequence))

    def _refuse_malformed(self, command_id: int, sequence: Sequence) -> None:
        """Answer a request that does not decode; what is not answered comes again."""
