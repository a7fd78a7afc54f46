"""The SP's end of a connection that an SMG makes to it."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from adapters.session.events import DeliverReceived
from adapters.session.inbox import Admission
from adapters.session.roles import Receiver
from adapters.session.sgip.duplicates import Answered, Repetition
from adapters.session.sgip.listening import ListeningPeer, ListenSettings
from adapters.session.sgip.numbers import SgipNumbers
from adapters.session.sgip.results import OK, PARAMETER_FORMAT, SEQUENCE
from adapters.wire.sgip import (
    HEADER_BYTES,
    Command,
    Deliver,
    DeliverResp,
    LoginType,
    Report,
    ReportResp,
    Sequence,
    UserRpt,
    UserRptResp,
)

Answer = type[DeliverResp] | type[ReportResp]
_ANSWERS: Final[dict[int, Answer]] = {Command.DELIVER: DeliverResp, Command.REPORT: ReportResp}


class SgipListener(ListeningPeer, Receiver):
    """One login of an SMG: hands messages and reports over, acknowledges what it is told to.

    The `msg_id` of both is the 12 bytes of the number they came under. `answered` is shared by all connections of a
    link, because an SMG repeats on a new connection what was not answered on the old one.
    """

    def __init__(self, settings: ListenSettings, answered: Answered, numbers: SgipNumbers | None = None) -> None:
        super().__init__(settings, LoginType.SMG_TO_SP, numbers)
        self._answered = answered
        self._taken: dict[int, tuple[Answer, bytes]] = {}
        self._handlers |= {Deliver: self._on_request, Report: self._on_request, UserRpt: self._on_user_rpt}

    def acknowledge(self, sequence: int, msg_id: bytes, result: int, now: float) -> bool:
        """As `Receiver.acknowledge`; what is acknowledged is known from now on, on whatever connection it comes."""
        is_answered = super().acknowledge(sequence, msg_id, result, now)
        taken = self._taken.pop(sequence, None)
        if taken is not None and result == OK:
            self._answered.remember(sequence, taken[1])
        return is_answered

    def release(self, sequence: int, msg_id: bytes, now: float) -> None:
        """As `Receiver.release`."""
        super().release(sequence, msg_id, now)
        self._taken.pop(sequence, None)

    def _on_request(self, pdu: Deliver | Report, now: float) -> None:
        if self._closes_stranger():
            return
        sequence = int(pdu.sequence)
        answer = DeliverResp if isinstance(pdu, Deliver) else ReportResp
        digest = sha256(self._frame[4:8] + self._frame[HEADER_BYTES:]).digest()
        repetition = self._answered.judge(sequence, digest)
        if repetition is Repetition.SAME:
            self.counters["duplicate_answered"] += 1
            self._write(answer(pdu.sequence, OK))
            return
        if repetition is Repetition.NEW:
            received = DeliverReceived(sequence, pdu)
            admission = self._admit((sequence, pdu.sequence.to_bytes()), pdu, received, now)
            if admission is Admission.NEW:
                self._taken[sequence] = (answer, digest)
            if admission is not Admission.CLASH:
                return
        self.counters["sequence_reused"] += 1
        self._write(answer(pdu.sequence, SEQUENCE))

    def _on_user_rpt(self, pdu: UserRpt, now: float) -> None:
        """Nobody here acts upon it, so it is safe with us at once."""
        if not self._closes_stranger():
            self.counters["user_rpt"] += 1
            self._write(UserRptResp(pdu.sequence, OK))

    def name_message(self, pdu: Deliver | Report) -> bytes:
        """Return the 12 bytes of its number."""
        return pdu.sequence.to_bytes()

    def _make_deliver_answer(self, sequence: int, msg_id: bytes, result: int) -> DeliverResp | ReportResp:
        answer, _ = self._taken[sequence]
        return answer(Sequence.from_int(sequence), result)

    def _refuse_malformed(self, command_id: int, sequence: Sequence) -> None:
        if answer := _ANSWERS.get(command_id):
            self._write(answer(sequence, PARAMETER_FORMAT))
