"""The envelopes as a CRM speaks them: a request from an order, and a reply read back."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass

from adapters.simulators.crm.entries import Spoil
from adapters.simulators.crm.settings import CrmSettings, EnvelopeKind
from adapters.wire import contractroot, interboss, unibss
from adapters.wire.answer import Answer
from adapters.wire.chinatime import format_millis, format_seconds
from adapters.wire.contractroot import Format
from adapters.wire.order import Order

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Reply:
    """What a reply says: whose serial it answers, the answer, and the sentence for people."""

    serial: str
    answer: Answer
    sentence: str


class Tongue(ABC):
    """One envelope. Reading raises `WireError`."""

    def __init__(self, settings: CrmSettings) -> None:
        self.settings = settings

    @abstractmethod
    def make_serial(self, now_ms: int, count: int) -> str:
        """Make a serial in the envelope's form."""

    @abstractmethod
    def write(self, order: Order, serial: str, now_ms: int, spoil: Spoil) -> tuple[str, bytes]:
        """Write a request; return its Content-Type and body."""

    @abstractmethod
    def read(self, content_type: str, body: bytes) -> Reply:
        """Read a reply."""


_STRANGERS_DOMAIN = "ELSE"
"""InterBOSS signs nothing: a desk knows its CRM by the domain in the head, so a false one stands for a signature."""


class InterbossTongue(Tongue):
    """InterBOSS. Every attempt has a session and a boundary of its own."""

    def make_serial(self, now_ms: int, count: int) -> str:
        """Our domain, the time, a count."""
        return f"{self.settings.source}{format_seconds(now_ms)}{count:010}"

    def write(self, order: Order, serial: str, now_ms: int, spoil: Spoil) -> tuple[str, bytes]:
        """Write head and body."""
        settings, time = self.settings, format_seconds(now_ms)
        head = interboss.Head(
            bip_code="BIP0X000" if spoil is Spoil.SERVICE else settings.bip_code,
            activity_code=settings.activity_code,
            orig_domain=_STRANGERS_DOMAIN if spoil is Spoil.SIGNATURE else settings.source,
            route=interboss.Route.NUMBER,
            home_domain="OPTO",
            route_value=order.number,
            session_id=secrets.token_hex(12),
            trans_id_o=serial,
            trans_id_o_time=time,
        )
        return interboss.write_request(head, order, secrets.token_hex(12))

    def read(self, content_type: str, body: bytes) -> Reply:
        """Read head and body."""
        envelope = interboss.open_envelope(content_type, body)
        answer = interboss.read_answer(envelope)
        response = envelope.head.response
        return Reply(envelope.head.trans_id_o, answer, response.rsp_desc if response else "")


class ContractRootTongue(Tongue):
    """ContractRoot, in one of its writings."""

    @property
    def _form(self) -> Format:
        return Format.JSON if self.settings.envelope is EnvelopeKind.CONTRACTROOT_JSON else Format.XML

    def make_serial(self, now_ms: int, count: int) -> str:
        """Our system, the day, a count."""
        return f"{self.settings.source}{format_seconds(now_ms)[:8]}{count:010}"

    def write(self, order: Order, serial: str, now_ms: int, spoil: Spoil) -> tuple[str, bytes]:
        """Write and sign the tree."""
        settings = self.settings
        head = contractroot.Head(
            transaction_id=serial,
            bus_code="BUS00000" if spoil is Spoil.SERVICE else settings.bus_code,
            service_code=settings.service_code,
            service_contract_ver=f"{settings.service_code}20260101",
            src_org_id="100000",
            src_sys_id=settings.source,
            dst_org_id="200000",
            dst_sys_id="OPTO",
            req_time=format_seconds(now_ms - DAY_MS if spoil is Spoil.STALE else now_ms),
        )
        secret = secrets.token_hex(8) if spoil is Spoil.SIGNATURE else settings.secret
        return contractroot.write_request(head, order, secret, self._form)

    def read(self, content_type: str, body: bytes) -> Reply:
        """Read the tree."""
        head, answer = contractroot.read_response(content_type, body)
        return Reply(head.transaction_id, answer, head.response.rsp_desc)


class UniBssTongue(Tongue):
    """UNI_BSS."""

    def make_serial(self, now_ms: int, count: int) -> str:
        """The time to the millisecond, a count."""
        return f"{format_millis(now_ms)}{count % 1_000_000:06}"

    def write(self, order: Order, serial: str, now_ms: int, spoil: Spoil) -> tuple[str, bytes]:
        """Write the document with its token."""
        settings = self.settings
        time = format_millis(now_ms - DAY_MS if spoil is Spoil.STALE else now_ms)
        head = unibss.Head(app_id=settings.source, timestamp=unibss.write_timestamp(time), trans_id=serial)
        secret = secrets.token_hex(8) if spoil is Spoil.SIGNATURE else settings.secret
        api = "OTHER" if spoil is Spoil.SERVICE else settings.api_name
        return unibss.write_request(head, order, secret, api)

    def read(self, content_type: str, body: bytes) -> Reply:
        """Read the document."""
        head, answer, sentence = unibss.read_response(content_type, body, self.settings.api_name)
        return Reply(head.trans_id, answer, sentence)


_TONGUES: dict[EnvelopeKind, type[Tongue]] = {
    EnvelopeKind.INTERBOSS: InterbossTongue,
    EnvelopeKind.CONTRACTROOT_XML: ContractRootTongue,
    EnvelopeKind.CONTRACTROOT_JSON: ContractRootTongue,
    EnvelopeKind.UNIBSS: UniBssTongue,
}


def choose_tongue(settings: CrmSettings) -> Tongue:
    """Return the tongue of the configured envelope."""
    return _TONGUES[settings.envelope](settings)
