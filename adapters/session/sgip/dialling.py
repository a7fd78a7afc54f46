"""The end of an SGIP connection that dials and binds, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from adapters.session.events import Bound, Event, Fault, LoginRefused, Retry
from adapters.session.login import take_refusal
from adapters.session.settings import LinkSettings
from adapters.session.sgip.numbers import SgipNumbers
from adapters.session.sgip.peer import SGIP, SgipPeer
from adapters.session.sgip.results import OK, SgipDialect, classify_login_result
from adapters.wire.sgip import Bind, BindResp, Command, LoginType, Sequence


@dataclass(frozen=True, slots=True)
class DialSettings:
    """Who binds, and how. `node` is the dialling end's own; name and password go out in clear text."""

    node: int
    login_name: str
    login_password: str = field(repr=False)
    dialect: SgipDialect = SgipDialect.V12
    link: LinkSettings = field(default_factory=LinkSettings)


class DiallingPeer(SgipPeer):
    """Binds, and takes the answer. `numbers` are shared by all connections of a link; without, this one's alone."""

    def __init__(
        self,
        settings: DialSettings,
        login_type: LoginType,
        unknown: Callable[[object, int, int, str], Event],
        unsent: Callable[[object, int, int, str], Event],
        numbers: SgipNumbers | None,
    ) -> None:
        super().__init__(settings.link, SGIP.make_dialect(unknown, unsent), numbers or SgipNumbers(settings.node))
        self._settings = settings
        self._login_type = login_type
        self._bind_sequence = 0
        self._handlers[BindResp] = self._on_bind_resp

    def _on_opened(self, now: float, wall: datetime) -> None:
        self._bind_sequence = self.link.take_sequence(now)
        name, password = self._settings.login_name, self._settings.login_password
        self._write(Bind(Sequence.from_int(self._bind_sequence), int(self._login_type), name, password))

    def _on_bind_resp(self, pdu: BindResp, now: float) -> None:
        if not self.link.awaits_login or int(pdu.sequence) != self._bind_sequence:
            self._on_unexpected_response(pdu)
        elif pdu.result != OK:
            reason, retry = classify_login_result(pdu.result)
            take_refusal(self.link, LoginRefused(pdu.result, reason, 0, 0), retry)
        else:
            self.link.accept_login(Bound("", 0), now, self._settings.link.settle_s)

    def _on_malformed(self, command_id: int, sequence: int, now: float) -> None:
        """An answer that does not decode runs into its timer."""
        if command_id == Command.BIND_RESP and self.link.awaits_login:
            self.link.close("malformed_login_answer", Fault.REMOTE, Retry.BACKOFF)
