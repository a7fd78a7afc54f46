"""An adapter's configuration: one tree from defaults, a TOML file, `OPTOUT_*` variables and flags.

Secrets are files: the journal's key, each link's shared secret, the TLS key.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import time
from enum import Enum
from pathlib import Path

from adapters.carrier.account.settings import AccountConfig
from optout.kit.config import ConfigError, ConfigReason, require_positive
from optout.kit.tls import TlsFiles


class LinkProtocol(Enum):
    """What a link speaks."""

    CMPP = "cmpp"
    SMGP = "smgp"
    SGIP = "sgip"


class CmppVersion(Enum):
    """The version a CMPP link speaks; it is never negotiated."""

    V20 = "2.0"
    V30 = "3.0"


class SmgpVersion(Enum):
    """The version an SMGP link speaks; it is never negotiated."""

    V13 = "1.3"
    V30 = "3.0"


class SgipVersion(Enum):
    """Whose error numbers an SGIP link speaks; the packets of both are the same."""

    V12 = "1.2"
    V13 = "1.3"


class AuthCheck(Enum):
    """What to do about a gateway's authenticator; those in service compute it in five different ways."""

    OFF = "off"
    WARN = "warn"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """The carrier's certificate, key and trusted authority (PEM files), for both directions."""

    cert: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    deny_serials: Path | None = None

    def files(self) -> TlsFiles:
        """Return the three files; raises `ConfigError` if one is not configured."""
        missing = next((name for name in ("cert", "key", "ca") if getattr(self, name) is None), None)
        if self.cert is None or self.key is None or self.ca is None:
            raise ConfigError(ConfigReason.MISSING, f"tls.{missing}", "or grpc.insecure_dev for development")
        return TlsFiles(self.cert, self.key, self.ca)


@dataclass(frozen=True, slots=True)
class GrpcConfig:
    """Where `CarrierService` is served, host:port, port 0 picks one. `insecure_dev`: without TLS, on loopback alone."""

    listen: str = "127.0.0.1:50061"
    insecure_dev: bool = False
    drain_s: float = 10.0


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Where the gateway is, and how long a text waits for its answer before the centre is left to send it again.

    `party` is the name in the gateway's certificate; a server with another one is not spoken to.
    """

    address: str = "127.0.0.1:50051"
    party: str = "gateway"
    submit_timeout_s: float = 20.0
    attempt_timeout_s: float = 10.0
    retry_first_s: float = 0.1
    retry_most_s: float = 2.0
    report_batch: int = 200

    def __post_init__(self) -> None:
        if not 0 < self.attempt_timeout_s <= self.submit_timeout_s or self.report_batch < 1:
            raise ValueError("0 < attempt_timeout_s <= submit_timeout_s, and report_batch is at least 1")


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Where health and metrics are served; empty serves neither."""

    listen: str = "127.0.0.1:8081"


@dataclass(frozen=True, slots=True)
class JournalConfig:
    """Where the journal and the file with its key lie, and how long finished things are kept."""

    path: Path = Path("journal.sqlite")
    key: Path = Path("journal.key")
    notice_days: float = 7.0
    reply_days: float = 30.0
    order_days: float = 30.0
    report_wait_h: float = 48.0
    resend_after_s: float = 5.0
    max_attempts: int = 5

    def __post_init__(self) -> None:
        require_positive(self, "notice_days", "reply_days", "order_days", "max_attempts")


@dataclass(frozen=True, slots=True)
class SmsConfig:
    """Bounds of the SMS channel; times in seconds."""

    max_in_flight: int = 64
    """Texts worked on at once; those of one subscriber go one after the other."""
    max_waiting: int = 4096
    """Texts taken in at all; more are left to the centre, which sends them again."""
    notice_life_s: float = 86_400.0
    """How long a notice without an expiry of its own is worth sending."""
    segment_life_s: float = 86_400.0
    """How long the parts of a long message wait for the others."""
    max_segments: int = 16
    max_open_messages: int = 1_000
    poll_s: float = 1.0
    """How often time-outs are looked for."""
    throttle_pause_s: float = 5.0
    """How long a link rests after a message came back because the centre cannot take any."""

    def __post_init__(self) -> None:
        require_positive(self, "max_in_flight", "max_waiting", "max_segments", "poll_s")


@dataclass(frozen=True, slots=True)
class SmgpConfig:
    """What an SMGP link has to know besides; the switches follow what the gateway at the other end does."""

    version: SmgpVersion = SmgpVersion.V30
    digest_pad_client_id: bool = False
    """Digest a ClientID shorter than 8 bytes with its padding."""
    udh_without_udhi: bool = True
    """Believe a header of a long message that TP_udhi does not announce."""


