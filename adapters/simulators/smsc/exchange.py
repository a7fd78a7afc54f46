"""What the gateway does with messages of SPs: they reach phones, are answered, and reported on.

1. A SUBMIT that comes again on its link gets its first answer again and reaches the phone once.
2. What is answered is in the state file before the answer leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapters.session.events import (
    Bound,
    DeliverAnswered,
    DeliverUnknown,
    DeliverUnsent,
    Event,
    LinkClosed,
    LoginRefused,
    LoginRejected,
    RequestReceived,
    SubmitReceived,
)
from adapters.session.roles import Listening, SubmitTaker
from adapters.simulators.smsc.dialect import Dialect
from adapters.simulators.smsc.entries import Happening
from adapters.simulators.smsc.fault import ORDINARY_REPORT, ReportScript, ReportTiming
from adapters.simulators.smsc.ledger import Ledger
from adapters.simulators.smsc.link import LinkGate
from adapters.simulators.smsc.mailbox import Delivery
from adapters.simulators.smsc.messages import STAMP, StatusReport, Submission
from adapters.simulators.smsc.phones import Part, Phones
from adapters.simulators.smsc.postman import Postman, SmscConnection
from adapters.simulators.smsc.settings import SmscSettings
from adapters.simulators.smsc.statefile import State, StateFile
from adapters.simulators.smsc.submits import Answer, Answers
from adapters.simulators.smsc.tally import Tally
from adapters.wire.report import Outcome, outcome_of


class Exchange:
    """The gateway behind its links."""

    def __init__(self, settings: SmscSettings, dialect: Dialect, ledger: Ledger) -> None:
        self.phones = Phones()
        self.msg_ids = dialect.make_msg_ids()
        self._dialect = dialect
        self._settings = settings
        self._ledger = ledger
        self._file = StateFile(settings.state_file)
        self._tally = Tally()
        self.postman = Postman(settings, dialect, ledger, self._file, self._tally)
        self._handlers: dict[type[Event], Callable[[SmscConnection, Any], None]] = {
            Bound: self._on_bound,
            LoginRejected: self._on_login_rejected,
            LoginRefused: self._on_login_rejected,
            LinkClosed: self._on_link_closed,
            SubmitReceived: self._on_submit,
            RequestReceived: self._on_request,
            DeliverAnswered: lambda link, event: self.postman.on_answered(link.session.gate, event),
            DeliverUnknown: lambda _, event: self.postman.on_unanswered(event),
            DeliverUnsent: lambda _, event: self.postman.on_unanswered(event),
        }

    def start(self) -> None:
        """Take up what an earlier life left."""
        self._file.load(State(self.postman.mailbox, self.phones, self.msg_ids))
        for account in self._settings.accounts:
            self.postman.pump(account.sp_id)

    def stop(self) -> None:
        """Do nothing more."""
        self.postman.stop()
        self._file.close()

    def clear(self) -> None:
        """Forget messages, phones and counters; links stay."""
        self.postman.stop()
        self.postman.mailbox.clear()
        self.phones.clear()
        self._tally.clear()
        self._file.clear()

    async def handle(self, connection: SmscConnection, events: list[Event]) -> None:
        """Handle what happened on a link."""
        for event in events:
            handler = self._handlers.get(type(event))
            if handler is not None:
                handler(connection, event)
        connection.flush()
        self._ledger.history.touch()

    # Links

    def _on_bound(self, connection: SmscConnection, event: Bound) -> None:
        detail = f"version {event.version:#04x}" if event.version else ""
        connection.session.gate.record(Happening.LINK_BOUND, detail=detail)
        if self._dialect.takes_deliveries(connection.session.inner):
            self.postman.open_route(connection)

    def _on_login_rejected(self, connection: SmscConnection, event: LoginRejected | LoginRefused) -> None:
        connection.session.gate.record(Happening.LOGIN_REJECTED, detail=f"{event.status} {event.reason}")

    def _on_link_closed(self, connection: SmscConnection, event: LinkClosed) -> None:
        gate = connection.session.gate
        gate.record(Happening.LINK_CLOSED, detail=event.reason)
        if event.reason == "keepalive_timeout":
            gate.violate("active_test_unanswered", "the client does not say that it is there")
        self.postman.close_route(connection)

    # Messages

    def _on_submit(self, connection: SmscConnection, event: SubmitReceived[Any]) -> None:
        gate, pdu = connection.session.gate, event.pdu
        fault = gate.submit_fault(pdu)
        script = ORDINARY_REPORT if fault is None else fault.report
        result = 0 if fault is None else fault.choose_result(self._dialect.codes)
        answers = gate.submits.answers
        answer = self._recall(answers, pdu)
        reports: list[Delivery] = []
        if answer is None and (fault is None or fault.plan.applied):
            msg_id, reports = self._accept(gate, pdu, script)
            answer = Answer(pdu, msg_id if result == 0 else b"", result)
            answers.remember(answer)
        if script.timing is ReportTiming.BEFORE_RESPONSE:
            self.postman.release(reports, 0.0)
        answer = answer or Answer(pdu, b"", result)
        self._answer(connection, event.sequence, answer)
        if script.timing is ReportTiming.AFTER_RESPONSE:
            self.postman.release(reports, self._settings.report_delay_s + script.delay_s)

    def _recall(self, answers: Answers, pdu: Any) -> Answer | None:
        """Return what a SUBMIT is answered with that came before, also in an earlier life, or bears another's number.

        Those two are known where numbers name messages for good.
        """
        answer = answers.recall(pdu)
        if answer is not None or not answers.lasting:
            return answer
        if answers.is_taken(pdu):
            return Answer(pdu, b"", self._dialect.codes.sequence_reused)
        msg_id = self._dialect.name_submit(pdu, bytes)
        numbers = self._dialect.read_submit(pdu).numbers
        return Answer(pdu, msg_id, 0) if any(self.phones.find(number).holds(msg_id) for number in numbers) else None

    @staticmethod
    def _answer(connection: SmscConnection, sequence: int, answer: Answer) -> None:
        session = connection.session.inner
        if isinstance(session, SubmitTaker):
            session.answer_submit(sequence, answer.msg_id, answer.result, connection.now())

    def _accept(self, gate: LinkGate, pdu: Any, script: ReportScript) -> tuple[bytes, list[Delivery]]:
        """Carry a SUBMIT out; return its (first) id and its reports, which are kept but do not go yet."""
        submission = self._dialect.read_submit(pdu)
        self._count_submit(gate, submission, script)
        first_id = b""
        reports: list[Delivery] = []
        for number in submission.numbers:
            msg_id = self._dialect.name_submit(pdu, lambda: self.msg_ids.make(self._ledger.local_time()))
            first_id = first_id or msg_id
            reading = self._dialect.read(pdu)
            gate.record(Happening.SUBMIT_ACCEPTED, pdu=pdu, reading=reading, number=number, msg_id=msg_id)
            self._ring(gate, submission, number, msg_id)
            if submission.wants_report and script.timing is not ReportTiming.NEVER:
                reports += [self._write_report(gate, submission, number, msg_id, script) for _ in range(script.copies)]
        return first_id, reports

    def _ring(self, gate: LinkGate, submission: Submission, number: str, msg_id: bytes) -> None:
        part = Part(number, submission.service_code, submission.segment, msg_id, self._ledger.local_time())
        self._file.add_part(part)
        message = self.phones.receive(part)
        if message is not None:
            gate.record(Happening.ARRIVED, number=number, text=message.text, msg_id=msg_id)

    def _write_report(
        self, gate: LinkGate, submission: Submission, number: str, msg_id: bytes, script: ReportScript
    ) -> Delivery:
        now = self._ledger.local_time()
        report = StatusReport(
            msg_id=self.msg_ids.make(now),
            subject=msg_id,
            stat=script.stat,
            stamp=now.strftime(STAMP),
            number=number,
            service_code=submission.service_code,
            service_id=submission.service_id,
            old_layout=script.old_layout,
        )
        gate.record(Happening.REPORT_QUEUED, number=number, msg_id=msg_id, detail=script.stat)
        return self.postman.keep(gate.sp_id, report)

    # Questions

    def _on_request(self, connection: SmscConnection, event: RequestReceived[Any]) -> None:
        session = connection.session.inner
        answer = self._dialect.answer_request(event.pdu, session.account, self._tally)
        if answer is not None and isinstance(session, Listening) and not session.closed:
            session.respond(answer, connection.now())

    def _count_submit(self, gate: LinkGate, submission: Submission, script: ReportScript) -> None:
        day, users = self._ledger.today(), len(submission.numbers)
        delivered = outcome_of(script.stat) is Outcome.DELIVERED
        for name, step in (("mt_tl_msg", 1), ("mt_tl_usr", users), ("mt_scs" if delivered else "mt_fl", users)):
            self._tally.count(day, gate.sp_id, submission.service_id, name, step)
