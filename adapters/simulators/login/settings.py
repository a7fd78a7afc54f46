"""Whom the login simulator knows, how it behaves, and what can go wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from adapters.simulators.faults import FaultPlan
from adapters.simulators.http_fault import check_http_fault

LIFETIMES_S: Final = {"mobile": 120.0, "telecom": 600.0, "unicom": 1800.0}
"""How long each carrier's tokens live, as an aggregator publishes it."""
DEFAULT_LIFE_S: Final = 120.0
_CODE = re.compile(r"[0-9A-Z_.]{0,80}")


@dataclass(frozen=True, slots=True)
class LoginApp:
    """An application at one carrier. `key` is shared (MD5), `rsa_key` its public key; `addresses` are its servers'."""

    carrier: str
    app_id: str
    key: str = field(default="", repr=False)
    rsa_key: RSAPublicKey | None = field(default=None, repr=False)
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """The carriers' authentication; times in seconds. Raises `ValueError` for an application that is there twice."""

    apps: tuple[LoginApp, ...]
    host: str = "127.0.0.1"
    port: int = 0
    skew_s: float = 300.0
    history_limit: int = 100_000

    def __post_init__(self) -> None:
        if len({(app.carrier, app.app_id) for app in self.apps}) != len(self.apps):
            raise ValueError("an application is there twice")

    def find_app(self, carrier: str, app_id: str) -> LoginApp | None:
        """Return an application."""
        return next((app for app in self.apps if (app.carrier, app.app_id) == (carrier, app_id)), None)


@dataclass(frozen=True, slots=True)
class LoginFault:
    """What goes wrong with an exchange. Raises `ValueError` for what cannot happen."""

    plan: FaultPlan
    code: str = ""
    http_status: int = 0
    garbage: bytes = b""
    table_spelling: bool = False

    def __post_init__(self) -> None:
        check_http_fault(self)
        if not _CODE.fullmatch(self.code):
            raise ValueError("a code has at most 80 digits and capital letters")
