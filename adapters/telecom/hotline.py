"""China Telecom's hotline and halls: ContractRoot from its CRM, in XML or JSON."""

from __future__ import annotations

from adapters.carrier.order_contractroot import make_envelope

__all__ = ["make_envelope"]
