"""UNI_BSS envelopes there and back, their token against a computation by hand, and everything that may be wrong."""

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire import unibss
from adapters.wire.answer import Answer, Result
from adapters.wire.order import Order
from adapters.wire.unibss import Head, UniBssError
from tests.wire.order_samples import (
    ANSWER,
    API,
    NUMBER,
    ORDER,
    SECRET,
    UNIBSS_HEAD,
    answers,
    orders,
    unibss_heads,
)

NOW_MS = unibss.read_timestamp(UNIBSS_HEAD.timestamp)
WINDOW_MS = 300_000
TYPE, BODY = unibss.write_request(UNIBSS_HEAD, ORDER, SECRET, API)
REPLY = {"resp_desc": "成功", "timestamp": UNIBSS_HEAD.timestamp, "api": API}


def read(body: bytes, content_type: str = TYPE) -> Order:
    return unibss.read_order(unibss.open_request(content_type, body), API)


def refusal(body: bytes, content_type: str = TYPE) -> str:
    with pytest.raises(UniBssError) as refused:
        read(body, content_type)
    assert NUMBER not in str(refused.value)
    return refused.value.reason


@given(unibss_heads(), orders())
def test_request_when_written_and_read_then_is_the_same(head: Head, order: Order) -> None:
    request = unibss.open_request(*unibss.write_request(head, order, SECRET, API))
    assert replace(request.head, token="") == head
    assert unibss.read_order(request, API) == order
    unibss.check_token(request, SECRET, unibss.read_timestamp(head.timestamp), 0)


@given(unibss_heads(), answers(), st.text("成功 done", min_size=1, max_size=20))
def test_response_when_written_and_read_then_is_the_same(head: Head, answer: Answer, desc: str) -> None:
    request = unibss.open_request(*unibss.write_request(head, ORDER, SECRET, API))
    reply, read_back, said = unibss.read_response(
        *unibss.write_response(request, answer, **{**REPLY, "resp_desc": desc}), API
    )
    assert (read_back, said) == (answer, desc)
    assert (reply.trans_id, reply.app_id, reply.resp_desc) == (head.trans_id, head.app_id, desc)


def test_token_when_computed_by_hand_then_is_the_same() -> None:
    head = json.loads(BODY)["UNI_BSS_HEAD"]
    text = f"APP_ID{head['APP_ID']}TIMESTAMP{head['TIMESTAMP']}TRANS_ID{head['TRANS_ID']}{SECRET}"
    assert head["TOKEN"] == hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_token_when_the_head_has_more_fields_then_covers_them() -> None:
    document = json.loads(BODY)
    document["UNI_BSS_HEAD"]["RESERVED"] = "x"
    fields = document["UNI_BSS_HEAD"]
    fields["TOKEN"] = unibss.compute_token(fields.items(), SECRET)
    request = unibss.open_request(TYPE, json.dumps(document).encode())
    unibss.check_token(request, SECRET, NOW_MS, WINDOW_MS)
    document["UNI_BSS_HEAD"]["RESERVED"] = "y"
    with pytest.raises(UniBssError, match="wrong_token"):
        unibss.check_token(unibss.open_request(TYPE, json.dumps(document).encode()), SECRET, NOW_MS, WINDOW_MS)


@pytest.mark.parametrize("secret", ["", "other", SECRET.upper()])
def test_token_when_made_with_another_secret_then_is_wrong(secret: str) -> None:
    with pytest.raises(UniBssError, match="wrong_token"):
        unibss.check_token(unibss.open_request(TYPE, BODY), secret, NOW_MS, WINDOW_MS)


@pytest.mark.parametrize("token", ["", "0" * 32, "F" * 32])
def test_token_when_missing_or_made_up_then_is_wrong(token: str) -> None:
    pair = unibss.write_signed(replace(UNIBSS_HEAD, token=token), ORDER, API)
    with pytest.raises(UniBssError, match="wrong_token"):
        unibss.check_token(unibss.open_request(*pair), SECRET, NOW_MS, WINDOW_MS)


