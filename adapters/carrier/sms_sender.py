"""What is sent to subscribers: out of the journal, onto whichever link is up.

A part is claimed, which makes it SENT in the journal, before the link gets it; what the link then says of it goes back
into the journal (`adapters.journal.rules` has the two bits of failure). One loop serves all links: a link that is down
or resting is passed over, and nothing is claimed for it, so what waits, waits in the journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence

from adapters.carrier.metrics import Metrics
from adapters.carrier.settings import SmsConfig
from adapters.carrier.sms_link import (
    LinkDownError,
    OutgoingSms,
    SendAccepted,
    SendGivenUp,
    SendLost,
    SendRefused,
    SendReturned,
    SmsLink,
    UnsendableError,
)
from adapters.journal.base import Journal
from adapters.journal.errors import JournalError
from adapters.journal.rows import Send
from optout.kit.clock import Clock

log = logging.getLogger(__name__)

SendEvent = SendAccepted | SendRefused | SendReturned | SendGivenUp | SendLost
UNENCODABLE = "UNENCODABLE"


class Sender:
    """Sends what is queued. `on_news` is called when the gateway may be owed something."""

    def __init__(
        self,
        links: Sequence[SmsLink],
        journal: Journal,
        metrics: Metrics,
        clock: Clock,
        config: SmsConfig,
        on_news: Callable[[], None],
    ) -> None:
        self._links = links
        self._journal = journal
        self._metrics = metrics
        self._clock = clock
        self._config = config
        self._on_news = on_news
        self._wake = asyncio.Event()
        self._under_way: Counter[str] = Counter()
        self._rests_until: dict[str, float] = {}
        self._unwritten: deque[tuple[SmsLink, SendEvent]] = deque()

    def wake(self) -> None:
        """Look into the journal now."""
        self._wake.set()

    async def recover(self) -> None:
        """Take up what an earlier process left. Raises `JournalError`."""
        waiting = await self._journal.recover([link.account for link in self._links], self._clock.now_ms())
        if waiting:
            log.warning("sends without an answer from before", extra={"count": waiting})

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.poll_s):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._write_late()
                for link in self._links:
                    await self._serve(link)
            except JournalError as error:
                log.error("journal failed", extra={"reason": error.reason})

    async def handle(self, link: SmsLink, event: SendEvent) -> None:
        """Write down what became of a part; what the journal cannot take now is written later."""
        self._under_way[link.name] -= 1
        self._metrics.send(_OUTCOMES[type(event)])
        try:
            await self._write(link, event)
        except JournalError:
            self._unwritten.append((link, event))
            raise
        self._on_news()
        self._wake.set()

    async def _write(self, link: SmsLink, event: SendEvent) -> None:
        now_ms = self._clock.now_ms()
        match event:
            case SendAccepted(key, sequence, msg_id):
                await self._journal.accept(key, link.account, sequence, msg_id, now_ms)
            case SendRefused(key, sequence, code):
                log.warning("the centre refused a message", extra={"link": link.name, "code": code})
                await self._journal.refuse(key, sequence, code, now_ms)
            case SendReturned(key, reason, rest_s):
                self._rest(link, self._config.throttle_pause_s if reason == "flow_control" else rest_s)
                await self._journal.give_back(key)
            case SendGivenUp(key, sequence):
                await self._journal.give_up(key, sequence, now_ms)
            case SendLost(key, sequence):
                await self._journal.lose(key, sequence, now_ms)

    async def _write_late(self) -> None:
        while self._unwritten:
            await self._write(*self._unwritten[0])
            self._unwritten.popleft()

    async def _serve(self, link: SmsLink) -> None:
        while (room := self._room(link)) > 0:
            sends = await self._journal.claim(link.account, room, self._clock.now_ms())
            for send in sends:
                await self._send(link, send)
            if len(sends) < room:
                return

    def _rest(self, link: SmsLink, rest_s: float) -> None:
        until = self._clock.monotonic() + rest_s
        self._rests_until[link.name] = max(until, self._rests_until.get(link.name, until))

    def _room(self, link: SmsLink) -> int:
        if not link.is_up or self._clock.monotonic() < self._rests_until.get(link.name, 0.0):
            return 0
        return link.capacity - self._under_way[link.name]

    async def _send(self, link: SmsLink, send: Send) -> None:
        message = OutgoingSms(send.key, send.key.part, send.parts, send.number, send.body, send.link_tag)
        self._under_way[link.name] += 1
        try:
            link.send(message)
        except LinkDownError as error:
            await self.handle(link, SendReturned(send.key, error.reason))
        except UnsendableError as error:
            log.error("a message does not encode", extra={"reason": error.reason})
            await self.handle(link, SendRefused(send.key, 0, UNENCODABLE))


_OUTCOMES: dict[type[SendEvent], str] = {
    SendAccepted: "accepted",
    SendRefused: "refused",
    SendReturned: "returned",
    SendGivenUp: "given_up",
    SendLost: "lost",
}
