"""The gateway's configuration: one tree from defaults, a TOML file, ``OPTOUT_*`` variables and flags.

Secrets are files: the two keys lie in ``store.secrets`` as ``master.key`` and ``label.key``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from gateway.service.roster import DEVELOPMENT, Roster
from optout.kit.config import require_positive


class Engine(Enum):
    """Where the registry is kept."""

    SQLITE = "sqlite"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """The gateway's certificate, key and trusted authority (PEM files); ``deny_serials`` lists those withdrawn."""

    cert: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    deny_serials: Path | None = None


@dataclass(frozen=True, slots=True)
class GrpcConfig:
    """``listen`` is host:port, port 0 picks one. ``insecure_dev`` serves without TLS, on loopback alone."""

    listen: str = "127.0.0.1:50051"
    insecure_dev: bool = False
    drain_s: float = 10.0

    def __post_init__(self) -> None:
        require_positive(self, "drain_s")


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Where health and metrics are served; empty serves neither."""

    listen: str = "127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Where the registry, its keys and its secrets lie.

    ``key_backup_days`` bounds how long an old copy is kept, and so how long an erased subscriber's key survives in one;
    ``outbox_days`` how long a settled order or notice is.
    """

    engine: Engine = Engine.SQLITE
    path: Path = Path("registry.sqlite")
    keys: Path = Path("keys.sqlite")
    secrets: Path = Path("secrets")
    key_backups: Path | None = None
    key_backup_days: int = 30
    outbox_days: int = 30

    def __post_init__(self) -> None:
        require_positive(self, "key_backup_days", "outbox_days")


@dataclass(frozen=True, slots=True)
class TlogConfig:
    """How the log is signed and published.

    ``key`` holds the signing key, whose name is the log's origin; None means ``log.key`` among the secrets. With
    ``sm2_key``, a key of the same name, checkpoints are signed with SM2 as well (it needs the extra ``sm``). ``fence``
    must never be restored from a backup, so it is best kept apart; None puts it beside the registry, like
    ``publication``. ``witnesses`` is a policy file (C2SP tlog-policy) whose witnesses have URLs; without it none are
    asked. A file without groups and quorum means three of four, five of seven: that bears one liar and one outage,
    while under two of three one liar and one honest witness can certify a second history. A checkpoint comes
    ``checkpoint_s`` after the last if the log grew, else after ``idle_s``; an EPOCH after ``epoch_s`` or
    ``epoch_entries``. ``map_bits`` is the logarithm of the state map's buckets.
    """

    key: Path | None = None
    sm2_key: Path | None = None
    fence: Path | None = None
    publication: Path | None = None
    witnesses: Path | None = None
    witness_timeout_s: float = 0.4
    checkpoint_s: float = 1.0
    idle_s: float = 60.0
    epoch_s: float = 60.0
    epoch_entries: int = 10_000
    map_bits: int = 18

    def __post_init__(self) -> None:
        require_positive(self, "witness_timeout_s", "checkpoint_s", "idle_s", "epoch_s", "epoch_entries")


@dataclass(frozen=True, slots=True)
class CarrierLinkConfig:
    """Where a carrier's adapter serves ``CarrierService`` (host:port)."""

    address: str


@dataclass(frozen=True, slots=True)
class OperatorConfig:
    """An operator's offline public key (Ed25519, PEM): whatever it proposes or approves must be signed with it."""

    key: Path


@dataclass(frozen=True, slots=True)
class LogConfig:
    """``format`` is json or console; ``level`` a standard level's name."""

    format: str = "json"
    level: str = "INFO"


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Everything. ``policy`` is the policy file a registry begins with; None is the one that ships.

    ``roster`` is who is known besides the carriers, whom the policy names; ``operators`` says, by party, which of its
    operators keep an offline key.
    """

    tls: TlsConfig = TlsConfig()
    grpc: GrpcConfig = GrpcConfig()
    http: HttpConfig = HttpConfig()
    store: StoreConfig = StoreConfig()
    tlog: TlogConfig = TlogConfig()
    log: LogConfig = LogConfig()
    carriers: Mapping[str, CarrierLinkConfig] = field(default_factory=dict)
    roster: Roster = DEVELOPMENT
    operators: Mapping[str, OperatorConfig] = field(default_factory=dict)
    policy: Path | None = None

    def __post_init__(self) -> None:
        for party in sorted(self.operators.keys() - set(self.roster.operators)):
            raise ValueError(f"operators.{party} keeps a key and is not in roster.operators")
