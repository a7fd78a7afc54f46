"""ContractRoot envelopes there and back in both writings, and everything that may be wrong with them."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire import contractroot
from adapters.wire.answer import Answer, Result, make_response
from adapters.wire.chinatime import parse_digits
from adapters.wire.contractroot import ContractRootError, Format, Head
from adapters.wire.order import Order
from tests.wire.order_samples import ANSWER, CONTRACT_HEAD, NUMBER, ORDER, SECRET, answers, contract_heads, orders

NOW_MS = parse_digits(CONTRACT_HEAD.req_time)
WINDOW_MS = 300_000
FORMATS = pytest.mark.parametrize("form", Format)
XML_TYPE, XML = contractroot.write_request(CONTRACT_HEAD, ORDER, SECRET, Format.XML)
JSON_TYPE, JSON = contractroot.write_request(CONTRACT_HEAD, ORDER, SECRET, Format.JSON)
forms = st.sampled_from(Format)


def read(content_type: str, body: bytes) -> Order:
    return contractroot.read_order(contractroot.open_request(content_type, body))


def refusal(content_type: str, body: bytes) -> str:
    with pytest.raises(ContractRootError) as refused:
        read(content_type, body)
    assert NUMBER not in str(refused.value)
    return refused.value.reason


@given(contract_heads(), orders(), forms)
def test_request_when_written_and_read_then_is_the_same(head: Head, order: Order, form: Format) -> None:
    request = contractroot.open_request(*contractroot.write_request(head, order, SECRET, form))
    assert replace(request.head, src_sys_sign="") == head
    assert request.format is form
    assert contractroot.read_order(request) == order
    contractroot.check_sign(request.head, order, SECRET, parse_digits(head.req_time), 0)


@given(contract_heads(), answers(), st.text("成功 done", min_size=1, max_size=20), forms)
def test_response_when_written_and_read_then_is_the_same(
    head: Head, answer: Answer, rsp_desc: str, form: Format
) -> None:
    request = contractroot.open_request(*contractroot.write_request(head, ORDER, SECRET, form))
    reply = contractroot.write_response(request, answer, rsp_desc=rsp_desc, rsp_time="20261124100001")
    reply_head, read_back = contractroot.read_response(*reply)
    assert read_back == answer
    assert reply_head.transaction_id == head.transaction_id
    assert reply_head.response == make_response(answer.result, rsp_desc)


def test_request_when_written_in_xml_and_json_then_is_the_same_tree_under_the_same_sign() -> None:
    xml, data = (contractroot.open_request(*pair) for pair in ((XML_TYPE, XML), (JSON_TYPE, JSON)))
    assert xml.head == data.head
    assert set(json.loads(JSON)["ContractRoot"]["TcpCont"]) == {child.tag for child in _parse(XML)}


def _parse(body: bytes) -> "list[contractroot.Element]":
    return list(contractroot.parse_document(body, 65536, ContractRootError)[0])


@FORMATS
def test_response_when_written_then_names_the_elements_of_the_field(form: Format) -> None:
    request = contractroot.open_request(*contractroot.write_request(CONTRACT_HEAD, ORDER, SECRET, form))
    _, body = contractroot.write_response(request, ANSWER, rsp_desc="成功", rsp_time="20261124100001")
    for name in ("ContractRoot", "TcpCont", "ActionCode", "TransactionID", "RspTime", "Response", "RspCode", "SvcCont"):
        assert name.encode() in body
    assert "成功".encode() in body


@pytest.mark.parametrize("field", ["src_sys_sign", "transaction_id", "bus_code", "req_time", "dst_sys_id"])
def test_sign_when_a_head_field_changes_then_is_wrong(field: str) -> None:
    head = contractroot.open_request(XML_TYPE, XML).head
    other = replace(head, **{field: getattr(head, field)[:-1] + ("1" if getattr(head, field)[-1] != "1" else "2")})
    with pytest.raises(ContractRootError, match="wrong_token"):
        contractroot.check_sign(other, ORDER, SECRET, NOW_MS, WINDOW_MS)


@pytest.mark.parametrize("order", [replace(ORDER, refuse=("loan", "education")), replace(ORDER, number="13900139000")])
def test_sign_when_the_order_changes_then_is_wrong(order: Order) -> None:
    head = contractroot.open_request(XML_TYPE, XML).head
    with pytest.raises(ContractRootError, match="wrong_token"):
        contractroot.check_sign(head, order, SECRET, NOW_MS, WINDOW_MS)


@pytest.mark.parametrize("secret", ["", "other", SECRET + " "])
def test_sign_when_made_with_another_secret_then_is_wrong(secret: str) -> None:
    head = contractroot.open_request(XML_TYPE, XML).head
    with pytest.raises(ContractRootError, match="wrong_token"):
        contractroot.check_sign(head, ORDER, secret, NOW_MS, WINDOW_MS)


@pytest.mark.parametrize("sign", ["", "ffff"])
def test_sign_when_missing_or_short_then_is_wrong(sign: str) -> None:
    pair = contractroot.write_signed(replace(CONTRACT_HEAD, src_sys_sign=sign), ORDER, Format.JSON)
    head = contractroot.open_request(*pair).head
    with pytest.raises(ContractRootError, match="wrong_token"):
        contractroot.check_sign(head, ORDER, SECRET, NOW_MS, WINDOW_MS)


def test_sign_when_one_value_pretends_to_be_two_then_differs() -> None:
    one = replace(ORDER, mandate="M&ProofType=02")
    two = replace(ORDER, mandate="M")
    signs = {contractroot.compute_sign(CONTRACT_HEAD, order, SECRET) for order in (one, two)}
    assert len(signs) == 2


@pytest.mark.parametrize("off_ms", [-WINDOW_MS - 1, WINDOW_MS + 1])
def test_sign_when_the_time_is_not_of_now_then_is_stale(off_ms: int) -> None:
    head = contractroot.open_request(XML_TYPE, XML).head
    contractroot.check_sign(head, ORDER, SECRET, NOW_MS + off_ms // 2, WINDOW_MS)
    with pytest.raises(ContractRootError, match="stale_timestamp"):
        contractroot.check_sign(head, ORDER, SECRET, NOW_MS + off_ms, WINDOW_MS)


BOMB = b'<!DOCTYPE x [<!ENTITY a "1111"><!ENTITY b "&a;&a;">]><ContractRoot>&b;</ContractRoot>'
EXTERNAL = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><ContractRoot>&a;</ContractRoot>'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_xml"),
        (BOMB, "dtd_forbidden"),
        (EXTERNAL, "dtd_forbidden"),
        (b'<?xml version="1.0" encoding="GB2312"?>' + XML.partition(b"?>")[2], "wrong_charset"),
        (XML.decode().encode("utf-16"), "wrong_charset"),
        (b"<a>" * 20_000, "not_xml"),
        (b"<a>" * 10_000 + b"</a>" * 9_000, "too_large"),
        (b"<Other/>", "unexpected_element"),
        (b"<ContractRoot/>", "missing_element"),
        (XML.replace(b"</ContractRoot>", b"<More/></ContractRoot>"), "unexpected_element"),
        (XML.replace(b"<SvcCont>", b"<SvcCont/><SvcCont>"), "duplicate_element"),
        (XML.replace(b"<TcpCont>", b"text<TcpCont>"), "unexpected_text"),
        (XML.replace(b"<ActionCode>0<", b"<ActionCode>1<"), "malformed_element"),
        (XML.replace(b"<BusCode>", b"<BusCode>x</BusCode><BusCode>"), "duplicate_element"),
        (XML.replace(b"<OrderReq>", b"<OrderReq/><OrderReq>"), "unexpected_element"),
        (XML.replace(b"<Refuse>", b"<Refusal>x</Refusal><Refuse>"), "unexpected_element"),
        (XML.replace(CONTRACT_HEAD.transaction_id.encode(), b"CRM920261124000001"), "foreign_serial"),
        (XML.replace(CONTRACT_HEAD.transaction_id.encode(), b"CRM120261324000001"), "foreign_serial"),
        (XML.replace(CONTRACT_HEAD.transaction_id.encode(), b"CRM120261124"), "foreign_serial"),
        (XML + b" " * 70_000, "too_large"),
    ],
)
def test_request_when_xml_is_hostile_or_wrong_then_says_why(body: bytes, reason: str) -> None:
    assert refusal(XML_TYPE, body) == reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"[]", "not_json"),
        (b"{}", "missing_element"),
        (b'{"a":' * 10_000, "too_deep"),
        (b'{"ContractRoot":' * 12 + b"{}" + b"}" * 12, "too_deep"),
        (JSON.replace(b'"TcpCont":{', b'"TcpCont":{},"TcpCont":{'), "duplicate_element"),
        (JSON.replace(b'"ActionCode":"0"', b'"ActionCode":0.5'), "unexpected_value"),
        (JSON.replace(b'"ActionCode":"0"', b'"ActionCode":true'), "unexpected_value"),
        (JSON.replace(b'"ActionCode":"0"', b'"ActionCode":NaN'), "unexpected_value"),
        (JSON.replace(b'["loan"]', b'[["loan"]]'), "unexpected_value"),
        (JSON.replace(b'["loan"]', b'["lo\\u0000an"]'), "text_not_xml"),
        (JSON.replace(b'["loan"]', b'["lo\\ud800an"]'), "text_not_xml"),
        (JSON.replace(b'"ActionCode"', b'"\\ud800":"1","ActionCode"'), "text_not_xml"),
        (JSON.replace(b'"loan"', b'"\xb4\xfb"'), "wrong_charset"),
        (b'{"ContractRoot":1,"x":1}', "unexpected_element"),
        (b'{"ContractRoot":{"TcpCont":1,"SvcCont":1}}', "unexpected_text"),
    ],
)
def test_request_when_json_is_hostile_or_wrong_then_says_why(body: bytes, reason: str) -> None:
    assert refusal(JSON_TYPE, body) == reason


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [
        ("", "wrong_media_type"),
        ("text/plain", "wrong_media_type"),
        ("application/json; charset=gb2312", "wrong_charset"),
        ("application/json; charset", "malformed_multipart"),
    ],
)
def test_request_when_content_type_is_wrong_then_says_why(content_type: str, reason: str) -> None:
    assert refusal(content_type, JSON) == reason


def test_request_when_json_writes_numbers_and_single_values_then_is_read() -> None:
    body = JSON.replace(b'"ActionCode":"0"', b'"ActionCode":0').replace(b'["loan"]', b'"loan"')
    assert read("application/json", body) == ORDER


def test_request_when_it_holds_an_identifier_of_thousands_of_digits_then_is_refused_soon() -> None:
    assert (
        refusal(JSON_TYPE, JSON.replace(b'"ActionCode":"0"', b'"ActionCode":' + b"9" * 60_000)) == "malformed_element"
    )


def test_response_when_it_has_no_response_then_is_refused() -> None:
    request = contractroot.open_request(XML_TYPE, XML)
    content_type, body = contractroot.write_response(request, ANSWER, rsp_desc="x", rsp_time="20261124100001")
    start, end = body.index(b"<Response>"), body.index(b"</Response>")
    with pytest.raises(ContractRootError, match="not_a_reply"):
        contractroot.read_response(content_type, body[:start] + body[end + len(b"</Response>") :])


@given(st.binary(max_size=300), forms)
def test_request_when_bytes_are_random_then_is_refused(body: bytes, form: Format) -> None:
    with pytest.raises(ContractRootError):
        read(XML_TYPE if form is Format.XML else JSON_TYPE, body)


@pytest.mark.parametrize("result", Result)
def test_answer_when_printed_then_shows_no_number(result: Result) -> None:
    request = contractroot.open_request(XML_TYPE, XML)
    assert NUMBER not in repr((request, replace(ANSWER, result=result)))
