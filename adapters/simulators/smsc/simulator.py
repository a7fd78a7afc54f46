"""The SMS gateway simulator: a carrier's ISMG as an SP sees it, with subscribers' phones behind it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from adapters.session.events import Fault
from adapters.session.settings import LinkSettings
from adapters.session.state import LinkState
from adapters.simulators.faults import FaultDeck, FaultStatus
from adapters.simulators.history import DEFAULT_WAIT_S
from adapters.simulators.smsc.caller import Caller
from adapters.simulators.smsc.dialect import FarEnd, Welcome
from adapters.simulators.smsc.dialects import make_dialect
from adapters.simulators.smsc.entries import Entry, EntryFilter
from adapters.simulators.smsc.exchange import Exchange
from adapters.simulators.smsc.fault import SmscFault
from adapters.simulators.smsc.ledger import Ledger
from adapters.simulators.smsc.link import Belongings, LinkGate
from adapters.simulators.smsc.mailbox import Delivery
from adapters.simulators.smsc.messages import STAMP
from adapters.simulators.smsc.mo import MobileOriginated
from adapters.simulators.smsc.phones import Phone
from adapters.simulators.smsc.postman import SmscConnection, SmscSession
from adapters.simulators.smsc.rules import PartChecks
from adapters.simulators.smsc.session import GatedSession
from adapters.simulators.smsc.settings import Account, CallBack, SmscSettings
from adapters.simulators.smsc.submits import Answers
from adapters.transport.server import StreamServer
from adapters.transport.stream import DEFAULT_CLOCK
from optout.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class Sent:
    """What a phone sent: the Msg_Id of each part, and the history's last index before."""

    msg_ids: tuple[bytes, ...]
    after_index: int


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """An open connection; `version` is 0 until known."""

    number: int
    account: str
    version: int
    state: LinkState
    unanswered_submits: int


