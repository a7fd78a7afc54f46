"""Subscribers of three carriers and their channels, each over its own protocol, and all of them acting at once."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.duration_pb2 import Duration

from gateway.cli.demo.stage import CarrierStage, Stage
from gateway.store.rows import OutboxKind, OutboxState
from gateway.store.sqlite_reader import SqliteReadEngine
from optout.kit.clock import SystemClock
from optout.sim.v1 import crm_pb2, platform_pb2, smsc_pb2, wechat_pb2

PATIENCE_S = 60
NOTICE = {"notice_version": "2026-11", "consent": "given"}
CLERK = {"desk": "hall", "proof": "identity_document", "booked_by": "clerk-17"}
ORDERS: dict[str, dict[str, Any]] = {
    "open": NOTICE,
    "cancel": {},
    "confirm": {},
    "query": {},
    "set_categories": {"refuse": ["insurance"]},
}
TEXTS = ("KTFSR", "QXFSR", "Y", "QRFSR", "HFFSR", "KTFSR1", "CXFSR")
ANSWERS = ("Y", "HFFSR")
"""What China Unicom, which has no code of its own, takes by text."""
CHATS = ("开通", "关闭", "查询", "拒接5")
LIKELY = {
    "closed": {"KTFSR", "HFFSR", "set_categories"},
    "pending_open": {"Y", "QRFSR", "QXFSR", "KTFSR", "confirm", "open", "关闭"},
    "open": {"关闭", "cancel", "KTFSR1"},
    "pending_cancel": {"Y", "QRFSR", "confirm", "open", "开通", "关闭", "HFFSR", "KTFSR"},
}
"""What matters most where a subscriber stands; three in five times it is one of these."""


@dataclass(frozen=True)
class Heard:
    """What one channel sent and heard. ``id`` is the instruction's; ``told`` None: it says nothing on the spot."""

    round: int
    channel: str
    id: str
    told: str | crm_pb2.CrmAnswer | None = field(default=None, repr=False)
    shared: bool = False
    """A word that other dialogues share: it is an instruction only while a question is open."""


@dataclass
class Subscriber:
    """One number with its channels; ``state`` is what the agent saw last, ``repeats`` send again what was sent."""

    place: CarrierStage
    number: str = field(repr=False)
    user: str = field(repr=False)
    state: str = "closed"
    heard: list[Heard] = field(default_factory=list, repr=False)
    repeats: list[Callable[[], Awaitable[None]]] = field(default_factory=list, repr=False)


class Players:
    """Everybody who acts, by one chance."""

    def __init__(self, stage: Stage, chance: random.Random) -> None:
        self.stage = stage
        self.chance = chance
        self._msg_ids = itertools.count(7_000_000_000)

    async def enrol(self, place: CarrierStage, number: str) -> Subscriber:
        """A subscriber whose WeChat user is bound; where the account opens by login, that opens the service."""
        user = f"o{place.carrier.id}{number}"
        page = await self.stage.bind(place, user, number, ("consent", "yes"))
        assert page.status == 200, page.message
        return Subscriber(place, number, user)

    async def race(self, subscriber: Subscriber, round_: int) -> None:
        """Two channels, sometimes all three, act on one subscriber at once; then an agent looks."""
        channels = [self._text, self._book, self._chat]
        chosen = self.chance.sample(channels, k=3 if self.chance.random() < 0.25 else 2)
        moves: list[Awaitable[object]] = [act(subscriber, round_) for act in chosen]
        if subscriber.repeats and self.chance.random() < 0.3:
            moves.append(self.chance.choice(subscriber.repeats)())
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(self._soon(move) for move in moves))
            subscriber.state = (await self._order(subscriber, round_, "query", {}, 1)).state

    async def _soon(self, move: Awaitable[object]) -> None:
        await asyncio.sleep(self.chance.random() * 0.03)
        await move

    def _word(self, subscriber: Subscriber, words: tuple[str, ...]) -> str:
        likely = [word for word in words if word in LIKELY[subscriber.state]]
        return self.chance.choice(likely if likely and self.chance.random() < 0.6 else words)

    def _copies(self) -> int:
        return self.chance.choice((1, 1, 2))

    def _text(self, subscriber: Subscriber, round_: int) -> Awaitable[None]:
        text = self._word(subscriber, ANSWERS if subscriber.place.carrier.id == "unicom" else TEXTS)
        return self._send_text(subscriber, round_, text, self._copies())

    async def _send_text(self, subscriber: Subscriber, round_: int, text: str, copies: int) -> None:
        place = subscriber.place
        request = smsc_pb2.SmscServiceSendMoRequest(to=place.carrier.service_code, text=text, copies=copies)
        setattr(request, "from", subscriber.number)
        msg_id = await _deliver(place, request)
        subscriber.heard.append(Heard(round_, "sms", msg_id.hex(), shared=text == "Y"))

        async def repeat() -> None:
            again = smsc_pb2.SmscServiceSendMoRequest()
            again.MergeFrom(request)
            again.msg_ids.append(msg_id)
            await _deliver(place, again)

        subscriber.repeats.append(repeat)

    def _book(self, subscriber: Subscriber, round_: int) -> Awaitable[object]:
        verb = self._word(subscriber, tuple(ORDERS))
        fields = ORDERS[verb] | (CLERK if self.chance.random() < 0.4 else {})
        return self._order(subscriber, round_, verb, fields, self._copies())

    async def _order(
        self, subscriber: Subscriber, round_: int, verb: str, fields: dict[str, Any], copies: int
    ) -> crm_pb2.CrmAnswer:
        wanted = {"desk": "hotline", "booked_by": "agent-4711", "mandate": "CRM-ORDER/2026"} | fields
        order = crm_pb2.CrmOrder(verb=verb, number=subscriber.number, **wanted)
        request = crm_pb2.CrmServiceBookRequest(order=order, copies=copies)
        booked = await subscriber.place.crm.Book(request)
        subscriber.heard.append(Heard(round_, wanted["desk"], booked.serial, booked.answer))
        request.serial = booked.serial

        async def repeat() -> None:
            assert (await subscriber.place.crm.Book(request)).answer == booked.answer

        subscriber.repeats.append(repeat)
        return booked.answer

    def _chat(self, subscriber: Subscriber, round_: int) -> Awaitable[None]:
        return self._say(subscriber, round_, self._word(subscriber, CHATS), self._copies())

    async def _say(self, subscriber: Subscriber, round_: int, text: str, copies: int) -> None:
        if text == "开通" and subscriber.place.carrier.id != "mobile":
            await self._act(subscriber, text, next(self._msg_ids), 1)  # the notice, and the question whether one agrees
            text = "同意"
        msg_id = next(self._msg_ids)
        after = await self._act(subscriber, text, msg_id, copies)
        told = await self._await(subscriber, wechat_pb2.WECHAT_EVENT_MESSAGE, after, 1)
        subscriber.heard.append(Heard(round_, "app", f"msg:{msg_id}", told))

    async def _act(self, subscriber: Subscriber, text: str, msg_id: int, copies: int) -> int:
        """Say something, so many times under one id, and hear it answered; the history's index before."""
        wechat = subscriber.place.wechat
        request = wechat_pb2.WechatServiceActRequest(openid=subscriber.user, text=text, msg_id=msg_id)
        acted = await asyncio.gather(*(wechat.Act(request) for _ in range(copies)))
        after = min(one.after_index for one in acted)
        await self._await(subscriber, wechat_pb2.WECHAT_EVENT_CALLBACK_ANSWERED, after, copies)
        return after

    async def _await(
        self, subscriber: Subscriber, event: wechat_pb2.WechatEvent.ValueType, after: int, count: int
    ) -> str:
        wanted = wechat_pb2.WechatFilter(event=event, openid=subscriber.user, after_index=after)
        request = wechat_pb2.WechatServiceWaitForRequest(
            filter=wanted, count=count, timeout=Duration(seconds=PATIENCE_S)
        )
        found = await subscriber.place.wechat.WaitFor(request)
        return str(found.entries[0].text)


