"""The SMS channel's link over SGIP 1.2 or 1.3 (China Unicom SGIP): two directions, each with connections of its own.

Messages go out by a connection that this end makes. Messages and reports come in by connections that the SMG makes to
`SgipConfig.listen`; each may be short, so that there is none at the moment says nothing, and only a long silence does.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv6Address, ip_address, ip_network
from zlib import crc32

from adapters.carrier.base import SgipData
from adapters.carrier.settings import LinkConfig
from adapters.carrier.sms_link import LinkEvent, LinkParts, MoReceived, OutgoingSms, ReportReceived
from adapters.carrier.stream_link import (
    Handle,
    StreamLink,
    digest_fields,
    make_link_settings,
    read_number,
    write_number,
)
from adapters.journal.rows import SmsBody
from adapters.session.events import Bound, DeliverReceived, Event, LinkClosed, LoginRejected
from adapters.session.settings import LinkSettings
from adapters.session.sgip import (
    Answered,
    DialSettings,
    ListenSettings,
    SgipClient,
    SgipDialect,
    SgipListener,
    SgipNumbers,
)
from adapters.session.sgip.results import REPORT_NAMES
from adapters.transport.server import StreamServer
from adapters.transport.stream import Connection
from adapters.wire.report import Outcome
from adapters.wire.sgip import Deliver, Report, Sequence, Submit
from optout.kit.config import read_secret

log = logging.getLogger(__name__)

_NO_SEQUENCE = Sequence(0, 0, 0)
_LONGEST_TIMEOUT_S = 30.0  # an answer takes no longer (SGIP 1.2, chapter 3)
_LARGEST_WINDOW = 32  # as many may wait for their answer (SGIP 1.2, chapter 3)
_OF_A_SUBMIT = 0
_WATCH_EVERY_S = 60.0
_LOOPBACK = ("127.0.0.0/8", "::1/128")


class SgipLink(StreamLink[SgipClient]):
    """One account's link; see `adapters.carrier.sms_link.SmsLink`. Raises `ValueError` for what no link can keep."""

    def __init__(self, parts: LinkParts, data: SgipData) -> None:
        config = parts.config
        if not config.sgip.node:
            raise ValueError("sgip.node is missing")
        if config.window > _LARGEST_WINDOW:
            raise ValueError(f"window is at most {_LARGEST_WINDOW} in SGIP")
        # Links of one node, and a process and the next, begin at serials of their own: a number names one message.
        first_serial = crc32(f"{config.name} {parts.clock.now_ms()}".encode())
        self._numbers = SgipNumbers(config.sgip.node, first_serial)
        dialling = _read_dialling(config, parts.secret)
        # A rest for the SMG as well: 1.3 answers 34 to those who log in too often.
        wait_s = config.sgip.reconnect_least_s
        super().__init__(parts, lambda: SgipClient(dialling, self._numbers), least_wait_s=wait_s)
        self._data = data
        self._dialect = dialling.dialect
        self._listener = self._make_listener(_read_listening(config, parts.secret, dialling.link))
        self._heard_at = self._clock.monotonic()
        self._is_silent = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def silent_s(self) -> float:
        """For how long the SMG has had no connection to us."""
        if any(connection.session.account for connection in self._listener.connections):
            return 0.0
        return max(0.0, self._clock.monotonic() - self._heard_at)

    @property
    def listen_port(self) -> int:
        """The port listened on, known once started."""
        return self._listener.port

    async def start(self) -> None:
        """Listen, and begin to dial. Raises `OSError` for an address that cannot be listened on."""
        await self._listener.start()
        await super().start()
        self._watch = asyncio.create_task(self._watch_silence())

    async def stop(self, drain_s: float) -> None:
        """Take both directions down gently."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await asyncio.gather(super().stop(drain_s), self._listener.stop(drain_s))

    def counters(self) -> Mapping[str, int]:
        """Return the counters of both directions; those of the listener's begin with `mo_`."""
        totals = Counter(super().counters())
        for connection in self._listener.connections:
            if not connection.session.closed:
                totals += _prefix(connection.session.counters)
        return totals + _prefix(self._listener.counters)

    def _make_listener(self, settings: ListenSettings) -> StreamServer[SgipListener]:
        sgip = self._config.sgip
        host, _, port = sgip.listen.rpartition(":")
        answered = Answered()
        return StreamServer(
            lambda: SgipListener(settings, answered, self._numbers),
            self._on_incoming,
            host=host.strip("[]"),
            port=int(port),
            max_connections=sgip.max_connections,
            admits=lambda address: is_on_list(address, sgip.allow or _LOOPBACK),
            clock=self._clock,
        )

    def make_submit(self, message: OutgoingSms) -> Submit:
        """Write a message as the carrier wants to see it."""
        data, body = self._data, message.body
        return Submit(
            sequence=_NO_SEQUENCE,
            sp_number=self._code,
            charge_number=data.charge_number,
            user_numbers=(write_number(message.number, country_code=True),),
            corp_id=self._config.sgip.corp_id,
            service_type=self._config.service_id or data.service_type,
            fee_type=data.fee_type,
            fee_value=data.fee_value,
            given_value=data.given_value,
            agent_flag=data.agent_flag,
            mo_relate_to_mt_flag=data.mo_relate_to_mt_flag,
            priority=data.priority,
            report_flag=data.report_flag,
            tp_udhi=body.tp_udhi,
            message_coding=body.msg_fmt,
            message_content=body.content,
        )

    # What the SMG brings

    async def _on_incoming(self, connection: Connection[SgipListener], events: list[Event]) -> None:
        """Notice and count what happens to the SMG's connections; only what they bring is of interest further up."""
        brought: list[Event] = []
        for event in events:
            self._heard_at = self._clock.monotonic() if connection.session.account else self._heard_at
            match event:
                case DeliverReceived():
                    brought.append(event)
                case Bound():
                    self._is_silent = False
                case LoginRejected(reason=reason):
                    log.error("a login of the centre's was refused: %s", reason, extra={"link": self.name})
                case LinkClosed():
                    self._counters += _prefix(connection.session.counters)
        received = list(self._translate(connection, brought))
        if received:
            await self._handler(self, received)

    def _read_deliver(self, pdu: Deliver | Report, handle: Handle) -> LinkEvent | None:
        if isinstance(pdu, Report):
            return self._read_report(pdu, handle)
        body = SmsBody(pdu.message_coding, pdu.tp_udhi, pdu.message_content)
        return MoReceived(handle.msg_id, pdu.user_number, pdu.sp_number, body, digest_deliver(pdu), b"", handle)

    def _read_report(self, pdu: Report, handle: Handle) -> ReportReceived | None:
        if pdu.report_type != _OF_A_SUBMIT or pdu.outcome is Outcome.ACCEPTED:
            return None
        delivered = pdu.outcome is Outcome.DELIVERED
        if not delivered:
            self._counters["report_" + REPORT_NAMES[self._dialect].get(pdu.error_code, "other")] += 1
        code = f"STATE:{pdu.state}:{pdu.error_code}"
        msg_id = pdu.submit_sequence_number.to_bytes()
        return ReportReceived(msg_id, read_number(pdu.user_number), delivered, code, handle)

    async def _watch_silence(self) -> None:
        alarm_s = self._config.sgip.silence_alarm_h * 3600
        while True:
            if self.silent_s >= alarm_s and not self._is_silent:
                self._is_silent = True
                self._counters["silence_alarm"] += 1
                log.error("the centre has not dialled us for %.0f s", self.silent_s, extra={"link": self.name})
            await self._clock.sleep(min(_WATCH_EVERY_S, alarm_s))