class SmscSimulator:
    """Serves SPs on one port. Everything it saw is in `history`, every broken rule in `violations`.

    Raises `ValueError` for a version that the protocol does not have.
    """

    def __init__(self, settings: SmscSettings, clock: Clock = DEFAULT_CLOCK) -> None:
        self.settings = settings
        self._clock = clock
        self._ledger = Ledger(clock, settings.history_limit)
        self._deck: FaultDeck[SmscFault] = FaultDeck()
        self._dialect = make_dialect(settings)
        self._check_versions(settings.version, *(account.version for account in settings.accounts))
        self._exchange = Exchange(settings, self._dialect, self._ledger)
        self._parts: dict[str, PartChecks] = {account.sp_id: PartChecks() for account in settings.accounts}
        self._answers = Answers(lasting=True) if self._dialect.codes.sequence_reused else None
        self._shared = Belongings(settings, self._dialect, self._ledger, self._deck, self._parts, self._answers)
        self._numbers = itertools.count(1)
        self._references = itertools.count(1)
        self._server = StreamServer(
            self._make_server, self._exchange.handle, host=settings.host, port=settings.port, clock=clock
        )
        self._callers = {
            account.sp_id: self._make_caller(account, account.call_back)
            for account in settings.accounts
            if account.call_back is not None
        }
        self._exchange.postman.summon = self._summon

    # Life

    async def start(self) -> None:
        """Take up an earlier life and listen; raise `OSError` where that is not possible."""
        self._exchange.start()
        await self._server.start()

    async def stop(self, drain_s: float = 1.0) -> None:
        """Take every link down gently, cut after `drain_s`."""
        await asyncio.gather(self._server.stop(drain_s), *(caller.stop(drain_s) for caller in self._callers.values()))
        self._exchange.stop()

    @property
    def port(self) -> int:
        """The port SPs are served on."""
        return self._server.port

    # Steering

    def send_mo(self, message: MobileOriginated) -> Sent:
        """Send a text from a phone; it is delivered until acknowledged. Raises `ValueError` for what cannot be sent."""
        account = self.settings.find_account(message.account)
        if account is None:
            raise ValueError("no such account")
        dialect = self._dialect
        if any(len(msg_id) != dialect.msg_id_bytes for msg_id in message.msg_ids):
            raise ValueError(f"a msg_id has {dialect.msg_id_bytes} bytes")
        segments = message.segments(next(self._references), dialect.ascii_bytes, gb=dialect.writes_gb)
        parts = message.choose_parts(segments)
        after_index = self._ledger.history.last_index
        now = self._ledger.local_time()
        made = (
            self._exchange.msg_ids.make(now, gateway_offset=place if message.vary_gateway else 0)
            for place in range(len(parts))
        )
        msg_ids = message.msg_ids or tuple(made)
        for segment, msg_id in zip(parts, msg_ids, strict=True):
            part = message.make_part(segment, msg_id, account.service_code, now.strftime(STAMP))
            for _ in range(message.copies):
                self._exchange.postman.post(account.sp_id, part, message.text)
        self._exchange.postman.pump(account.sp_id)
        return Sent(msg_ids, after_index)

    def set_faults(self, *faults: SmscFault) -> list[FaultStatus]:
        """Set other faults; return how the old ones fared. Raises `ValueError` for what the protocol cannot suffer."""
        self._check_versions(*(fault.answered_version for fault in faults))
        return self._deck.replace(faults)

    def reset(self) -> None:
        """Forget history, violations, faults, phones and what is not acknowledged. Links stay up."""
        self._deck.replace(())
        self._exchange.clear()
        if self._answers is not None:
            self._answers.clear()
        for checks in self._parts.values():
            checks.clear()
        self._ledger.clear()

    async def close_links(self, account: str = "", *, gently: bool = False) -> int:
        """Take links down, all or one account's; `gently` with TERMINATE. Returns how many there were."""
        chosen = [link for link in self._connections if account in ("", link.session.inner.account)]
        if gently:
            await asyncio.gather(*(link.drain(self.settings.resend_s) for link in chosen))
        for link in chosen:
            link.abort("closed_by_operator", Fault.LOCAL)
        await asyncio.gather(*(link.wait_finished() for link in chosen))
        return len(chosen)

    # Looking

    @property
    def history(self) -> list[Entry]:
        """Everything that happened and is still kept, in order."""
        return list(self._ledger.history.after(0))

    @property
    def first_index(self) -> int:
        """Index of the oldest entry kept."""
        return self._ledger.history.first_index

    @property
    def last_index(self) -> int:
        """Index of the newest entry; 0 before the first."""
        return self._ledger.history.last_index

    @property
    def violations(self) -> list[Entry]:
        """Every rule broken since the last reset."""
        return list(self._ledger.violations)

    @property
    def phones(self) -> list[Phone]:
        """The phones that something reached."""
        return self._exchange.phones.all()

    @property
    def unacknowledged(self) -> list[Delivery]:
        """Messages and reports no SP has acknowledged, oldest first."""
        return self._exchange.postman.mailbox.unacknowledged()

    @property
    def faults(self) -> list[FaultStatus]:
        """How the faults that are set have fared."""
        return self._deck.statuses()

    @property
    def links(self) -> list[LinkStatus]:
        """The open connections."""
        return sorted(map(_describe, self._connections), key=lambda link: link.number)

    def phone(self, number: str) -> Phone:
        """Return a subscriber's phone; the number in any spelling."""
        return self._exchange.phones.find(number)

    def find(self, wanted: EntryFilter, limit: int | None = None) -> list[Entry]:
        """Return the entries that fit, the earliest `limit` of them."""
        fitting: Iterable[Entry] = filter(wanted.fits, self._ledger.history.after(wanted.after_index))
        return list(itertools.islice(fitting, limit))

    def assert_clean(self) -> None:
        """Raise `ViolationsError` if an SP broke a rule."""
        self._ledger.assert_clean()

    async def wait_for(self, wanted: EntryFilter, *, count: int = 1, timeout_s: float = DEFAULT_WAIT_S) -> list[Entry]:
        """Return the first `count` entries that fit, as soon as they are there; raise `WaitError`."""
        history = self._ledger.history
        return await history.wait_for(wanted.fits, count=count, after_index=wanted.after_index, timeout_s=timeout_s)

    async def wait_settled(self, *, timeout_s: float = DEFAULT_WAIT_S) -> None:
        """Return once everything is acknowledged and no SUBMIT waits for its answer; raise `WaitError`."""
        await self._ledger.history.wait_until(self._is_settled, timeout_s=timeout_s)

    def _is_settled(self) -> bool:
        waiting = any(link.session.gate.submits.waiting for link in self._server.connections)
        return not waiting and not len(self._exchange.postman.mailbox)

    def _check_versions(self, *versions: int | None) -> None:
        if any(version not in (None, *self._dialect.versions) for version in versions):
            raise ValueError(f"no such version of {self.settings.protocol.value}")

    @property
    def _connections(self) -> list[SmscConnection]:
        made = [connection for caller in self._callers.values() for connection in caller.connections]
        return [*self._server.connections, *made]

    def _summon(self, account: str) -> None:
        if account in self._callers:
            self._callers[account].call()

    def _make_server(self) -> SmscSession:
        gate = self._make_gate()
        return self._make_session(gate, self._dialect.make_server(Welcome(gate.judge_login, self._make_link())))

    def _make_caller(self, account: Account, call_back: CallBack) -> Caller:
        def make_session() -> SmscSession:
            inner = self._dialect.make_caller(account, call_back, self._make_link())
            return self._make_session(self._make_gate(), inner)

        settings = self.settings
        return Caller(call_back, make_session, self._exchange.handle, redial_s=settings.redial_s, clock=self._clock)

    def _make_gate(self) -> LinkGate:
        return LinkGate(next(self._numbers), self._shared)

    def _make_session(self, gate: LinkGate, inner: FarEnd) -> SmscSession:
        gate.session = GatedSession(inner, gate, self._dialect.codec, self._clock.monotonic)
        return gate.session

    def _make_link(self) -> LinkSettings:
        settings, dialect = self.settings, self._dialect
        return LinkSettings(
            window=settings.window or dialect.window,
            request_timeout_s=settings.resend_s,
            request_attempts=settings.resend_attempts,
            keepalive_s=settings.keepalive_s,
            idle_close_s=settings.idle_close_s if dialect.rests else None,
            login_timeout_s=settings.login_timeout_s,
            settle_s=0.0,
        )


def _describe(connection: SmscConnection) -> LinkStatus:
    gate, inner = connection.session.gate, connection.session.inner
    return LinkStatus(gate.number, inner.account, int(inner.version or 0), inner.state, gate.submits.waiting)
