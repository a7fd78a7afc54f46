"""WeChat's callbacks over HTTP: proved, decrypted, written down, answered within 5 s; carried out afterwards.

A callback that cannot be proved is answered 403 and nothing else. A message that comes again is WeChat asking anew
because it heard nothing: it gets the first answer, byte for byte. The very same request, nonce and all, does so for
`RETRY_MS`; after that it is a replay and refused. Either way its key is known for 30 days, and nothing is done twice.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from aiohttp import web

from adapters.carrier.account.flow import PROMPT_LIFE_MS, Flow, Plan
from adapters.carrier.account.metrics import AccountMetrics
from adapters.carrier.base import AccountData
from adapters.journal.account import AccountBook, Callback, ConsentPrompt, Known
from adapters.journal.errors import JournalError
from adapters.wire import wechat
from adapters.wire.wechat import Account, CallbackQuery, Message, ReplayWindow, UrlQuery, WechatError
from optout.kit.clock import Clock

log = logging.getLogger(__name__)

RETRY_MS: Final = 20_000
"""WeChat asks three times, 5 s apart."""
_XML: Final = "application/xml"


@dataclass(frozen=True, slots=True)
class CallbackParts:
    """What the callbacks work with. `take` is given what is to be carried out, once it is in the journal."""

    account: Account = field(repr=False)
    data: AccountData
    flow: Flow
    book: AccountBook
    metrics: AccountMetrics
    clock: Clock
    answer_limit_s: float
    take: Callable[[Callback], None]


class CallbackFace:
    """The two routes that WeChat calls."""

    def __init__(self, parts: CallbackParts) -> None:
        self._parts = parts
        self._window = ReplayWindow()

    async def verify(self, request: web.Request) -> web.Response:
        """Answer whether the URL is ours."""
        query = request.query
        asked = UrlQuery(*(query.get(name, "") for name in ("signature", "timestamp", "nonce", "echostr")))
        try:
            echo = wechat.verify_url(self._parts.account, asked, self._parts.clock.now_ms())
        except WechatError as error:
            return self._refuse(error)
        return web.Response(text=echo)

    async def receive(self, request: web.Request) -> web.Response:
        """Take a callback."""
        started = self._parts.clock.monotonic()
        body = await request.read()
        names = ("timestamp", "nonce", "msg_signature", "encrypt_type", "signature", "openid")
        query = CallbackQuery(*(request.query.get(name, "") for name in names))
        try:
            async with asyncio.timeout(self._parts.answer_limit_s):
                reply = await self._take(query, body)
        except WechatError as error:
            return self._refuse(error)
        except (JournalError, TimeoutError) as error:
            # It is not safe with us: let it in once more, since WeChat will send it again.
            self._window.forget(query.timestamp, query.nonce)
            reason = error.reason if isinstance(error, JournalError) else "too_slow"
            self._parts.metrics.count("callbacks", reason)
            log.error("a callback was not taken", extra={"reason": reason})
            return web.Response(status=503)
        self._parts.metrics.callback_seconds.observe(self._parts.clock.monotonic() - started)
        return web.Response(body=reply, content_type="text/plain" if reply == wechat.SUCCESS else _XML)

    async def _take(self, query: CallbackQuery, body: bytes) -> bytes:
        now_ms = self._parts.clock.now_ms()
        try:
            message = wechat.open_callback(self._parts.account, query, body, self._window, now_ms)
        except WechatError as error:
            if error.reason != "replayed_nonce":
                raise
            # It proved itself before it was found to be known, and proves itself again.
            message = wechat.open_callback(self._parts.account, query, body, ReplayWindow(), now_ms)
            known = await self._parts.book.look_up(message.dedupe_key, message.from_user, now_ms)
            if known.first is None or now_ms - known.first.given_ms > RETRY_MS:
                raise
        else:
            known = await self._parts.book.look_up(message.dedupe_key, message.from_user, now_ms)
        if known.first is None:
            return await self._take_new(message, known, sha256(body).hexdigest(), now_ms)
        self._parts.metrics.count("callbacks", "repeated")
        return known.first.body

    async def _take_new(self, message: Message, known: Known, digest: str, now_ms: int) -> bytes:
        book, openid = self._parts.book, message.from_user
        plan = self._parts.flow.plan(message, known.binding, known.prompt)
        await self._remember(plan, openid, now_ms)
        work = None if plan.work is None else {**plan.work, "digest": digest}
        callback = Callback(message.dedupe_key, openid, work, now_ms)
        first = await book.take_callback(callback, self._seal_reply(message, plan.reply, now_ms))
        self._parts.metrics.count("callbacks", plan.kind if first.is_new else "repeated")
        if first.is_new and work is not None:
            self._parts.take(callback)
        return first.body

    async def _remember(self, plan: Plan, openid: str, now_ms: int) -> None:
        if plan.unbinds:
            await self._parts.book.unbind(openid)
        if plan.asks_consent:
            version, digest = self._parts.data.consent.version, self._parts.flow.consent_digest
            await self._parts.book.put_prompt(openid, ConsentPrompt(version, digest, now_ms + PROMPT_LIFE_MS))

    def _seal_reply(self, message: Message, text: str, now_ms: int) -> bytes:
        if not text:
            return wechat.SUCCESS
        timestamp = str(now_ms // 1000)
        reply = wechat.TextReply(message.from_user, message.to_user, now_ms // 1000, text)
        return wechat.seal_reply(
            self._parts.account,
            wechat.write_reply(reply),
            timestamp=timestamp,
            nonce=secrets.token_hex(8),
            random=secrets.token_bytes(wechat.RANDOM_BYTES),
        )

    def _refuse(self, error: WechatError) -> web.Response:
        self._parts.metrics.count("callbacks", error.reason)
        log.warning("a callback was refused", extra={"reason": error.reason})
        return web.Response(status=403)
