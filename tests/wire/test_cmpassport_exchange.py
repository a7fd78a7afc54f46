"""The token exchange from both ends: made here and judged there, answered there and read here."""

import hashlib
import json
import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire import cmpassport
from adapters.wire.cmpassport import CmpassportError, LoginRequest, LoginResponse
from adapters.wire.cmpassport_codes import BAD_PARAMETER, BAD_SIGN, SUCCESS, VERDICTS, Verdict, judge

APP_ID = "300011870000"
APP_KEY = "C5F1D0A7B8E94C3D"
TOKEN = "STsid0000001517196594066OHmZvPMBwn2MkFxwvWkV12JixwuZuyDU"
MSG_ID = "335e06a28f064b999d6a25e403991e4c"
NOW_MS = 1_517_196_575_435
NUMBER = "13800138000"
ANSWER = LoginResponse(MSG_ID, "20180129112955477", SUCCESS, NUMBER, "task-1")


@pytest.fixture(scope="module")
def rsa_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def make(key: str | RSAPrivateKey = APP_KEY) -> LoginRequest:
    return cmpassport.make_request(APP_ID, key, TOKEN, msg_id=MSG_ID, now_ms=NOW_MS)


def respond(**change: object) -> bytes:
    fields = json.loads(cmpassport.encode_response(ANSWER))
    return json.dumps({**fields, **change}).encode()


def test_request_when_made_then_is_as_published() -> None:
    signed = f"{APP_ID}2.0{MSG_ID}201801291129354350{TOKEN}{APP_KEY}"
    assert json.loads(cmpassport.encode_request(make())) == {
        "version": "2.0",
        "msgid": MSG_ID,
        "systemtime": "20180129112935435",
        "strictcheck": "0",
        "appid": APP_ID,
        "token": TOKEN,
        "sign": hashlib.md5(signed.encode()).hexdigest().upper(),
    }


def test_request_when_signed_with_rsa_then_says_so_and_signs_application_and_token(rsa_key: RSAPrivateKey) -> None:
    fields = json.loads(cmpassport.encode_request(make(rsa_key)))
    assert fields["encryptionalgorithm"] == "RSA"
    assert re.fullmatch(r"[0-9a-f]{512}", fields["sign"])


def test_request_when_addresses_are_to_be_checked_then_says_so() -> None:
    request = cmpassport.make_request(APP_ID, APP_KEY, TOKEN, msg_id=MSG_ID, now_ms=NOW_MS, strict_check=True)
    assert request.strict_check == "1"
    assert cmpassport.check_request(request, APP_KEY) == SUCCESS


@pytest.mark.parametrize("algorithm", ["md5", "rsa"])
def test_check_when_request_came_over_the_wire_then_is_good(algorithm: str, rsa_key: RSAPrivateKey) -> None:
    own, theirs = (APP_KEY, APP_KEY) if algorithm == "md5" else (rsa_key, rsa_key.public_key())
    request = cmpassport.decode_request(cmpassport.encode_request(make(own)))
    assert request == make(own)
    assert cmpassport.check_request(request, theirs) == SUCCESS


@pytest.mark.parametrize("name", ["app_id", "msg_id", "system_time", "strict_check", "token", "sign"])
def test_check_when_a_signed_field_changes_then_refuses_the_signature(name: str) -> None:
    changed = {"system_time": "20180129112935436", "strict_check": "1"}.get(name, getattr(make(), name)[:-1] + "!")
    assert cmpassport.check_request(replace(make(), **{name: changed}), APP_KEY) == BAD_SIGN


@pytest.mark.parametrize(
    "change", [{"token": TOKEN + "x"}, {"app_id": "1"}, {"sign": "00"}, {"sign": "zz"}, {"sign": ""}]
)
def test_check_when_rsa_covers_something_else_then_refuses_the_signature(
    change: dict[str, str], rsa_key: RSAPrivateKey
) -> None:
    assert cmpassport.check_request(replace(make(rsa_key), **change), rsa_key.public_key()) == BAD_SIGN


