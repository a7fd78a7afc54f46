"""SGIP error codes and what each says about trying again, by dialect: 1.3 gives some numbers of 1.2 another meaning.

Sources: the error tables of SGIP 1.2 (October 2001) and SGIP 1.3 (March 2009).
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from adapters.session.events import Retry, RetryClass
from adapters.session.results import ResultTable

OK: Final = 0
ILLEGAL_LOGIN: Final = 1
LOGIN_TYPE: Final = 4
PARAMETER_FORMAT: Final = 5
SEQUENCE: Final = 9
BUSY: Final = 11


class SgipDialect(Enum):
    """Whose numbers a link speaks; the packets are the same."""

    V12 = "1.2"
    V13 = "1.3"


_COMMON: Final[dict[int, RetryClass]] = {
    OK: RetryClass.ACCEPTED,
    ILLEGAL_LOGIN: RetryClass.ACCOUNT,
    2: RetryClass.ACCOUNT,  # repeated login
    3: RetryClass.ACCOUNT,  # too many connections
    LOGIN_TYPE: RetryClass.ACCOUNT,
    PARAMETER_FORMAT: RetryClass.PERMANENT,
    6: RetryClass.PERMANENT,  # number
    7: RetryClass.PERMANENT,  # message id
    8: RetryClass.PERMANENT,  # length
    SEQUENCE: RetryClass.DUPLICATE,  # known under another content: it was ours, so look it up
    10: RetryClass.PERMANENT,  # GNS operation
    BUSY: RetryClass.TRANSIENT,
}

RESULTS: Final[dict[SgipDialect, ResultTable]] = {
    SgipDialect.V12: ResultTable(
        {
            **_COMMON,
            32: RetryClass.TRANSIENT,  # failure inside the system
            33: RetryClass.TRANSIENT,  # the SMSC's queue is full
        }
    ),
    SgipDialect.V13: ResultTable(
        {
            **_COMMON,
            13: RetryClass.PERMANENT,  # service code
            14: RetryClass.PERMANENT,  # fee type
            17: RetryClass.PERMANENT,  # LinkID
            18: RetryClass.PERMANENT,  # not subscribed
            19: RetryClass.PERMANENT,  # UserCount is not 1
            32: RetryClass.PERMANENT,  # form of the packet
            33: RetryClass.TRANSIENT,  # above the flow limit of this second
            34: RetryClass.ACCOUNT,  # logging in too often
            40: RetryClass.PERMANENT,  # MorelatetoMTFlag 3 from an SP
        }
    ),
}

_REPORTS: Final[dict[int, str]] = {
    0: "ok",
    21: "unreachable",
    22: "route_error",
    23: "no_route",
    24: "charge_number",
    25: "user_off",
    26: "memory_full",
    27: "unsupported",
    28: "receive_error",
    29: "unknown_user",
    30: "not_provided",
    31: "illegal_device",
    32: "system_failure",
    33: "queue_full",
}
REPORT_NAMES: Final[dict[SgipDialect, dict[int, str]]] = {
    SgipDialect.V12: _REPORTS,
    SgipDialect.V13: {
        **_REPORTS,
        32: "packet_format",
        33: "flow_limit",
        40: "prepaid_blocked",
        50: "illegal_content",
        69: "blacklisted",
        77: "over_submit_limit",
        88: "flow_control",
        182: "daily_quota",
    },
}

LOGIN_RESULTS: Final[dict[int, tuple[str, Retry]]] = {
    ILLEGAL_LOGIN: ("authentication", Retry.SLOW),
    2: ("repeated_login", Retry.BACKOFF),
    3: ("too_many_connections", Retry.BACKOFF),  # perhaps our own last one, not yet given up by the peer
    LOGIN_TYPE: ("login_type", Retry.SLOW),
    PARAMETER_FORMAT: ("parameter_format", Retry.SLOW),
    BUSY: ("busy", Retry.BACKOFF),
    34: ("login_too_often", Retry.SLOW),
}


def classify_login_result(result: int) -> tuple[str, Retry]:
    """Return the name of a Bind_Resp result other than 0, and how soon to try again."""
    return LOGIN_RESULTS.get(result, ("other", Retry.BACKOFF))
