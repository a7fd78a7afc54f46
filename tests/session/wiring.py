"""What the session tests share: a bound client or server on a hand-driven clock, and the two of them wired together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from adapters.session.cmpp import ClientSettings, CmppClient, CmppServer, ServerSettings
from adapters.session.cmpp.peer import CmppPeer
from adapters.session.events import Event
from adapters.session.settings import LinkSettings
from adapters.wire.buffer import Framer
from adapters.wire.cmpp import (
    Connect,
    ConnectResp,
    Deliver,
    Pdu,
    Submit,
    Version,
    connect_authenticator,
    decode,
    encode,
    ismg_authenticator,
)

WALL = datetime(2026, 11, 24, 4, 0, 7, tzinfo=UTC)  # 12:00:07 in China
TIMESTAMP = 1124120007
SP, SECRET = "901234", "secret"
QUICK = LinkSettings(settle_s=0)

SUBMIT = Submit(sequence=0, msg_src=SP, src_id="10086", dest_terminal_ids=("13800138000",), msg_content=b"hello")
DELIVER = Deliver(sequence=0, msg_id=b"\x01" * 8, dest_id="10086", src_terminal_id="13800138000", msg_content=b"KTFSR")


def make_client(version: Version = Version.V30, link: LinkSettings = QUICK, **settings: Any) -> CmppClient:
    return CmppClient(ClientSettings(SP, SECRET, version=version, link=link, **settings))


def make_server(version: Version | None = None, link: LinkSettings = QUICK, **settings: Any) -> CmppServer:
    return CmppServer(ServerSettings({SP: SECRET}, version=version, link=link, **settings))


def bound_client(version: Version = Version.V30, now: float = 0.0, **link: Any) -> CmppClient:
    client = make_client(version, replace(QUICK, **link))
    client.opened(now, WALL)
    sent = take_pdus(client)[0]
    client.receive(login_answer(sent, version), now)
    return client


def bound_server(version: Version = Version.V30, now: float = 0.0, **link: Any) -> CmppServer:
    server = make_server(version, replace(QUICK, **link))
    server.opened(now, WALL)
    server.receive(encode(login(version), version), now)
    server.data_to_send()
    return server


def login(version: Version = Version.V30, secret: str = SECRET, source_addr: str = SP) -> Connect:
    return Connect(1, source_addr, connect_authenticator(source_addr, secret, TIMESTAMP), int(version), TIMESTAMP)


def login_answer(connect: Pdu, version: Version = Version.V30, **changes: Any) -> bytes:
    assert isinstance(connect, Connect)
    width = 4 if version is Version.V30 else 1
    authenticator = ismg_authenticator(0, connect.authenticator, SECRET, width)
    answer = ConnectResp(connect.sequence, 0, authenticator, int(version))
    return encode(replace(answer, **changes), version)


def take_pdus(peer: CmppPeer, version: Version | None = None) -> list[Any]:
    return [decode(frame, version or peer.version) for frame in take_frames(peer)]


def take_frames(peer: CmppPeer) -> list[bytes]:
    return Framer(12, 12, 4096).feed(peer.data_to_send())


def send(peer: CmppPeer, pdu: Pdu, now: float = 0.0, version: Version = Version.V30) -> list[Any]:
    return list(peer.receive(encode(pdu, version), now))


def of_type(events: list[Event], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]
