"""China Unicom's SMS channel: SGIP 1.2 or 1.3 to a provincial gateway. It has no code; notices and answers go by it."""

from __future__ import annotations

from adapters.carrier.links import make_link

__all__ = ["make_link"]
