"""China Telecom's SMS channel: SMGP 3.0 to a provincial gateway."""

from __future__ import annotations

from adapters.carrier.links import make_link

__all__ = ["make_link"]
