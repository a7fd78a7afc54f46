"""An app's signed booking: what it books is read as it was written, and nothing of it can be moved or changed."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire import app_order
from adapters.wire.app_order import AppHeaders, AppOrder, AppOrderError

NOW_MS = 1_800_000_000_000
SECRET = "secret of the app"
orders = st.builds(
    AppOrder,
    serial=st.from_regex(r"[!-~]{1,100}", fullmatch=True),
    number=st.from_regex(r"[!-~]{1,100}", fullmatch=True),
    proof=st.sampled_from(app_order.PROOFS),
    action=st.from_regex(r"[0-9a-z_]{1,32}", fullmatch=True),
    values=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5).map(tuple),
    notice_version=st.from_regex(r"[!-~]{0,64}", fullmatch=True),
    notice_digest=st.sampled_from(["", "ab" * 32]),
    consent=st.sampled_from([None, True, False]),
)
nonces = st.from_regex(r"[0-9A-Za-z_-]{8,64}", fullmatch=True)
seconds = st.integers(-app_order.WINDOW_MS, app_order.WINDOW_MS)


def find_reason(headers: AppHeaders, body: bytes) -> str:
    try:
        app_order.check_request(headers, body, SECRET, NOW_MS)
    except AppOrderError as error:
        return error.reason
    return ""


def sign(shift_ms: int, nonce: str, body: bytes) -> AppHeaders:
    timestamp = str(NOW_MS + shift_ms)
    return AppHeaders("app-1", timestamp, nonce, app_order.sign(SECRET, timestamp, nonce, body))


@given(orders)
def test_order_when_written_and_read_then_the_same(order: AppOrder) -> None:
    assert app_order.read_order(json.dumps(asdict(order)).encode()) == order


@given(seconds, nonces, st.binary(max_size=100), st.integers(0))
def test_request_when_signed_then_good_and_with_a_bit_of_its_body_changed_refused(
    shift_ms: int, nonce: str, body: bytes, position: int
) -> None:
    headers = sign(shift_ms, nonce, body)
    assert find_reason(headers, body) == ""
    assert find_reason(headers, body + b"\n") == "bad_signature"
    if body:
        changed = bytearray(body)
        changed[position % len(body)] ^= 1 << position % 8
        assert find_reason(headers, bytes(changed)) == "bad_signature"


@given(nonces, st.binary(max_size=40), st.integers(1, 10**9), st.booleans())
def test_request_when_signed_outside_the_window_then_stale(nonce: str, body: bytes, by_ms: int, early: bool) -> None:
    beyond_ms = app_order.WINDOW_MS + by_ms
    assert find_reason(sign(-beyond_ms if early else beyond_ms, nonce, body), body) == "stale_timestamp"


@given(nonces, nonces, st.binary(max_size=40))
def test_request_when_parts_are_moved_into_each_other_then_refused(nonce: str, other: str, body: bytes) -> None:
    longer = sign(0, nonce, f"{other}\n".encode() + body)
    moved = AppHeaders(longer.key, longer.timestamp, f"{nonce}\n{other}", longer.signature)
    assert find_reason(moved, body) == "bad_header"
    assert find_reason(AppHeaders(longer.key, longer.timestamp, other, longer.signature), body) == "bad_signature"


@given(orders, st.sampled_from(["serial", "number", "proof", "action"]))
def test_order_when_a_field_is_missing_or_stray_then_refused(order: AppOrder, name: str) -> None:
    fields = asdict(order)
    for changed, reason in (
        ({key: value for key, value in fields.items() if key != name}, "missing_field"),
        ({**fields, name: 7}, "malformed_field"),
        ({**fields, f"{name}_2": ""}, "unknown_field"),
    ):
        with pytest.raises(AppOrderError) as refused:
            app_order.read_order(json.dumps(changed).encode())
        assert refused.value.reason == reason
