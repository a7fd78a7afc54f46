"""What subscribers write: from the link to the gateway's commit, and only then back.

1. Messages of one subscriber are worked on one after the other, those of different subscribers side by side.
2. Acknowledged is what is safe: an instruction once the gateway has committed it, a part of a long message or an answer
   of our own once it is in the journal, and what is not ours at once: it is counted, never stored and not answered.
3. What the gateway refuses for good is acknowledged, counted by reason, and told to the subscriber where that helps.
4. What it cannot take now, or refuses because of *us*, is left unanswered: the centre sends it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from adapters.carrier.base import CarrierData, SmsData, Verb
from adapters.carrier.commands import Command, CommandContext, CommandTable, Help, Reading, parse_command
from adapters.carrier.contract import name_disposition, write_opening
from adapters.carrier.gateway_client import Gateway
from adapters.carrier.instruction import Text, make_instruction
from adapters.carrier.lanes import Lanes
from adapters.carrier.long_messages import LongMessageBounds, LongMessages, Misnumbered, Stored, Whole
from adapters.carrier.metrics import Metrics
from adapters.carrier.notices import NoticeRequest, NoticeWriter
from adapters.carrier.questions import Asking
from adapters.carrier.rpc import Advice, GatewayError
from adapters.carrier.settings import SmsConfig
from adapters.carrier.sms_link import MoReceived, SmsLink
from adapters.journal.base import Journal
from adapters.journal.errors import JournalError
from adapters.journal.rows import Origin, Prompt
from optout.kit.clock import Clock
from optout.kit.number import NumberError, NumberKind, PhoneNumber, kind_of, parse_subscriber

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IntakeParts:
    """What the intake works with. `on_notice` is called when an answer of our own waits to be sent."""

    data: CarrierData
    sms: SmsData
    journal: Journal
    gateway: Gateway
    writer: NoticeWriter
    metrics: Metrics
    clock: Clock
    config: SmsConfig
    on_notice: Callable[[], None]


class Intake:
    """Takes messages of subscribers from links."""

    def __init__(self, parts: IntakeParts) -> None:
        self._parts = parts
        self._table = CommandTable(parts.sms)
        self._opening = write_opening(parts.data.opening)
        self._lanes = Lanes(parts.config.max_waiting)
        self._asking = Asking(parts.gateway, parts.journal, parts.clock.now_ms)
        self._is_closing = False
        self._gate = asyncio.Semaphore(parts.config.max_in_flight)
        self._long = LongMessages(
            parts.journal,
            LongMessageBounds(parts.config.segment_life_s, parts.config.max_segments, parts.config.max_open_messages),
        )
        parts.metrics.texts_waiting.set_function(lambda: self._lanes.size)

    async def load(self) -> None:
        """Take up what an earlier process left. Raises `JournalError`."""
        await self._long.load()

    async def drain(self, timeout_s: float) -> None:
        """Take no more, and finish what is being worked on; what does not finish comes again."""
        self._is_closing = True
        await self._lanes.drain(timeout_s)

    def take(self, link: SmsLink, mo: MoReceived) -> None:
        """Take one message; it is answered, or released, later."""
        if self._is_closing:
            link.release(mo)
            return
        if not mo.destination.startswith(link.service_code):
            self._finish(link, mo, "other_code")
            return
        number = _read_sender(mo.source)
        if number is None:
            self._finish(link, mo, "not_a_subscriber")
            return
        started = self._parts.clock.monotonic()
        if not self._lanes.put(number, lambda: self._work(link, mo, number, started)):
            self._parts.metrics.unacknowledged("overloaded")
            link.release(mo)

    async def _work(self, link: SmsLink, mo: MoReceived, number: PhoneNumber, started: float) -> None:
        is_safe = False
        try:
            is_safe = await self._handle(link, mo, number)
        except JournalError as error:
            self._parts.metrics.unacknowledged(error.reason)
            log.error("journal failed", extra={"reason": error.reason})
        except Exception as error:
            # One text must not end the channel; the text of a foreign exception may quote it.
            self._parts.metrics.unacknowledged("internal")
            log.error("a text could not be worked on: %s", type(error).__name__)
        finally:
            if is_safe:
                link.acknowledge(mo)
                self._parts.metrics.text_seconds.observe(self._parts.clock.monotonic() - started)
            else:
                link.release(mo)

    async def _handle(self, link: SmsLink, mo: MoReceived, number: PhoneNumber) -> bool:
        """Work on one message; return whether it may be acknowledged."""
        now_ms = self._parts.clock.now_ms()
        taken = await self._long.add(link.account, mo, now_ms)
        match taken:
            case Stored(is_copy=is_copy):
                self._parts.metrics.text("copy" if is_copy else "part")
                return True
            case Misnumbered():
                self._parts.metrics.text("misnumbered")
                return True
            case Whole():
                is_safe = await self._handle_whole(link.account, taken, number, now_ms)
                if is_safe:
                    await self._long.settle(taken)
                return is_safe

    async def _handle_whole(self, account: str, whole: Whole, number: PhoneNumber, now_ms: int) -> bool:
        if isinstance(whole.text, bytes):
            self._parts.metrics.text("binary")
            return True
        text = Text(account, whole.msg_id, number, whole.text, whole.digest, now_ms, whole.link_tag)
        reading, prompt = await self._read(text)
        match reading:
            case Command():
                return await self._submit(reading, text, prompt)
            case Help(template=template):
                self._parts.metrics.text("help")
                await self._answer(text, template)
            case _:
                await self._put_aside(text)
        return True

    async def _put_aside(self, text: Text) -> None:
        """A text that is not ours, or an answer to a question of ours that comes too late: that is told, once."""
        late = None
        if self._table.is_shared(text.text):
            late = await self._parts.journal.find_late_prompt(text.number, text.received_ms)
        if late is None:
            self._parts.metrics.text("not_ours")
            return
        self._parts.metrics.text("too_late")
        parameters = {"action": Verb.CONFIRM.value, "reason": "CONFIRMATION_EXPIRED"}
        await self._answer(text, self._parts.sms.refusal_template, parameters)
        await self._parts.journal.close_prompt(late)

    async def _read(self, text: Text) -> tuple[Reading, Prompt | None]:
        reading = parse_command(self._table, text.text, CommandContext())
        is_confirmation = isinstance(reading, Command) and reading.verb is Verb.CONFIRM
        if not (is_confirmation or self._table.is_shared(text.text)):
            return reading, None
        prompt = await self._parts.journal.find_prompt(text.number, text.received_ms)
        return parse_command(self._table, text.text, CommandContext(has_prompt=prompt is not None)), prompt

    async def _submit(self, command: Command, text: Text, prompt: Prompt | None) -> bool:
        metrics = self._parts.metrics
        metrics.text(command.verb.value)
        instruction = make_instruction(command, text, self._parts.data, self._opening, prompt)
        try:
            async with self._gate:
                outcome = await self._asking.submit(instruction)
        except GatewayError as error:
            metrics.submit(error.reason)
            return await self._handle_failure(error, command, text)
        metrics.submit(name_disposition(outcome.disposition))
        return True

    async def _handle_failure(self, error: GatewayError, command: Command, text: Text) -> bool:
        if error.advice is not Advice.NEVER:
            self._parts.metrics.unacknowledged(error.reason)
            if error.advice is Advice.OPERATOR:
                log.error("the gateway refuses this adapter", extra={"reason": error.reason})
            return False
        log.warning("the gateway refused an instruction", extra={"reason": error.reason})
        if error.reason in self._parts.sms.refusal_notices:
            parameters = {"action": command.verb.value, "reason": error.reason}
            await self._answer(text, self._parts.sms.refusal_template, parameters)
        return True

    async def _answer(self, text: Text, template: str, parameters: dict[str, str] | None = None) -> None:
        """Answer by ourselves, once per message however often it comes."""
        expire_ms = text.received_ms + round(self._parts.config.notice_life_s * 1000)
        request = NoticeRequest(
            f"mo-{text.account}-{text.id}-{text.digest.hex()[:8]}",
            Origin.LOCAL,
            text.number,
            template,
            parameters or {},
            expire_ms,
            text.account,
            text.link_tag,
        )
        notice, prompt = self._parts.writer.write(request, text.received_ms)
        await self._parts.journal.add_notice(notice, prompt)
        self._parts.on_notice()

    def _finish(self, link: SmsLink, mo: MoReceived, reading: str) -> None:
        self._parts.metrics.text(reading)
        link.acknowledge(mo)


def _read_sender(source: str) -> PhoneNumber | None:
    try:
        number = parse_subscriber(source)
    except NumberError:
        return None
    return number if kind_of(number) is NumberKind.MOBILE else None