def test_check_when_algorithm_is_not_the_one_registered_then_refuses_the_signature(rsa_key: RSAPrivateKey) -> None:
    assert cmpassport.check_request(make(), rsa_key.public_key()) == BAD_SIGN
    assert cmpassport.check_request(make(rsa_key), APP_KEY) == BAD_SIGN
    assert cmpassport.check_request(replace(make(), algorithm="RSA"), APP_KEY) == BAD_SIGN
    assert cmpassport.check_request(make(), APP_KEY + "x") == BAD_SIGN
    assert cmpassport.check_request(replace(make(), sign=make().sign.lower()), APP_KEY) == BAD_SIGN


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1.0"},
        {"msg_id": "x" * 37},
        {"msg_id": "a b"},
        {"system_time": "20180129112935"},
        {"system_time": "20181329112935435"},
        {"system_time": "2018012911293543x"},
        {"strict_check": "2"},
        {"app_id": "应用"},
        {"token": "\ud800"},
    ],
)
def test_check_when_a_field_is_not_of_its_form_then_refuses_the_parameter(change: dict[str, str]) -> None:
    assert cmpassport.check_request(replace(make(), **change), APP_KEY) == BAD_PARAMETER


@pytest.mark.parametrize(
    ("app_id", "token", "msg_id", "field"),
    [("", TOKEN, MSG_ID, "appid"), (APP_ID, "", MSG_ID, "token"), (APP_ID, TOKEN, "", "msgid")],
)
def test_make_when_a_field_is_not_of_its_form_then_names_it(app_id: str, token: str, msg_id: str, field: str) -> None:
    with pytest.raises(CmpassportError) as refused:
        cmpassport.make_request(app_id, APP_KEY, token, msg_id=msg_id, now_ms=NOW_MS)
    assert (refused.value.reason, refused.value.field) == ("malformed_field", field)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"[]", "not_json"),
        (b'"2.0"', "not_json"),
        ('{"token": "令牌"}'.encode("gbk"), "not_json"),
        (b'{"token": "a", "token": "b"}', "not_json"),
        (b'{"token": "\\ud800"}', "not_json"),
        (b"[" * 16000, "not_json"),
        (b"9" * 5000, "not_json"),
        (b" " * 16385, "too_large"),
        (b"{}", "missing_field"),
        (b'{"version": 2.0}', "malformed_field"),
        (b'{"version": ["2.0"]}', "malformed_field"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_decode_request_when_body_is_no_request_then_names_why(body: bytes, reason: str) -> None:
    with pytest.raises(CmpassportError) as refused:
        cmpassport.decode_request(body)
    assert refused.value.reason == reason


@pytest.mark.parametrize("spelling", ["resultCode", "resultcode"])
def test_response_when_code_is_spelt_either_way_then_gives_the_number(spelling: str) -> None:
    body = cmpassport.encode_response(ANSWER, spelling="resultCode" if spelling == "resultCode" else "resultcode")
    assert spelling in json.loads(body)
    assert cmpassport.decode_response(body, MSG_ID) == ANSWER
    assert ANSWER.verdict is Verdict.OK


def test_response_when_code_stands_twice_then_must_agree() -> None:
    assert cmpassport.decode_response(respond(resultcode=SUCCESS), MSG_ID) == ANSWER
    with pytest.raises(CmpassportError, match="ambiguous_result"):
        cmpassport.decode_response(respond(resultcode="103101"), MSG_ID)


def test_response_when_number_is_encrypted_to_our_key_then_gives_it(rsa_key: RSAPrivateKey) -> None:
    sealed = rsa_key.public_key().encrypt(NUMBER.encode(), PKCS1v15()).hex()
    for msisdn in (sealed, sealed.upper()):
        assert cmpassport.decode_response(respond(msisdn=msisdn), MSG_ID, rsa_key) == ANSWER


def test_response_when_number_is_encrypted_to_another_key_then_refuses(rsa_key: RSAPrivateKey) -> None:
    other = generate_private_key(65537, 2048)
    sealed = other.public_key().encrypt(NUMBER.encode(), PKCS1v15()).hex()
    for msisdn in (sealed, sealed[:-2], NUMBER, "zz"):
        with pytest.raises(CmpassportError, match="not_decryptable"):
            cmpassport.decode_response(respond(msisdn=msisdn), MSG_ID, rsa_key)


def test_response_when_number_is_encrypted_and_should_not_be_then_refuses(rsa_key: RSAPrivateKey) -> None:
    sealed = rsa_key.public_key().encrypt(NUMBER.encode(), PKCS1v15()).hex()
    with pytest.raises(CmpassportError, match="malformed_field: msisdn"):
        cmpassport.decode_response(respond(msisdn=sealed), MSG_ID)


def test_response_when_it_says_no_then_has_no_number_and_whose_turn_it_is() -> None:
    response = cmpassport.decode_response(respond(resultCode=104201), MSG_ID)
    assert (response.result_code, response.msisdn) == ("104201", "")
    assert response.verdict is Verdict.LOG_IN_AGAIN


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>502 Bad Gateway</html>", "not_json"),
        (respond(inresponseto="another"), "wrong_msgid"),
        (respond(inresponseto=None), "malformed_field"),
        (respond(inresponseto=""), "missing_field"),
        (respond(resultCode=""), "malformed_field"),
        (respond(resultCode=None), "malformed_field"),
        (respond(resultCode="103000 "), "malformed_field"),
        (respond(msisdn=""), "missing_field"),
        (respond(msisdn="138****8000"), "malformed_field"),
        (respond(msisdn=int(NUMBER)), "malformed_field"),
        (respond().replace(b"resultCode", b"code"), "missing_field"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_decode_response_when_body_is_no_answer_to_us_then_names_why(body: bytes, reason: str) -> None:
    with pytest.raises(CmpassportError) as refused:
        cmpassport.decode_response(body, MSG_ID)
    assert refused.value.reason == reason


@given(
    st.binary(max_size=100)
    | st.sampled_from([respond(), cmpassport.encode_request(make())]).flatmap(
        lambda body: st.integers(0, len(body)).map(lambda cut: body[:cut])
    )
)
def test_decode_when_bytes_are_anything_then_only_our_error_escapes(body: bytes) -> None:
    for decode in (cmpassport.decode_request, lambda data: cmpassport.decode_response(data, MSG_ID)):
        try:
            decode(body)
        except CmpassportError as error:
            assert NUMBER not in str(error)  # noqa: PT017
            assert TOKEN not in str(error)  # noqa: PT017


# Whose turn it is after each published code that this exchange can answer.
PUBLISHED = {
    Verdict.OK: "103000",
    Verdict.LOG_IN_AGAIN: "103113 103114 103811 103902 104201",
    Verdict.CONFIGURATION: "103101 103119 103133 103412 103414 103511",
    Verdict.LATER: "103211 103911 105001 105002 105003",
    Verdict.REPLAYED: "103107 103505",
    Verdict.OTHER_CARRIER: "105012 105013",
}


def test_judge_when_code_is_published_then_says_whose_turn_it_is() -> None:
    assert {code: verdict for verdict, codes in PUBLISHED.items() for code in codes.split()} == VERDICTS


@pytest.mark.parametrize("code", ["", "000", "999999"])
def test_judge_when_code_is_unknown_then_says_so(code: str) -> None:
    assert judge(code) is Verdict.UNKNOWN


def test_messages_when_shown_then_keep_token_and_number_out() -> None:
    shown = f"{make()!r} {ANSWER!r}"
    assert TOKEN not in shown
    assert NUMBER not in shown
