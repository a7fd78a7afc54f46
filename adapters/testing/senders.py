"""The carrier's side of each channel, as the suite plays it: send a row, and say what came back."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import grpc

from adapters.carrier.rpc import PARTY_METADATA
from adapters.simulators.crm import Booking, CrmFault, CrmSettings, CrmSimulator, EnvelopeKind
from adapters.simulators.faults import FaultPlan
from adapters.simulators.history import WaitError
from adapters.simulators.smsc import EntryFilter, Happening, MobileOriginated, SmscFault, SmscSimulator
from adapters.simulators.smsc.fault import Operation
from adapters.testing.cases import Row, Trouble
from adapters.testing.sheet.orders import find_kind
from adapters.testing.stage import APP_KEY, SOURCE, Stage
from adapters.testing.wechat import WechatSystems, play_user
from adapters.wire import app_order
from adapters.wire.order import Consent, Desk, Order
from optout.v1 import carrier_pb2, carrier_pb2_grpc

_AS_GATEWAY = ((PARTY_METADATA, "gateway/gateway"),)
_LATER = 503
_ATTEMPTS = 12
_RETRY_S = 0.1


class UnplayableError(LookupError):
    """A channel is declared that cannot be played: it lacks its verb or data, or no simulator speaks its envelope."""


class Sender(ABC):
    """One channel."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    @abstractmethod
    async def send(self, row: Row, number: str) -> str:
        """Send a row for a subscriber (11 digits); return what came back, or why nothing did."""


class SmsSender(Sender):
    """A phone, and the SMS gateway between."""

    def __init__(self, stage: Stage, patience_s: float) -> None:
        super().__init__(stage)
        self._patience_s = patience_s

    async def send(self, row: Row, number: str) -> str:
        """Send the text; return `taken`, or what the phone shows."""
        smsc = self.stage.smsc
        if smsc is None:
            return "no SMS gateway"
        try:
            if row.notice:
                back = await self._notify(smsc, row, number)
                if row.text:
                    sent = smsc.send_mo(MobileOriginated(number, row.text))
                    taken = EntryFilter(Happening.MO_ACKNOWLEDGED, number=number, after_index=sent.after_index)
                    await smsc.wait_for(taken, timeout_s=self._patience_s)
                return back
            if row.trouble is Trouble.FORGED:
                await smsc.wait_for(EntryFilter(Happening.LOGIN_REJECTED), timeout_s=self._patience_s)
                return "login rejected"
            pieces = row.trouble is Trouble.IN_PIECES
            plan = FaultPlan(number=number, count=1)
            smsc.set_faults(*([SmscFault(Operation.MO, plan, dribble_bytes=1)] if pieces else []))
            copies = 2 if row.trouble is Trouble.TWICE else 1
            sent = smsc.send_mo(MobileOriginated(number, row.text, copies=copies))
            taken = EntryFilter(Happening.MO_ACKNOWLEDGED, number=number, after_index=sent.after_index)
            await smsc.wait_for(taken, count=copies, timeout_s=self._patience_s)
            if row.back == "taken":
                return " ".join(["taken", *(message.text for message in smsc.phone(number).inbox)])
            arrived = EntryFilter(Happening.ARRIVED, number=number, after_index=sent.after_index)
            return (await smsc.wait_for(arrived, timeout_s=self._patience_s))[0].text
        except WaitError:
            return "nothing"
        except grpc.aio.AioRpcError as error:
            return f"refused: {error.code().name}"

    async def _notify(self, smsc: SmscSimulator, row: Row, number: str) -> str:
        """As the gateway does: have the adapter send a notice, and hear that it arrived."""
        before = smsc.last_index
        async with grpc.aio.insecure_channel(self.stage.addresses.grpc) as channel:
            request = carrier_pb2.NotifyRequest(
                notice_id=f"n-{before}", number=f"+86{number}", template=row.notice, parameters=row.parameters
            )
            await carrier_pb2_grpc.CarrierServiceStub(channel).Notify(request, metadata=_AS_GATEWAY)
        arrived = EntryFilter(Happening.ARRIVED, number=number, after_index=before)
        text = (await smsc.wait_for(arrived, timeout_s=self._patience_s))[0].text
        state = await self.stage.gateway.wait_delivered(f"n-{before}", self._patience_s)
        return f"{text} delivered" if state else text


class DeskSender(Sender):
    """An agent or a clerk, at the carrier's CRM."""

    def __init__(self, stage: Stage, desk: Desk, crm: CrmSimulator) -> None:
        super().__init__(stage)
        self._desk = desk
        self._crm = crm

    async def send(self, row: Row, number: str) -> str:
        """Book the order; return the result the CRM reads."""
        order = Order(
            **{
                "number": number,
                "desk": self._desk,
                "booked_by": "agent-4711",
                "mandate": "CRM-ORDER/2026",
                "notice_version": self._notice_version,
                "consent": Consent.GIVEN,
                **row.order,
            }
        )
        pieces = row.trouble is Trouble.IN_PIECES
        self._crm.set_faults(*([CrmFault(FaultPlan(delay_s=0.2, number=number))] if pieces else []))
        copies = 2 if row.trouble is Trouble.TWICE else 1
        booked = await self._crm.book(Booking(order, copies=copies, spoil=row.spoil))
        return "nothing" if booked.answer is None else booked.answer.result.value

    @property
    def _notice_version(self) -> str:
        orders = self.stage.carrier.data.orders
        return orders.notices[0].version if orders is not None and orders.notices else ""


