"""WeChat's outgoing APIs, for one account: one access token for all callers, refreshed once when it is refused."""

from __future__ import annotations

import asyncio
from typing import Final

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from adapters.transport.http_client import HttpCallError, HttpClient
from adapters.wire import wechat_api as api
from adapters.wire.wechat_api import ApiAnswer, Turn
from optout.kit.clock import Clock

_EARLY_S: Final = 300
"""A token is renewed this long before its end: the old one stays good for as long, so nobody is caught between."""
_ATTEMPTS: Final = 3
_JSON: Final = {"Content-Type": "application/json"}


class WechatApiError(Exception):
    """WeChat did not do as asked. `turn` says whose turn it is, `code` is WeChat's, or ours where none came."""

    def __init__(self, turn: Turn, code: str) -> None:
        super().__init__(f"{turn.value}: {code}")
        self.turn = turn
        self.code = code

    @property
    def is_chat_closed(self) -> bool:
        """Whether the chat's 48 hours are over, so that only a template may still go."""
        return self.code.lstrip("-").isdigit() and int(self.code) in api.CHAT_CLOSED_CODES


class WechatClient:
    """Every call may raise `WechatApiError`; one with turn LATER may have happened."""

    def __init__(self, http: HttpClient, url: str, app_id: str, secret: str, clock: Clock) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._app_id = app_id
        self._secret = secret
        self._clock = clock
        self._token = ""
        self._good_until = 0.0
        self._fetching = asyncio.Lock()

    async def send_chat(self, openid: str, text: str) -> None:
        """Send a customer-service text; allowed for 48 hours after the user's last word."""
        await self._post(api.CHAT_PATH, api.write_chat_text(openid, text))

    async def send_template(self, openid: str, template_id: str, values: dict[str, str], url: str = "") -> None:
        """Send a template message."""
        await self._post(api.TEMPLATE_PATH, api.write_template(openid, template_id, values, url=url))

    async def find_openid(self, code: str) -> str:
        """Have the user of a web page authorisation; the code is used up."""
        query = {
            "appid": self._app_id,
            "secret": self._secret,
            "code": code,
            "grant_type": "authorization_code",
        }
        answer = await self._ask("GET", api.LOGIN_PATH, query=query)
        try:
            return api.read_openid(_demand(answer))
        except api.WechatAnswerError as error:
            raise WechatApiError(Turn.LATER, error.reason) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _post(self, path: str, body: bytes) -> None:
        token = await self._get_token()
        answer = await self._ask("POST", path, query={"access_token": token}, body=body)
        if answer.turn is Turn.TOKEN:
            token = await self._get_token(refused=token)
            answer = await self._ask("POST", path, query={"access_token": token}, body=body)
        _demand(answer)

    async def _get_token(self, refused: str = "") -> str:
        """Return the token in use, or a new one if it is old or was `refused`; callers share one fetch."""
        async with self._fetching:
            if self._token not in ("", refused) and self._clock.monotonic() < self._good_until:
                return self._token
            fresh = await self._fetch_token(force=False)
            if fresh.token == refused:
                # Nobody else has refreshed it meanwhile. This is counted: 20 a day, 30 s apart.
                fresh = await self._fetch_token(force=True)
            self._token = fresh.token
            self._good_until = self._clock.monotonic() + max(fresh.expires_in_s - _EARLY_S, 1)
            return self._token

    async def _fetch_token(self, *, force: bool) -> api.AccessToken:
        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_worth_repeating),
            wait=wait_exponential_jitter(multiplier=0.1, max=1.0, jitter=0.1),
            stop=stop_after_attempt(_ATTEMPTS),
            sleep=self._clock.sleep,
            reraise=True,
        )
        fresh: api.AccessToken = await retrying(self._fetch_once, force)
        return fresh

    async def _fetch_once(self, force: bool) -> api.AccessToken:
        body = api.write_token_request(self._app_id, self._secret, force_refresh=force)
        answer = await self._ask("POST", api.TOKEN_PATH, body=body)
        try:
            return api.read_token(_demand(answer))
        except api.WechatAnswerError as error:
            raise WechatApiError(Turn.LATER, error.reason) from None

    async def _ask(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: bytes | None = None
    ) -> ApiAnswer:
        try:
            answer = await self._http.call(method, self._url + path, query=query, body=body, headers=_JSON)
            if answer.status != 200:
                raise HttpCallError(f"http_{answer.status}")
            return api.read_answer(answer.body)
        except (HttpCallError, api.WechatAnswerError) as error:
            raise WechatApiError(Turn.LATER, error.reason) from None


def _demand(answer: ApiAnswer) -> ApiAnswer:
    if answer.turn is not Turn.DONE:
        raise WechatApiError(answer.turn, str(answer.errcode))
    return answer


def _is_worth_repeating(error: BaseException) -> bool:
    return isinstance(error, WechatApiError) and error.turn is Turn.LATER
