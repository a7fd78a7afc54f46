"""What must hold for any bytes of an app, a one-tap login or a CAMARA server; shared by the fuzz target and the tests.

Three small codecs of JSON share one target. The first byte of an input chooses the check, the rest is what a peer sent.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from adapters.wire import app_order, camara, cmpassport
from adapters.wire.app_order import AppHeaders, AppOrder, AppOrderError
from adapters.wire.camara import CamaraError
from adapters.wire.cmpassport import CmpassportError, LoginResponse
from adapters.wire.cmpassport_codes import BAD_PARAMETER, BAD_SIGN, SUCCESS

NUMBER, TOKEN = "13800138000", "STsid0000001517196594066OHmZvPMBwn2MkFxwvWkV12JixwuZuyDU"
MSG_ID, NOW_MS = "335e06a28f064b999d6a25e403991e4c", 1_517_196_575_435
SECRET, TIMESTAMP, NONCE = "secret of the app", str(NOW_MS), "nonce-0001"
ORDER = AppOrder("A-1", NUMBER, "one_tap_login", "refuse", ("loan",), "2026-11", "ab" * 32, consent=True)
BODY = json.dumps(asdict(ORDER)).encode()
REQUEST = cmpassport.make_request("300011870000", "app key", TOKEN, msg_id=MSG_ID, now_ms=NOW_MS)
ANSWER = LoginResponse(MSG_ID, "20180129112955477", SUCCESS, NUMBER, "task-1")
RSA_KEY = generate_private_key(65537, 2048)
APP_REASONS = {"too_large", "not_json", "unknown_field", "missing_field", "malformed_field"}


def check(data: bytes) -> None:
    """Run the check that ``data`` chooses; raises whatever it finds wrong."""
    if len(data) < 2:
        return
    CHECKS[data[0] % len(CHECKS)](data[1:])


def check_app_order(body: bytes) -> None:
    """What an app books is refused with a reason, without its content, or survives writing and reading."""
    try:
        order = app_order.read_order(body)
    except AppOrderError as error:
        assert error.reason in APP_REASONS  # noqa: PT017
        assert NUMBER not in str(error)  # noqa: PT017
        return
    assert app_order.read_order(json.dumps(asdict(order)).encode()) == order
    assert len(order.values) <= app_order.MAX_VALUES
    assert order.proof in app_order.PROOFS


def check_app_proof(body: bytes) -> None:
    """A signature proves the body, time and nonce that it was made for, and nothing else."""
    signed = app_order.sign(SECRET, TIMESTAMP, NONCE, BODY)
    _check_proven(TIMESTAMP, NONCE, body, signed, is_good=body == BODY)
    # Whatever a caller claims as time and nonce in its headers, signed by somebody without the key.
    timestamp, _, nonce = body.decode("latin-1").partition("\n")
    _check_proven(timestamp, nonce, BODY, signed, is_good=(timestamp, nonce) == (TIMESTAMP, NONCE))


def _check_proven(timestamp: str, nonce: str, body: bytes, signature: str, *, is_good: bool) -> None:
    try:
        app_order.check_request(AppHeaders("app-1", timestamp, nonce, signature), body, SECRET, NOW_MS)
    except AppOrderError as error:
        assert not is_good
        assert error.reason in {"bad_header", "bad_signature", "stale_timestamp"}  # noqa: PT017
        return
    assert is_good


def check_login_request(body: bytes) -> None:
    """A request that was read survives writing; the platform knows only three answers to it, and one signed request."""
    try:
        request = cmpassport.decode_request(body)
    except CmpassportError as error:
        _check_silent(str(error))
        return
    assert cmpassport.decode_request(cmpassport.encode_request(request)) == request
    code = cmpassport.check_request(request, "app key")
    assert code in {SUCCESS, BAD_PARAMETER, BAD_SIGN}
    assert cmpassport.check_request(request, RSA_KEY.public_key()) in {BAD_PARAMETER, BAD_SIGN}
    if code == SUCCESS:
        assert _list_signed(request) == _list_signed(REQUEST)


def _list_signed(request: cmpassport.LoginRequest) -> str:
    # The published form joins the fields without separators, so only the whole is proved.
    signed = (request.app_id, request.version, request.msg_id, request.system_time, request.strict_check, request.token)
    return "".join(signed)


def check_login_answer(body: bytes) -> None:
    """Only an answer to our request that says yes names a number; it survives writing."""
    try:
        answer = cmpassport.decode_response(body, MSG_ID)
    except CmpassportError as error:
        _check_silent(str(error))
        return
    assert answer.msg_id == MSG_ID
    assert bool(answer.msisdn) == (answer.result_code == SUCCESS)
    assert cmpassport.decode_response(cmpassport.encode_response(answer), MSG_ID) == answer


def check_login_encrypted(body: bytes) -> None:
    """A number that was not encrypted to our key is none."""
    try:
        answer = cmpassport.decode_response(body, MSG_ID, RSA_KEY)
    except CmpassportError as error:
        _check_silent(str(error))
        return
    assert not answer.msisdn


def check_camara(data: bytes) -> None:
    """With 200 comes a number, with anything else a code; never both."""
    status = 200 if data[0] % 2 else 403
    try:
        answer = camara.decode_answer(status, data[1:])
    except CamaraError as error:
        _check_silent(str(error))
        return
    assert bool(answer.phone_number) == (status == 200) == (not answer.code)
    body = camara.encode_phone(answer.phone_number) if status == 200 else camara.encode_error(status, answer.code, "")
    assert camara.decode_answer(status, body) == answer


def _check_silent(said: str) -> None:
    assert NUMBER not in said
    assert TOKEN not in said


CHECKS: tuple[Callable[[bytes], None], ...] = (
    check_app_order,
    check_app_proof,
    check_login_request,
    check_login_answer,
    check_login_encrypted,
    check_camara,
)


def make_seeds() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of at least one input per check."""
    answer = cmpassport.encode_response(ANSWER)
    inputs: list[tuple[str, Callable[[bytes], None], bytes]] = [
        ("app_order", check_app_order, BODY),
        ("app_body", check_app_proof, BODY),
        ("app_head", check_app_proof, f"{TIMESTAMP}\n{NONCE}".encode()),
        ("login_request", check_login_request, cmpassport.encode_request(REQUEST)),
        ("login_answer", check_login_answer, answer),
        ("login_refusal", check_login_answer, answer.replace(SUCCESS.encode(), b"103119")),
        ("login_encrypted", check_login_encrypted, answer.replace(NUMBER.encode(), b"ab" * 256)),
        ("camara_phone", check_camara, b"\x01" + camara.encode_phone(f"+86{NUMBER}")),
        ("camara_error", check_camara, b"\x00" + camara.encode_error(403, "PERMISSION_DENIED", "no")),
    ]
    for name, check_it, data in inputs:
        yield name, bytes((CHECKS.index(check_it),)) + data
