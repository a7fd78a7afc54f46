"""What users are told later: out of the journal, by chat within 48 hours of their last word, else by template."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace

from adapters.carrier.account.metrics import AccountMetrics
from adapters.carrier.account.settings import AccountConfig
from adapters.carrier.account.wechat_client import WechatApiError, WechatClient
from adapters.journal.account import AccountBook, AccountMessage
from adapters.journal.errors import JournalError
from adapters.wire.wechat_api import Turn
from optout.kit.clock import Clock

log = logging.getLogger(__name__)

_BATCH = 50


class MessageSender:
    """One loop; a message that cannot go now goes later, under a wait that grows with its attempts."""

    def __init__(
        self, book: AccountBook, wechat: WechatClient, metrics: AccountMetrics, clock: Clock, config: AccountConfig
    ) -> None:
        self._book = book
        self._wechat = wechat
        self._metrics = metrics
        self._clock = clock
        self._config = config
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Look into the journal now."""
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.poll_s):
                    await self._news.wait()
            self._news.clear()
            try:
                for message in await self._book.due_messages(_BATCH, self._clock.now_ms()):
                    await self._send(message)
            except JournalError as error:
                log.error("journal failed", extra={"reason": error.reason})

    async def _send(self, message: AccountMessage) -> None:
        try:
            way = await self._try(message)
        except WechatApiError as error:
            await self._handle_failure(message, error)
            return
        except Exception as error:
            # One message must not hold up the others; the text of a foreign exception may quote it.
            log.error("a message could not be sent: %s", type(error).__name__)
            await self._handle_failure(message, WechatApiError(Turn.UNKNOWN, "internal"))
            return
        self._metrics.count("messages", way)
        await self._book.drop_message(message)

    async def _try(self, message: AccountMessage) -> str:
        if self._clock.now_ms() < message.chat_until_ms:
            try:
                await self._wechat.send_chat(message.openid, message.text)
                return "chat"
            except WechatApiError as error:
                if not (error.is_chat_closed and self._config.template_id):
                    raise
        if not self._config.template_id:
            raise WechatApiError(Turn.USER, "no_template")
        values = {self._config.template_field: message.text}
        await self._wechat.send_template(
            message.openid, self._config.template_id, values, f"{self._config.public_url}/account"
        )
        return "template"

    async def _handle_failure(self, message: AccountMessage, error: WechatApiError) -> None:
        self._metrics.count("messages", error.turn.value)
        if error.turn is Turn.USER:
            await self._book.drop_message(message)
            return
        if error.turn is not Turn.LATER:
            log.error("WeChat refuses us", extra={"code": error.code})
        tried = replace(message, attempts=message.attempts + 1)
        wait_s = min(self._config.retry_first_s * 2 ** min(message.attempts, 16), self._config.retry_most_s)
        await self._book.put_off(tried, self._clock.now_ms() + round(wait_s * 1000))