def is_on_list(address: str, allowed: Iterable[str]) -> bool:
    """Tell whether an address is one of the addresses or networks allowed."""
    caller = ip_address(address.partition("%")[0])
    mapped = caller.ipv4_mapped if isinstance(caller, IPv6Address) else None
    return any((mapped or caller) in ip_network(network) for network in allowed)


def digest_deliver(pdu: Deliver) -> bytes:
    """Digest what makes a Deliver the same message again: its number is part of it, as it stands for an id."""
    return digest_fields(
        pdu.sequence.to_bytes(),
        pdu.sp_number.encode(),
        pdu.user_number.encode(),
        bytes((pdu.tp_udhi, pdu.message_coding)),
        pdu.message_content,
    )


def _prefix(counters: Counter[str]) -> Counter[str]:
    return Counter({"mo_" + name: count for name, count in counters.items()})


def _read_dialling(config: LinkConfig, secret: str) -> DialSettings:
    settings = make_link_settings(config)
    timeout_s = min(settings.request_timeout_s, _LONGEST_TIMEOUT_S)
    return DialSettings(
        node=config.sgip.node,
        login_name=config.account,
        login_password=secret,
        dialect=SgipDialect(config.sgip.dialect.value),
        link=replace(settings, keepalive_s=None, request_timeout_s=timeout_s),
    )


def _read_listening(config: LinkConfig, secret: str, link: LinkSettings) -> ListenSettings:
    sgip = config.sgip
    password = secret if sgip.mo_secret is None else read_secret(sgip.mo_secret)
    return ListenSettings(
        node=sgip.node,
        accounts={sgip.mo_account or config.account: password},
        link=replace(link, settle_s=0.0, idle_close_s=sgip.idle_close_s),
    )
