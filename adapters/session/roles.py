"""The four roles around messages; an end of a connection is a peer with one or two of them.

=============  =================  =======================================
role           played by          in
=============  =================  =======================================
`Submitter`    the SP             CMPP, SMGP; SGIP where the SP dials
`Receiver`     the SP             CMPP, SMGP; SGIP where the SMG dials
`SubmitTaker`  the gateway        CMPP, SMGP; SGIP where the SP dials
`Deliverer`    the gateway        CMPP, SMGP; SGIP where the SMG dials
=============  =================  =======================================
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from adapters.session.errors import LinkStateError
from adapters.session.events import (
    DeliverAnswered,
    DeliverReceived,
    Event,
    Fault,
    RequestReceived,
    Retry,
    RetryClass,
    SubmitAccepted,
    SubmitReceived,
    SubmitRejected,
)
from adapters.session.inbox import Admission
from adapters.session.peer import RESPONSE_BIT, Peer
from adapters.session.results import ResultTable

OK = 0


class Submitter(Peer):
    """Sends SUBMITs, and tells what became of each."""

    _results: ResultTable

    def submit(self, pdu: Any, token: object, now: float) -> int:
        """Queue a message and return the sequence number given to it; `pdu.sequence` is not looked at.

        The token comes back exactly once, in a `SubmitAccepted`, `SubmitRejected`, `SubmitUnknown` or `SubmitUnsent`.
        Raises `LinkStateError` unless the link is bound, `BacklogFullError`, and `WireError` for what does not encode.
        """
        return self.link.request(self._encode(pdu), token, now)

    def _take_submit_answer(self, pdu: Any, msg_id: bytes, result: int, now: float) -> None:
        """Settle the request that `pdu` answers; what was refused for flow control goes out again, if it may."""
        sequence = int(pdu.sequence)
        request = self.link.answered(sequence)
        if request is None:
            self._on_unexpected_response(pdu)
            return
        if result == OK:
            self.link.throttle.recover()
            self.link.emit(SubmitAccepted(request.token, sequence, msg_id))
            return
        self.counters["submit_result_" + self._results.label(result)] += 1
        retry_class = self._results.classify(result)
        if retry_class is not RetryClass.TRANSIENT or not self.link.try_again(request, now):
            self.link.emit(SubmitRejected(request.token, sequence, result, retry_class))


class Receiver(Peer):
    """Hands messages and status reports over, and acknowledges what it is told to."""

    def acknowledge(self, sequence: int, msg_id: bytes, result: int, now: float) -> bool:
        """Answer a DELIVER, and every copy of it that came meanwhile, by the `sequence` and `msg_id` it came with.

        Returns False when it is no longer in hand, for instance because the link was lost: the peer will send it again.
        """
        return self._answer((sequence, msg_id), lambda copy: self._make_deliver_answer(copy, msg_id, result), now)

    def release(self, sequence: int, msg_id: bytes, now: float) -> None:
        """Give a DELIVER back unanswered: the peer will send it again, and it will be handed over again."""
        self._release((sequence, msg_id), now)

    def abandon(self, events: Iterable[Event], now: float) -> None:
        """Release every DELIVER among `events`: their handler failed."""
        for event in events:
            if isinstance(event, DeliverReceived):
                self.release(event.sequence, self.name_message(event.pdu), now)

    @abstractmethod
    def name_message(self, pdu: Any) -> bytes:
        """Return the id that the peer gave a message."""

    @abstractmethod
    def _make_deliver_answer(self, sequence: int, msg_id: bytes, result: int) -> Any:
        """Return the PDU that answers a DELIVER."""


class Listening(Peer):
    """The end that does not speak first: nobody but a client that is logged in may ask it for anything."""

    def respond(self, pdu: Any, now: float) -> None:
        """Send any response, for instance to a `RequestReceived`; raise `LinkStateError` on a closed link."""
        if self.closed:
            raise LinkStateError("link_closed")
        self._write(pdu)
        self.link.proceed(now)

    def _on_other(self, pdu: Any, now: float) -> None:
        command_id, sequence = self._header()
        if command_id & RESPONSE_BIT:
            super()._on_other(pdu, now)
        elif not self._closes_stranger():
            self.link.emit(RequestReceived(sequence, pdu))

    def _closes_stranger(self) -> bool:
        if self.link.awaits_login:
            self.link.close("not_logged_in", Fault.REMOTE, Retry.NO)
        return self.closed


class SubmitTaker(Listening):
    """Hands SUBMITs over, and answers what it is told to."""

    def answer_submit(self, sequence: int, msg_id: bytes, result: int, now: float) -> bool:
        """Answer a SUBMIT and every copy of it; False when it is no longer in hand."""
        return self._answer(sequence, lambda copy: self._make_submit_answer(copy, msg_id, result), now)

    def release(self, sequence: int, now: float) -> None:
        """Give a SUBMIT up unanswered: the client will send it again, and it will be handed over again."""
        self._release(sequence, now)

    def abandon(self, events: Iterable[Event], now: float) -> None:
        """Release every SUBMIT among `events`: their handler failed."""
        for event in events:
            if isinstance(event, SubmitReceived):
                self.release(event.sequence, now)

    def _take_submit(self, pdu: Any, now: float, clash_result: int) -> None:
        """Take a SUBMIT in hand; another message under the number of one in hand is answered `clash_result`."""
        if self._closes_stranger():
            return
        sequence = int(pdu.sequence)
        if self._admit(sequence, pdu, SubmitReceived(sequence, pdu), now) is Admission.CLASH:
            self._write(self._make_submit_answer(sequence, b"", clash_result))

    @abstractmethod
    def _make_submit_answer(self, sequence: int, msg_id: bytes, result: int) -> Any:
        """Return the PDU that answers a SUBMIT; `msg_id` is empty where there is no message."""


class Deliverer(Peer):
    """Sends messages and status reports to an SP, and tells which it acknowledged."""

    def deliver(self, pdu: Any, token: object, now: float) -> int:
        """Queue a DELIVER and return the sequence number given to it; `pdu.sequence` is not looked at.

        The token comes back exactly once, in a `DeliverAnswered`, `DeliverUnknown` or `DeliverUnsent`.
        Raises `LinkStateError` unless the link is bound, `BacklogFullError`, and `WireError` for what does not encode.
        """
        return self.link.request(self._encode(pdu), token, now)

    def _take_deliver_answer(self, pdu: Any, msg_id: bytes, result: int) -> None:
        sequence = int(pdu.sequence)
        request = self.link.answered(sequence)
        if request is None:
            self._on_unexpected_response(pdu)
        else:
            self.link.emit(DeliverAnswered(request.token, sequence, msg_id, result))
