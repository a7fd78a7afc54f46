"""The SP's end of a connection to an SMG."""

from __future__ import annotations

from adapters.session.events import SubmitUnknown, SubmitUnsent
from adapters.session.roles import Submitter
from adapters.session.sgip.dialling import DiallingPeer, DialSettings
from adapters.session.sgip.numbers import SgipNumbers
from adapters.session.sgip.results import RESULTS
from adapters.wire.sgip import LoginType, SubmitResp


class SgipClient(DiallingPeer, Submitter):
    """One login of an SP: sends Submits. Reports on them come by connections of the SMG's, see `SgipListener`.

    A `SubmitAccepted` has as `msg_id` the 12 bytes of the Submit's own number, which its report will name.
    """

    def __init__(self, settings: DialSettings, numbers: SgipNumbers | None = None) -> None:
        super().__init__(settings, LoginType.SP_TO_SMG, SubmitUnknown, SubmitUnsent, numbers)
        self._results = RESULTS[settings.dialect]
        self._handlers[SubmitResp] = self._on_submit_resp

    def _on_submit_resp(self, pdu: SubmitResp, now: float) -> None:
        self._take_submit_answer(pdu, pdu.sequence.to_bytes(), pdu.result, now)
