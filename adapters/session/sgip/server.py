"""The SMG's end of a connection that an SP makes to it."""

from __future__ import annotations

from adapters.session.roles import SubmitTaker
from adapters.session.sgip.listening import ListeningPeer, ListenSettings
from adapters.session.sgip.numbers import SgipNumbers
from adapters.session.sgip.results import PARAMETER_FORMAT, SEQUENCE
from adapters.wire.sgip import Command, LoginType, Sequence, Submit, SubmitResp


class SgipServer(ListeningPeer, SubmitTaker):
    """One SP's connection: checks the Bind, hands over Submits. Messages to the SP go by a `SgipCaller`.

    `answer_submit` takes an id, as in the other protocols, but none goes out: the Submit's own number is its id.
    """

    def __init__(self, settings: ListenSettings, numbers: SgipNumbers | None = None) -> None:
        super().__init__(settings, LoginType.SP_TO_SMG, numbers)
        self._handlers[Submit] = self._on_submit

    def _on_submit(self, pdu: Submit, now: float) -> None:
        self._take_submit(pdu, now, SEQUENCE)

    def _make_submit_answer(self, sequence: int, msg_id: bytes, result: int) -> SubmitResp:
        del msg_id
        return SubmitResp(Sequence.from_int(sequence), result)

    def _refuse_malformed(self, command_id: int, sequence: Sequence) -> None:
        if command_id == Command.SUBMIT:
            self._write(SubmitResp(sequence, PARAMETER_FORMAT))
