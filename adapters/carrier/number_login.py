"""One-tap login: a token from the user's phone becomes the number of its SIM, whoever the carrier is.

China Mobile's exchange is published and spoken as it is (`adapters.carrier.login_cmpassport`). The server sides of
China Telecom and China Unicom are not public: they need a contract, and are met in the shape of CAMARA
NumberVerification r3.2 (`adapters.carrier.login_camara`), which an integrator puts before what the contract brings.

A token works once and briefly, so an exchange is never repeated: when no answer comes, the user is offered an SMS code.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from optout.kit.number import PhoneNumber


class LoginRefusal(StrEnum):
    """Why a token brought no number."""

    LOG_IN_AGAIN = "log_in_again"
    """The token was used, is too old, or never was one of theirs: the user taps again."""
    OTHER_CARRIER = "other_carrier"
    """The SIM, or the token, is another carrier's."""
    LATER = "later"
    """The other side is busy, failing or not there."""
    CONFIGURATION = "configuration"
    """We are refused: key, application or address; an operator has to act."""
    UNKNOWN = "unknown"
    """A code nobody has listed."""


class LoginRefusedError(Exception):
    """A token brought no number. `code` is the other side's own, or ours for an answer that cannot be used."""

    def __init__(self, reason: LoginRefusal, code: str) -> None:
        super().__init__(f"{reason.value}: {code}")
        self.reason = reason
        self.code = code


class NumberLogin(Protocol):
    """A carrier's number authentication."""

    async def exchange(self, token: str) -> PhoneNumber:
        """Have the number of a token; it is used up by that. Raises `LoginRefusedError`."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
