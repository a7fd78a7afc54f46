"""The interfaces that WeChat serves to the server of an account: access token, messages, web page authorisation."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from adapters.simulators.http_fault import answer_struck
from adapters.simulators.wechat.chronicle import Chronicle
from adapters.simulators.wechat.entries import Happening
from adapters.simulators.wechat.settings import Operation, WechatFault, WechatSettings
from adapters.wire import wechat_api as api

_FORCE_EVERY_S: Final = 30.0
_OVERLAP_S: Final = 300
_BUSY: Final = -1
_Do = Callable[[web.Request, Any], dict[str, Any]]


class Interfaces:
    """WeChat's side of the outgoing APIs. `spoke` says when a user last said something, in Unix milliseconds."""

    def __init__(self, settings: WechatSettings, chronicle: Chronicle, spoke: dict[str, int]) -> None:
        self._settings = settings
        self._chronicle = chronicle
        self._spoke = spoke
        self._tokens: dict[str, float] = {}
        self._forced_at = -_FORCE_EVERY_S
        self._codes: dict[str, str] = {}
        self.visitor = ""
        self.issued = 0

    @property
    def routes(self) -> list[web.RouteDef]:
        """Everything that is served."""
        return [
            web.post(api.TOKEN_PATH, self._serve(Operation.TOKEN, self._give_token)),
            web.post(api.CHAT_PATH, self._serve(Operation.CHAT, self._send_chat)),
            web.post(api.TEMPLATE_PATH, self._serve(Operation.TEMPLATE, self._send_template)),
            web.get(api.LOGIN_PATH, self._serve(Operation.LOGIN, self._name_user)),
            web.get(api.AUTHORIZE_PATH, self._authorize),
        ]

    def clear(self) -> None:
        """Forget tokens and codes."""
        self._tokens.clear()
        self._codes.clear()
        self._forced_at = -_FORCE_EVERY_S
        self.visitor, self.issued = "", 0

    def _serve(self, operation: Operation, do: _Do) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serve(request: web.Request) -> web.Response:
            body = await _read_json(request)
            fault = self._chronicle.draw(operation)

            def carry_out() -> web.Response:
                answer = {"errcode": fault.errcode} if fault is not None and fault.errcode else do(request, body)
                return self._answer(request, answer)

            if fault is None:
                return carry_out()
            return await answer_struck(request, fault, carry_out, lambda: self._answer(request, _refusal(fault)))

        return serve

    def _answer(self, request: web.Request, answer: dict[str, Any]) -> web.Response:
        self._chronicle.note(Happening.CALLED, detail=request.path, status=answer.get("errcode", 0))
        return web.json_response(answer)

    def _give_token(self, _: web.Request, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict) or body.get("grant_type") != "client_credential":
            return self._malformed()
        if (body.get("appid"), body.get("secret")) != (self._settings.app_id, self._settings.app_secret):
            return {"errcode": 40125 if body.get("appid") == self._settings.app_id else 40013}
        now = self._chronicle.clock.monotonic()
        if body.get("force_refresh") is True:
            if now - self._forced_at < _FORCE_EVERY_S:
                self._chronicle.accuse("token_forced_too_often")
                return {"errcode": 45009}
            self._forced_at = now
            self._tokens.clear()
        token, end = next(reversed(self._tokens.items()), ("", 0.0))
        if end - now < _OVERLAP_S:
            token, end = secrets.token_hex(64), now + self._settings.token_life_s
            self._tokens[token] = end
            self.issued += 1
        return {"access_token": token, "expires_in": round(end - now)}

    def _send_chat(self, request: web.Request, body: Any) -> dict[str, Any]:
        if refused := self._check_token(request):
            return refused
        try:
            openid, text = str(body["touser"]), body["text"]["content"]
            if body["msgtype"] != "text" or not isinstance(text, str):
                return self._malformed()
        except (KeyError, TypeError):
            return self._malformed()
        if len(text.encode()) > api.MAX_TEXT_BYTES:
            self._chronicle.accuse("text_too_long", openid)
            return {"errcode": 45002}
        spoke_ms = self._spoke.get(openid)
        if spoke_ms is None:
            return {"errcode": 43004}
        if self._chronicle.clock.now_ms() - spoke_ms > self._settings.chat_window_s * 1000:
            return {"errcode": 45015}
        self._chronicle.note(Happening.MESSAGE, openid=openid, text=text, detail="chat")
        return {"errcode": 0, "errmsg": "ok"}

    def _send_template(self, request: web.Request, body: Any) -> dict[str, Any]:
        if refused := self._check_token(request):
            return refused
        try:
            openid, values = str(body["touser"]), [entry["value"] for entry in body["data"].values()]
            template_id = body["template_id"]
        except (AttributeError, KeyError, TypeError):
            return self._malformed()
        if template_id not in self._settings.templates:
            self._chronicle.accuse("unknown_template", openid)
            return {"errcode": 40037}
        if openid not in self._spoke:
            return {"errcode": 43004}
        self._chronicle.note(Happening.MESSAGE, openid=openid, text=" ".join(map(str, values)), detail="template")
        return {"errcode": 0, "errmsg": "ok", "msgid": secrets.randbelow(10**12)}

    def _name_user(self, request: web.Request, _: Any) -> dict[str, Any]:
        query = request.query
        if (query.get("appid"), query.get("secret")) != (self._settings.app_id, self._settings.app_secret):
            return {"errcode": 40125}
        openid = self._codes.pop(query.get("code", ""), None)
        if openid is None:
            return {"errcode": 40029}
        return {"access_token": secrets.token_hex(32), "expires_in": 7200, "openid": openid, "scope": "snsapi_base"}

    async def _authorize(self, request: web.Request) -> web.Response:
        """Send the browser back with a code, as the user who is the visitor now."""
        query = request.query
        target = query.get("redirect_uri", "")
        if query.get("appid") != self._settings.app_id or not target or not self.visitor:
            return web.Response(status=400)
        code = secrets.token_hex(16)
        self._codes[code] = self.visitor
        self._chronicle.note(Happening.AUTHORIZED, openid=self.visitor)
        location = f"{target}?{urlencode({'code': code, 'state': query.get('state', '')})}"
        return web.Response(status=302, headers={"Location": location})

    def _check_token(self, request: web.Request) -> dict[str, Any] | None:
        end = self._tokens.get(request.query.get("access_token", ""))
        if end is None:
            return {"errcode": 40001}
        return {"errcode": 42001} if self._chronicle.clock.monotonic() >= end else None

    def _malformed(self) -> dict[str, Any]:
        self._chronicle.accuse("request_malformed")
        return {"errcode": 47001}


def _refusal(fault: WechatFault) -> dict[str, Any]:
    return {"errcode": fault.errcode or _BUSY}


async def _read_json(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError:
        return None
