"""China Mobile's one-tap login, over HTTP: `adapters.wire.cmpassport` has the packets and their source."""

from __future__ import annotations

import uuid
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from adapters.carrier.account.settings import LoginSecrets
from adapters.carrier.number_login import LoginRefusal, LoginRefusedError
from adapters.transport.http_client import HttpCallError, HttpClient
from adapters.wire.cmpassport import CmpassportError, LoginResponse, decode_response, encode_request, make_request
from adapters.wire.cmpassport_codes import Verdict
from optout.kit.clock import Clock
from optout.kit.config import ConfigError, ConfigReason
from optout.kit.number import PhoneNumber, parse_subscriber

PATH: Final = "/unisdk/rsapi/loginTokenValidate"
_REFUSALS: Final = {
    Verdict.LOG_IN_AGAIN: LoginRefusal.LOG_IN_AGAIN,
    Verdict.OTHER_CARRIER: LoginRefusal.OTHER_CARRIER,
    Verdict.LATER: LoginRefusal.LATER,
    Verdict.CONFIGURATION: LoginRefusal.CONFIGURATION,
    Verdict.UNKNOWN: LoginRefusal.UNKNOWN,
    # Every request of ours has a new id: one that is said to be repeated was answered to somebody else.
    Verdict.REPLAYED: LoginRefusal.LOG_IN_AGAIN,
}


class CmpassportLogin:
    """`NumberLogin` by China Mobile's published exchange; `key` is the application's key (MD5) or its RSA key."""

    def __init__(
        self, http: HttpClient, url: str, app_id: str, key: str | RSAPrivateKey, clock: Clock, *, strict: bool = False
    ) -> None:
        self._http = http
        self._url = url.rstrip("/") + PATH
        self._app_id = app_id
        self._key = key
        self._clock = clock
        self._strict = strict

    async def exchange(self, token: str) -> PhoneNumber:
        """Have the number of a token. Raises `LoginRefusedError`."""
        try:
            answer = await self._ask(token)
        except HttpCallError as error:
            raise LoginRefusedError(LoginRefusal.LATER, error.reason) from None
        except CmpassportError as error:
            is_ours = error.field == "token"
            raise LoginRefusedError(
                LoginRefusal.LOG_IN_AGAIN if is_ours else LoginRefusal.LATER, error.reason
            ) from None
        if answer.verdict is not Verdict.OK:
            raise LoginRefusedError(_REFUSALS[answer.verdict], answer.result_code)
        return parse_subscriber(answer.msisdn)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _ask(self, token: str) -> LoginResponse:
        msg_id = uuid.uuid4().hex
        request = make_request(
            self._app_id, self._key, token, msg_id=msg_id, now_ms=self._clock.now_ms(), strict_check=self._strict
        )
        headers = {"Content-Type": "application/json;charset=UTF-8"}
        answer = await self._http.call("POST", self._url, headers=headers, body=encode_request(request))
        if answer.status != 200:
            raise HttpCallError(f"http_{answer.status}")
        return decode_response(answer.body, msg_id, None if isinstance(self._key, str) else self._key)


def make_login(secrets: LoginSecrets, clock: Clock) -> CmpassportLogin:
    """Make China Mobile's login. Raises `ConfigError` unless there is one of the two keys, and it is fit."""
    key: str | RSAPrivateKey = secrets.key
    if bool(secrets.key) == bool(secrets.rsa_key) or not secrets.config.app_id:
        raise ConfigError(ConfigReason.MISSING, "account.login", "app_id, and either key or rsa_key, are needed")
    if secrets.rsa_key:
        try:
            loaded = load_pem_private_key(secrets.rsa_key, None)
        except (TypeError, ValueError):
            raise ConfigError(ConfigReason.BAD_VALUE, "account.login.rsa_key", "no PEM key without password") from None
        if not isinstance(loaded, RSAPrivateKey):
            raise ConfigError(ConfigReason.BAD_VALUE, "account.login.rsa_key", "not an RSA key")
        key = loaded
    config = secrets.config
    return CmpassportLogin(HttpClient(), config.url, config.app_id, key, clock, strict=config.strict)