class AppSender(Sender):
    """The carrier's own app."""

    def __init__(self, stage: Stage, http: aiohttp.ClientSession) -> None:
        super().__init__(stage)
        self._http = http

    async def send(self, row: Row, number: str) -> str:
        """Book until an answer for good comes; return its status, and its disposition or reason."""
        body = json.dumps(self._write(row, number), ensure_ascii=False).encode()
        backs = [await self._book(row, body) for _ in range(2 if row.trouble is Trouble.TWICE else 1)]
        return backs[0] if len(set(backs)) == 1 else " | ".join(backs)

    def _write(self, row: Row, number: str) -> dict[str, Any]:
        action, *values = row.booking
        account = self.stage.carrier.data.account
        if account is None:
            raise LookupError("the carrier has no account")
        order = {"serial": secrets.token_hex(8), "number": number, "proof": "sms_code", "action": action}
        digest = hashlib.sha256(account.consent.text.encode()).hexdigest()
        notice = {"notice_version": account.consent.version, "notice_digest": digest, "consent": True}
        return order | ({"values": values} if values else {}) | (notice if action == "open" else {})

    async def _book(self, row: Row, body: bytes) -> str:
        for _ in range(_ATTEMPTS):
            status, word = await self._try(row, body)
            if status != _LATER:
                break
            await asyncio.sleep(_RETRY_S)
        return f"{status} {word}"

    async def _try(self, row: Row, body: bytes) -> tuple[int, str]:
        password = self.stage.passwords["wrong" if row.trouble is Trouble.FORGED else "app.secret"]
        now_ms = time.time_ns() // 1_000_000
        headers = app_order.write_headers(APP_KEY, password, body, now_ms, secrets.token_hex(8))
        data = _drip(body) if row.trouble is Trouble.IN_PIECES else body
        url = f"http://{self.stage.addresses.account}/app/bookings"
        async with self._http.post(url, data=data, headers=headers) as answer:
            content = await answer.json()
            return answer.status, str(content.get("reason") or content.get("disposition"))


class WechatSender(Sender):
    """Users of the carrier's WeChat account."""

    def __init__(self, stage: Stage, systems: WechatSystems, patience_s: float) -> None:
        super().__init__(stage)
        self._systems = systems
        self._patience_s = patience_s

    async def send(self, row: Row, number: str) -> str:
        """Do the row's steps; return all that the user was shown."""
        return await play_user(self.stage.carrier, self._systems, row, number, self._patience_s)


def find_envelope(stage: Stage) -> EnvelopeKind:
    """Find what the carrier's CRM has to speak. Raises `UnplayableError`."""
    make, data = stage.carrier.make_order_envelope, stage.carrier.data.orders
    if make is None or data is None:
        raise UnplayableError("a desk is declared, but there is no envelope")
    envelope = make(data)
    kind = find_kind(envelope)
    if kind is None:
        raise UnplayableError(type(envelope).__name__)
    return kind


async def open_senders(stage: Stage, cleanup: AsyncExitStack, patience_s: float) -> dict[str, Sender]:
    """Start the senders of the carrier's channels; `cleanup` stops them. Raises `UnplayableError`."""
    stage.passwords.setdefault("wrong", secrets.token_hex(8))
    channels = set(stage.carrier.data.capabilities.channels)
    senders: dict[str, Sender] = {"sms": SmsSender(stage, patience_s)} if stage.smsc is not None else {}
    desks = [desk for desk in Desk if desk.value in channels]
    if desks:
        crm = await _start_crm(stage, cleanup)
        senders |= {desk.value: DeskSender(stage, desk, crm) for desk in desks}
    if "app" in channels and stage.addresses.account:
        senders["app"] = AppSender(stage, await cleanup.enter_async_context(aiohttp.ClientSession()))
    if stage.wechat is not None:
        senders["wechat"] = WechatSender(stage, stage.wechat, patience_s)
    if missing := sorted(channels - senders.keys()):
        raise UnplayableError(f"{missing[0]} is declared, but the carrier has no way to be reached by it")
    return senders


async def _start_crm(stage: Stage, cleanup: AsyncExitStack) -> CrmSimulator:
    """Hotline and hall book at one CRM, so that no serial comes twice."""
    url = f"http://{stage.addresses.orders}/orders"
    password = stage.passwords.get("crm.secret", "")
    crm = CrmSimulator(CrmSettings(url, find_envelope(stage), SOURCE, password, retry_s=_RETRY_S, attempts=_ATTEMPTS))
    await crm.start()
    cleanup.push_async_callback(crm.stop)
    return crm


async def _drip(body: bytes) -> AsyncIterator[bytes]:
    for place in range(len(body)):
        yield body[place : place + 1]
