"""InterBOSS envelopes there and back, and everything a CRM or somebody in its stead may get wrong."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire import interboss
from adapters.wire.answer import Answer, Result
from adapters.wire.interboss import Action, Head, InterbossError, Route
from adapters.wire.interboss_order import write_order
from adapters.wire.multipart import write_form
from adapters.wire.order import Order, Verb
from tests.wire.order_samples import ANSWER, BOUNDARY, HEAD, NUMBER, ORDER, answers, heads, orders

TYPE, BODY = interboss.write_request(HEAD, ORDER, BOUNDARY)
_PARTS = BODY.split(f"--{BOUNDARY}".encode())
HEAD_XML = _PARTS[1].partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
BODY_XML = _PARTS[2].partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
ORDER_XML = write_order(ORDER, InterbossError)
RESPONSE: dict[str, Any] = {
    "rsp_desc": "成功",
    "trans_id_h": "H1",
    "trans_id_h_time": "20261124100001",
    "boundary": BOUNDARY,
}


def read(head: bytes = HEAD_XML, body: bytes = BODY_XML) -> Order:
    form = write_form({"xmlhead": head, "xmlbody": body}, BOUNDARY, InterbossError)
    return interboss.read_order(interboss.open_envelope(*form))


def wrap(content: str) -> bytes:
    return f"<InterBOSS><SvcCont>{content}</SvcCont></InterBOSS>".encode()


def wrap_order(document: str) -> bytes:
    return wrap(f"<![CDATA[{document}]]>")


@given(heads(), orders())
def test_request_when_written_and_read_then_is_the_same(head: Head, order: Order) -> None:
    envelope = interboss.open_envelope(*interboss.write_request(head, order, BOUNDARY))
    assert envelope.head == head
    assert interboss.read_order(envelope) == order


@given(heads(), answers(), st.text("成功 done", min_size=1, max_size=20))
def test_response_when_written_and_read_then_is_the_same(head: Head, answer: Answer, rsp_desc: str) -> None:
    envelope = interboss.open_envelope(*interboss.write_response(head, answer, **{**RESPONSE, "rsp_desc": rsp_desc}))
    assert envelope.head.action is Action.REPLY
    assert (envelope.head.trans_id_o, envelope.head.trans_id_h) == (head.trans_id_o, "H1")
    assert envelope.head.response == interboss.make_response(answer.result, rsp_desc)
    assert interboss.read_answer(envelope) == answer


def test_request_when_written_then_names_every_element_of_the_envelope() -> None:
    reserve = interboss.SnReserve(**dict.fromkeys(interboss.SnReserve.__dataclass_fields__, "1"))
    _, body = interboss.write_response(replace(HEAD, sn_reserve=reserve), ANSWER, **RESPONSE)
    names = """Version TestFlag BIPType BIPCode ActivityCode ActionCode RoutingInfo OrigDomain RouteType Routing
        HomeDomain RouteValue TransInfo SessionID TransIDO TransIDOTime TransIDH TransIDHTime SNReserve TransIDC
        ConvID CutOffDay OSNTime OSNDUNS HSNDUNS MsgSender MsgReceiver Priority ServiceLevel SvcContType Response
        RspType RspCode RspDesc SvcCont"""
    assert [name for name in names.split() if f"<{name}>".encode() not in body] == []


def test_request_when_elements_are_indented_and_in_another_order_then_is_read() -> None:
    head = HEAD_XML.replace(b"<TestFlag>0</TestFlag>", b"").replace(b"><", b">\r\n\t<")
    head = head.replace(b"</InterBOSS>", b"<TestFlag>0</TestFlag><Extension><More>1</More></Extension></InterBOSS>")
    envelope = interboss.open_envelope(*write_form({"xmlhead": head, "xmlbody": b""}, BOUNDARY, InterbossError))
    assert envelope.head == HEAD


def test_request_when_business_is_escaped_instead_of_cdata_then_is_read() -> None:
    assert read(body=wrap(ORDER_XML.replace("<", "&lt;"))) == ORDER


def test_request_when_routed_by_domain_then_needs_no_number() -> None:
    head = replace(HEAD, route=Route.DOMAIN, route_value="")
    assert interboss.read_order(interboss.open_envelope(*interboss.write_request(head, ORDER, BOUNDARY))) == ORDER


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1/x.dtd">%x;]>'
GBK = b'<?xml version="1.0" encoding="GBK"?>'
BARE_HEAD = HEAD_XML.partition(b"?>")[2]
LABELLED = ORDER_XML.replace("loan", "贷款理财")


def cut(element: str) -> bytes:
    """The head without one element."""
    begin, end = f"<{element}>".encode(), f"</{element}>".encode()
    before, rest = HEAD_XML.split(begin)
    return before + rest.partition(end)[2]


HEADS = [
    (BOMB.encode() + BARE_HEAD, "dtd_forbidden", ""),
    (EXTERNAL.encode() + BARE_HEAD, "dtd_forbidden", ""),
    (GBK + BARE_HEAD, "wrong_charset", ""),
    (HEAD_XML.replace(b"CRM1<", "贷款<".encode("gbk")), "wrong_charset", ""),
    (HEAD_XML.decode().encode("utf-16"), "wrong_charset", ""),
    (b"", "not_xml", ""),
    (b"xmlhead", "not_xml", ""),
    (HEAD_XML[:-3], "not_xml", ""),
    (HEAD_XML.replace(b"InterBOSS", b"OuterBOSS"), "unexpected_element", ""),
    (HEAD_XML.replace(b"0100", b"0200"), "malformed_element", "Version"),
    (HEAD_XML.replace(b"<TestFlag>0", b"<TestFlag>2"), "malformed_element", "TestFlag"),
    (HEAD_XML.replace(b"<ActionCode>0", b"<ActionCode>9"), "malformed_element", "BIPType/ActionCode"),
    (HEAD_XML.replace(b"<RouteType>01", b"<RouteType>1"), "malformed_element", "RoutingInfo/RouteType"),
    (HEAD_XML.replace(b"20261124100000<", b"20261324100000<"), "malformed_element", "TransInfo/TransIDOTime"),
    (HEAD_XML.replace(b"20261124100000<", b"2026112410000<"), "malformed_element", "TransInfo/TransIDOTime"),
    (HEAD_XML.replace(NUMBER.encode(), b""), "malformed_element", "RoutingInfo/Routing/RouteValue"),
    (HEAD_XML.replace(b"</TransIDO>", b"x" * 64 + b"</TransIDO>"), "malformed_element", "TransInfo/TransIDO"),
    (HEAD_XML.replace(b"<TransIDO>", b"<TransIDO><b/>"), "unexpected_element", ""),
    (HEAD_XML.replace(b"</TransIDO>", b"</TransIDO>x"), "unexpected_text", ""),
    (HEAD_XML.replace(b"<TransInfo>", b"<TransInfo><TransIDO>2</TransIDO>"), "duplicate_element", "TransInfo/TransIDO"),
    (HEAD_XML.replace(b"<TransInfo>", b"<TransInfo></TransInfo><TransInfo>"), "duplicate_element", "TransInfo"),
    (HEAD_XML.replace(b"</InterBOSS>", b" " * 65536 + b"</InterBOSS>"), "too_large", ""),
    *(
        (cut(path.rpartition("/")[2]), "missing_element", path)
        for path in (
            "Version",
            "TestFlag",
            "BIPType/BIPCode",
            "BIPType/ActivityCode",
            "BIPType/ActionCode",
            "RoutingInfo/OrigDomain",
            "RoutingInfo/RouteType",
            "RoutingInfo/Routing/HomeDomain",
            "TransInfo/SessionID",
            "TransInfo/TransIDO",
            "TransInfo/TransIDOTime",
        )
    ),
]


@pytest.mark.parametrize(("head", "reason", "field"), HEADS, ids=[f"{row[1]}-{row[2]}" for row in HEADS])
def test_open_when_head_is_hostile_or_broken_then_names_why(head: bytes, reason: str, field: str) -> None:
    with pytest.raises(InterbossError) as refused:
        read(head=head)
    assert (refused.value.reason, refused.value.field) == (reason, field)


BODIES = [
    (BOMB.encode() + BODY_XML.partition(b"?>")[2], "dtd_forbidden"),
    (wrap_order(BOMB + ORDER_XML.partition("?>")[2].replace("loan", "&b;")), "dtd_forbidden"),
    (wrap_order(EXTERNAL + ORDER_XML.partition("?>")[2]), "dtd_forbidden"),
    (GBK + wrap_order(LABELLED.partition("?>")[2]), "wrong_charset"),
    (wrap_order(LABELLED.replace("UTF-8", "GBK")), "wrong_charset"),
    (wrap_order(LABELLED).decode().encode("gbk"), "wrong_charset"),
    (b"", "not_xml"),
    (wrap_order(""), "malformed_element"),
    (wrap_order(" "), "not_xml"),
    (wrap_order("KTFSR"), "not_xml"),
    (wrap(ORDER_XML.partition("?>")[2]), "unexpected_element"),
    (wrap_order(ORDER_XML.replace("loan", "<![CDATA[loan]]>")), "not_xml"),
    (wrap_order(f"{ORDER_XML}]]><Extra/><![CDATA["), "unexpected_element"),
    (wrap_order(f"{ORDER_XML}]]>x<![CDATA["), "not_xml"),
    (wrap_order("]]>" + ORDER_XML), "not_xml"),
    (b"<InterBOSS></InterBOSS>", "missing_element"),
    (b"<InterBOSS>x<SvcCont>1</SvcCont></InterBOSS>", "unexpected_text"),
    (wrap_order(ORDER_XML).replace(b"</InterBOSS>", wrap("1")[11:]), "duplicate_element"),
    (wrap_order(ORDER_XML).replace(b"InterBOSS", b"Inter"), "unexpected_element"),
    (wrap_order(ORDER_XML.replace("OrderReq", "OrderRsp")), "unexpected_element"),
    (wrap_order(ORDER_XML.replace("Refuse", "Refuze")), "unexpected_element"),
    (wrap_order(ORDER_XML.replace("<OprCode>11", "<OprCode>99")), "malformed_element"),
    (wrap_order(ORDER_XML.replace("<IDType>01", "<IDType>02")), "malformed_element"),
    (wrap_order(ORDER_XML.replace("<IDType>01</IDType>", "")), "missing_element"),
    (wrap_order(ORDER_XML.replace(f"<IDValue>{NUMBER}</IDValue>", "")), "missing_element"),
    (wrap_order(ORDER_XML.replace(NUMBER, "138-ABC")), "malformed_element"),
    (wrap_order(ORDER_XML.replace(NUMBER, "13900139000")), "wrong_route"),
    (wrap_order(ORDER_XML.replace("<OprCode>11", "<OprCode>01")), "field_of_another_verb"),
    (wrap_order(ORDER_XML.replace("<Refuse>loan</Refuse>", "")), "nothing_asked"),
    (wrap_order(ORDER_XML.replace("</OrderReq>", "<Accept>loan</Accept></OrderReq>")), "contradiction"),
    (wrap_order(ORDER_XML.replace("<Refuse>loan</Refuse>", "<Refuse>a</Refuse>" * 65)), "too_many_elements"),
    (wrap_order(ORDER_XML.replace("</OprID>", "</OprID><OprID>b</OprID>")), "duplicate_element"),
    (wrap_order("x" * 65536), "too_large"),
]


@pytest.mark.parametrize(("body", "reason"), BODIES, ids=[row[1] for row in BODIES])
def test_read_when_body_is_hostile_or_broken_then_names_why(body: bytes, reason: str) -> None:
    with pytest.raises(InterbossError) as refused:
        read(body=body)
    assert refused.value.reason == reason


@pytest.mark.parametrize(("body", "reason"), BODIES, ids=[row[1] for row in BODIES])
def test_open_when_only_the_body_is_wrong_then_there_is_a_head_to_answer(body: bytes, reason: str) -> None:
    form = write_form({"xmlhead": HEAD_XML, "xmlbody": body}, BOUNDARY, InterbossError)
    envelope = interboss.open_envelope(*form)
    malformed = Answer(result=Result.MALFORMED, state_text=reason)
    reply = interboss.open_envelope(*interboss.write_response(envelope.head, malformed, **RESPONSE))
    assert interboss.read_answer(reply) == malformed


def test_open_when_whole_is_too_large_then_refuses_before_cutting() -> None:
    with pytest.raises(InterbossError, match="too_large"):
        interboss.open_envelope(TYPE, BODY + b"x" * interboss.MAX_BODY_BYTES)


def test_read_when_envelope_goes_the_other_way_then_refuses() -> None:
    reply = interboss.open_envelope(*interboss.write_response(HEAD, ANSWER, **RESPONSE))
    with pytest.raises(InterbossError, match="not_a_request"):
        interboss.read_order(reply)
    with pytest.raises(InterbossError, match="not_a_reply"):
        interboss.read_answer(interboss.open_envelope(TYPE, BODY))
    with pytest.raises(InterbossError, match="not_a_reply"):
        interboss.read_answer(replace(reply, head=replace(reply.head, response=None)))


@pytest.mark.parametrize(
    ("head", "order", "reason"),
    [
        (replace(HEAD, trans_id_o=""), ORDER, "malformed_element"),
        (replace(HEAD, session_id="a b"), ORDER, "malformed_element"),
        (replace(HEAD, route_value=""), ORDER, "malformed_element"),
        (HEAD, replace(ORDER, number="-"), "malformed_element"),
        (HEAD, replace(ORDER, booked_by="工号"), "malformed_element"),
        (HEAD, replace(ORDER, refuse=("a",) * 65), "too_many_elements"),
        (HEAD, replace(ORDER, verb=Verb.QUERY), "field_of_another_verb"),
    ],
)
def test_write_when_it_could_not_be_read_back_then_refuses(head: Head, order: Order, reason: str) -> None:
    with pytest.raises(InterbossError) as refused:
        interboss.write_request(head, order, BOUNDARY)
    assert refused.value.reason == reason


def test_write_when_text_cannot_stand_in_xml_then_refuses() -> None:
    with pytest.raises(InterbossError, match="text_not_xml"):
        interboss.write_response(HEAD, replace(ANSWER, state_text="\ud800"), **RESPONSE)


@given(st.integers(0, len(BODY) - 1), st.integers(0, 255))
def test_open_when_any_byte_changes_then_only_our_error_escapes(at: int, byte: int) -> None:
    try:
        interboss.read_order(interboss.open_envelope(TYPE, BODY[:at] + bytes([byte]) + BODY[at + 1 :]))
    except InterbossError as error:
        assert NUMBER not in str(error)  # noqa: PT017


def test_envelope_when_shown_then_keeps_the_number_out() -> None:
    assert NUMBER not in f"{HEAD!r} {interboss.open_envelope(TYPE, BODY)!r}"
