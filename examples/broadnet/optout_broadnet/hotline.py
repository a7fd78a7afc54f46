"""China Broadnet's hotline: InterBOSS from its CRM (proposal)."""

from __future__ import annotations

from adapters.carrier.order_interboss import make_envelope

__all__ = ["make_envelope"]
