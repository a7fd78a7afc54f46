"""SMGP status codes, and what each says about trying again (SMGP V3.0.3, chapter 6)."""

from __future__ import annotations

from typing import Final

from adapters.session.events import Retry, RetryClass
from adapters.session.results import ResultTable

OK: Final = 0
BUSY: Final = 1
STRUCTURE_ERROR: Final = 10
DUPLICATE_SEQUENCE: Final = 12
AUTHENTICATION: Final = 21

SUBMIT_RESULTS: Final[dict[int, RetryClass]] = {
    OK: RetryClass.ACCEPTED,
    BUSY: RetryClass.TRANSIENT,
    2: RetryClass.ACCOUNT,  # too many connections
    STRUCTURE_ERROR: RetryClass.PERMANENT,
    11: RetryClass.PERMANENT,  # command
    DUPLICATE_SEQUENCE: RetryClass.DUPLICATE,
    20: RetryClass.ACCOUNT,  # address
    AUTHENTICATION: RetryClass.ACCOUNT,
    22: RetryClass.ACCOUNT,  # version
    30: RetryClass.PERMANENT,  # MsgType
    31: RetryClass.PERMANENT,  # Priority
    32: RetryClass.PERMANENT,  # FeeType
    33: RetryClass.PERMANENT,  # FeeCode
    34: RetryClass.PERMANENT,  # MsgFormat
    35: RetryClass.PERMANENT,  # form of a time
    36: RetryClass.PERMANENT,  # MsgLength
    37: RetryClass.PERMANENT,  # expired
    39: RetryClass.PERMANENT,  # no route
    40: RetryClass.PERMANENT,  # FixedFee
    43: RetryClass.PERMANENT,  # ServiceID
    44: RetryClass.PERMANENT,  # ValidTime
    45: RetryClass.PERMANENT,  # AtTime
    46: RetryClass.PERMANENT,  # SrcTermID
    47: RetryClass.PERMANENT,  # DestTermID
    48: RetryClass.PERMANENT,  # ChargeTermID
    49: RetryClass.PERMANENT,  # code of the SP
    73: RetryClass.PERMANENT,  # MServiceID
    74: RetryClass.OUT_OF_HOURS,
    75: RetryClass.QUOTA,
    76: RetryClass.ACCOUNT,  # expired
}

RESULTS: Final = ResultTable(SUBMIT_RESULTS)

LOGIN_STATUS: Final[dict[int, tuple[str, Retry]]] = {
    BUSY: ("busy", Retry.BACKOFF),
    2: ("too_many_connections", Retry.BACKOFF),  # perhaps our own last one, not yet given up by the peer
    3: ("authentication", Retry.SLOW),  # not the specification's, but seen
    STRUCTURE_ERROR: ("structure", Retry.SLOW),
    20: ("address", Retry.SLOW),
    AUTHENTICATION: ("authentication", Retry.SLOW),
    22: ("version", Retry.SLOW),
    76: ("account_expired", Retry.SLOW),
}


def classify_result(result: int) -> RetryClass:
    """Return what a Submit_Resp status says about sending again; reserved and vendor codes are permanent."""
    return RESULTS.classify(result)


def classify_login_status(status: int) -> tuple[str, Retry]:
    """Return the name of a Login_Resp status other than 0, and how soon to try again."""
    return LOGIN_STATUS.get(status, ("other", Retry.BACKOFF))
