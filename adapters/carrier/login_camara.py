"""One-tap login in the shape of CAMARA NumberVerification r3.2: `adapters.wire.camara` has the packets.

The token is the three-legged access token itself, bound to the SIM by the network and good for one call.
"""

from __future__ import annotations

import re
import uuid
from typing import Final

from adapters.carrier.account.settings import LoginSecrets
from adapters.carrier.number_login import LoginRefusal, LoginRefusedError
from adapters.transport.http_client import HttpCallError, HttpClient
from adapters.wire.camara import CORRELATOR, PHONE_PATH, CamaraError, PhoneAnswer, decode_answer
from optout.kit.clock import Clock
from optout.kit.number import NumberError, PhoneNumber, parse_subscriber

_TOKEN = re.compile(r"[0-9A-Za-z._~+/=-]{1,2048}")
_OTHER_NETWORK: Final = "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK"
_REFUSALS: Final = {
    400: LoginRefusal.CONFIGURATION,
    401: LoginRefusal.LOG_IN_AGAIN,
    403: LoginRefusal.CONFIGURATION,
    404: LoginRefusal.CONFIGURATION,
    429: LoginRefusal.LATER,
}


class CamaraLogin:
    """`NumberLogin` by CAMARA's interface at `url`."""

    def __init__(self, http: HttpClient, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/") + PHONE_PATH

    async def exchange(self, token: str) -> PhoneNumber:
        """Have the number of a token. Raises `LoginRefusedError`."""
        if not _TOKEN.fullmatch(token):
            raise LoginRefusedError(LoginRefusal.LOG_IN_AGAIN, "malformed_field")
        try:
            answer = await self._ask(token)
            if answer.phone_number:
                return parse_subscriber(answer.phone_number)
        except (HttpCallError, CamaraError) as error:
            raise LoginRefusedError(LoginRefusal.LATER, error.reason) from None
        except NumberError:
            raise LoginRefusedError(LoginRefusal.OTHER_CARRIER, "not_a_subscriber") from None
        if answer.code == _OTHER_NETWORK:
            raise LoginRefusedError(LoginRefusal.OTHER_CARRIER, answer.code)
        raise LoginRefusedError(_REFUSALS.get(answer.status, LoginRefusal.UNKNOWN), answer.code)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _ask(self, token: str) -> PhoneAnswer:
        headers = {"Authorization": f"Bearer {token}", CORRELATOR: str(uuid.uuid4())}
        answer = await self._http.call("GET", self._url, headers=headers)
        if answer.status >= 500:
            raise HttpCallError(f"http_{answer.status}")
        return decode_answer(answer.status, answer.body)


def make_login(secrets: LoginSecrets, _: Clock) -> CamaraLogin:
    """Make the login of a carrier that is met in CAMARA's shape."""
    return CamaraLogin(HttpClient(), secrets.config.url)
