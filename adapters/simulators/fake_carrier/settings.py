"""Which carrier is faked, where it listens, and which gateway it talks to."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.simulators.loopback import require_loopback
from optout.kit.identity import Identity, Role
from optout.kit.tls import TlsFiles
from optout.v1 import carrier_pb2, types_pb2

TEMPLATES = (
    "confirm_open",
    "confirm_cancel",
    "opened",
    "already_open",
    "cancelled",
    "ported",
    "contested",
    "erasure",
    "changed",
    "status",
    "refused",
    "effect",
    "intercepted",
    "intercepted_daily",
)
"""The notices an ordinary carrier can send."""


def make_capabilities(
    carrier: str,
    *,
    version: str = "1",
    enforcement: carrier_pb2.Enforcement.ValueType = carrier_pb2.ENFORCEMENT_GATEWAY,
) -> carrier_pb2.GetCapabilitiesResponse:
    """Make the declaration of a carrier that can do everything, at once, for voice."""
    items = [
        carrier_pb2.ItemCapability(kind=kind, effect=types_pb2.EXPECTED_EFFECT_FULL)
        for kind in types_pb2.ItemKind.values()
        if kind != types_pb2.ITEM_KIND_UNSPECIFIED
    ]
    return carrier_pb2.GetCapabilitiesResponse(
        carrier=carrier,
        version=version,
        enforcement=enforcement,
        items=items,
        channels=[types_pb2.CHANNEL_SMS, types_pb2.CHANNEL_HOTLINE, types_pb2.CHANNEL_APP, types_pb2.CHANNEL_HALL],
        templates=TEMPLATES,
        media=[types_pb2.MEDIUM_VOICE],
    )


@dataclass(frozen=True, slots=True)
class GatewayLink:
    """Where the gateway is (`host:port`) and as which party it must show itself."""

    target: str
    party: str = "gateway"

    @property
    def identity(self) -> Identity:
        """Whom the channel accepts."""
        return Identity(Role.GATEWAY, self.party)


@dataclass(frozen=True, slots=True)
class FakeCarrierSettings:
    """One fake carrier. Without `tls` it speaks in the clear, on loopback only.

    `capabilities` None declares everything; `reports_by_itself` makes it report, `report_delay_s` later, what it sent
    and carried out, as real adapters do. Raises `ValueError` for a carrier that is no party's name.
    """

    carrier: str
    host: str = "127.0.0.1"
    port: int = 0
    tls: TlsFiles | None = None
    gateway: GatewayLink | None = None
    capabilities: carrier_pb2.GetCapabilitiesResponse | None = field(default=None, repr=False)
    reports_by_itself: bool = False
    report_delay_s: float = 0.0
    call_timeout_s: float = 10.0
    history_limit: int = 100_000

    def __post_init__(self) -> None:
        Identity(Role.CARRIER, self.carrier)
        if self.tls is None:
            require_loopback(self.host)
        if self.report_delay_s < 0 or self.call_timeout_s <= 0:
            raise ValueError("times are positive")

    @property
    def identity(self) -> Identity:
        """Who the fake is."""
        return Identity(Role.CARRIER, self.carrier)
