"""The two faces on which tokens are exchanged, and the rules their callers are held to.

==================  ==================================================================================
rule                broken by
==================  ==================================================================================
malformed_request   a request that is not of its form
bad_signature       a signature that the application's key did not make
unknown_app         an application that the carrier does not know
msgid_reused        a msgid that came before
clock_skew          a systemtime more than five minutes away
bad_address         a strict request from an address that the application does not name
token_reused        a token that was exchanged already
missing_correlator  a CAMARA request without its x-correlator
==================  ==================================================================================
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from adapters.simulators.faults import FaultDeck
from adapters.simulators.history import History, read_wall
from adapters.simulators.http_fault import answer_struck
from adapters.simulators.login.entries import Entry, Happening
from adapters.simulators.login.settings import LoginApp, LoginFault, LoginSettings
from adapters.simulators.login.tokens import TokenBook, TokenState
from adapters.wire import camara, cmpassport_codes
from adapters.wire.chinatime import format_millis, parse_digits
from adapters.wire.cmpassport import (
    CmpassportError,
    LoginRequest,
    LoginResponse,
    check_request,
    decode_request,
    encode_response,
)
from optout.kit.clock import Clock
from optout.kit.number import PhoneNumber, national_form

MOBILE: Final = "mobile"
CMPASSPORT_PATH: Final = "/unisdk/rsapi/loginTokenValidate"
_BUSY: Final = "103211"
_OTHER_CARRIER: Final = "105013"
_TOKEN_CODES: Final = {
    TokenState.UNKNOWN: cmpassport_codes.EXPIRED_CREDENTIAL,
    TokenState.OTHER_CARRIER: _OTHER_CARRIER,
    TokenState.OTHER_APP: cmpassport_codes.BAD_CREDENTIAL,
    TokenState.EXPIRED: cmpassport_codes.EXPIRED_CREDENTIAL,
    TokenState.USED: cmpassport_codes.EXPIRED_CREDENTIAL,
}
_OTHER_NETWORK: Final = "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK"
_RULES: Final = {
    cmpassport_codes.BAD_PARAMETER: "malformed_request",
    cmpassport_codes.BAD_SIGN: "bad_signature",
    cmpassport_codes.UNKNOWN_APPID: "unknown_app",
    cmpassport_codes.DUPLICATE_MSGID: "msgid_reused",
    cmpassport_codes.REPLAY: "clock_skew",
    cmpassport_codes.BAD_ADDRESS: "bad_address",
}


class Exchanges:
    """Both faces, and what they write down."""

    def __init__(self, settings: LoginSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.tokens = TokenBook(clock)
        self.history: History[Entry] = History(settings.history_limit)
        self.deck: FaultDeck[LoginFault] = FaultDeck()
        self.violations: list[tuple[int, str]] = []
        self._msg_ids: set[str] = set()

    @property
    def routes(self) -> list[web.RouteDef]:
        """Everything that is served."""
        return [
            web.post(CMPASSPORT_PATH, self._validate),
            web.get(f"/{{carrier}}{camara.PHONE_PATH}", self._read_phone),
        ]

    def note(self, happening: Happening, **fields: Any) -> Entry:
        """Write down what happened."""
        return self.history.append(lambda index: Entry(index, read_wall(self._clock), happening, **fields))

    def clear(self) -> None:
        """Forget everything."""
        self.tokens.clear()
        self.history.clear()
        self.deck.replace(())
        self.violations.clear()
        self._msg_ids.clear()

    def _accuse(self, rule: str, carrier: str) -> None:
        self.violations.append((self.note(Happening.VIOLATION, violation=rule, carrier=carrier).index, rule))

    def _draw(self) -> LoginFault | None:
        fault = self.deck.draw(lambda _: True)
        if fault is not None:
            self.note(Happening.FAULT, detail=fault.plan.name)
        return fault

    # China Mobile

    async def _validate(self, request: web.Request) -> web.Response:
        body = await request.read()
        fault = self._draw()
        try:
            asked = decode_request(body)
        except CmpassportError:
            self._accuse("malformed_request", MOBILE)
            return self._answer(LoginRequest("", "", "", ""), cmpassport_codes.BAD_PARAMETER, None, None)
        app = self._settings.find_app(MOBILE, asked.app_id)

        def do() -> web.Response:
            code = fault.code if fault is not None else ""
            return self._answer(asked, code or self._judge(asked, app, request.remote or ""), app, fault)

        if fault is None:
            return do()
        return await answer_struck(request, fault, do, lambda: self._answer(asked, fault.code or _BUSY, app, fault))

    def _judge(self, asked: LoginRequest, app: LoginApp | None, address: str) -> str:
        code = self._judge_request(asked, app, address)
        if code in _RULES:
            self._accuse(_RULES[code], MOBILE)
        if code != cmpassport_codes.SUCCESS:
            return code
        state, _ = self.tokens.judge(asked.token, MOBILE, asked.app_id)
        if state is TokenState.USED:
            self._accuse("token_reused", MOBILE)
        return _TOKEN_CODES.get(state, cmpassport_codes.SUCCESS)

    def _judge_request(self, asked: LoginRequest, app: LoginApp | None, address: str) -> str:
        if app is None:
            return cmpassport_codes.UNKNOWN_APPID
        key: str | RSAPublicKey = app.rsa_key if app.rsa_key is not None else app.key
        code = check_request(asked, key)
        if code != cmpassport_codes.SUCCESS:
            return code
        if asked.msg_id in self._msg_ids:
            return cmpassport_codes.DUPLICATE_MSGID
        self._msg_ids.add(asked.msg_id)
        if abs(parse_digits(asked.system_time) - self._clock.now_ms()) > self._settings.skew_s * 1000:
            return cmpassport_codes.REPLAY
        if asked.strict_check == "1" and app.addresses and address not in app.addresses:
            return cmpassport_codes.BAD_ADDRESS
        return cmpassport_codes.SUCCESS

    def _answer(self, asked: LoginRequest, code: str, app: LoginApp | None, fault: LoginFault | None) -> web.Response:
        answer = LoginResponse(asked.msg_id or "0", format_millis(self._clock.now_ms()), code)
        _, number = self.tokens.judge(asked.token, MOBILE, asked.app_id)
        if code == cmpassport_codes.SUCCESS and app is not None and number:
            self.tokens.use(asked.token)
            self.note(Happening.EXCHANGED, carrier=MOBILE, number=number, code=code)
            answer = replace(answer, msisdn=_write_msisdn(PhoneNumber(number), app))
        else:
            self.note(Happening.REFUSED, carrier=MOBILE, code=code)
        is_table = fault is not None and fault.table_spelling
        body = encode_response(answer, spelling="resultcode" if is_table else "resultCode")
        return web.Response(body=body, content_type="application/json")

    # CAMARA

    async def _read_phone(self, request: web.Request) -> web.Response:
        fault = self._draw()

        def do() -> web.Response:
            if fault is not None and fault.code:
                return self._refuse(request, 403, fault.code)
            return self._tell_phone(request)

        if fault is None:
            return do()
        return await answer_struck(
            request, fault, do, lambda: self._refuse(request, 429, fault.code or "TOO_MANY_REQUESTS")
        )

    def _tell_phone(self, request: web.Request) -> web.Response:
        carrier = request.match_info["carrier"]
        if not request.headers.get(camara.CORRELATOR):
            self._accuse("missing_correlator", carrier)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        state, number = self.tokens.judge(token, carrier, None)
        if state is TokenState.USED:
            self._accuse("token_reused", carrier)
        if state is TokenState.OTHER_CARRIER:
            return self._refuse(request, 403, _OTHER_NETWORK)
        if state is not TokenState.GOOD:
            return self._refuse(request, 401, "UNAUTHENTICATED")
        self.tokens.use(token)
        self.note(Happening.EXCHANGED, carrier=carrier, number=number, code="200")
        return self._write(request, 200, camara.encode_phone(number))

    def _refuse(self, request: web.Request, status: int, code: str) -> web.Response:
        self.note(Happening.REFUSED, carrier=request.match_info["carrier"], code=code)
        return self._write(request, status, camara.encode_error(status, code, "refused"))

    def _write(self, request: web.Request, status: int, body: bytes) -> web.Response:
        correlator = request.headers.get(camara.CORRELATOR, "")
        headers = {camara.CORRELATOR: correlator} if correlator else {}
        return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def _write_msisdn(number: PhoneNumber, app: LoginApp) -> str:
    plain = national_form(number)
    return plain if app.rsa_key is None else app.rsa_key.encrypt(plain.encode(), PKCS1v15()).hex()
