"""WeChat's outgoing APIs as JSON: what an official account asks, what it is answered, and whose turn it is then.

Source: WeChat official accounts, "stable access token", "customer service messages", "template messages", "web page
authorisation"; the codes from "global return codes". The grouping is ours; a code not listed is ``UNKNOWN``.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from adapters.wire.errors import WireError
from adapters.wire.flatjson import load_object

TOKEN_PATH: Final = "/cgi-bin/stable_token"  # noqa: S105 - a path
CHAT_PATH: Final = "/cgi-bin/message/custom/send"
TEMPLATE_PATH: Final = "/cgi-bin/message/template/send"
LOGIN_PATH: Final = "/sns/oauth2/access_token"
AUTHORIZE_PATH: Final = "/connect/oauth2/authorize"
MAX_ANSWER_BYTES: Final = 64 * 1024
MAX_TEXT_BYTES: Final = 2048
_OPENID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_TOKEN = re.compile(r"[!-~]{1,2048}")


class Turn(StrEnum):
    """Whose turn it is after an answer."""

    DONE = "done"
    TOKEN = "token"  # noqa: S105 - no password
    """Ours, at once: fetch a new access token and repeat."""
    USER = "user"
    """The user's: this user is not to be written to in this way now."""
    LATER = "later"
    """WeChat's: it is busy, or we were too fast."""
    CONFIGURATION = "configuration"
    """Ours: account, secret, template or request are wrong, and stay wrong."""
    UNKNOWN = "unknown"


_TURNS: Final[dict[int, Turn]] = {
    0: Turn.DONE,
    -1: Turn.LATER,
    40001: Turn.TOKEN,
    40014: Turn.TOKEN,
    42001: Turn.TOKEN,
    40003: Turn.USER,
    40029: Turn.USER,
    40163: Turn.USER,
    42003: Turn.USER,
    43004: Turn.USER,
    43101: Turn.USER,
    45015: Turn.USER,
    45047: Turn.USER,
    50005: Turn.USER,
    40002: Turn.CONFIGURATION,
    40013: Turn.CONFIGURATION,
    40037: Turn.CONFIGURATION,
    40125: Turn.CONFIGURATION,
    40164: Turn.CONFIGURATION,
    41001: Turn.TOKEN,
    47001: Turn.CONFIGURATION,
    47003: Turn.CONFIGURATION,
    48001: Turn.CONFIGURATION,
    61007: Turn.CONFIGURATION,
    45009: Turn.LATER,
    45011: Turn.LATER,
}
TOKEN_CODES: Final = frozenset(code for code, turn in _TURNS.items() if turn is Turn.TOKEN)
CHAT_CLOSED_CODES: Final = frozenset({45015, 45047})
"""The 48 hours after a user's last word are over, or too much was written in them: a template still may go."""


class WechatAnswerError(WireError):
    """An answer that cannot be used. ``reason`` is ``too_large``, ``not_json`` or ``malformed_field``."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token and how many seconds it is good for."""

    token: str = field(repr=False)
    expires_in_s: int


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """An answer: its code, and what came with it, which may be personal."""

    errcode: int
    fields: Mapping[str, Any] = field(repr=False)

    @property
    def turn(self) -> Turn:
        """Whose turn it is."""
        return _TURNS.get(self.errcode, Turn.UNKNOWN)


def write_token_request(app_id: str, secret: str, *, force_refresh: bool) -> bytes:
    """Write the body that asks for the stable access token."""
    return _dump({"grant_type": "client_credential", "appid": app_id, "secret": secret, "force_refresh": force_refresh})


def write_chat_text(openid: str, text: str) -> bytes:
    """Write a customer-service text. It may be shown for 48 hours after the user's last word."""
    return _dump({"touser": openid, "msgtype": "text", "text": {"content": text}})


def write_template(openid: str, template_id: str, values: Mapping[str, str], *, url: str = "") -> bytes:
    """Write a template message; `values` are the template's own names."""
    data = {name: {"value": value} for name, value in values.items()}
    request = {"touser": openid, "template_id": template_id, "data": data}
    return _dump(request | ({"url": url} if url else {}))


def read_answer(body: bytes) -> ApiAnswer:
    """Read any answer; one without a code is a success. Raises ``WechatAnswerError``."""
    fields = load_object(body, MAX_ANSWER_BYTES, WechatAnswerError)
    errcode = fields.get("errcode", 0)
    if type(errcode) is not int:
        raise WechatAnswerError("malformed_field", "errcode")
    return ApiAnswer(errcode, fields)


def read_token(answer: ApiAnswer) -> AccessToken:
    """Take the access token out of a success. Raises ``WechatAnswerError``."""
    token, expires_in_s = answer.fields.get("access_token"), answer.fields.get("expires_in")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise WechatAnswerError("malformed_field", "access_token")
    if type(expires_in_s) is not int or expires_in_s <= 0:
        raise WechatAnswerError("malformed_field", "expires_in")
    return AccessToken(token, expires_in_s)


def read_openid(answer: ApiAnswer) -> str:
    """Take the user out of a success of web page authorisation. Raises ``WechatAnswerError``."""
    openid = answer.fields.get("openid")
    if not isinstance(openid, str) or not _OPENID.fullmatch(openid):
        raise WechatAnswerError("malformed_field", "openid")
    return openid


def _dump(value: dict[str, Any]) -> bytes:
    # As they are: WeChat shows the escapes of ASCII JSON to users.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
