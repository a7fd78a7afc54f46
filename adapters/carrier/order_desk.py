"""Booking an order, once: from an order that is believed to the answer that its CRM gets, now and whenever it repeats.

1. An order is put into the journal under its serial before the gateway hears of it. Whatever comes again under that
   serial is submitted exactly as it came first, so the gateway knows it again; another order under it is refused.
2. The first answer is put into the journal and given again ever after. An answer that says "later" is not: the same
   serial then tries anew.
3. Copies of one serial that arrive at once wait for each other.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from adapters.carrier.base import CarrierData, OrderData
from adapters.carrier.contract import name_disposition, write_opening
from adapters.carrier.gateway_client import Gateway
from adapters.carrier.metrics import Metrics
from adapters.carrier.order_answer import make_renderer, write_answer
from adapters.carrier.order_envelope import Reply
from adapters.carrier.order_instruction import Booking, find_notice, make_instruction
from adapters.carrier.questions import Asking
from adapters.carrier.rpc import Advice, GatewayError
from adapters.carrier.turns import Turns
from adapters.journal.base import Journal
from adapters.wire.answer import Answer, ItemAnswer, Result, Retry, find_result
from adapters.wire.order import Consent, Order, Verb
from optout.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What the desk works with."""

    data: CarrierData
    orders: OrderData
    journal: Journal
    gateway: Gateway
    metrics: Metrics
    clock: Clock


class OrderDesk:
    """Books orders of one carrier. Raises `ConfigError` if its data cannot say how a subscriber stands."""

    def __init__(self, parts: DeskParts) -> None:
        self._parts = parts
        self._opening = write_opening(parts.data.opening)
        self._renderer = make_renderer(parts.data)
        self._asking = Asking(parts.gateway, parts.journal, parts.clock.now_ms)
        self._turns = Turns()

    async def book(self, booking: Booking) -> Reply:
        """Book an order, or find how it was answered before. Raises `JournalError`: nothing is known, try later."""
        key = f"order\x00{booking.source}\x00{booking.serial}"
        async with self._turns.take(key):
            first = await self._take(booking, key)
            if first is None:
                return self.make_reply(booking.source, booking.serial, Answer(result=Result.SERIAL_REUSED))
            kept = await self._parts.journal.first_reply(f"{key}\x00reply")
            if kept is not None:
                self._parts.metrics.submit("replayed")
                return self._read_reply(kept)
            reply = self.make_reply(booking.source, booking.serial, await self._decide(first))
            if reply.answer.retry is Retry.LATER:
                return reply
            written = _write_reply(reply)
            return self._read_reply(await self._parts.journal.keep_reply(f"{key}\x00reply", written, reply.time_ms))

    def make_reply(self, source: str, serial: str, answer: Answer) -> Reply:
        """Make a reply under our own serial, which is the same whenever the same order is answered."""
        digest = sha256(f"{source}\x00{serial}".encode()).hexdigest()
        return Reply(answer, self._sentence(answer), f"OPTO{digest[:24]}", self._parts.clock.now_ms())

    async def _take(self, booking: Booking, key: str) -> Booking | None:
        """Return the booking as it came first under its serial; None if that was another order."""
        content = _digest_content(booking.order)
        mine = {"content": content, "original": booking.digest.hex(), "received_ms": booking.received_ms}
        body = json.dumps(mine).encode()
        first = json.loads(await self._parts.journal.keep_reply(f"{key}\x00taken", body, booking.received_ms))
        if first["content"] != content:
            return None
        return replace(booking, digest=bytes.fromhex(first["original"]), received_ms=first["received_ms"])

    async def _decide(self, booking: Booking) -> Answer:
        order = booking.order
        if order.verb is Verb.OPEN and not self._is_informed(order):
            return Answer(result=Result.NOT_CONFIRMED)
        try:
            instruction = make_instruction(booking, self._parts.data.id, self._parts.orders, self._opening)
        except ValueError:
            return Answer(result=Result.MALFORMED)
        try:
            outcome = await self._asking.submit(instruction)
        except GatewayError as error:
            self._parts.metrics.submit(error.reason)
            # Where the gateway refuses this adapter, a person has to act; the order must not be lost meanwhile.
            refused = error.advice is Advice.NEVER
            return Answer(result=find_result("", error.reason) if refused else Result.UNAVAILABLE)
        self._parts.metrics.submit(name_disposition(outcome.disposition))
        return write_answer(outcome, order.verb, self._renderer)

    def _is_informed(self, order: Order) -> bool:
        """Whether the subscriber was told what an opening passes on to whom, and agreed to that by itself."""
        if not self._parts.orders.notices:
            return True
        return order.consent is Consent.GIVEN and find_notice(self._parts.orders, order) is not None

    def _sentence(self, answer: Answer) -> str:
        return self._parts.orders.sentences[answer.result.value]

    def _read_reply(self, kept: bytes) -> Reply:
        fields = json.loads(kept)
        answer = fields["answer"]
        answer["result"] = Result(answer["result"])
        answer["items"] = tuple(ItemAnswer(item["item"], Result(item["result"])) for item in answer["items"])
        return Reply(Answer(**answer), fields["sentence"], fields["id"], fields["time_ms"])


def _write_reply(reply: Reply) -> bytes:
    return json.dumps(asdict(reply), ensure_ascii=False).encode()


def _digest_content(order: Order) -> str:
    """SHA-256 over everything an order says, however its envelope was written."""
    return sha256(json.dumps(asdict(order), sort_keys=True).encode()).hexdigest()