@pytest.mark.parametrize("off_ms", [-WINDOW_MS - 1, WINDOW_MS + 1])
def test_token_when_the_time_is_not_of_now_then_is_stale(off_ms: int) -> None:
    request = unibss.open_request(TYPE, BODY)
    unibss.check_token(request, SECRET, NOW_MS + off_ms // 2, WINDOW_MS)
    with pytest.raises(UniBssError, match="stale_timestamp"):
        unibss.check_token(request, SECRET, NOW_MS + off_ms, WINDOW_MS)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"<UNI_BSS/>", "not_json"),
        (b"[" * 60_000, "too_deep"),
        (b"{}", "missing_element"),
        (BODY.replace(b'"UNI_BSS_ATTACHED"', b'"UNI_BSS_MORE"'), "unexpected_element"),
        (BODY.replace(b'"UNI_BSS_HEAD":{', b'"UNI_BSS_HEAD":{},"UNI_BSS_HEAD":{'), "duplicate_element"),
        (BODY.replace(b'"UNI_BSS_BODY":', b'"UNI_BSS_BODY":[1,2],"UNI_BSS_BODY":'), "duplicate_element"),
        (b'{"UNI_BSS_HEAD":{},"UNI_BSS_BODY":[1,2]}', "duplicate_element"),
        (BODY.replace(b'"APP_ID":', b'"APP":'), "missing_element"),
        (BODY.replace(b'"APP_ID":', b'"MORE":{"A":1},"APP_ID":'), "unexpected_element"),
        (BODY.replace(UNIBSS_HEAD.trans_id.encode(), b"20261324100000123000001"), "malformed_element"),
        (BODY.replace(UNIBSS_HEAD.trans_id.encode(), b"1"), "malformed_element"),
        (BODY.replace(UNIBSS_HEAD.timestamp.encode(), b"2026-11-24T10:00:00 123"), "malformed_element"),
        (BODY.replace(UNIBSS_HEAD.timestamp.encode(), b"2026-02-30 10:00:00 123"), "malformed_element"),
        (BODY.replace(f"{API}_REQ".encode(), b"OTHER_REQ"), "other_interface"),
        (BODY.replace(f'"{API}_REQ":'.encode(), f'"X":1,"{API}_REQ":'.encode()), "other_interface"),
        (BODY.replace(b'"REFUSE"', b'"REFUSED"'), "unexpected_element"),
        (BODY.replace(b'"OPR_CODE":"11"', b'"OPR_CODE":"99"'), "malformed_element"),
        (BODY.replace(b'"OPR_CODE":"11"', b'"OPR_CODE":"01"'), "field_of_another_verb"),
        (BODY + b" " * 70_000, "too_large"),
        (BODY.decode().encode("utf-16"), "wrong_charset"),
        (BODY.replace(b'"TOKEN":', b'"\\ud83d":"1","TOKEN":'), "text_not_xml"),
        (BODY.replace(b'"TOKEN":', b'"MORE":"\\ud83d","TOKEN":'), "text_not_xml"),
    ],
)
def test_request_when_hostile_or_wrong_then_says_why(body: bytes, reason: str) -> None:
    assert refusal(body) == reason


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [("text/xml", "wrong_media_type"), ("application/json; charset=GBK", "wrong_charset")],
)
def test_request_when_content_type_is_wrong_then_says_why(content_type: str, reason: str) -> None:
    assert refusal(BODY, content_type) == reason


def test_request_when_the_attachment_is_missing_then_is_read() -> None:
    document = json.loads(BODY)
    del document["UNI_BSS_ATTACHED"]
    assert read(json.dumps(document).encode()) == ORDER


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (Result.DONE, "00000"),
        (Result.NOT_SERVED, "00000"),
        (Result.BAD_SIGNATURE, "20002"),
        (Result.UNAVAILABLE, "10001"),
    ],
)
def test_response_when_the_body_was_not_read_then_the_head_says_so(result: Result, code: str) -> None:
    _, body = unibss.write_response(unibss.open_request(TYPE, BODY), replace(ANSWER, result=result), **REPLY)
    assert json.loads(body)["UNI_BSS_HEAD"]["RESP_CODE"] == code


def test_response_when_head_and_body_contradict_each_other_then_is_refused() -> None:
    content_type, body = unibss.write_response(unibss.open_request(TYPE, BODY), ANSWER, **REPLY)
    with pytest.raises(UniBssError, match="other_code"):
        unibss.read_response(content_type, body.replace(b'"00000"', b'"20001"'), API)


@given(st.binary(max_size=300))
def test_request_when_bytes_are_random_then_is_refused(body: bytes) -> None:
    with pytest.raises(UniBssError):
        read(body)
