"""From phones to SPs: messages and status reports, kept until they are acknowledged.

1. What is not acknowledged is sent again under the same sequence number every T, N times; then under a new one; and on
   the account's next login if the link is lost.
2. Flow control asks for another try after T; any other refusal is for good.
3. A delivery is in the state file before anybody hears of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from adapters.session.errors import LinkStateError
from adapters.session.events import DeliverAnswered, DeliverUnknown, DeliverUnsent
from adapters.session.roles import Deliverer
from adapters.session.state import LinkState
from adapters.simulators.smsc.dialect import Dialect
from adapters.simulators.smsc.entries import Happening
from adapters.simulators.smsc.ledger import Ledger
from adapters.simulators.smsc.link import LinkGate
from adapters.simulators.smsc.mailbox import Delivery, Mailbox
from adapters.simulators.smsc.messages import Mo, Parcel, StatusReport
from adapters.simulators.smsc.session import GatedSession
from adapters.simulators.smsc.settings import SmscSettings
from adapters.simulators.smsc.statefile import StateFile
from adapters.simulators.smsc.tally import Tally
from adapters.transport.stream import Connection
from adapters.wire.errors import WireError

SmscSession = GatedSession[LinkGate]
SmscConnection = Connection[SmscSession]


class Postman:
    """Carries deliveries to the links of their accounts."""

    def __init__(self, settings: SmscSettings, dialect: Dialect, ledger: Ledger, file: StateFile, tally: Tally) -> None:
        self.mailbox = Mailbox()
        self._settings = settings
        self._window = settings.window or dialect.window
        self._dialect = dialect
        self._ledger = ledger
        self._file = file
        self._tally = tally
        self._links: dict[int, SmscConnection] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self.summon: Callable[[str], None] = lambda account: None
        """Called when something waits for an account and no link is there to carry it."""

    def post(self, account: str, mo: Mo, text: str) -> None:
        """Take a phone's message."""
        delivery = self.keep(account, mo, text)
        self.mailbox.release(delivery)
        self._ledger.record(Happening.MO_QUEUED, account=account, number=mo.number, text=text, msg_id=mo.msg_id)
        self._count(delivery, "mo_wt")

    def keep(self, account: str, parcel: Parcel, text: str = "") -> Delivery:
        """Keep a delivery for later; `release` lets it go."""
        delivery = self.mailbox.add(account, parcel, text)
        self._file.add_delivery(delivery)
        return delivery

    def release(self, deliveries: list[Delivery], delay_s: float) -> None:
        """Let what was kept go, so much later."""
        if delay_s > 0:
            self._later(delay_s, lambda: self.release(deliveries, 0.0))
            return
        for delivery in deliveries:
            self.mailbox.release(delivery)
        for account in {delivery.account for delivery in deliveries}:
            self.pump(account)

    def open_route(self, connection: SmscConnection) -> None:
        """An account has logged in: what waits for it can go."""
        self._links[connection.session.gate.number] = connection
        self.pump(connection.session.inner.account)

    def close_route(self, connection: SmscConnection) -> None:
        """The link is gone; another one of the account may take over."""
        self._links.pop(connection.session.gate.number, None)
        self.pump(connection.session.inner.account)

    def pump(self, account: str) -> None:
        """Send what is ready, as far as the windows allow."""
        links = [link for link in self._links.values() if _serves(link, account)]
        for connection in links:
            self._fill(connection, account)
        if not links and self.mailbox.has_ready(account):
            self.summon(account)

    def on_answered(self, gate: LinkGate, event: DeliverAnswered) -> None:
        """Settle a delivery, or try again later."""
        delivery = event.token
        if not isinstance(delivery, Delivery) or delivery not in self.mailbox:
            return
        if event.result == self._dialect.codes.flow_control:
            self.release([delivery], self._settings.resend_s)
        elif event.result != 0:
            self._refuse(delivery, f"result {event.result}")
        else:
            self._acknowledge(gate, delivery)
        self.pump(delivery.account)

    def on_unanswered(self, event: DeliverUnknown | DeliverUnsent) -> None:
        """Send it again."""
        if isinstance(event.token, Delivery) and event.token in self.mailbox:
            self.release([event.token], 0.0)

    def stop(self) -> None:
        """Do nothing more by itself."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _fill(self, connection: SmscConnection, account: str) -> None:
        session = connection.session.inner
        while session.outstanding + session.queued < self._window:
            delivery = self.mailbox.take(account)
            if delivery is None or not self._send(connection, delivery):
                break
        connection.flush()

    def _send(self, connection: SmscConnection, delivery: Delivery) -> bool:
        """Send a delivery; False if nothing can be sent on this link just now."""
        far_end = connection.session.inner
        try:
            pdu = self._dialect.lay_out(delivery.parcel, far_end.version)
            if isinstance(far_end, Deliverer):
                far_end.deliver(pdu, delivery, connection.now())
        except LinkStateError:
            self.mailbox.release(delivery)
            return False
        except WireError as error:
            self._refuse(delivery, error.reason)
            return True
        delivery.link = connection.session.gate.number
        delivery.sends += 1
        return True

    def _acknowledge(self, gate: LinkGate, delivery: Delivery) -> None:
        self._settle(delivery)
        self._count(delivery, "mo_scs")
        parcel = delivery.parcel
        if isinstance(parcel, StatusReport):
            gate.record(Happening.REPORT_ACKNOWLEDGED, number=parcel.number, msg_id=parcel.subject)
        else:
            gate.record(Happening.MO_ACKNOWLEDGED, number=parcel.number, text=delivery.text, msg_id=parcel.msg_id)

    def _refuse(self, delivery: Delivery, detail: str) -> None:
        self._settle(delivery)
        self._count(delivery, "mo_fl")
        number, msg_id = delivery.parcel.number, delivery.parcel.msg_id
        self._ledger.record(Happening.REFUSED, account=delivery.account, number=number, msg_id=msg_id, detail=detail)

    def _settle(self, delivery: Delivery) -> None:
        self.mailbox.settle(delivery)
        self._file.settle(delivery)
        self._count(delivery, "mo_wt", -1)

    def _count(self, delivery: Delivery, name: str, step: int = 1) -> None:
        if not delivery.is_report:
            day = self._ledger.today()
            self._tally.count(day, delivery.account, delivery.parcel.service_id, name, step)

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(delay_s, run)
        self._timers.add(timer)


def _serves(connection: SmscConnection, account: str) -> bool:
    session = connection.session.inner
    return session.account == account and session.state is LinkState.BOUND
