"""What SGIP alone has: two directions, a name and a password, 12-byte numbers, no keep-alive."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.session.events import (
    Bound,
    DeliverReceived,
    Draining,
    Fault,
    LinkClosed,
    LoginRefused,
    LoginRejected,
    PduIgnored,
    Retry,
    RetryClass,
    SubmitAccepted,
    SubmitRejected,
    SubmitUnknown,
)
from adapters.session.settings import LinkSettings
from adapters.session.sgip import (
    Answered,
    DialSettings,
    ListenSettings,
    SgipCaller,
    SgipClient,
    SgipDialect,
    SgipListener,
    SgipNumbers,
    SgipServer,
)
from adapters.session.sgip.results import REPORT_NAMES, RESULTS
from adapters.session.state import LinkState
from adapters.wire.sgip import (
    Bind,
    BindResp,
    DeliverResp,
    LoginType,
    ReportResp,
    Sequence,
    SubmitResp,
    Unbind,
    UnbindResp,
    UserRpt,
    UserRptResp,
    encode,
)
from tests.session.pairs import (
    NAME,
    SECRET,
    SGIP_DELIVER,
    SGIP_IN,
    SGIP_OUT,
    SGIP_SUBMIT,
    SMG_NODE,
    SP_NODE,
    make_report,
)
from tests.session.wiring import WALL

QUICK = LinkSettings(settle_s=0)
NUMBER = Sequence(SMG_NODE, 1124120007, 7)
DELIVER = replace(SGIP_DELIVER, sequence=NUMBER)
REPORT = replace(make_report(1), sequence=NUMBER)


def make_client(dialect: SgipDialect = SgipDialect.V12, **link: Any) -> SgipClient:
    return SgipClient(DialSettings(SP_NODE, NAME, SECRET, dialect, replace(QUICK, **link)))


def make_listener(answered: Answered | None = None, **settings: Any) -> SgipListener:
    settings = {"accounts": {NAME: SECRET}, "link": QUICK, **settings}
    return SgipListener(ListenSettings(SP_NODE, **settings), answered or Answered())


def bind(login_type: int = LoginType.SMG_TO_SP, name: str = NAME, password: str = SECRET) -> bytes:
    return encode(Bind(NUMBER, login_type, name, password))


def bound_listener(answered: Answered | None = None, **settings: Any) -> SgipListener:
    listener = make_listener(answered, **settings)
    listener.opened(0, WALL)
    listener.receive(bind(), 0)
    assert SGIP_IN.take_pdus(listener) == [BindResp(NUMBER, 0)]
    return listener


# Logging in


def test_bind_when_an_sp_dials_then_type_1_and_a_number_of_its_node_and_time() -> None:
    client = make_client()
    client.opened(0, WALL)
    [pdu] = SGIP_OUT.take_pdus(client)
    assert pdu == Bind(Sequence(SP_NODE, 1124120007, 0), LoginType.SP_TO_SMG, NAME, SECRET)


def test_bind_when_an_smg_dials_then_type_2() -> None:
    caller = SgipCaller(DialSettings(SMG_NODE, NAME, SECRET))
    caller.opened(0, WALL)
    [pdu] = SGIP_IN.take_pdus(caller)
    assert pdu.login_type == LoginType.SMG_TO_SP


def test_bind_when_accepted_and_hung_up_then_it_was_never_bound() -> None:
    client = make_client(settle_s=0.2)
    client.opened(0, WALL)
    [pdu] = SGIP_OUT.take_pdus(client)
    assert client.receive(encode(BindResp(pdu.sequence, 0)), 0) == []
    assert client.eof(0.1) == [LinkClosed("closed_while_settling", Fault.REMOTE, Retry.BACKOFF)]


@pytest.mark.parametrize(
    ("result", "reason", "retry"),
    [
        (1, "authentication", Retry.SLOW),
        (2, "repeated_login", Retry.BACKOFF),
        (3, "too_many_connections", Retry.BACKOFF),
        (4, "login_type", Retry.SLOW),
        (11, "busy", Retry.BACKOFF),
        (34, "login_too_often", Retry.SLOW),
        (99, "other", Retry.BACKOFF),
    ],
)
def test_bind_when_refused_then_the_reason_says_how_soon_to_come_back(result: int, reason: str, retry: Retry) -> None:
    client = make_client()
    client.opened(0, WALL)
    [pdu] = SGIP_OUT.take_pdus(client)
    events = client.receive(encode(BindResp(pdu.sequence, result)), 0)
    assert events == [LoginRefused(result, reason, 0, 0), LinkClosed("login_refused", Fault.REMOTE, retry)]


@pytest.mark.parametrize(
    ("frame", "result", "reason"),
    [
        (bind(password="wrong"), 1, "authentication"),
        (bind(password=""), 1, "authentication"),
        (bind(name="nobody"), 1, "authentication"),
        (bind(password="密".encode().decode("latin-1")), 1, "authentication"),
        (bind(LoginType.SP_TO_SMG), 4, "login_type"),
        (bind(LoginType.TEST), 4, "login_type"),
    ],
    ids=["password", "empty", "name", "not-ascii", "type-1", "type-11"],
)
def test_bind_when_name_password_or_type_is_wrong_then_answered_and_closed(
    frame: bytes, result: int, reason: str
) -> None:
    listener = make_listener()
    listener.opened(0, WALL)
    events = listener.receive(frame, 0)
    assert isinstance(events[0], LoginRejected)
    assert (events[0].status, events[0].reason) == (result, reason)
    assert events[1] == LinkClosed("login_rejected", Fault.REMOTE, Retry.NO)
    assert SGIP_IN.take_pdus(listener) == [BindResp(NUMBER, result)]


def test_bind_when_malformed_then_error_5_and_closed() -> None:
    listener = make_listener()
    listener.opened(0, WALL)
    listener.receive((30).to_bytes(4, "big") + bind()[4:30], 0)
    assert SGIP_IN.take_pdus(listener) == [BindResp(NUMBER, 5)]
    assert listener.closed


def test_bind_when_sent_twice_then_the_second_is_ignored() -> None:
    listener = bound_listener()
    [event] = listener.receive(bind(), 1)
    assert isinstance(event, PduIgnored)
    assert listener.data_to_send() == b""


def test_bind_when_nothing_comes_then_closed_after_a_while() -> None:
    listener = make_listener(link=LinkSettings(login_timeout_s=5))
    listener.opened(0, WALL)
    assert listener.tick(5) == [LinkClosed("login_timeout", Fault.REMOTE, Retry.BACKOFF)]


def test_password_when_settings_packets_and_events_are_printed_then_not_shown() -> None:
    listener = make_listener()
    listener.opened(0, WALL)
    events = listener.receive(bind(name="nobody"), 0)
    shown = (
        DialSettings(SP_NODE, NAME, SECRET),
        ListenSettings(SP_NODE, {NAME: SECRET}),
        Bind(NUMBER, 1, NAME, SECRET),
    )
    assert SECRET not in repr((*shown, events, listener.counters))


# Numbers


def test_number_when_taken_then_node_time_of_day_in_china_and_serial() -> None:
    numbers = SgipNumbers(SP_NODE, 2**32 - 2)
    numbers.set_time(100.0, WALL)
    taken = [Sequence.from_int(numbers.take((), now)) for now in (100.0, 100.0, 161.5)]
    assert taken == [
        Sequence(SP_NODE, 1124120007, 2**32 - 2),
        Sequence(SP_NODE, 1124120007, 2**32 - 1),
        Sequence(SP_NODE, 1124120108, 0),
    ]


def test_number_when_in_use_then_skipped() -> None:
    numbers = SgipNumbers(SP_NODE, 5)
    numbers.set_time(0.0, WALL)
    in_use = [int(Sequence(SP_NODE, 1124120007, 5))]
    assert Sequence.from_int(numbers.take(in_use, 0.0)).serial == 6


def test_number_when_the_link_comes_back_then_the_serial_goes_on() -> None:
    numbers = SgipNumbers(SP_NODE)
    for serial in range(3):
        client = SgipClient(DialSettings(SP_NODE, NAME, SECRET), numbers)
        client.opened(float(serial), WALL + timedelta(seconds=serial))
        [pdu] = SGIP_OUT.take_pdus(client)
        assert pdu.sequence == Sequence(SP_NODE, 1124120007 + serial, serial)


def test_number_when_the_time_of_day_is_unknown_then_refused() -> None:
    with pytest.raises(ValueError, match="time of day"):
        SgipNumbers(SP_NODE).take((), 0.0)


# Submits


def test_submit_when_accepted_then_its_own_number_is_its_id() -> None:
    client, server = SGIP_OUT.bound()
    sequence = client.submit(SGIP_SUBMIT, "token", 0)
    [event] = server.receive(client.data_to_send(), 0)
    assert event.pdu == replace(SGIP_SUBMIT, sequence=Sequence.from_int(sequence))
    server.answer_submit(event.sequence, b"", 0, 0)
    [accepted] = client.receive(server.data_to_send(), 0)
    assert accepted == SubmitAccepted("token", sequence, sequence.to_bytes(12, "big"))


def test_submit_when_its_number_is_in_hand_with_another_message_then_error_9() -> None:
    _, server = SGIP_OUT.bound()
    server.receive(encode(replace(SGIP_SUBMIT, sequence=NUMBER)), 0)
    server.receive(encode(replace(SGIP_SUBMIT, sequence=NUMBER, message_content=b"other")), 0)
    assert SGIP_OUT.take_pdus(server) == [SubmitResp(NUMBER, 9)]


def test_submit_when_malformed_then_error_5() -> None:
    _, server = SGIP_OUT.bound()
    server.receive((40).to_bytes(4, "big") + encode(replace(SGIP_SUBMIT, sequence=NUMBER))[4:40], 0)
    assert SGIP_OUT.take_pdus(server) == [SubmitResp(NUMBER, 5)]


@pytest.mark.parametrize(
    ("result", "v12", "v13"),
    [
        (1, RetryClass.ACCOUNT, RetryClass.ACCOUNT),
        (6, RetryClass.PERMANENT, RetryClass.PERMANENT),
        (9, RetryClass.DUPLICATE, RetryClass.DUPLICATE),
        (11, RetryClass.TRANSIENT, RetryClass.TRANSIENT),
        (32, RetryClass.TRANSIENT, RetryClass.PERMANENT),
        (33, RetryClass.TRANSIENT, RetryClass.TRANSIENT),
        (34, RetryClass.PERMANENT, RetryClass.ACCOUNT),
        (95, RetryClass.PERMANENT, RetryClass.PERMANENT),
    ],
)
def test_result_when_classified_then_by_dialect(result: int, v12: RetryClass, v13: RetryClass) -> None:
    assert RESULTS[SgipDialect.V12].classify(result) is v12
    assert RESULTS[SgipDialect.V13].classify(result) is v13
    for dialect, expected in ((SgipDialect.V12, v12), (SgipDialect.V13, v13)):
        client = make_client(dialect, flow_attempts=1)
        client.opened(0, WALL)
        [pdu] = SGIP_OUT.take_pdus(client)
        client.receive(encode(BindResp(pdu.sequence, 0)), 0)
        sequence = client.submit(SGIP_SUBMIT, "token", 0)
        events = client.receive(encode(SubmitResp(Sequence.from_int(sequence), result)), 0)
        assert events == [SubmitRejected("token", sequence, result, expected)]


def test_report_error_when_named_then_by_dialect() -> None:
    assert (REPORT_NAMES[SgipDialect.V12][33], REPORT_NAMES[SgipDialect.V13][33]) == ("queue_full", "flow_limit")


# A link that rests


@pytest.mark.parametrize("reason", ["closed_by_peer", "connection_reset"])
def test_link_when_idle_and_closed_by_the_peer_then_no_fault(reason: str) -> None:
    client, _ = SGIP_OUT.bound()
    assert client.lost(reason, 60) == [LinkClosed("closed_when_idle", Fault.REMOTE, Retry.SOON)]


@pytest.mark.parametrize(("served", "seconds"), [(False, 9.9), (False, 10), (True, 0.5)])
@pytest.mark.parametrize("unbinds", [False, True])
def test_link_when_ended_soon_after_binding_and_of_no_use_then_a_fault(
    served: bool, seconds: float, unbinds: bool
) -> None:
    client, server = SGIP_OUT.bound()
    if served:
        client.submit(SGIP_SUBMIT, "token", 0)
        [event] = server.receive(client.data_to_send(), 0)
        server.answer_submit(event.sequence, b"", 0, 0)
        client.receive(server.data_to_send(), 0)
    if unbinds:
        server.drain(seconds)
        client.receive(server.data_to_send(), seconds)
    else:
        client.eof(seconds)
    assert client.closing.retry is (Retry.SOON if served or seconds >= 10 else Retry.BACKOFF)


def test_link_when_closed_by_the_peer_before_the_answer_then_a_fault() -> None:
    client, _ = SGIP_OUT.bound()
    client.submit(SGIP_SUBMIT, "token", 0)
    events = client.eof(1)
    assert isinstance(events[0], SubmitUnknown)
    assert events[1] == LinkClosed("closed_by_peer", Fault.REMOTE, Retry.BACKOFF)


def test_link_when_unbound_by_the_peer_then_answered_and_no_fault() -> None:
    client, server = SGIP_OUT.bound()
    server.drain(60)
    events = client.receive(server.data_to_send(), 60)
    assert events == [Draining(Fault.REMOTE), LinkClosed("terminated_by_peer", Fault.REMOTE, Retry.SOON)]
    assert [type(pdu) for pdu in SGIP_OUT.take_pdus(client)] == [UnbindResp]


def test_link_when_unbind_is_answered_with_a_body_then_tolerated() -> None:
    client, _ = SGIP_OUT.bound()
    client.drain(0)
    [pdu] = SGIP_OUT.take_pdus(client)
    events = client.receive(encode(UnbindResp(pdu.sequence, bytes(9))), 0)
    assert events == [LinkClosed("drained", Fault.LOCAL, Retry.NO)]


def test_link_when_nothing_is_said_for_hours_then_nobody_is_asked() -> None:
    client, _ = SGIP_OUT.bound(keepalive_s=30)
    assert client.wake_at() is None
    assert client.tick(36_000) == []
    assert client.data_to_send() == b""


def test_listener_when_the_smg_falls_silent_then_unbinds_and_closes() -> None:
    listener = bound_listener(link=replace(QUICK, idle_close_s=120, terminate_timeout_s=5))
    assert listener.wake_at() == 120
    assert listener.tick(120) == [Draining(Fault.LOCAL)]
    assert [type(pdu) for pdu in SGIP_IN.take_pdus(listener)] == [Unbind]
    assert listener.tick(125) == [LinkClosed("terminate_unanswered", Fault.LOCAL, Retry.NO)]


# What an SMG brings


@pytest.mark.parametrize(
    ("request_pdu", "answer"), [(DELIVER, DeliverResp), (REPORT, ReportResp)], ids=["deliver", "report"]
)
def test_request_when_acknowledged_then_answered_0_now_and_whenever_it_comes_again(
    request_pdu: Any, answer: type
) -> None:
    answered = Answered()
    listener = bound_listener(answered)
    [event] = listener.receive(encode(request_pdu), 0)
    assert isinstance(event, DeliverReceived)
    assert listener.data_to_send() == b""
    assert listener.acknowledge(event.sequence, NUMBER.to_bytes(), 0, 1)
    assert SGIP_IN.take_pdus(listener) == [answer(NUMBER, 0)]
    for peer in (listener, bound_listener(answered)):
        assert peer.receive(encode(request_pdu), 40) == []
        assert SGIP_IN.take_pdus(peer) == [answer(NUMBER, 0)]


def test_request_when_acknowledged_after_its_link_was_lost_then_known_on_the_next() -> None:
    answered = Answered()
    listener = bound_listener(answered)
    [event] = listener.receive(encode(DELIVER), 0)
    listener.lost("connection_reset", 1)
    assert not listener.acknowledge(event.sequence, NUMBER.to_bytes(), 0, 2)  # type: ignore[attr-defined]
    again = bound_listener(answered)
    assert again.receive(encode(DELIVER), 3) == []
    assert SGIP_IN.take_pdus(again) == [DeliverResp(NUMBER, 0)]


def test_request_when_its_number_comes_with_another_content_then_error_9() -> None:
    listener = bound_listener()
    other = encode(replace(DELIVER, message_content=b"other"))
    [event] = listener.receive(encode(DELIVER), 0)
    assert listener.receive(other, 0)[0].reason == "sequence_reused"  # type: ignore[attr-defined]
    assert SGIP_IN.take_pdus(listener) == [DeliverResp(NUMBER, 9)]
    listener.acknowledge(event.sequence, NUMBER.to_bytes(), 0, 1)  # type: ignore[attr-defined]
    assert SGIP_IN.take_pdus(listener) == [DeliverResp(NUMBER, 0)]
    assert listener.receive(other, 2) == []
    assert SGIP_IN.take_pdus(listener) == [DeliverResp(NUMBER, 9)]
    assert listener.counters["sequence_reused"] == 2


@pytest.mark.parametrize("how", ["release", "refuse"])
def test_request_when_not_acknowledged_then_handed_over_again(how: str) -> None:
    listener = bound_listener()
    [event] = listener.receive(encode(DELIVER), 0)
    if how == "release":
        listener.release(event.sequence, NUMBER.to_bytes(), 1)  # type: ignore[attr-defined]
    else:
        listener.acknowledge(event.sequence, NUMBER.to_bytes(), 11, 1)  # type: ignore[attr-defined]
    assert [pdu.result for pdu in SGIP_IN.take_pdus(listener)] == ([] if how == "release" else [11])
    assert [type(again) for again in listener.receive(encode(DELIVER), 31)] == [DeliverReceived]


def test_request_when_its_handler_fails_then_released() -> None:
    listener = bound_listener()
    listener.abandon(listener.receive(encode(REPORT), 0), 0)
    assert listener.in_hand == 0
    assert listener.counters["released"] == 1


@pytest.mark.parametrize(("request_pdu", "answer"), [(DELIVER, DeliverResp), (REPORT, ReportResp)])
def test_request_when_malformed_then_error_5_and_the_link_goes_on(request_pdu: Any, answer: type) -> None:
    listener = bound_listener()
    listener.receive((40).to_bytes(4, "big") + encode(request_pdu)[4:40], 0)
    assert SGIP_IN.take_pdus(listener) == [answer(NUMBER, 5)]
    assert listener.state is LinkState.BOUND


def test_user_rpt_when_it_comes_then_answered_and_counted() -> None:
    listener = bound_listener()
    assert listener.receive(encode(UserRpt(NUMBER)), 0) == []
    assert SGIP_IN.take_pdus(listener) == [UserRptResp(NUMBER, 0)]
    assert listener.counters["user_rpt"] == 1


def test_answered_when_more_come_than_are_remembered_then_the_oldest_are_forgotten() -> None:
    answered = Answered(limit=2)
    for sequence in range(3):
        answered.remember(sequence, b"digest")
    assert [answered.judge(sequence, b"digest").value for sequence in range(3)] == ["new", "same", "same"]


def test_caller_when_answered_then_says_which() -> None:
    caller, listener = SGIP_IN.bound()
    for number, token in ((2, "mo"), (1, "report")):
        caller.deliver(SGIP_IN.flows[0].make(number), token, 0)
    received = listener.receive(caller.data_to_send(), 0)
    for event in reversed(received):
        listener.acknowledge(event.sequence, listener.name_message(event.pdu), 0, 0)
    assert [event.token for event in caller.receive(listener.data_to_send(), 0)] == ["report", "mo"]


def test_server_when_an_sp_asks_for_something_else_then_its_caller_may_respond() -> None:
    server = SgipServer(ListenSettings(SMG_NODE, {NAME: SECRET}, link=QUICK))
    server.opened(0, WALL)
    assert server.receive(bind(LoginType.SP_TO_SMG), 0) == [Bound(NAME, 0)]
    [event] = server.receive(encode(UserRpt(NUMBER)), 0)
    server.data_to_send()
    server.respond(UserRptResp(event.pdu.sequence, 10), 0)  # type: ignore[attr-defined]
    assert SGIP_OUT.take_pdus(server) == [UserRptResp(NUMBER, 10)]
