"""What a simulated CRM is told."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import Enum

from optout.kit.clock import Clock, SystemClock


class EnvelopeKind(Enum):
    """The envelope it books in."""

    INTERBOSS = "interboss"
    CONTRACTROOT_XML = "contractroot-xml"
    CONTRACTROOT_JSON = "contractroot-json"
    UNIBSS = "unibss"


@dataclass(frozen=True, slots=True)
class CrmSettings:
    """Where the adapter takes orders, and how this CRM speaks. Times in seconds.

    `source` is its id in the envelope; `secret` is what it shares with the adapter, empty for an envelope without a
    signature. What is answered with "later", or not at all, is sent again under the same serial after `retry_s`, up to
    `attempts` times in all. The codes are the carrier's for this service.
    """

    url: str
    envelope: EnvelopeKind
    source: str
    secret: str = ""
    retry_s: float = 1.0
    attempts: int = 5
    timeout_s: float = 20.0
    bip_code: str = "BIP9X001"
    activity_code: str = "T9000001"
    bus_code: str = "BUS90001"
    service_code: str = "SVC90001"
    api_name: str = "NUISANCE_CALL_ORDER"
    history_limit: int = 100_000
    tls: ssl.SSLContext | None = None
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.retry_s, self.timeout_s) < 0:
            raise ValueError("attempts is at least 1, and times are not negative")