@dataclass(frozen=True, slots=True)
class SgipConfig:
    """What an SGIP link has to know besides: who we are, and who may dial us.

    `node` is the SP's node number, 3AAAAQQQQQ. The SMG binds as `mo_account` with the password in the file `mo_secret`,
    both the link's own if left out, from an address of `allow` (addresses or networks; loopback alone if it is empty).
    """

    node: int = 0
    corp_id: str = ""
    listen: str = "127.0.0.1:8801"
    allow: tuple[str, ...] = ()
    mo_account: str = ""
    mo_secret: Path | None = None
    dialect: SgipVersion = SgipVersion.V12
    reconnect_least_s: float = 5.0
    """The least first wait before dialling again, whatever `reconnect_first_s` says."""
    max_connections: int = 32
    idle_close_s: float = 120.0
    """How long a connection of the SMG's may say nothing before it is ended."""
    silence_alarm_h: float = 24.0
    """After how many hours without any connection of the SMG's somebody is told."""

    def __post_init__(self) -> None:
        if not 0 <= self.node < 2**32:
            raise ValueError("node has 32 bits")
        if self.silence_alarm_h <= 0 or self.idle_close_s <= 0 or self.max_connections < 1:
            raise ValueError("silence_alarm_h, idle_close_s and max_connections are above 0")
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isascii() or not port.isdigit():
            raise ValueError("listen is HOST:PORT")
        for network in self.allow:
            ipaddress.ip_network(network)


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """One link. `secret` is the file with the shared secret; `service_code` empty means the carrier's own.

    `protocol` is the carrier's own unless told otherwise. `version` and `pad_source_addr` are CMPP's.
    """

    name: str
    host: str
    port: int
    account: str
    secret: Path
    protocol: LinkProtocol | None = None
    version: CmppVersion = CmppVersion.V30
    service_code: str = ""
    service_id: str = ""
    window: int = 16
    keepalive_s: float = 30.0
    request_timeout_s: float = 60.0
    request_attempts: int = 3
    rate_per_s: float | None = None
    settle_s: float = 0.2
    server_auth_check: AuthCheck = AuthCheck.WARN
    pad_source_addr: bool = False
    reconnect_first_s: float = 1.0
    reconnect_most_s: float = 60.0
    connect_timeout_s: float = 10.0
    hours_begin: str = "08:00"
    """When the centre takes messages again after it answered that this is not the hour, China time."""
    account_rest_s: float = 600.0
    """How long the link sends nothing after the centre refused the account rather than a message."""
    smgp: SmgpConfig = field(default_factory=SmgpConfig)
    sgip: SgipConfig = field(default_factory=SgipConfig)

    def __post_init__(self) -> None:
        require_positive(self, "window", "keepalive_s", "request_timeout_s", "request_attempts", "rate_per_s")
        time.fromisoformat(self.hours_begin)


@dataclass(frozen=True, slots=True)
class PlatformConfig:
    """The carrier's own interception platform; `url` empty means that it has none. `secret` is a file.

    One that is configured enforces, and the adapter declares so, whatever the carrier's data say of its other networks.
    `poll_s` is how often its log is looked into. An order that it has not reported `report_grace_s` after the delay
    that the carrier declares is read back.
    """

    url: str = ""
    secret: Path = Path("platform.secret")
    timeout_s: float = 10.0
    poll_s: float = 1.0
    report_grace_s: float = 300.0
    retry_first_s: float = 0.2
    retry_most_s: float = 30.0

    def __post_init__(self) -> None:
        require_positive(self, "timeout_s", "poll_s", "report_grace_s")


@dataclass(frozen=True, slots=True)
class OrderSourceConfig:
    """A CRM that may book: its id as the envelope has it, and the file with the secret shared with it, if any."""

    id: str
    secret: Path | None = None


@dataclass(frozen=True, slots=True)
class OrdersConfig:
    """Where the carrier's CRM books hotline and hall orders; an empty `listen` serves none. Times in seconds.

    `tls` makes the server ask for the caller's certificate; anywhere but on loopback it is required.
    """

    listen: str = ""
    path: str = "/orders"
    sources: tuple[OrderSourceConfig, ...] = ()
    tls: TlsConfig = field(default_factory=TlsConfig)
    clock_skew_s: float = 300.0
    """How far a request's own time may be from ours."""
    answer_within_s: float = 15.0
    """What is not committed by then is answered as temporarily unavailable; the CRM sends it again."""
    max_in_flight: int = 64
    """Orders worked on at once."""
    max_waiting: int = 1024
    """Orders taken in at all; more are answered as temporarily unavailable."""

    def __post_init__(self) -> None:
        if len({source.id for source in self.sources}) != len(self.sources):
            raise ValueError("two sources have the same id")
        if not 0 < self.answer_within_s <= 25.0 or self.max_in_flight < 1 or self.max_waiting < self.max_in_flight:
            raise ValueError("0 < answer_within_s <= 25, and 1 <= max_in_flight <= max_waiting")


@dataclass(frozen=True, slots=True)
class LogConfig:
    """`format` is json or console; `level` a standard level's name."""

    format: str = "json"
    level: str = "INFO"


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """Everything an adapter is told."""

    tls: TlsConfig = field(default_factory=TlsConfig)
    grpc: GrpcConfig = field(default_factory=GrpcConfig)
    gateway: GatewayConfig = field(default_factory=GatewayConfig)
    http: HttpConfig = field(default_factory=HttpConfig)
    journal: JournalConfig = field(default_factory=JournalConfig)
    sms: SmsConfig = field(default_factory=SmsConfig)
    orders: OrdersConfig = field(default_factory=OrdersConfig)
    platform: PlatformConfig = field(default_factory=PlatformConfig)
    log: LogConfig = field(default_factory=LogConfig)
    links: tuple[LinkConfig, ...] = ()
    account: AccountConfig | None = None

    def __post_init__(self) -> None:
        names = [link.name for link in self.links]
        if len(set(names)) != len(names):
            raise ValueError("two links have the same name")
