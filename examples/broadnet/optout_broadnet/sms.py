"""China Broadnet's SMS links: CMPP. It publishes no code; notices and answers go by them."""

from __future__ import annotations

from adapters.carrier.links import make_link

__all__ = ["make_link"]
