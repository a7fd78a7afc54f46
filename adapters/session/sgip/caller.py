"""The SMG's end of a connection that it makes to an SP, to deliver messages and reports."""

from __future__ import annotations

from adapters.session.events import DeliverUnknown, DeliverUnsent
from adapters.session.roles import Deliverer
from adapters.session.sgip.dialling import DiallingPeer, DialSettings
from adapters.session.sgip.numbers import SgipNumbers
from adapters.wire.sgip import DeliverResp, LoginType, ReportResp, UserRptResp


class SgipCaller(DiallingPeer, Deliverer):
    """One login of an SMG at an SP: `deliver` takes a `Deliver`, a `Report` or a `UserRpt`."""

    def __init__(self, settings: DialSettings, numbers: SgipNumbers | None = None) -> None:
        super().__init__(settings, LoginType.SMG_TO_SP, DeliverUnknown, DeliverUnsent, numbers)
        self._handlers |= dict.fromkeys((DeliverResp, ReportResp, UserRptResp), self._on_answer)

    def _on_answer(self, pdu: DeliverResp | ReportResp | UserRptResp, now: float) -> None:
        self._take_deliver_answer(pdu, pdu.sequence.to_bytes(), pdu.result)
