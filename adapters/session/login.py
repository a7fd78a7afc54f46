"""What logins have in common: how they end badly, and in CMPP and SMGP a timestamp and digests over a shared secret."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime
from enum import Enum

from adapters.session.events import Fault, LoginRefused, LoginRejected, Retry, ServerAuthenticatorMismatch
from adapters.session.link import Link
from adapters.wire.chinatime import CHINA

NO_AUTHENTICATOR = bytes(16)
NOBODYS_SECRET = "no account has this"  # noqa: S105 - compared with, so that an unknown account takes as long


class ServerCheck(Enum):
    """What to do about the server's authenticator: gateways in service compute it in five different ways."""

    OFF = "off"
    WARN = "warn"
    ENFORCE = "enforce"


def make_timestamp(wall: datetime) -> int:
    """Return MMDDHHMMSS in China Standard Time as an integer; raise `ValueError` for a time without a zone."""
    if wall.tzinfo is None:
        raise ValueError("the time of day needs a zone")
    return int(wall.astimezone(CHINA).strftime("%m%d%H%M%S"))


def matches_any(digest: bytes, candidates: Iterable[bytes]) -> bool:
    """Compare in constant time with every one of the candidates: peers compute digests in several ways."""
    matches = [hmac.compare_digest(digest, candidate) for candidate in candidates]
    return any(matches)


def take_refusal(link: Link, refused: LoginRefused, retry: Retry) -> None:
    """End a client's link whose login was refused."""
    link.counters["login_refused_" + refused.reason] += 1
    link.emit(refused)
    link.close("login_refused", Fault.REMOTE, retry)


def reject(link: Link, rejected: LoginRejected) -> None:
    """End a server's link whose client may not log in, once the answer is written."""
    link.counters["login_rejected_" + rejected.reason] += 1
    link.emit(rejected)
    link.close("login_rejected", Fault.REMOTE, Retry.NO)


def accepts_server(link: Link, check: ServerCheck, digest: bytes, candidates: Iterable[bytes]) -> bool:
    """Judge the server's authenticator; False if the link was closed for it."""
    if check is ServerCheck.OFF or matches_any(digest, candidates):
        return True
    enforced = check is ServerCheck.ENFORCE
    link.counters["server_authenticator_mismatch"] += 1
    link.emit(ServerAuthenticatorMismatch(enforced))
    if enforced:
        link.close("server_authenticator_mismatch", Fault.REMOTE, Retry.SLOW)
    return not enforced
