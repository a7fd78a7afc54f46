"""China Broadnet's app: numbers are bound by one-tap login in CAMARA's shape."""

from __future__ import annotations

from adapters.carrier.login_camara import make_login

__all__ = ["make_login"]
