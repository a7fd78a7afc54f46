"""China Mobile's WeChat account: numbers are bound by the token exchange that the carrier publishes."""

from __future__ import annotations

from adapters.carrier.login_cmpassport import make_login

__all__ = ["make_login"]
