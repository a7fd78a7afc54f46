"""China Mobile's one-tap login: a token from the user's phone becomes the number of its SIM.

``POST …/unisdk/rsapi/loginTokenValidate`` with a flat JSON object of strings, as published in the unified
authentication (CMCCUA) integration guide, version 2.0. Two ways to sign: the MD5 of every field and a shared key,
or the application's RSA key over application and token; then the number in the answer is encrypted to that key.
Both sides are here: the asker's, and the platform's for the simulator.

A token proves a SIM for some minutes, and other applications on one phone have been shown to obtain it: what it may
prove is policy, not decided here. Tokens and numbers are in no error and no repr.
"""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from adapters.wire.chinatime import format_millis, parse_digits
from adapters.wire.cmpassport_codes import BAD_PARAMETER, BAD_SIGN, SUCCESS, Verdict, judge
from adapters.wire.errors import WireError
from adapters.wire.flatjson import load_object

VERSION: Final = "2.0"
MAX_BODY_BYTES: Final = 16 * 1024
_RSA = "RSA"
_MSGID = re.compile(r"[!-~]{1,36}")
_PRINTABLE = re.compile(r"[!-~]{1,2048}")
_MSISDN = re.compile(r"1[3-9][0-9]{9}")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_RESULT_CODE = re.compile(r"[0-9]{3,6}")


class CmpassportError(WireError):
    """A request or an answer that cannot be used. ``reason`` is stable, and no content is ever in it.

    Reasons:
        ``too_large``         more than 16 KiB
        ``not_json``          not one JSON object in UTF-8 whose names are unique
        ``missing_field``     a field that must be there
        ``malformed_field``   a field that is not of its form
        ``ambiguous_result``  an answer with both spellings of its code, and two codes
        ``wrong_msgid``       an answer to another request
        ``not_decryptable``   a number that is not encrypted to our key
    """


@dataclass(frozen=True, slots=True, repr=False)
class LoginRequest:
    """The request as it goes over the wire. ``system_time`` is 17 digits, China time."""

    app_id: str
    msg_id: str
    system_time: str
    token: str
    sign: str = ""
    strict_check: str = "0"
    expand_params: str = ""
    algorithm: str = ""
    version: str = VERSION

    def __repr__(self) -> str:
        """The token is a secret while it lives."""
        return f"LoginRequest(app_id={self.app_id!r}, msg_id={self.msg_id!r}, …)"


@dataclass(frozen=True, slots=True, repr=False)
class LoginResponse:
    """The answer. ``msisdn`` is eleven digits, and only there if ``verdict`` is OK."""

    msg_id: str
    system_time: str
    result_code: str
    msisdn: str = ""
    task_id: str = ""

    def __repr__(self) -> str:
        """The number is personal data."""
        return f"LoginResponse(msg_id={self.msg_id!r}, result_code={self.result_code!r}, …)"

    @property
    def verdict(self) -> Verdict:
        """Whose turn it is."""
        return judge(self.result_code)


_REQUEST_NAMES: Final = {
    "version": "version",
    "msg_id": "msgid",
    "system_time": "systemtime",
    "strict_check": "strictcheck",
    "app_id": "appid",
    "expand_params": "expandparams",
    "token": "token",
    "sign": "sign",
    "algorithm": "encryptionalgorithm",
}
_OPTIONAL = {"expand_params", "algorithm"}


def make_request(
    app_id: str, key: str | RSAPrivateKey, token: str, *, msg_id: str, now_ms: int, strict_check: bool = False
) -> LoginRequest:
    """Make a signed request: with the application's key (a string: MD5) or its RSA key.

    ``msg_id`` is new for every request, 1 to 36 printable characters; ``strict_check`` has the platform check our
    address. Raises ``CmpassportError`` (``malformed_field``).
    """
    request = LoginRequest(
        app_id=app_id,
        msg_id=msg_id,
        system_time=format_millis(now_ms),
        token=token,
        strict_check="1" if strict_check else "0",
        algorithm="" if isinstance(key, str) else _RSA,
    )
    check_form(request)
    if isinstance(key, str):
        return replace(request, sign=sign_md5(request, key))
    return replace(request, sign=key.sign(_rsa_signed(request), PKCS1v15(), SHA256()).hex())


def sign_md5(request: LoginRequest, app_key: str) -> str:
    """Return the upper-case hex MD5 that proves a request to whoever shares the key."""
    signed = (
        request.app_id,
        request.version,
        request.msg_id,
        request.system_time,
        request.strict_check,
        request.token,
        app_key,
    )
    return hashlib.md5("".join(signed).encode(), usedforsecurity=False).hexdigest().upper()


def encode_request(request: LoginRequest) -> bytes:
    """Write the JSON body."""
    values = {wire: getattr(request, name) for name, wire in _REQUEST_NAMES.items()}
    return _dump({wire: value for wire, value in values.items() if value})


