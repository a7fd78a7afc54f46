"""The settings page under the menu's link: plain HTML forms, for whoever comes through WeChat's authorisation.

Numbers stand in bodies alone, never in a URL. Every form carries its session's token and a serial of its own, so that
sending it twice books once. No script runs: the policy forbids it, and the page needs none.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs, urlencode

from aiohttp import web

from adapters.carrier.account.actions import UNDERSTOOD, ActionError, read_action
from adapters.carrier.account.binding import Binder, BindingRefusedError
from adapters.carrier.account.instructions import SetAction, Shown, Source, make_instruction, write_shown
from adapters.carrier.account.metrics import AccountMetrics
from adapters.carrier.account.session import COOKIE, STATE_COOKIE, STATE_LIFE_S, Session, Sessions
from adapters.carrier.account.settings import AccountConfig
from adapters.carrier.account.view import PageFacts, PageView, is_proved
from adapters.carrier.account.wechat_client import WechatApiError, WechatClient
from adapters.carrier.account.words import OutcomeWords, name_action
from adapters.carrier.base import AccountData, AccountOpening, CarrierData
from adapters.carrier.contract import name_disposition, write_opening
from adapters.carrier.questions import Asking
from adapters.carrier.rpc import Advice, GatewayError
from adapters.journal.account import AccountBook, Binding
from adapters.journal.errors import JournalError
from adapters.wire.wechat_api import AUTHORIZE_PATH
from optout.kit.clock import Clock
from optout.kit.number import PhoneNumber

log = logging.getLogger(__name__)

PATH: Final = "/account"
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_SERIAL_CHARS: Final = 32


class PageRefusedError(Exception):
    """A form is not carried out. `reason` is a key of the page's words, `status` the HTTP status."""

    def __init__(self, reason: str, status: int = 422) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


@dataclass(frozen=True, slots=True)
class PageParts:
    """What the page works with."""

    data: CarrierData
    account: AccountData
    config: AccountConfig
    sessions: Sessions
    book: AccountBook
    binder: Binder
    wechat: WechatClient
    gateway: Asking
    metrics: AccountMetrics
    clock: Clock


@dataclass(frozen=True, slots=True)
class _Form:
    """A form as it was submitted; `digest` is SHA-256 of its body."""

    fields: Mapping[str, list[str]] = field(repr=False)
    digest: bytes

    def get(self, name: str) -> str:
        """The first value of a field; empty if it has none."""
        return self.list(name)[0] if name in self.fields else ""

    def list(self, name: str) -> list[str]:
        """Every value of a field, in order."""
        return self.fields.get(name, [])


@dataclass(frozen=True, slots=True)
class _Result:
    """What was done by a form, in words; or that it `warns` before it does anything."""

    message: str = ""
    status: int = 200
    warns: bool = False


