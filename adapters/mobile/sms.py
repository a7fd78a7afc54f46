"""China Mobile's SMS channel: CMPP 2.0 or 3.0 to a provincial gateway."""

from __future__ import annotations

from adapters.carrier.links import make_link

__all__ = ["make_link"]
