"""The CRM at work: it books, repeats what it should repeat, breaks what it is told to break, and keeps account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from adapters.simulators.crm.entries import Booked, Booking, CrmEntry, CrmFault, CrmFilter, Event, Spoil
from adapters.simulators.crm.rules import Ledger
from adapters.simulators.crm.settings import CrmSettings
from adapters.simulators.crm.tongues import Reply, choose_tongue
from adapters.simulators.crm.wires import CutError, Post, send
from adapters.simulators.faults import FaultDeck, FaultPlan, FaultStatus
from adapters.simulators.history import DEFAULT_WAIT_S, History, ViolationsError, read_wall
from adapters.wire.answer import Answer, Retry
from adapters.wire.errors import WireError

_WHOLE = FaultPlan()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One request of a booking."""

    booking: Booking
    serial: str
    number: int


class CrmSimulator:
    """One carrier's CRM. `start` before and `stop` after; everything in between from one event loop."""

    def __init__(self, settings: CrmSettings) -> None:
        self.settings = settings
        self._tongue = choose_tongue(settings)
        self._ledger = Ledger()
        self._deck: FaultDeck[CrmFault] = FaultDeck()
        self._history: History[CrmEntry] = History(settings.history_limit)
        self._count = 0
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Be ready to book."""
        timeout = aiohttp.ClientTimeout(total=self.settings.timeout_s)
        connector = aiohttp.TCPConnector(limit=0, ssl=self.settings.tls or True)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)

    async def stop(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def book(self, booking: Booking) -> Booked:
        """Book an order, and return once it is answered for good, or was sent as often as allowed.

        Copies go out at once and each is answered; the first one's answer is returned.
        """
        self._count += 1
        serial = booking.serial or self._tongue.make_serial(self.settings.clock.now_ms(), self._count)
        booked = await asyncio.gather(*(self._book_copy(booking, serial) for _ in range(booking.copies)))
        return booked[0]

    def set_faults(self, *faults: CrmFault) -> list[FaultStatus]:
        """Set other faults; return how the old ones fared."""
        return self._deck.replace(faults)

    @property
    def faults(self) -> list[FaultStatus]:
        """How each fault has fared."""
        return self._deck.statuses()

    def find(self, wanted: CrmFilter, limit: int) -> list[CrmEntry]:
        """Return the first entries that fit."""
        found = (entry for entry in self._history.after(wanted.after_index) if wanted.fits(entry))
        return [entry for entry, _ in zip(found, range(limit), strict=False)]

    async def wait_for(self, wanted: CrmFilter, *, count: int = 1, timeout_s: float = DEFAULT_WAIT_S) -> list[CrmEntry]:
        """Return the first `count` entries that fit, once there are as many; raise `WaitError`."""
        return await self._history.wait_for(
            wanted.fits, count=count, after_index=wanted.after_index, timeout_s=timeout_s
        )

    @property
    def last_index(self) -> int:
        """Index of the newest entry."""
        return self._history.last_index

    @property
    def violations(self) -> list[tuple[int, str]]:
        """Every rule that the adapter broke, and in which entry."""
        return [(entry.index, rule) for entry in self._history.after(0) for rule in entry.violations]

    def assert_clean(self) -> None:
        """Raise `ViolationsError` if the adapter broke any rule."""
        if self.violations:
            raise ViolationsError(self.violations)

    def reset(self) -> None:
        """Forget history, serials and faults."""
        self._history.clear()
        self._ledger.clear()
        self._deck.replace(())

    async def _book_copy(self, booking: Booking, serial: str) -> Booked:
        answer: Answer | None = None
        for number in range(1, self.settings.attempts + 1):
            if number > 1:
                await self.settings.clock.sleep(self.settings.retry_s)
            attempt = _Attempt(booking, serial, number)
            answer = await self._try(attempt)
            if answer is not None and answer.retry is not Retry.LATER:
                return Booked(serial, answer, number)
        self._note(attempt, Event.GIVEN_UP)
        return Booked(serial, answer, self.settings.attempts)

    async def _try(self, attempt: _Attempt) -> Answer | None:
        """Send one request; return its answer, or None if no reply was read."""
        booking = attempt.booking
        now_ms = self.settings.clock.now_ms()
        content_type, body = self._tongue.write(booking.order, attempt.serial, now_ms, booking.spoil)
        if booking.spoil is Spoil.BODY:
            body = body.replace(b"ChannelID", b"ChannelNo").replace(b"CHANNEL_ID", b"CHANNEL_NO")
        fault = self._deck.draw(lambda _: True, booking.order.number)
        self._note(attempt, Event.SENT, fault=fault.plan.name if fault else "")
        assert self._session is not None, "start() first"  # noqa: S101
        try:
            heard = await send(
                self._session,
                Post(self.settings.url, content_type, body, self.settings.tls),
                fault.plan if fault else _WHOLE,
            )
        except CutError as error:
            self._note(attempt, Event.UNHEARD, detail=error.reason)
            return None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._note(attempt, Event.UNHEARD, detail=type(error).__name__)
            return None
        return self._hear(attempt, *heard)

    def _hear(self, attempt: _Attempt, status: int, content_type: str, body: bytes) -> Answer | None:
        if status != 200:
            self._note(attempt, Event.UNHEARD, detail=f"http {status}", violations=("http_status",))
            return None
        try:
            reply: Reply = self._tongue.read(content_type, body)
        except WireError as error:
            self._note(attempt, Event.UNHEARD, detail=error.reason, violations=("reply_unreadable",))
            return None
        broken = tuple(self._ledger.check(attempt.booking, attempt.serial, reply))
        self._note(attempt, Event.HEARD, answer=reply.answer, violations=broken)
        return reply.answer

    def _note(
        self,
        attempt: _Attempt,
        event: Event,
        *,
        answer: Answer | None = None,
        detail: str = "",
        fault: str = "",
        violations: Sequence[str] = (),
    ) -> None:
        order = attempt.booking.order
        time = read_wall(self.settings.clock)
        self._history.append(
            lambda index: CrmEntry(
                index,
                time,
                event,
                attempt.serial,
                order.number,
                order.verb,
                attempt.number,
                answer.result if answer else None,
                answer,
                detail,
                fault,
                tuple(violations),
                order.desk,
            )
        )
