"""WeChat's callbacks: encrypted, signed, sent again when no answer comes in time, three times in all."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import asdict
from typing import Final

from adapters.simulators.wechat.chronicle import Chronicle
from adapters.simulators.wechat.entries import Happening
from adapters.simulators.wechat.settings import Operation, WechatFault, WechatSettings
from adapters.transport.http_client import HttpAnswer, HttpCallError, HttpClient
from adapters.wire import wechat
from adapters.wire.wechat import WechatError

_STALE_S: Final = wechat.WINDOW_MS / 1000


class Caller:
    """Calls the account's server. Each attempt is signed anew, as WeChat does."""

    def __init__(self, settings: WechatSettings, chronicle: Chronicle) -> None:
        self._settings = settings
        self._chronicle = chronicle
        self._account = wechat.make_account(settings.app_id, settings.token, settings.aes_key)
        self._http = HttpClient(time_limit_s=settings.answer_limit_s)
        self._tasks: set[asyncio.Task[None]] = set()
        self._callbacks = 0

    def send(self, openid: str, xml: bytes, age_s: float = 0.0) -> None:
        """Send a message until it is answered, or three attempts have failed."""
        self._callbacks += 1
        task = asyncio.create_task(self._deliver(self._callbacks, openid, xml, age_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Send no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    async def _deliver(self, callback: int, openid: str, xml: bytes, age_s: float) -> None:
        earlier: list[bytes] = []
        for attempt in range(1, self._settings.attempts + 1):
            self._chronicle.note(Happening.CALLBACK_SENT, openid=openid, attempt=attempt, callback=callback)
            if await self._attempt(callback, openid, xml, age_s, attempt, earlier):
                return
        self._chronicle.note(Happening.OUT_OF_SERVICE, openid=openid, callback=callback)

    async def _attempt(
        self, callback: int, openid: str, xml: bytes, age_s: float, attempt: int, earlier: list[bytes]
    ) -> bool:
        fault = self._chronicle.draw(Operation.CALLBACK)
        started = self._chronicle.clock.monotonic()
        answer, reason = await self._post(openid, xml, age_s, fault)
        if answer is not None and answer.status == 200:
            if earlier and answer.body != earlier[0]:
                self._chronicle.accuse("reply_differs", openid)
            earlier.append(answer.body)
            if fault is None or fault.plan.heard:
                self._take(callback, openid, answer, attempt, age_s)
                return True
            reason = "lost"
        status = answer.status if answer is not None else 0
        self._chronicle.note(
            Happening.CALLBACK_FAILED, openid=openid, attempt=attempt, callback=callback, status=status, detail=reason
        )
        # WeChat asks again when its time is up, not as soon as it knows.
        spent_s = self._chronicle.clock.monotonic() - started
        await self._chronicle.clock.sleep(self._settings.answer_limit_s - spent_s)
        return False

    async def _post(
        self, openid: str, xml: bytes, age_s: float, fault: WechatFault | None
    ) -> tuple[HttpAnswer | None, str]:
        if fault is not None and fault.plan.delay_s:
            await self._chronicle.clock.sleep(fault.plan.delay_s)
        if fault is not None and not fault.plan.applied:
            return None, "lost"
        query, body = wechat.seal_callback(
            self._account,
            xml,
            to_user=self._settings.account_name,
            openid=openid,
            timestamp=str(int(self._chronicle.clock.now_ms() / 1000 - age_s)),
            nonce=str(secrets.randbelow(10**10)),
            random=secrets.token_bytes(wechat.RANDOM_BYTES),
        )
        try:
            url, headers = self._settings.callback_url, {"Content-Type": "text/xml"}
            answer = await self._http.call("POST", url, query=asdict(query), body=body, headers=headers)
        except HttpCallError as error:
            return None, error.reason
        return answer, "" if answer.status == 200 else "refused"

    def _take(self, callback: int, openid: str, answer: HttpAnswer, attempt: int, age_s: float) -> None:
        text = ""
        if answer.body not in (b"", wechat.SUCCESS):
            text = self._read_reply(openid, answer.body)
        if age_s > _STALE_S:
            self._chronicle.accuse("reply_to_refused", openid)
        self._chronicle.note(
            Happening.CALLBACK_ANSWERED,
            openid=openid,
            text=text,
            attempt=attempt,
            callback=callback,
            status=answer.status,
        )

    def _read_reply(self, openid: str, body: bytes) -> str:
        if b"<Encrypt>" not in body:
            self._chronicle.accuse("reply_not_sealed", openid)
            return ""
        try:
            reply = wechat.parse_reply(wechat.open_reply(self._account, body))
        except WechatError:
            self._chronicle.accuse("reply_malformed", openid)
            return ""
        if (reply.to_user, reply.from_user) != (openid, self._settings.account_name):
            self._chronicle.accuse("reply_to_other_user", openid)
        return reply.content
