"""Binding a number to a user: by one-tap login, or by a code sent to the number as a text."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Callable
from typing import Final

from adapters.carrier.account.metrics import AccountMetrics
from adapters.carrier.notices import NoticeRequest, NoticeWriter
from adapters.carrier.number_login import LoginRefusedError, NumberLogin
from adapters.journal.account import CODE_LIFE_MS, AccountBook, Binding, CodeCheck
from adapters.journal.base import Journal
from adapters.journal.rows import Origin
from optout.kit.clock import Clock
from optout.kit.number import NumberError, NumberKind, kind_of, parse_subscriber

CODE_TEMPLATE: Final = "login_code"
_CODE = re.compile(r"[0-9]{6}", re.ASCII)


class BindingRefusedError(Exception):
    """No number was bound. `reason` is a key of the page's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Binder:
    """Binds. Every call may raise `BindingRefusedError` and `JournalError`; `on_notice`: a code waits to be sent."""

    def __init__(
        self,
        book: AccountBook,
        journal: Journal,
        writer: NoticeWriter,
        login: NumberLogin | None,
        metrics: AccountMetrics,
        clock: Clock,
        on_notice: Callable[[], None],
    ) -> None:
        self._book = book
        self._journal = journal
        self._writer = writer
        self._login = login
        self._metrics = metrics
        self._clock = clock
        self._on_notice = on_notice

    @property
    def has_login(self) -> bool:
        """Whether a token can be exchanged."""
        return self._login is not None

    async def bind_by_token(self, openid: str, token: str) -> Binding:
        """Exchange a token, which uses it up, and bind the number it stands for."""
        if self._login is None or not token:
            raise self._refuse("log_in_again")
        try:
            number = await self._login.exchange(token)
        except LoginRefusedError as error:
            raise self._refuse(error.reason.value) from None
        return await self._bind(openid, number, "one_tap_login")

    async def send_code(self, openid: str, text: str) -> None:
        """Send a code to a number."""
        try:
            number = parse_subscriber(text)
        except NumberError:
            raise self._refuse("bad_number") from None
        if kind_of(number) is not NumberKind.MOBILE:
            raise self._refuse("bad_number")
        code, now_ms = f"{secrets.randbelow(10**6):06}", self._clock.now_ms()
        if not await self._book.issue_code(openid, number, code, now_ms):
            raise self._refuse("too_many_codes")
        expire_ms = now_ms + CODE_LIFE_MS
        values = {"code": code, "minutes": str(CODE_LIFE_MS // 60_000)}
        request = NoticeRequest(f"code-{uuid.uuid4().hex}", Origin.LOCAL, number, CODE_TEMPLATE, values, expire_ms)
        await self._journal.add_notice(*self._writer.write(request, now_ms))
        self._metrics.count("logins", "code_sent")
        self._on_notice()

    async def bind_by_code(self, openid: str, code: str) -> Binding:
        """Check a code and bind the number it was sent to."""
        if not _CODE.fullmatch(code.strip()):
            raise self._refuse("wrong_code")
        check, number = await self._book.try_code(openid, code.strip(), self._clock.now_ms())
        if check is not CodeCheck.RIGHT:
            raise self._refuse("wrong_code" if check is CodeCheck.WRONG else "no_code")
        return await self._bind(openid, number, "sms_code")

    async def _bind(self, openid: str, number: str, proof: str) -> Binding:
        binding = Binding(openid, number, proof, self._clock.now_ms())
        await self._book.bind(binding)
        self._metrics.count("logins", proof)
        return binding

    def _refuse(self, reason: str) -> BindingRefusedError:
        self._metrics.count("logins", reason)
        return BindingRefusedError(reason)
