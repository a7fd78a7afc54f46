"""The rules of sending, as tables.

A failure has two bits: did it happen, did we hear. One part of a notice is

1. QUEUED: it surely did not happen. A part is made QUEUED, and only what never left, or was refused for the moment,
   comes back to it. It is safe to send.
2. SENT: written down *before* it is handed to the link, so from here on it may have happened and we have not heard.
   It is not sent again while an answer can still come. Once none can (the link or the process is gone), it waits a
   moment for a report that arrived without an answer; if one is there, that decides; if not, it is sent again:
   rather twice than never.
3. ACCEPTED: it happened and we heard, under a message id. Only a report moves it now; 48 hours without one: UNKNOWN.
4. UNKNOWN: it may have happened and we shall not hear: every repetition on a living link stayed without an answer, or
   the centre calls it a duplicate. It is never sent again; a report still decides.
5. DELIVERED and FAILED are final.

When one part fails, the parts still QUEUED fail with it: half a notice helps nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Final

from adapters.journal.rows import Progress, SendState


class Step(Enum):
    """What happens to one part."""

    CLAIM = "claim"
    GIVE_BACK = "give_back"
    LOSE = "lose"
    """No answer can come any more; nothing else is known."""
    ACCEPT = "accept"
    REFUSE = "refuse"
    GIVE_UP = "give_up"
    REPORT_DELIVERED = "report_delivered"
    REPORT_FAILED = "report_failed"
    EXPIRE = "expire"


_S = SendState
TRANSITIONS: Final[dict[tuple[SendState, Step], SendState]] = {
    (_S.QUEUED, Step.CLAIM): _S.SENT,
    (_S.QUEUED, Step.REFUSE): _S.FAILED,
    (_S.QUEUED, Step.EXPIRE): _S.FAILED,
    (_S.SENT, Step.CLAIM): _S.SENT,
    (_S.SENT, Step.GIVE_BACK): _S.QUEUED,
    (_S.SENT, Step.LOSE): _S.SENT,
    (_S.SENT, Step.ACCEPT): _S.ACCEPTED,
    (_S.SENT, Step.REFUSE): _S.FAILED,
    (_S.SENT, Step.GIVE_UP): _S.UNKNOWN,
    (_S.SENT, Step.REPORT_DELIVERED): _S.DELIVERED,
    (_S.SENT, Step.REPORT_FAILED): _S.FAILED,
    (_S.ACCEPTED, Step.GIVE_UP): _S.UNKNOWN,
    (_S.ACCEPTED, Step.REPORT_DELIVERED): _S.DELIVERED,
    (_S.ACCEPTED, Step.REPORT_FAILED): _S.FAILED,
    (_S.UNKNOWN, Step.REPORT_DELIVERED): _S.DELIVERED,
    (_S.UNKNOWN, Step.REPORT_FAILED): _S.FAILED,
}

_RANK: Final = {None: 0, Progress.SENT: 1, Progress.UNKNOWN: 2, Progress.DELIVERED: 3, Progress.FAILED: 3}


def advance(state: SendState, step: Step) -> SendState | None:
    """Return the state after `step`, or None where the table has none: then the step changes nothing."""
    return TRANSITIONS.get((state, step))


def judge(states: Collection[SendState]) -> Progress | None:
    """Say what is known of a whole notice from the states of its parts; None while something is still to be sent."""
    present = set(states)
    if present & {_S.QUEUED, _S.SENT}:
        return None
    if _S.FAILED in present:
        return Progress.FAILED
    if _S.UNKNOWN in present:
        return Progress.UNKNOWN
    return Progress.SENT if _S.ACCEPTED in present else Progress.DELIVERED


def is_news(told: Progress | None, known: Progress | None) -> bool:
    """Say whether the gateway has to be told `known` after having been told `told`; it never hears less than before."""
    return _RANK[known] > _RANK[told]


def is_finished(progress: Progress | None) -> bool:
    """Say whether nothing more is expected of a notice."""
    return progress in (Progress.DELIVERED, Progress.FAILED)
