"""WeChat's outgoing APIs and CAMARA's answers: what is written, and every answer read to a reason or a value."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire import camara, wechat_api
from adapters.wire.camara import CamaraError
from adapters.wire.errors import WireError
from adapters.wire.wechat_api import Turn, WechatAnswerError

REASONS = {"", "not_json", "malformed_field"}


def find_reason(read: Callable[[], object]) -> str:
    """Why it was refused; empty if it was read."""
    try:
        assert read()
    except WireError as error:
        return error.reason
    return ""


@pytest.mark.parametrize(
    ("code", "turn"),
    [
        *((0, "done"), (40001, "token"), (40014, "token"), (42001, "token"), (40003, "user"), (43101, "user")),
        *((40037, "configuration"), (47003, "configuration"), (61007, "configuration")),
        *((45009, "later"), (-1, "later"), (99999, "unknown")),
    ],
)
def test_code_when_answered_then_tells_whose_turn_it_is(code: int, turn: str) -> None:
    assert wechat_api.read_answer(json.dumps({"errcode": code}).encode()).turn is Turn(turn)


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(
        lambda value: json.dumps(
            {"errcode": value, "access_token": value, "expires_in": value, "openid": value}
        ).encode()
    )
)
def test_answer_when_anything_then_read_or_refused_with_a_reason(body: bytes) -> None:
    for read in (wechat_api.read_token, wechat_api.read_openid):
        assert find_reason(lambda read=read: read(wechat_api.read_answer(body))) in REASONS


@given(st.integers(100, 499), st.binary(max_size=200) | st.text().map(lambda t: json.dumps({"code": t}).encode()))
def test_camara_answer_when_anything_then_read_or_refused_with_a_reason(status: int, body: bytes) -> None:
    assert find_reason(lambda: camara.decode_answer(status, body)) in REASONS


def test_texts_when_written_then_stay_chinese_and_nothing_personal_is_in_a_repr() -> None:
    body = wechat_api.write_chat_text("oUser", "已开通")
    assert "已开通" in body.decode()
    template = json.loads(wechat_api.write_template("oUser", "T1", {"content": "好"}, url="https://x.example"))
    assert template["data"] == {"content": {"value": "好"}}
    answer = wechat_api.read_answer(b'{"openid": "oSecret", "access_token": "tSecret", "expires_in": 7200}')
    assert "Secret" not in repr(answer) + repr(wechat_api.read_token(answer))
    assert wechat_api.read_openid(answer) == "oSecret"
    found = camara.decode_answer(200, camara.encode_phone("+8613800138000"))
    assert "138" not in repr(found)


def test_answer_when_too_large_then_refused_unread() -> None:
    with pytest.raises(WechatAnswerError, match="too_large"):
        wechat_api.read_answer(b" " * (wechat_api.MAX_ANSWER_BYTES + 1))
    with pytest.raises(CamaraError, match="too_large"):
        camara.decode_answer(200, b" " * (camara.MAX_BODY_BYTES + 1))
