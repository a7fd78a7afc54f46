"""Logging in, both ends."""

from __future__ import annotations

from datetime import datetime

import pytest

from adapters.session.cmpp import CmppClient, ServerCheck
from adapters.session.cmpp.client import make_timestamp
from adapters.session.events import (
    Bound,
    DeliverReceived,
    Fault,
    LinkClosed,
    LoginRefused,
    LoginRejected,
    PduIgnored,
    Retry,
    ServerAuthenticatorMismatch,
    UnexpectedResponse,
    VersionMismatch,
)
from adapters.session.settings import LinkSettings
from adapters.session.state import LinkState
from adapters.wire.cmpp import (
    ConnectResp,
    SubmitResp,
    Version,
    connect_authenticator,
    encode,
    ismg_authenticator,
)
from tests.session.wiring import (
    DELIVER,
    SECRET,
    SP,
    SUBMIT,
    TIMESTAMP,
    WALL,
    login,
    login_answer,
    make_client,
    make_server,
    of_type,
    send,
    take_pdus,
)

BOTH = pytest.mark.parametrize("version", list(Version))


@BOTH
def test_login_when_opened_then_sends_connect_with_china_time(version: Version) -> None:
    client = make_client(version)
    assert client.opened(0, WALL) == []
    (connect,) = take_pdus(client)
    assert connect == login(version)
    assert client.state is LinkState.BINDING


def test_login_when_the_time_of_day_has_no_zone_then_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        make_timestamp(datetime(2026, 1, 2, 3, 4, 5))  # noqa: DTZ001


def test_login_when_january_then_the_timestamp_has_no_leading_zero() -> None:
    assert make_timestamp(WALL.replace(month=1, day=2, hour=3)) == 102110007


@BOTH
@pytest.mark.parametrize("width", [1, 4])
def test_login_when_the_server_authenticator_is_of_a_known_kind_then_bound(version: Version, width: int) -> None:
    client = make_client(version, server_check=ServerCheck.ENFORCE)
    client.opened(0, WALL)
    (connect,) = take_pdus(client)
    digest = ismg_authenticator(0, login(version).authenticator, SECRET, width)
    events = client.receive(login_answer(connect, version, authenticator_ismg=digest), 1)
    assert events == [Bound("", version)]
    assert client.state is LinkState.BOUND
    assert client.bound_at == 1


@pytest.mark.parametrize(
    ("check", "state", "expected"),
    [
        (ServerCheck.OFF, LinkState.BOUND, []),
        (ServerCheck.WARN, LinkState.BOUND, [ServerAuthenticatorMismatch(enforced=False)]),
        (ServerCheck.ENFORCE, LinkState.CLOSED, [ServerAuthenticatorMismatch(enforced=True)]),
    ],
)
def test_login_when_the_server_authenticator_is_wrong_then_as_configured(
    check: ServerCheck, state: LinkState, expected: list[object]
) -> None:
    client = make_client(server_check=check)
    client.opened(0, WALL)
    (connect,) = take_pdus(client)
    events = client.receive(login_answer(connect, authenticator_ismg=b"mockauth".ljust(16, b"\0")), 0)
    assert of_type(events, ServerAuthenticatorMismatch) == expected
    assert client.state is state
    assert client.counters["server_authenticator_mismatch"] == len(expected)
    if check is ServerCheck.ENFORCE:
        assert events[-1] == LinkClosed("server_authenticator_mismatch", Fault.REMOTE, Retry.SLOW)


@pytest.mark.parametrize(
    ("status", "reason", "retry"),
    [
        (1, "structure", Retry.SLOW),
        (2, "illegal_source", Retry.SLOW),
        (3, "authentication", Retry.SLOW),
        (4, "version_too_high", Retry.SLOW),
        (5, "other", Retry.BACKOFF),
        (200, "other", Retry.BACKOFF),
    ],
)
@BOTH
def test_login_when_refused_then_says_why_and_how_soon_to_come_back(
    version: Version, status: int, reason: str, retry: Retry
) -> None:
    client = make_client(version)
    client.opened(0, WALL)
    take_pdus(client)
    events = send(client, ConnectResp(1, status, bytes(16), 0x20), version=version)
    assert events == [
        LoginRefused(status, reason, int(version), 0x20),
        LinkClosed("login_refused", Fault.REMOTE, retry),
    ]
    assert client.counters["login_refused_" + reason] == 1


