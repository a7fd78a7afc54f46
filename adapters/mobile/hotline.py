"""China Mobile's hotline and halls: InterBOSS from its CRM."""

from __future__ import annotations

from adapters.carrier.order_interboss import make_envelope

__all__ = ["make_envelope"]
