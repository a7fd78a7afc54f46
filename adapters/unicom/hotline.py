"""China Unicom's hotline and halls: UNI_BSS from its CRM."""

from __future__ import annotations

from adapters.carrier.order_unibss import make_envelope

__all__ = ["make_envelope"]