@BOTH
def test_login_when_answered_in_the_other_version_then_fails_naming_both(version: Version) -> None:
    other = Version.V20 if version is Version.V30 else Version.V30
    client = make_client(version)
    client.opened(0, WALL)
    (connect,) = take_pdus(client)
    mismatch, closed = client.receive(login_answer(connect, other), 0)
    assert mismatch == VersionMismatch(version, other, 30 if other is Version.V20 else 33)
    assert f"{version:#04x}" in str(mismatch)
    assert f"{other:#04x}" in str(mismatch)
    assert closed == LinkClosed("version_mismatch", Fault.REMOTE, Retry.SLOW)


def test_login_when_refused_in_the_other_version_then_the_refusal_is_what_is_told() -> None:
    client = make_client(Version.V30)
    client.opened(0, WALL)
    events = send(client, ConnectResp(1, 3, bytes(16), 0x20), version=Version.V20)
    assert of_type(events, LoginRefused)
    assert not of_type(events, VersionMismatch)


def settling_client() -> CmppClient:
    client = make_client(link=LinkSettings(settle_s=0.2))
    client.opened(0, WALL)
    (connect,) = take_pdus(client)
    assert client.receive(login_answer(connect), 1) == []
    return client


def test_login_when_accepted_then_bound_only_after_it_has_settled() -> None:
    client = settling_client()
    assert client.wake_at() == 1.2
    assert client.tick(1.1) == []
    assert client.tick(1.2) == [Bound("", Version.V30)]


def test_login_when_the_peer_accepts_and_hangs_up_then_it_was_never_bound() -> None:
    client = settling_client()
    assert client.eof(1.1) == [LinkClosed("closed_while_settling", Fault.REMOTE, Retry.BACKOFF)]
    assert client.bound_at is None


def test_login_when_a_message_comes_while_settling_then_bound_first() -> None:
    client = settling_client()
    bound, received = send(client, DELIVER, 1.05)
    assert bound == Bound("", Version.V30)
    assert isinstance(received, DeliverReceived)


def test_login_when_a_message_comes_before_the_answer_then_it_is_left_unanswered() -> None:
    client = make_client()
    client.opened(0, WALL)
    take_pdus(client)
    assert send(client, DELIVER) == [PduIgnored(5, 0, "not_bound")]
    assert take_pdus(client) == []
    assert client.state is LinkState.BINDING


def test_login_when_a_malformed_message_comes_before_the_answer_then_it_is_left_unanswered() -> None:
    client = make_client()
    client.opened(0, WALL)
    take_pdus(client)
    client.receive(b"\x00\x00\x00\x15\x00\x00\x00\x05\x00\x00\x00\x01" + bytes(9), 0)
    assert take_pdus(client) == []


def test_login_when_unanswered_then_times_out() -> None:
    client = make_client(link=LinkSettings(login_timeout_s=30))
    client.opened(5, WALL)
    assert client.wake_at() == 35
    assert client.tick(34) == []
    assert client.tick(35) == [LinkClosed("login_timeout", Fault.REMOTE, Retry.BACKOFF)]


def test_login_when_closed_during_it_then_says_so() -> None:
    client = make_client()
    client.opened(0, WALL)
    assert client.eof(1) == [LinkClosed("closed_during_login", Fault.REMOTE, Retry.BACKOFF)]


def test_login_when_the_answer_is_malformed_then_closed() -> None:
    client = make_client()
    client.opened(0, WALL)
    events = client.receive(b"\x00\x00\x00\x0d\x80\x00\x00\x01\x00\x00\x00\x01\x00", 0)
    assert of_type(events, LinkClosed) == [LinkClosed("malformed_login_answer", Fault.REMOTE, Retry.BACKOFF)]
    assert isinstance(events[-1], LinkClosed)


def test_login_when_answered_twice_then_the_second_answer_is_an_oddity() -> None:
    client = make_client()
    client.opened(0, WALL)
    (connect,) = take_pdus(client)
    client.receive(login_answer(connect), 0)
    (oddity,) = client.receive(login_answer(connect), 0)
    assert isinstance(oddity, UnexpectedResponse)
    assert client.state is LinkState.BOUND


def test_login_when_source_is_padded_then_the_digest_is_over_the_padding() -> None:
    client = make_client(pad_source=True)
    client.opened(0, WALL)
    (connect,) = take_pdus(client)
    assert connect.authenticator == connect_authenticator(SP, SECRET, TIMESTAMP, pad_source=True)


