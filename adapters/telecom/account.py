"""China Telecom's WeChat account: numbers are bound by contract, met in the shape of CAMARA NumberVerification."""

from __future__ import annotations

from adapters.carrier.login_camara import make_login

__all__ = ["make_login"]