def decode_request(body: bytes) -> LoginRequest:
    """Read a request as the platform does; its form is judged by ``check_request``.

    Raises ``CmpassportError``: ``too_large``, ``not_json``, ``missing_field``, ``malformed_field``.
    """
    fields = load_object(body, MAX_BODY_BYTES, CmpassportError)
    return LoginRequest(
        **{name: _text(fields, wire, required=name not in _OPTIONAL) for name, wire in _REQUEST_NAMES.items()}
    )


def check_form(request: LoginRequest) -> None:
    """Check the form of every field but the signature; raises ``CmpassportError`` (``malformed_field``)."""
    forms = {
        "version": request.version == VERSION,
        "msgid": _MSGID.fullmatch(request.msg_id),
        "systemtime": len(request.system_time) == 17 and _is_time(request.system_time),
        "strictcheck": request.strict_check in {"0", "1"},
        "appid": _PRINTABLE.fullmatch(request.app_id),
        "token": _PRINTABLE.fullmatch(request.token),
    }
    for name, holds in forms.items():
        if not holds:
            raise CmpassportError("malformed_field", name)


def check_request(request: LoginRequest, key: str | RSAPublicKey) -> str:
    """Judge a request as the platform does, by the key registered for its application; return the result code.

    ``SUCCESS`` says that form and signature are good; token, msgid, clock and address are for the caller to know.
    """
    try:
        check_form(request)
    except CmpassportError:
        return BAD_PARAMETER
    return SUCCESS if _is_signed(request, key) else BAD_SIGN


def encode_response(response: LoginResponse, *, spelling: Literal["resultCode", "resultcode"] = "resultCode") -> bytes:
    """Write an answer as the platform does, in either spelling of the guide.

    ``msisdn`` goes out as it is: the hex of its PKCS#1 v1.5 encryption, which draws random bytes, is the caller's.
    """
    values = {
        "inresponseto": response.msg_id,
        "systemtime": response.system_time,
        spelling: response.result_code,
        "msisdn": response.msisdn,
        "taskId": response.task_id,
    }
    return _dump({name: value for name, value in values.items() if value})


def decode_response(body: bytes, msg_id: str, key: RSAPrivateKey | None = None) -> LoginResponse:
    """Read the answer to the request ``msg_id``, signed with ``key`` if that was an RSA key.

    Raises ``CmpassportError`` with any reason its class lists. An answer that says no is no error: see ``verdict``.
    """
    fields = load_object(body, MAX_BODY_BYTES, CmpassportError)
    if _text(fields, "inresponseto") != msg_id:
        raise CmpassportError("wrong_msgid")
    result_code = _read_result_code(fields)
    msisdn = ""
    if result_code == SUCCESS:
        msisdn = _text(fields, "msisdn")
        msisdn = msisdn if key is None else _decrypt(msisdn, key)
        if not _MSISDN.fullmatch(msisdn):
            raise CmpassportError("malformed_field" if key is None else "not_decryptable", "msisdn")
    return LoginResponse(
        msg_id=msg_id,
        system_time=_text(fields, "systemtime", required=False),
        result_code=result_code,
        msisdn=msisdn,
        task_id=_text(fields, "taskId", required=False),
    )


def _is_signed(request: LoginRequest, key: str | RSAPublicKey) -> bool:
    """By the algorithm the key is for, whatever the request says it used."""
    if not _HEX.fullmatch(request.sign) or (request.algorithm == _RSA) == isinstance(key, str):
        return False
    if isinstance(key, str):
        return hmac.compare_digest(sign_md5(request, key), request.sign)
    try:
        key.verify(bytes.fromhex(request.sign), _rsa_signed(request), PKCS1v15(), SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


def _rsa_signed(request: LoginRequest) -> bytes:
    return (request.app_id + request.token).encode()


def _is_time(text: str) -> bool:
    try:
        parse_digits(text)
    except ValueError:
        return False
    return True


def _decrypt(msisdn: str, key: RSAPrivateKey) -> str:
    try:
        return key.decrypt(bytes.fromhex(msisdn), PKCS1v15()).decode("ascii")
    except ValueError:
        raise CmpassportError("not_decryptable", "msisdn") from None


def _read_result_code(fields: dict[str, Any]) -> str:
    """The guide's table spells it resultcode, its samples resultCode; numbers are seen, too."""
    codes = {str(fields[name]) for name in ("resultCode", "resultcode") if name in fields}
    if not codes:
        raise CmpassportError("missing_field", "resultCode")
    if len(codes) > 1:
        raise CmpassportError("ambiguous_result", "resultCode")
    code = codes.pop()
    if not _RESULT_CODE.fullmatch(code):
        raise CmpassportError("malformed_field", "resultCode")
    return code


def _dump(values: dict[str, str]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def _text(fields: dict[str, Any], name: str, *, required: bool = True) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise CmpassportError("malformed_field", name)
    if required and not value:
        raise CmpassportError("missing_field", name)
    return value
