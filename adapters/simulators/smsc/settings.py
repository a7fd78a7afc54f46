"""Whom the SMS gateway simulator serves, and how it behaves when nothing is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from adapters.session.sgip import SgipDialect

_SGIP_BYTES = 16


class Protocol(Enum):
    """What a simulator speaks."""

    CMPP = "cmpp"
    SMGP = "smgp"
    SGIP = "sgip"


@dataclass(frozen=True, slots=True)
class CallBack:
    """Where an SP listens for its messages and reports, and the name and password it knows; empty are its own."""

    host: str
    port: int
    login_name: str = ""
    login_password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """An SP's account. `version` is the highest it may speak, as on the wire; None leaves it free.

    Over SGIP `call_back` is where its messages and reports go (without, they wait for ever), and `corp_id` what its
    messages have to name; empty leaves it free.
    """

    sp_id: str
    secret: str = field(repr=False)
    service_code: str = "10086"
    version: int | None = None
    corp_id: str = ""
    call_back: CallBack | None = None


@dataclass(frozen=True, slots=True)
class SmscSettings:
    """The gateway's behaviour; times in seconds. Raises `ValueError` for what cannot be.

    That is no account, an account twice, and settings of another protocol than the one spoken.
    """

    accounts: tuple[Account, ...]
    protocol: Protocol = Protocol.CMPP
    host: str = "127.0.0.1"
    port: int = 0
    bad_secret_status: int | None = None
    """SMGP: what a wrong secret is answered with; None is the specification's 21. Gateways in service answer 3."""
    code_prefix: str = "118"
    """SMGP: what stands before a service code on the wire; phones and tests write it without."""
    version: int | None = None
    """Speak this version whatever is offered, as gateways in service do; None follows the client."""
    edition: SgipDialect = SgipDialect.V12
    """SGIP: whose codes and rules."""
    node: int = 101001
    """SGIP: the SMG's number, the first part of every sequence number it makes."""
    window: int | None = None
    """W, both ways: a client with more SUBMITs unanswered breaks a rule. None is the protocol's: 16, over SGIP 32."""
    resend_s: float = 60.0
    """T: how long the simulator waits for an answer before it sends a DELIVER or ACTIVE_TEST again."""
    resend_attempts: int = 3
    """N: after so many in vain a DELIVER gets a new sequence number, and a link with a silent peer is closed."""
    keepalive_s: float = 30.0
    """C: how long a client may be silent before it is asked whether it is there; SGIP does not ask."""
    idle_close_s: float = 60.0
    """SGIP: how long a connection may be idle, whoever made it, before it is closed."""
    redial_s: float = 1.0
    """SGIP: the first wait before an SP that could not be reached is dialled again; it grows thirtyfold."""
    login_timeout_s: float = 30.0
    report_delay_s: float = 0.0
    """How long after the answer to a SUBMIT its status report is sent."""
    gateway_code: int = 1001
    """The gateway's code inside Msg_Id, below 2**22; SGIP has the node there."""
    history_limit: int = 100_000
    state_file: Path | None = None
    """Where messages not yet acknowledged and the phones outlive the process; None keeps them in memory."""

    def __post_init__(self) -> None:
        names = [account.sp_id for account in self.accounts]
        if not names or len(set(names)) != len(names):
            raise ValueError("at least one account, and each only once")
        if self.protocol is not Protocol.SGIP and any(account.call_back for account in self.accounts):
            raise ValueError("only SGIP calls SPs back")
        if self.protocol is Protocol.SGIP and any(len(account.secret) > _SGIP_BYTES for account in self.accounts):
            raise ValueError("a password of SGIP has at most 16 bytes")
        if self.bad_secret_status is not None and self.protocol is not Protocol.SMGP:
            raise ValueError("only SMGP has a choice of bad_secret_status")
        if not 0 <= self.gateway_code < 1 << 22:
            raise ValueError("gateway_code has 22 bits")

    def find_account(self, sp_id: str) -> Account | None:
        """Return the account of that SP, the first one for an empty id."""
        if not sp_id:
            return self.accounts[0]
        return next((account for account in self.accounts if account.sp_id == sp_id), None)
