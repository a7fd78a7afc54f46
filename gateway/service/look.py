"""Looks at openings: each is an entry of the log, committed before anything is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.domain.codec import Map
from gateway.domain.errors import Reason, RefusedError
from gateway.service.record import PAYLOAD_VERSION, Recorder
from gateway.store.base import Decision, Reads, View
from gateway.store.rows import NO_SUBJECT, Label
from gateway.tlog.leaf import LeafType


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks, for which case, at what: "entries", "subject" or "state"; ``content`` says it more closely."""

    party: str
    case_id: str
    what: str
    content: Map


@dataclass(frozen=True, slots=True)
class LookUnit:
    """Records a look. One at a known subject stands in that subject's own chain, sealed with the rest of it.

    The result is its index.
    """

    look: Look
    recorder: Recorder
    actor: int
    label: Label = NO_SUBJECT

    @property
    def reads(self) -> Reads:
        """The subject, if one is looked at."""
        return Reads(subjects=(self.label,) if self.label != NO_SUBJECT else ())

    def decide(self, view: View) -> Decision[int]:
        """Record it."""
        index, look = view.next_index, self.look
        content = {"by": look.party, "case": look.case_id, "what": look.what, **look.content}
        subject = view.subject(self.label) if self.label != NO_SUBJECT else None
        if subject is None:
            payload = {"v": PAYLOAD_VERSION, "kind": "look", "label": "", **content}
            entry = self.recorder.entry(LeafType.STATEMENT, self.actor, NO_SUBJECT, payload)
            return Decision(index, entries=(entry,))
        payload = self.recorder.chain("look", subject.label, self.recorder.read_state(subject)) | content
        entry = self.recorder.entry(LeafType.STATEMENT, self.actor, subject.label, payload)
        return Decision(index, entries=(entry,), subjects=(replace(subject, last_index=index),))


def require_case(case_id: str) -> str:
    """Refuse a look without a case: RefusedError (CASE_REQUIRED)."""
    if not case_id:
        raise RefusedError(Reason.CASE_REQUIRED, "openings are shown for a case alone", field="case_id")
    return case_id