async def _deliver(place: CarrierStage, request: smsc_pb2.SmscServiceSendMoRequest) -> bytes:
    """Have a phone send a text, and wait until every copy was acknowledged; its Msg_Id."""
    sent = await place.smsc.SendMo(request)
    taken = smsc_pb2.SmscFilter(
        event=smsc_pb2.SMSC_EVENT_MO_ACKNOWLEDGED, msg_id=sent.msg_ids[0], after_index=sent.after_index
    )
    wait = Duration(seconds=PATIENCE_S)
    await place.smsc.WaitFor(smsc_pb2.SmscServiceWaitForRequest(filter=taken, count=request.copies, timeout=wait))
    return sent.msg_ids[0]


async def read_phone(subscriber: Subscriber) -> list[str]:
    """What the phone shows."""
    request = smsc_pb2.SmscServiceGetStateRequest(number=subscriber.number)
    phones = (await subscriber.place.smsc.GetState(request)).phones
    return [message.text for phone in phones for message in phone.inbox]


async def until_still(stage: Stage, look: Callable[[], Awaitable[object]], still_s: float = 1.0) -> None:
    """Look until nothing is under way any more, and nothing has changed for a while."""
    async with asyncio.timeout(PATIENCE_S):
        seen: object = None
        while (now := (await count_under_way(stage), await look())) != seen or now[0]:
            seen = now
            await asyncio.sleep(still_s)


async def count_under_way(stage: Stage) -> int:
    """What the registry and the adapters still have to send, the platform to do, and the SMS gateways to hear of."""
    reader = SqliteReadEngine(stage.folder / "registry.sqlite")
    try:
        rows = reader.outbox(OutboxState.READY, 100_000)
    finally:
        reader.close()
    # What the registry reminds itself of waits for its time, and at night some notices for the morning.
    now_ms = SystemClock().now_ms()
    count = sum(row.kind in {OutboxKind.NOTIFY, OutboxKind.APPLY} and row.due_ms <= now_ms for row in rows)
    count += (await stage.platform.GetState(platform_pb2.PlatformServiceGetStateRequest())).waiting
    for place in stage.carriers.values():
        with closing(sqlite3.connect(stage.folder / f"journal-{place.carrier.id}.sqlite")) as journal:
            unsent = journal.execute("SELECT count(*) FROM parts WHERE state IN ('queued', 'sent')").fetchone()
        texts = await place.smsc.GetState(smsc_pb2.SmscServiceGetStateRequest())
        count += unsent[0] + len(texts.unacknowledged)
    return count
