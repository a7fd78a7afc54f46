"""The SMS channel of a carrier: its links, what comes in by them and what goes out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from adapters.carrier.base import CarrierData, SmsData
from adapters.carrier.delivery_feed import DeliveryFeed
from adapters.carrier.gateway_client import Gateway
from adapters.carrier.metrics import Metrics
from adapters.carrier.notices import NoticeWriter
from adapters.carrier.settings import AdapterConfig, JournalConfig
from adapters.carrier.sms_intake import Intake, IntakeParts
from adapters.carrier.sms_link import LinkDown, LinkEvent, LinkHandler, LinkUp, MoReceived, ReportReceived, SmsLink
from adapters.carrier.sms_sender import Sender
from adapters.journal.base import Journal
from adapters.journal.errors import JournalError
from adapters.journal.rows import Report, Retention
from optout.kit.clock import Clock
from optout.kit.config import ConfigError, ConfigReason

log = logging.getLogger(__name__)

PURGE_EVERY_S = 3600.0
NO_TEXTS = SmsData(commands=(), categories={})
"""For a carrier without links: nothing comes in, notices wait for their expiry, and the journal is kept."""
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class ChannelParts:
    """What the channel works with; `make_links` is given the handler of their events."""

    data: CarrierData
    config: AdapterConfig
    journal: Journal
    gateway: Gateway
    writer: NoticeWriter
    metrics: Metrics
    clock: Clock
    make_links: Callable[[LinkHandler], Sequence[SmsLink]]


class SmsChannel:
    """Runs the channel. `start`, and later `stop`; everything durable is in the journal."""

    def __init__(self, parts: ChannelParts) -> None:
        self._parts = parts
        self._config = parts.config.sms
        self.links = parts.make_links(self.handle)
        if parts.data.sms is None and self.links:
            raise ConfigError(ConfigReason.BAD_VALUE, "links", f"{parts.data.id} has no SMS channel")
        self.feed = DeliveryFeed(
            parts.journal, parts.gateway, parts.metrics, parts.clock, parts.config.gateway, self._config.poll_s
        )
        self._sender = Sender(self.links, parts.journal, parts.metrics, parts.clock, self._config, self.feed.wake)
        self._intake = Intake(
            IntakeParts(
                parts.data,
                parts.data.sms or NO_TEXTS,
                parts.journal,
                parts.gateway,
                parts.writer,
                parts.metrics,
                parts.clock,
                self._config,
                self._sender.wake,
            )
        )
        self._tasks: list[asyncio.Task[None]] = []

    def wake_sender(self) -> None:
        """A notice waits in the journal."""
        self._sender.wake()

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts of the links."""
        return frozenset(link.account for link in self.links)

    @property
    def is_well(self) -> bool:
        """Whether any link can send, or could at once if it had to."""
        return any(link.is_well for link in self.links)

    def checks(self) -> Mapping[str, bool]:
        """Say whether texts can be sent, if the carrier has links at all."""
        return {"sms_link": self.is_well} if self.links else {}

    async def start(self) -> None:
        """Take up what an earlier process left, then begin. Raises `JournalError`, and `OSError` as links do."""
        await self._sender.recover()
        await self._intake.load()
        for work in (self._sender.run, self.feed.run, self._sweep):
            self._tasks.append(asyncio.create_task(work()))
        for link in self.links:
            self._parts.metrics.watch_link(link)
            await link.start()

    async def stop(self, drain_s: float) -> None:
        """Finish what is being worked on, take the links down gently, tell the gateway what it is owed."""
        await self._intake.drain(drain_s)
        await asyncio.gather(*(link.stop(drain_s) for link in self.links))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(drain_s):
                await self.feed.tell_all()
        except TimeoutError:
            log.warning("the gateway has not taken every delivery report; they are told at the next start")

    async def handle(self, link: SmsLink, events: Sequence[LinkEvent]) -> None:
        """Handle a link's events. Their journal writes are queued in order and share commits."""
        waiting: list[Awaitable[None]] = []
        for event in events:
            match event:
                case MoReceived():
                    self._intake.take(link, event)
                case ReportReceived():
                    waiting.append(self._take_report(link, event))
                case LinkUp():
                    self._sender.wake()
                case LinkDown(reason=reason):
                    log.info("link down", extra={"link": link.name, "reason": reason})
                case _:
                    waiting.append(self._sender.handle(link, event))
        for result in await asyncio.gather(*waiting, return_exceptions=True):
            if isinstance(result, JournalError):
                log.error("journal failed", extra={"reason": result.reason})
            elif isinstance(result, BaseException):
                raise result

    async def _take_report(self, link: SmsLink, event: ReportReceived) -> None:
        report = Report(link.account, event.msg_id, event.number, event.delivered, event.code[:16])
        try:
            match = await self._parts.journal.take_report(report, self._parts.clock.now_ms())
        except JournalError:
            link.release(event)
            raise
        self._parts.metrics.report(match.value)
        link.acknowledge(event)
        self.feed.wake()

    async def _sweep(self) -> None:
        purge_at = 0.0
        while True:
            try:
                await self._parts.journal.sweep(self._parts.clock.now_ms())
                if self._parts.clock.monotonic() >= purge_at:
                    purge_at = self._parts.clock.monotonic() + PURGE_EVERY_S
                    await self._parts.journal.purge(read_retention(self._parts.config), self._parts.clock.now_ms())
                await self._measure()
            except JournalError as error:
                log.error("journal failed", extra={"reason": error.reason})
            await self._parts.clock.sleep(self._config.poll_s)

    async def _measure(self) -> None:
        backlog = await self._parts.journal.backlog()
        for kind in ("queued", "unanswered", "deliveries", "parked"):
            self._parts.metrics.backlog.labels(kind).set(getattr(backlog, kind))


def read_retention(config: AdapterConfig) -> Retention:
    """Return how long finished things are kept."""
    journal: JournalConfig = config.journal
    return Retention(
        notice_ms=round(journal.notice_days * _DAY_MS),
        reply_ms=round(journal.reply_days * _DAY_MS),
        order_ms=round(journal.order_days * _DAY_MS),
        segment_ms=round(config.sms.segment_life_s * 1000),
    )
