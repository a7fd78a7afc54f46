"""What China Mobile's unified authentication answers, and what that means for the one who asked.

The codes are published; the grouping is ours. A code that is not listed is ``UNKNOWN``, to be counted, and treated
like any other failure: the user is offered an SMS code instead.
"""

from enum import StrEnum
from typing import Final

SUCCESS: Final = "103000"
BAD_SIGN: Final = "103101"
DUPLICATE_MSGID: Final = "103107"
BAD_CREDENTIAL: Final = "103113"
UNKNOWN_APPID: Final = "103119"
BAD_REQUEST: Final = "103412"
BAD_PARAMETER: Final = "103414"
REPLAY: Final = "103505"
BAD_ADDRESS: Final = "103511"
EMPTY_CREDENTIAL: Final = "103811"
TOO_FREQUENT: Final = "103911"
EXPIRED_CREDENTIAL: Final = "104201"


class Verdict(StrEnum):
    """Whose turn it is."""

    OK = "ok"
    LOG_IN_AGAIN = "log_in_again"
    """The user's: a token works once, and briefly."""
    CONFIGURATION = "configuration"
    """Ours: key, application, address list or request are wrong, and stay wrong for every user."""
    LATER = "later"
    """The carrier's: its side is busy or failing."""
    REPLAYED = "replayed"
    """Nobody's: the request came twice. What the first one was answered is what counts."""
    OTHER_CARRIER = "other_carrier"
    """The SIM is not China Mobile's."""
    UNKNOWN = "unknown"


VERDICTS: Final[dict[str, Verdict]] = {
    SUCCESS: Verdict.OK,
    BAD_SIGN: Verdict.CONFIGURATION,
    DUPLICATE_MSGID: Verdict.REPLAYED,
    BAD_CREDENTIAL: Verdict.LOG_IN_AGAIN,
    "103114": Verdict.LOG_IN_AGAIN,
    UNKNOWN_APPID: Verdict.CONFIGURATION,
    "103133": Verdict.CONFIGURATION,
    "103211": Verdict.LATER,
    BAD_REQUEST: Verdict.CONFIGURATION,
    BAD_PARAMETER: Verdict.CONFIGURATION,
    REPLAY: Verdict.REPLAYED,
    BAD_ADDRESS: Verdict.CONFIGURATION,
    EMPTY_CREDENTIAL: Verdict.LOG_IN_AGAIN,
    "103902": Verdict.LOG_IN_AGAIN,
    TOO_FREQUENT: Verdict.LATER,
    EXPIRED_CREDENTIAL: Verdict.LOG_IN_AGAIN,
    "105001": Verdict.LATER,
    "105002": Verdict.LATER,
    "105003": Verdict.LATER,
    "105012": Verdict.OTHER_CARRIER,
    "105013": Verdict.OTHER_CARRIER,
}


def judge(result_code: str) -> Verdict:
    """Tell whose turn it is after a result code."""
    return VERDICTS.get(result_code, Verdict.UNKNOWN)
