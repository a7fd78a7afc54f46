"""How the platform simulator is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.simulators.loopback import require_loopback


@dataclass(frozen=True, slots=True)
class PlatformSettings:
    """What the platform is told. Raises `NotLoopbackError` for a host that others can reach.

    `apply_delay_s` is how late an order takes effect; `degraded` and `unsupported` name items (`kind`, `kind:value`)
    that it carries out in part or not at all; `lines` maps callers' numbers or prefixes to the category it knows.
    """

    secret: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    apply_delay_s: float = 0.0
    degraded: frozenset[str] = frozenset()
    unsupported: frozenset[str] = frozenset()
    lines: Mapping[str, str] = field(default_factory=dict)
    history_limit: int = 100_000
    state_file: Path | None = None

    def __post_init__(self) -> None:
        require_loopback(self.host)
