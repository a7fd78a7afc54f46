"""What SMGP has that the other protocols do not: its login, its status codes, its ids."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adapters.session.events import (
    Bound,
    DeliverReceived,
    Fault,
    LinkClosed,
    LoginRefused,
    LoginRejected,
    PduMalformed,
    Retry,
    RetryClass,
    ServerAuthenticatorMismatch,
    SubmitAccepted,
    SubmitRejected,
    SubmitThrottled,
)
from adapters.session.settings import LinkSettings
from adapters.session.smgp import (
    ClientSettings,
    ServerCheck,
    ServerSettings,
    SmgpClient,
    SmgpServer,
    classify_result,
)
from adapters.session.smgp.results import SUBMIT_RESULTS
from adapters.session.state import LinkState
from adapters.wire.smgp import (
    ActiveTestResp,
    Deliver,
    DeliverResp,
    ExitResp,
    Login,
    LoginMode,
    LoginResp,
    Query,
    QueryResp,
    Submit,
    SubmitResp,
    Version,
    client_authenticator,
    decode,
    encode,
    server_authenticator,
)
from tests.session.pairs import SMGP
from tests.session.wiring import WALL

QUICK = LinkSettings(settle_s=0)
CLIENT_ID, SECRET = "333", "0555"
SUBMIT = Submit(0, src_term_id="11810001", dest_term_ids=("13800138000",), msg_content=b"hello")
ID = bytes.fromhex("6495c36ac4ea6b00000b")  # a real one, not BCD


def make_client(**settings: Any) -> SmgpClient:
    return SmgpClient(ClientSettings(CLIENT_ID, SECRET, **{"link": QUICK, **settings}))


def make_server(**settings: Any) -> SmgpServer:
    return SmgpServer(ServerSettings({CLIENT_ID: SECRET}, **{"link": QUICK, **settings}))


def opened(client: SmgpClient) -> Login:
    client.opened(0, WALL)
    [login] = SMGP.take_pdus(client)
    assert isinstance(login, Login)
    return login


def answer(login: Login, status: int = 0, *, digested: bytes = bytes(4), secret: str = SECRET) -> bytes:
    digest = server_authenticator(digested, login.authenticator_client, secret)
    return encode(LoginResp(login.sequence, status, digest, 0x30))


def test_login_when_opened_then_as_an_accepted_one_was() -> None:
    login = opened(make_client())
    assert (login.client_id, login.login_mode, login.timestamp, login.client_version) == (
        CLIENT_ID,
        LoginMode.BOTH,
        1124120007,
        0x30,
    )
    assert login.authenticator_client == client_authenticator(CLIENT_ID, SECRET, 1124120007)


@pytest.mark.parametrize("pad", [False, True])
def test_login_when_padded_or_not_then_the_server_takes_both(pad: bool) -> None:
    client, server = make_client(pad_client_id=pad), make_server()
    login = opened(client)
    assert login.authenticator_client == client_authenticator(CLIENT_ID, SECRET, login.timestamp, pad_client_id=pad)
    server.opened(0, WALL)
    assert server.receive(encode(login), 0) == [Bound(CLIENT_ID, 0x30)]
    assert client.receive(server.data_to_send(), 0) == [Bound("", 0x30)]


def test_login_when_it_settles_then_bound_only_if_still_open_a_moment_later() -> None:
    client = make_client(link=LinkSettings(settle_s=0.2))
    login = opened(client)
    assert client.receive(answer(login), 0) == []
    assert client.eof(0.1) == [LinkClosed("closed_while_settling", Fault.REMOTE, Retry.BACKOFF)]
    client = make_client(link=LinkSettings(settle_s=0.2))
    client.receive(answer(opened(client)), 0)
    assert client.tick(0.2) == [Bound("", 0x30)]


@pytest.mark.parametrize(
    ("status", "reason", "retry"),
    [
        (1, "busy", Retry.BACKOFF),
        (2, "too_many_connections", Retry.BACKOFF),
        (3, "authentication", Retry.SLOW),
        (10, "structure", Retry.SLOW),
        (20, "address", Retry.SLOW),
        (21, "authentication", Retry.SLOW),
        (22, "version", Retry.SLOW),
        (76, "account_expired", Retry.SLOW),
        (200, "other", Retry.BACKOFF),
    ],
)
def test_login_when_refused_then_the_reason_says_how_soon_to_come_back(status: int, reason: str, retry: Retry) -> None:
    client = make_client()
    events = client.receive(answer(opened(client), status), 0)
    assert events == [LoginRefused(status, reason, 0x30, 0x30), LinkClosed("login_refused", Fault.REMOTE, retry)]


@pytest.mark.parametrize("digested", [bytes(4), bytes(1), bytes(8)], ids=["four", "one", "eight"])
@pytest.mark.parametrize("check", list(ServerCheck))
def test_server_authenticator_when_of_a_known_kind_then_accepted(digested: bytes, check: ServerCheck) -> None:
    client = make_client(server_check=check)
    assert client.receive(answer(opened(client), digested=digested), 0) == [Bound("", 0x30)]


@pytest.mark.parametrize("check", list(ServerCheck))
def test_server_authenticator_when_wrong_then_as_the_switch_says(check: ServerCheck) -> None:
    client = make_client(server_check=check)
    events = client.receive(answer(opened(client), secret="another"), 0)
    expected: dict[ServerCheck, list[Any]] = {
        ServerCheck.OFF: [Bound("", 0x30)],
        ServerCheck.WARN: [ServerAuthenticatorMismatch(False), Bound("", 0x30)],
        ServerCheck.ENFORCE: [
            ServerAuthenticatorMismatch(True),
            LinkClosed("server_authenticator_mismatch", Fault.REMOTE, Retry.SLOW),
        ],
    }
    assert events == expected[check]


@pytest.mark.parametrize(("client_id", "secret"), [(CLIENT_ID, "wrong"), ("999", SECRET), ("", "")])
def test_login_when_the_secret_or_the_account_is_wrong_then_status_21_without_authenticator_and_closed(
    client_id: str, secret: str
) -> None:
    server = make_server()
    server.opened(0, WALL)
    digest = client_authenticator(client_id, secret, 1124120007)
    events = server.receive(encode(Login(1, client_id, digest, 2, 1124120007, 0x30)), 0)
    assert events == [
        LoginRejected(client_id, 21, "authentication"),
        LinkClosed("login_rejected", Fault.REMOTE, Retry.NO),
    ]
    assert SMGP.take_pdus(server) == [LoginResp(1, 21, bytes(16), 0x30)]


def test_login_when_the_server_has_another_opinion_then_its_status() -> None:
    client, server = make_client(), make_server(judge_login=lambda login: 2)
    server.opened(0, WALL)
    server.receive(encode(opened(client)), 0)
    events = client.receive(server.data_to_send(), 0)
    assert isinstance(events[0], LoginRefused)
    assert events[0].reason == "too_many_connections"


def test_login_when_the_client_is_of_version_1_3_then_submits_have_no_fixed_fee() -> None:
    client, server = make_client(version=Version.V13), make_server()
    server.opened(0, WALL)
    server.receive(encode(opened(client)), 0)
    client.receive(server.data_to_send(), 0)
    assert server.version is Version.V13
    client.submit(SUBMIT, "token", 0)
    frame = client.data_to_send()
    assert len(frame) == 126 - 6 + 21 + 5
    [event] = server.receive(frame, 0)
    assert event.pdu == replace(SUBMIT, sequence=event.sequence)  # type: ignore[attr-defined]


def test_secret_when_settings_and_packets_are_printed_then_not_shown() -> None:
    assert SECRET not in repr(ClientSettings(CLIENT_ID, SECRET))
    assert SECRET not in repr(ServerSettings({CLIENT_ID: SECRET}))


EXPECTED = {
    RetryClass.ACCEPTED: {0},
    RetryClass.TRANSIENT: {1},
    RetryClass.DUPLICATE: {12},
    RetryClass.OUT_OF_HOURS: {74},
    RetryClass.QUOTA: {75},
    RetryClass.ACCOUNT: {2, 20, 21, 22, 76},
}


@pytest.mark.parametrize("retry_class", list(RetryClass))
def test_result_when_classified_then_as_the_table_of_the_protocol(retry_class: RetryClass) -> None:
    codes = {code for code in range(300) if classify_result(code) is retry_class}
    if retry_class is RetryClass.PERMANENT:
        assert codes == set(range(300)) - set().union(*EXPECTED.values())
    else:
        assert codes == EXPECTED[retry_class]


@pytest.mark.parametrize("status", sorted(set(SUBMIT_RESULTS) - {0, 1}))
def test_submit_when_refused_then_the_event_says_what_to_do(status: int) -> None:
    client, _ = SMGP.bound()
    sequence = client.submit(SUBMIT, "token", 0)
    events = client.receive(encode(SubmitResp(sequence, ID, status)), 0)
    assert events == [SubmitRejected("token", sequence, status, classify_result(status))]
    assert client.counters[f"submit_result_{status}"] == 1


def test_submit_when_busy_then_again_after_a_pause_under_another_number() -> None:
    client, _ = SMGP.bound(flow_pause_s=1, keepalive_s=None)
    sequence = client.submit(SUBMIT, "token", 0)
    client.data_to_send()
    [event] = client.receive(encode(SubmitResp(sequence, ID, 1)), 0)
    assert event == SubmitThrottled("token", sequence, sequence + 1, 1, 1.0)
    client.tick(1.0)
    [again] = SMGP.take_pdus(client)
    assert again == replace(SUBMIT, sequence=sequence + 1)
    assert client.receive(encode(SubmitResp(sequence + 1, ID, 0)), 1) == [SubmitAccepted("token", sequence + 1, ID)]


def test_deliver_when_numbered_anew_then_known_by_its_id_and_answered_under_both_numbers() -> None:
    client, _ = SMGP.bound()
    deliver = Deliver(7, ID, dest_term_id="11810001", src_term_id="13800138000", msg_content=b"KTFSR")
    [event] = client.receive(encode(deliver), 0)
    assert isinstance(event, DeliverReceived)
    client.receive(encode(replace(deliver, sequence=8)), 1)
    assert client.acknowledge(7, ID, 0, 2)
    assert SMGP.take_pdus(client) == [DeliverResp(7, ID, 0), DeliverResp(8, ID, 0)]


def test_deliver_when_malformed_then_refused_with_its_id_and_the_link_goes_on() -> None:
    client, _ = SMGP.bound()
    frame = encode(Deliver(7, ID, msg_content=b"KTFSR"))[:60]
    [event] = client.receive((60).to_bytes(4, "big") + frame[4:], 0)
    assert isinstance(event, PduMalformed)
    assert SMGP.take_pdus(client) == [DeliverResp(7, ID, 10)]
    assert client.state is LinkState.BOUND


def test_submit_when_malformed_then_the_server_answers_status_10() -> None:
    _, server = SMGP.bound()
    server.receive((20).to_bytes(4, "big") + encode(replace(SUBMIT, sequence=9))[4:20], 0)
    assert SMGP.take_pdus(server) == [SubmitResp(9, bytes(10), 10)]


def test_submit_when_its_number_is_in_hand_with_another_message_then_status_12() -> None:
    _, server = SMGP.bound()
    server.receive(encode(replace(SUBMIT, sequence=9)), 0)
    server.receive(encode(replace(SUBMIT, sequence=9, msg_content=b"other")), 0)
    assert SMGP.take_pdus(server) == [SubmitResp(9, bytes(10), 12)]


def test_query_when_asked_then_handed_to_the_servers_caller() -> None:
    _, server = SMGP.bound()
    query = Query(5, "20261124", 0, "")
    [event] = server.receive(encode(query), 0)
    answered = QueryResp(5, "20261124", 0, "", *range(8))
    server.respond(answered, 0)
    assert (event.pdu, decode(server.data_to_send())) == (query, answered)


def test_exit_when_answered_with_an_active_test_response_then_taken_for_the_answer() -> None:
    client, _ = SMGP.bound()
    client.drain(0)
    [exit_pdu] = SMGP.take_pdus(client)
    events = client.receive(encode(ActiveTestResp(exit_pdu.sequence)), 0)
    assert events == [LinkClosed("drained", Fault.LOCAL, Retry.NO)]


def test_exit_when_the_server_sends_it_then_answered_and_closed() -> None:
    client, server = SMGP.bound()
    server.drain(0)
    client.receive(server.data_to_send(), 0)
    assert [type(pdu) for pdu in SMGP.take_pdus(client)] == [ExitResp]
    assert client.closed
