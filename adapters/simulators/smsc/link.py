"""One connection as the wire shows it: every frame is written down, judged, and harmed if a fault says so.

Rules of a link, beside those of `adapters.simulators.smsc.rules`:

======================  ==============================================================================
rule                    broken by
======================  ==============================================================================
submit_before_connect   a SUBMIT on a link where nobody has logged in
window_exceeded         more SUBMITs without an answer than the window allows
sequence_reused         the sequence number of a SUBMIT without an answer for another message; over SGIP of any,
                        also on another link
resend_renumbered       a SUBMIT whose answer was lost, sent again under another sequence number
malformed_pdu           a frame that does not decode, once logged in
unknown_command         a command nobody defined, once logged in
wrong_deliver_resp_id   a DELIVER_RESP that names another Msg_Id than its DELIVER
active_test_unanswered  a client that is asked N times whether it is there and does not answer
======================  ==============================================================================
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.simulators.faults import FaultDeck
from adapters.simulators.smsc.dialect import Dialect, Pdu
from adapters.simulators.smsc.entries import Fate, Happening
from adapters.simulators.smsc.fault import Operation, SmscFault
from adapters.simulators.smsc.ledger import Ledger
from adapters.simulators.smsc.messages import Breach
from adapters.simulators.smsc.reading import Kind, PduReading
from adapters.simulators.smsc.rules import PartChecks, check_submission
from adapters.simulators.smsc.session import GatedSession, Passage
from adapters.simulators.smsc.settings import Account, SmscSettings
from adapters.simulators.smsc.submits import Answers, Submits
from adapters.wire.errors import WireError

_RESPONSE_BIT = 0x80000000
_OPERATIONS = {
    Kind.LOGIN: Operation.CONNECT,
    Kind.SUBMIT: Operation.SUBMIT,
    Kind.MO: Operation.MO,
    Kind.REPORT: Operation.REPORT,
    Kind.ACTIVE_TEST: Operation.ACTIVE_TEST,
    Kind.TERMINATE: Operation.TERMINATE,
}
_DELIVERIES = (Kind.MO, Kind.REPORT)
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Belongings:
    """What every gate of one simulator shares."""

    settings: SmscSettings
    dialect: Dialect
    ledger: Ledger
    deck: FaultDeck[SmscFault]
    parts: Mapping[str, PartChecks]
    answers: Answers | None
    """The answers of all links, where a sequence number names its message for good."""


class LinkGate:
    """The gate of one connection; `number` counts connections from 1. Satisfies `session.Gate`."""

    session: GatedSession[LinkGate]

    def __init__(self, number: int, shared: Belongings) -> None:
        self.number = number
        self.submits = Submits(shared.settings.window or shared.dialect.window, shared.answers or Answers())
        self._settings = shared.settings
        self._dialect = shared.dialect
        self._ledger = shared.ledger
        self._deck = shared.deck
        self._parts = shared.parts
        self._claimed = ""
        self._answers: dict[tuple[int, Hashable], deque[SmscFault | None]] = {}
        self._delivered: dict[Hashable, bytes] = {}
        self._last_frame = b""
        self._last_read: tuple[Pdu, PduReading]

    @property
    def account(self) -> Account | None:
        """Who is logged in."""
        return self._settings.find_account(self._bound) if self._bound else None

    @property
    def sp_id(self) -> str:
        """The account that is logged in, or that tried; empty before."""
        return self._bound or self._claimed

    def record(self, happening: Happening, **details: Any) -> None:
        """Write an entry about this link."""
        self._ledger.record(happening, link=self.number, account=self.sp_id, **details)

    def violate(self, rule: str, detail: str) -> None:
        """Write down a rule broken on this link."""
        self._ledger.violate(rule, detail, link=self.number, account=self.sp_id)

    def judge_login(self, pdu: Pdu) -> int:
        """Return the status for a client whose secret is right."""
        reading, codes = self._dialect.read(pdu), self._dialect.codes
        fault = self._expected_fault(pdu)
        if fault is not None and fault.choose_result(codes):
            return fault.choose_result(codes)
        account = self._settings.find_account(reading.account)
        if account is not None and account.version is not None and reading.version >> 4 > account.version >> 4:
            return codes.version_too_high
        return 0

    def submit_fault(self, pdu: Pdu) -> SmscFault | None:
        """Return the fault that strikes the SUBMIT now in hand."""
        return self._expected_fault(pdu)

    # Gate

    def on_open(self) -> None:
        """Write it down."""
        self.record(Happening.LINK_OPENED)

    def on_noise_in(self, data: bytes) -> None:
        """Write down how much it was, never what."""
        self.record(Happening.BYTES_RECEIVED, detail=f"{len(data)} bytes")

    def judge_in(self, frame: bytes) -> Passage:
        """Judge a frame from the client."""
        try:
            pdu, reading = self._read(frame)
        except WireError as error:
            self._write_malformed(frame, error)
            return Passage(frame)
        judge = self._judge_answer_in if _command_of(frame) & _RESPONSE_BIT else self._judge_request_in
        return judge(pdu, reading, frame)

    def judge_out(self, frame: bytes) -> Passage:
        """Judge a frame to the client."""
        pdu, reading = self._read(frame)
        if reading.kind in _DELIVERIES:
            return self._judge_delivery_out(pdu, reading, frame)
        if _command_of(frame) & _RESPONSE_BIT:
            return self._judge_answer_out(pdu, reading, frame)
        return Passage(frame)

    def on_sent(self, frame: bytes, fate: Fate) -> None:
        """Write a frame down that leaves. One that a fault altered need not decode."""
        try:
            pdu, reading = self._read(frame)
        except WireError:
            self.record(Happening.PDU_SENT, frame=frame, fate=fate, detail=self._name_command(frame))
            return
        self.record(Happening.PDU_SENT, pdu=pdu, reading=reading, frame=frame, fate=fate)
        if reading.kind is Kind.SUBMIT_ANSWER:
            self.submits.answered(pdu.sequence)

    def _read(self, frame: bytes) -> tuple[Pdu, PduReading]:
        """Decode a frame and break it out; one that is judged and then leaves, once for both. Raises `WireError`."""
        if frame is not self._last_frame:
            pdu = self._dialect.decode(frame, self.session.inner.version)
            self._last_frame, self._last_read = frame, (pdu, self._dialect.read(pdu))
        return self._last_read

    # From the client

    def _write_malformed(self, frame: bytes, error: WireError) -> None:
        detail = f"{self._name_command(frame)}: {error.reason}"
        self.record(Happening.PDU_RECEIVED, frame=frame, detail=detail)
        if self._bound:
            self.violate("malformed_pdu", detail)

    def _judge_request_in(self, pdu: Pdu, reading: PduReading, frame: bytes) -> Passage:
        if reading.kind is Kind.LOGIN:
            self._claimed = reading.account
        operation = _OPERATIONS.get(reading.kind)
        fault = None if operation is None else self._draw(operation, reading)
        lost = fault is not None and not fault.plan.applied and not fault.plan.heard
        self._write_request(pdu, reading, frame, lost=lost)
        if fault is not None:
            self._note(fault)
        if not lost and operation is not None:
            self._expect(frame, pdu, fault)
        return self._pass(None if lost else frame, fault, cut=lost)

    def _write_request(self, pdu: Pdu, reading: PduReading, frame: bytes, *, lost: bool) -> None:
        fate = Fate.DROPPED if lost else Fate.PASSED
        if reading.kind is not Kind.SUBMIT:
            self.record(Happening.PDU_RECEIVED, pdu=pdu, reading=reading, frame=frame, fate=fate)
            if reading.kind is Kind.UNDEFINED and self._bound:
                self.violate("unknown_command", reading.command)
            return
        resend, breaches = self.submits.receive(pdu, lost=lost)
        self.record(Happening.PDU_RECEIVED, pdu=pdu, reading=reading, frame=frame, fate=fate, resend=resend)
        account = self.account
        if account is None:
            self.violate("submit_before_connect", "nobody is logged in")
        elif not resend:
            breaches += self._check(pdu, account)
        for breach in breaches:
            self.violate(*breach)

    def _check(self, pdu: Pdu, account: Account) -> list[Breach]:
        submission = self._dialect.read_submit(pdu)
        return [
            *self._dialect.check_own(pdu, account),
            *check_submission(submission, account, self._dialect.ascii_bytes),
            *self._parts[account.sp_id].check(submission),
        ]

    def _judge_answer_in(self, pdu: Pdu, reading: PduReading, frame: bytes) -> Passage:
        fault = self._take_fault(frame, pdu)
        lost = fault is not None and not fault.plan.heard
        fate = Fate.DROPPED if lost else Fate.PASSED
        self.record(Happening.PDU_RECEIVED, pdu=pdu, reading=reading, frame=frame, fate=fate)
        if reading.kind is Kind.RECEIPT and self._delivered.get(pdu.sequence, reading.handle) != reading.handle:
            self.violate("wrong_deliver_resp_id", "the answer names another message")
        return Passage(None if lost else frame, cut=fault is not None and fault.close_link)

    # To the client

    def _judge_delivery_out(self, pdu: Pdu, reading: PduReading, frame: bytes) -> Passage:
        fault = self._draw(_OPERATIONS[reading.kind], reading)
        self._delivered[pdu.sequence] = reading.handle
        if len(self._delivered) > _REMEMBERED:
            del self._delivered[next(iter(self._delivered))]
        if fault is not None:
            self._note(fault)
        if fault is None or fault.plan.applied:
            self._expect(frame, pdu, fault)
            return self._pass(frame, fault, cut=False, delay_s=fault.plan.delay_s if fault else 0.0)
        self.record(Happening.PDU_SENT, pdu=pdu, reading=reading, frame=frame, fate=Fate.DROPPED)
        return self._pass(None, fault, cut=True)

    def _judge_answer_out(self, pdu: Pdu, reading: PduReading, frame: bytes) -> Passage:
        fault = self._take_fault(frame, pdu)
        passage = Passage(frame)
        if reading.kind is Kind.LOGIN_ANSWER:
            passage = self._alter_login(pdu, reading, frame, fault)
        if fault is None:
            return passage
        if reading.kind is Kind.SUBMIT_ANSWER and (fault.answered_command or not fault.plan.heard):
            self.submits.answer_lost(pdu.sequence)
        if not fault.plan.heard:
            self.record(Happening.PDU_SENT, pdu=pdu, reading=reading, frame=frame, fate=Fate.DROPPED)
            return Passage(None, cut=fault.close_link)
        if fault.answered_command:
            passage = Passage(self._rename(frame, fault.answered_command), Fate.ALTERED)
        return replace(passage, delay_s=fault.plan.delay_s, cut=fault.close_link)

    def _alter_login(self, pdu: Pdu, reading: PduReading, frame: bytes, fault: SmscFault | None) -> Passage:
        """Answer with another version or proof: a fault's, or the highest version the account may speak."""
        spoken = self.session.inner.version
        if spoken is None:
            return Passage(frame)
        if fault is not None and (fault.answered_version is not None or fault.answered_proof):
            version = fault.answered_version
            layout = spoken if version is None else version
            told = self._dialect.restate_login(pdu, layout, version=version, proof=fault.answered_proof)
            return Passage(told, Fate.ALTERED)
        account = self._settings.find_account(self._claimed)
        if account is None or account.version is None or reading.result != self._dialect.codes.version_too_high:
            return Passage(frame)
        return Passage(self._dialect.restate_login(pdu, spoken, version=account.version))

    def _rename(self, frame: bytes, command_id: int) -> bytes:
        """Return a packet of another command and without a body, under the same number."""
        header_bytes = self._dialect.codec.HEADER_BYTES
        return header_bytes.to_bytes(4, "big") + command_id.to_bytes(4, "big") + frame[8:header_bytes]

    # Faults

    @property
    def _bound(self) -> str:
        return self.session.inner.account

    def _name_command(self, frame: bytes) -> str:
        return self._dialect.name_command(_command_of(frame))

    def _draw(self, operation: Operation, reading: PduReading) -> SmscFault | None:
        return self._deck.draw(lambda fault: fault.operation is operation, reading.number)

    def _note(self, fault: SmscFault) -> None:
        self.record(Happening.FAULT, detail=fault.plan.name or fault.operation.value)
        if fault.garbage:
            self.record(Happening.BYTES_SENT, detail=f"{len(fault.garbage)} bytes")

    def _pass(self, frame: bytes | None, fault: SmscFault | None, *, cut: bool, delay_s: float = 0.0) -> Passage:
        if fault is None:
            return Passage(frame)
        return Passage(
            frame,
            delay_s=delay_s,
            noise=fault.garbage,
            piece_bytes=fault.dribble_bytes,
            piece_pause_s=fault.dribble_interval_s,
            cut=cut and fault.close_link,
        )

    def _expect(self, frame: bytes, pdu: Pdu, fault: SmscFault | None) -> None:
        """Copies of a request are answered one by one: so many answers come, in that order."""
        self._answers.setdefault((_command_of(frame), pdu.sequence), deque()).append(fault)

    def _expected_fault(self, pdu: Pdu) -> SmscFault | None:
        expected = self._answers.get((self._dialect.codec.command_of(pdu), pdu.sequence))
        return expected[0] if expected else None

    def _take_fault(self, frame: bytes, pdu: Pdu) -> SmscFault | None:
        """Take the fault that strikes the answer to the request which this frame answers."""
        key = (_command_of(frame) & ~_RESPONSE_BIT, pdu.sequence)
        expected = self._answers.get(key)
        if not expected:
            return None
        fault = expected.popleft()
        if not expected:
            del self._answers[key]
        return fault


def _command_of(frame: bytes) -> int:
    """Every protocol here has the command in the second four bytes."""
    return int.from_bytes(frame[4:8], "big")