# The server


@BOTH
def test_server_when_the_login_is_right_then_answers_and_is_bound(version: Version) -> None:
    server = make_server()
    server.opened(0, WALL)
    events = send(server, login(version), version=version)
    assert events == [Bound(SP, version)]
    (answer,) = take_pdus(server)
    width = 4 if version is Version.V30 else 1
    digest = ismg_authenticator(0, login(version).authenticator, SECRET, width)
    assert answer == ConnectResp(1, 0, digest, version)
    assert server.account == SP
    assert server.version is version


def test_server_when_its_version_is_fixed_then_answers_in_it_whatever_is_offered() -> None:
    server = make_server(Version.V20)
    server.opened(0, WALL)
    send(server, login(Version.V30))
    assert len(server.data_to_send()) == 30


@pytest.mark.parametrize(
    ("source_addr", "secret"), [(SP, "wrong"), ("999999", SECRET), ("", ""), ("999999", "no account has this")]
)
def test_server_when_secret_or_account_is_wrong_then_status_3_and_closed(source_addr: str, secret: str) -> None:
    server = make_server()
    server.opened(0, WALL)
    events = send(server, login(secret=secret, source_addr=source_addr))
    assert events == [
        LoginRejected(source_addr, 3, "authentication"),
        LinkClosed("login_rejected", Fault.REMOTE, Retry.NO),
    ]
    assert take_pdus(server) == [ConnectResp(1, 3, bytes(16), Version.V30)]


def test_server_when_a_short_account_is_digested_with_padding_then_admitted() -> None:
    server = make_server()
    server = type(server)(type(server._settings)({"901": SECRET}))
    server.opened(0, WALL)
    connect = login(source_addr="901")
    digest = connect_authenticator("901", SECRET, TIMESTAMP, pad_source=True)
    assert digest != connect.authenticator
    send(server, type(connect)(1, "901", digest, 0x30, TIMESTAMP))
    assert server.state is LinkState.BOUND


def test_server_when_its_judge_says_no_then_that_status_is_answered() -> None:
    server = make_server(judge_login=lambda connect: 4)
    server.opened(0, WALL)
    events = send(server, login())
    assert events[0] == LoginRejected(SP, 4, "version_too_high")
    assert take_pdus(server)[0].status == 4


def test_server_when_a_stranger_submits_then_closed_at_once() -> None:
    server = make_server()
    server.opened(0, WALL)
    assert send(server, SUBMIT) == [LinkClosed("not_logged_in", Fault.REMOTE, Retry.NO)]
    assert server.data_to_send() == b""


def test_server_when_a_strangers_submit_is_malformed_then_closed_unanswered() -> None:
    server = make_server()
    server.opened(0, WALL)
    events = server.receive(encode(SUBMIT, Version.V30)[:3] + b"\x0d" + encode(SUBMIT, Version.V30)[4:13], 0)
    assert of_type(events, LinkClosed)[0].reason == "not_logged_in"
    assert server.data_to_send() == b""


def test_server_when_a_stranger_says_nothing_then_times_out() -> None:
    server = make_server(link=LinkSettings(login_timeout_s=30))
    server.opened(0, WALL)
    assert server.wake_at() == 30
    assert server.tick(30) == [LinkClosed("login_timeout", Fault.REMOTE, Retry.BACKOFF)]


def test_server_when_the_login_is_malformed_then_status_1() -> None:
    server = make_server()
    server.opened(0, WALL)
    events = server.receive(b"\x00\x00\x00\x0d\x00\x00\x00\x01\x00\x00\x00\x07\x00", 0)
    assert of_type(events, LoginRejected) == [LoginRejected("", 1, "structure")]
    assert take_pdus(server)[0].status == 1


def test_server_when_bound_and_logged_in_again_then_ignored() -> None:
    server = make_server()
    server.opened(0, WALL)
    send(server, login())
    take_pdus(server)
    assert send(server, login()) == [PduIgnored(1, 1, "already_bound")]
    assert take_pdus(server) == []


def test_settings_when_printed_then_show_no_secret() -> None:
    assert SECRET not in repr(make_client()._settings)
    assert SECRET not in repr(make_server()._settings)


def test_submit_resp_when_nobody_submitted_then_no_crash() -> None:
    client = make_client()
    client.opened(0, WALL)
    (event,) = send(client, SubmitResp(77, bytes(8), 0))
    assert isinstance(event, UnexpectedResponse)
