"""CMPP result and status codes, and what each says about trying again (QB-GF-028-2003 §8.4.1.2, §8.4.3.2)."""

from __future__ import annotations

from typing import Final

from adapters.session.events import Retry, RetryClass
from adapters.session.results import ResultTable

OK: Final = 0
STRUCTURE_ERROR: Final = 1
DUPLICATE_SEQUENCE: Final = 3
FLOW_CONTROL: Final = 8

LOGIN_STRUCTURE: Final = 1
LOGIN_AUTHENTICATION: Final = 3

SUBMIT_RESULTS: Final[dict[int, RetryClass]] = {
    OK: RetryClass.ACCEPTED,
    STRUCTURE_ERROR: RetryClass.PERMANENT,
    2: RetryClass.PERMANENT,  # command
    DUPLICATE_SEQUENCE: RetryClass.DUPLICATE,
    4: RetryClass.PERMANENT,  # length
    5: RetryClass.PERMANENT,  # fee code
    6: RetryClass.PERMANENT,  # message too long
    7: RetryClass.PERMANENT,  # service code
    FLOW_CONTROL: RetryClass.TRANSIENT,
    9: RetryClass.PERMANENT,  # this gateway does not serve the charged number
    10: RetryClass.PERMANENT,  # Src_Id
    11: RetryClass.PERMANENT,  # Msg_src
    12: RetryClass.PERMANENT,  # Fee_terminal_Id
    13: RetryClass.PERMANENT,  # Dest_terminal_Id
}

RESULTS: Final = ResultTable(SUBMIT_RESULTS)

LOGIN_STATUS: Final[dict[int, tuple[str, Retry]]] = {
    LOGIN_STRUCTURE: ("structure", Retry.SLOW),
    2: ("illegal_source", Retry.SLOW),
    LOGIN_AUTHENTICATION: ("authentication", Retry.SLOW),
    4: ("version_too_high", Retry.SLOW),
}


def classify_result(result: int) -> RetryClass:
    """Return what a SUBMIT_RESP `result` says about sending again; reserved and vendor codes are permanent."""
    return RESULTS.classify(result)


def classify_login_status(status: int) -> tuple[str, Retry]:
    """Return the name of a CONNECT_RESP `status` other than 0, and how soon to try again."""
    return LOGIN_STATUS.get(status, ("other", Retry.BACKOFF))
