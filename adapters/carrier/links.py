"""Makes the link that a configuration asks for, of the protocols that the carrier's data has."""

from __future__ import annotations

from collections.abc import Callable

from adapters.carrier.base import CarrierData
from adapters.carrier.cmpp_link import CmppLink
from adapters.carrier.settings import LinkProtocol
from adapters.carrier.sgip_link import SgipLink
from adapters.carrier.smgp_link import SmgpLink
from adapters.carrier.sms_link import LinkParts, SmsLink
from optout.kit.config import ConfigError, ConfigReason


def make_link(parts: LinkParts) -> SmsLink:
    """Make one of a carrier's links; raises `ConfigError` for what no link can keep, or the carrier does not speak."""
    known = _makers(parts.data)
    protocol = parts.config.protocol or next(iter(known), None)
    if protocol is None or protocol not in known:
        asked = "no SMS link" if protocol is None else f"no {protocol.value} link"
        raise ConfigError(ConfigReason.BAD_VALUE, f"links.{parts.config.name}.protocol", f"{parts.data.id} has {asked}")
    try:
        return known[protocol](parts)
    except ValueError as error:
        raise ConfigError(ConfigReason.BAD_VALUE, f"links.{parts.config.name}", str(error)) from None


def _makers(data: CarrierData) -> dict[LinkProtocol, Callable[[LinkParts], SmsLink]]:
    known: dict[LinkProtocol, Callable[[LinkParts], SmsLink]] = {}
    if (cmpp := data.cmpp) is not None:
        known[LinkProtocol.CMPP] = lambda parts: CmppLink(parts, cmpp)
    if (smgp := data.smgp) is not None:
        known[LinkProtocol.SMGP] = lambda parts: SmgpLink(parts, smgp)
    if (sgip := data.sgip) is not None:
        known[LinkProtocol.SGIP] = lambda parts: SgipLink(parts, sgip)
    return known