class PageFace:
    """The page's routes."""

    def __init__(self, parts: PageParts) -> None:
        self._parts = parts
        self._view = PageView(parts.data, parts.account)
        self._words = OutcomeWords(parts.data, parts.account)
        self._opening = write_opening(parts.data.opening)
        self._is_https = parts.config.public_url.startswith("https://")
        self._binding_forms: dict[str, Callable[[Session, _Form], Awaitable[_Result]]] = {
            "bind": self._bind,
            "code": self._send_code,
            "verify": self._verify,
            "check": self._check_code,
            "unbind": self._unbind,
        }

    @property
    def routes(self) -> list[web.RouteDef]:
        """Everything under `PATH`."""
        return [
            web.get(PATH, self._show),
            web.get(f"{PATH}/enter", self._enter),
            web.get(f"{PATH}/style.css", self._style),
            web.post(f"{PATH}/{{form}}", self._take),
        ]

    async def _style(self, _: web.Request) -> web.Response:
        return web.Response(text=self._view.style, content_type="text/css", headers=_HEADERS)

    async def _show(self, request: web.Request) -> web.Response:
        session = self._parts.sessions.read(request.cookies.get(COOKIE, ""))
        if session is None:
            return self._send_to_login()
        return await self._answer(session, _Result())

    def _send_to_login(self) -> web.Response:
        state, cookie = self._parts.sessions.issue_state()
        query = {
            "appid": self._parts.config.app_id,
            "redirect_uri": f"{self._parts.config.public_url}{PATH}/enter",
            "response_type": "code",
            "scope": "snsapi_base",
            "state": state,
        }
        url = f"{self._parts.config.authorize_url}{AUTHORIZE_PATH}?{urlencode(query)}#wechat_redirect"
        response = web.Response(status=302, headers={"Location": url, **_HEADERS})
        self._set_cookie(response, STATE_COOKIE, cookie, STATE_LIFE_S)
        return response

    async def _enter(self, request: web.Request) -> web.Response:
        """Come back from WeChat with a code, in the browser that went there."""
        state, code = request.query.get("state", ""), request.query.get("code", "")
        if not code or not self._parts.sessions.is_state(state, request.cookies.get(STATE_COOKIE, "")):
            return self._refuse("login_failed", 403)
        try:
            openid = await self._parts.wechat.find_openid(code)
        except WechatApiError as error:
            self._parts.metrics.count("pages", f"login_{error.turn.value}")
            return self._refuse("login_failed", 502)
        response = web.Response(status=303, headers={"Location": PATH, **_HEADERS})
        self._set_cookie(response, COOKIE, self._parts.sessions.issue(openid), self._parts.config.session_life_s)
        response.del_cookie(STATE_COOKIE, path=PATH)
        return response

    async def _take(self, request: web.Request) -> web.Response:
        """Take a form."""
        session = self._parts.sessions.read(request.cookies.get(COOKIE, ""))
        if session is None:
            return self._refuse("form_expired", 403)
        form = await _read_form(request)
        if not self._parts.sessions.is_form_token(session, form.get("form_token")):
            return self._refuse("form_expired", 403)
        try:
            result = await self._carry_out(request.match_info["form"], session, form)
        except (PageRefusedError, BindingRefusedError, ActionError) as error:
            status = error.status if isinstance(error, PageRefusedError) else 422
            result = _Result(self._view.say("reasons", error.reason), status)
        except JournalError as error:
            log.error("journal failed", extra={"reason": error.reason})
            result = _Result(self._view.say("reasons", "unavailable"), 503)
        self._parts.metrics.count("pages", "taken" if result.status == 200 else "refused")
        return await self._answer(session, result)

    async def _carry_out(self, name: str, session: Session, form: _Form) -> _Result:
        if name in self._binding_forms:
            return await self._binding_forms[name](session, form)
        binding = await self._find_binding(session)
        if name == "open":
            return await self._open(session, binding, form)
        action, values = _read_setting(name, form)
        if name == "erase" and UNDERSTOOD not in values:
            return self._warn(binding)
        if name == "protect":
            action, values = "refuse", list(self._parts.account.protection)
        return await self._submit(session, binding, form, read_action(action, values, self._opening))

    async def _find_binding(self, session: Session) -> Binding:
        binding = await self._parts.book.binding(session.openid, self._parts.clock.now_ms())
        if binding is None:
            raise PageRefusedError("not_bound")
        return binding

    def _warn(self, binding: Binding) -> _Result:
        """Warn of what cannot be taken back; with less proof than the registry takes, say what is lacking at once."""
        if not is_proved(binding):
            return _Result(self._words.write_refusal("erase", "PROOF_REQUIRED"), 422)
        return _Result(warns=True)

    async def _open(self, session: Session, binding: Binding, form: _Form) -> _Result:
        if self._parts.account.opening is AccountOpening.ELSEWHERE:
            return _Result(self._parts.account.how_to_open, 422)
        shown = self._read_consent(form)
        return await self._submit(session, binding, form, read_action("open", [], self._opening), shown)

    def _read_consent(self, form: _Form) -> Shown:
        """Take the separate consent: to the notice that this page shows now, and to no other."""
        consent = self._parts.account.consent
        is_this = form.get("notice_version") == consent.version
        is_this = is_this and form.get("notice_digest") == self._view.consent_digest
        if form.get("consent") != "yes" or not is_this:
            raise PageRefusedError("consent_required")
        return write_shown(consent, consent.version, bytes.fromhex(self._view.consent_digest), is_given=True)

    async def _submit(
        self, session: Session, binding: Binding, form: _Form, set_action: SetAction, shown: Shown | None = None
    ) -> _Result:
        serial = form.get("serial")[:_SERIAL_CHARS]
        if not (len(serial) == _SERIAL_CHARS and serial.isascii() and serial.isalnum()):
            raise PageRefusedError("bad_value")
        # A serial is the form's, so a user cannot be given somebody else's first answer.
        key = sha256(f"{session.openid}\0{serial}".encode()).hexdigest()
        source = Source(
            self._parts.data.id,
            self._parts.config.app_id,
            f"page:{key}",
            binding.number,
            binding.proof,
            self._parts.clock.now_ms(),
            form.digest,
            shown,
        )
        instruction = make_instruction(source, set_action)
        action = name_action(instruction)
        try:
            outcome = await self._parts.gateway.submit(instruction)
        except GatewayError as error:
            self._parts.metrics.count("submits", error.reason)
            if error.advice is Advice.NEVER:
                return _Result(self._words.write_refusal(action, error.reason), 422)
            return _Result(self._view.say("reasons", "not_heard"), 503)
        disposition = name_disposition(outcome.disposition)
        self._parts.metrics.count("submits", disposition)
        return _Result(self._words.write(action, outcome), 422 if disposition == "refused" else 200)

    async def _bind(self, session: Session, form: _Form) -> _Result:
        opens = self._parts.account.opening is AccountOpening.LOGIN
        shown = self._read_consent(form) if opens else None
        binding = await self._parts.binder.bind_by_token(session.openid, form.get("token"))
        if shown is None:
            return _Result(self._view.say("done", "bound"))
        return await self._submit(session, binding, form, read_action("open", [], self._opening), shown)

    async def _send_code(self, session: Session, form: _Form) -> _Result:
        await self._parts.binder.send_code(session.openid, form.get("number"))
        return _Result(self._view.say("done", "code_sent"))

    async def _verify(self, session: Session, _: _Form) -> _Result:
        """Prove a number that is bound already once more, by a code."""
        binding = await self._find_binding(session)
        await self._parts.binder.send_code(session.openid, binding.number)
        return _Result(self._view.say("done", "code_sent"))

    async def _check_code(self, session: Session, form: _Form) -> _Result:
        await self._parts.binder.bind_by_code(session.openid, form.get("code"))
        return _Result(self._view.say("done", "bound"))

    async def _unbind(self, session: Session, _: _Form) -> _Result:
        await self._parts.book.unbind(session.openid)
        return _Result(self._view.say("done", "unbound"))

    async def _answer(self, session: Session, result: _Result) -> web.Response:
        facts = PageFacts(
            self._parts.sessions.make_form_token(session),
            secrets.token_hex(_SERIAL_CHARS // 2),
            message=result.message,
            is_error=result.status != 200,
            has_login=self._parts.binder.has_login,
            is_erasing=result.warns,
        )
        status = result.status
        try:
            facts = replace(facts, binding=await self._parts.book.binding(session.openid, self._parts.clock.now_ms()))
            if facts.binding is not None:
                number = PhoneNumber(facts.binding.number)
                facts = replace(facts, subscription=await self._parts.gateway.find_subscription(number))
        except (GatewayError, JournalError) as error:
            facts, status = self._explain(facts, error)
        self._parts.metrics.count("pages", "shown" if status == 200 else "error")
        return web.Response(text=self._view.render(facts), content_type="text/html", status=status, headers=_HEADERS)

    def _explain(self, facts: PageFacts, error: GatewayError | JournalError) -> tuple[PageFacts, int]:
        log.warning("a page could not be shown", extra={"reason": error.reason})
        if isinstance(error, GatewayError) and error.reason == "NOT_SERVED":
            return replace(
                facts, is_known=False, is_error=True, message=self._view.say("reasons", "other_carrier")
            ), 422
        message = facts.message or self._view.say("reasons", "unavailable")
        return replace(facts, is_known=False, is_error=True, message=message), 503

    def _refuse(self, reason: str, status: int) -> web.Response:
        self._parts.metrics.count("pages", reason)
        facts = PageFacts("", "", is_known=False, is_error=True, message=self._view.say("reasons", reason))
        return web.Response(text=self._view.render(facts), content_type="text/html", status=status, headers=_HEADERS)

    def _set_cookie(self, response: web.Response, name: str, value: str, life_s: float) -> None:
        # Lax, not strict: the way back from WeChat begins on another site.
        response.set_cookie(
            name, value, max_age=round(life_s), path=PATH, httponly=True, samesite="Lax", secure=self._is_https
        )


async def _read_form(request: web.Request) -> _Form:
    """Read a form, sent as all of this page's are: any other body has none of their fields."""
    body = await request.read()
    return _Form(parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True), sha256(body).digest())


def _read_setting(name: str, form: _Form) -> tuple[str, list[str]]:
    """Read a settings form as the name and values of `adapters.carrier.account.actions`."""
    if name != "quiet_hours":
        return name, [value for value in form.list("value") if value.strip()]
    rows = zip(*(form.list(column) for column in ("days", "start", "end")), strict=False)
    return name, [f"{days} {start}-{end}" for days, start, end in rows if days]
