"""Provisional claims: what the prefix's carrier may look at, and its contest as a unit of work."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.notices import Notice
from gateway.domain.porting import contest
from gateway.domain.subscription import Subscriber
from gateway.service.outbox import Origin
from gateway.service.registrar import Registrar
from gateway.service.rules import RULES, policy_seen
from gateway.service.submission import ANSWER_LIFE_MS
from gateway.service.views import ClaimView
from gateway.store.base import Decision, Reads, View
from gateway.store.rows import AnswerRow
from optout.kit.number import PhoneNumber, hint_carrier

KIND = "contest"


def view_claim(state: Subscriber) -> ClaimView | None:
    """The claim to a number that stands, if the prefix names somebody who may contest it."""
    claim, hint = state.life.claim, hint_carrier(state.number)
    if claim is None or hint is None:
        return None
    return ClaimView(state.number, state.carrier, hint, claim.claim_ms, claim.revision, claim.contested)


@dataclass(frozen=True, slots=True)
class Contest:
    """A carrier's word that a claim is wrong. ``revision`` is that of the claim."""

    id: str
    carrier: str
    number: PhoneNumber
    revision: int
    ground: str = ""


@dataclass(frozen=True, slots=True)
class Contested:
    """The claim as it stands after a contest, and the revision of the contest's entry."""

    claim: ClaimView
    revision: int


@dataclass(frozen=True, slots=True)
class ContestUnit:
    """Suspends a claim; the same contest again gets its first revision."""

    contest: Contest
    registrar: Registrar

    @property
    def reads(self) -> Reads:
        """The number's holder, the answer if there was one, and the rules."""
        key = self.registrar.subjects.number_key(self.contest.number)
        return Reads(numbers=(key,), answers=(self._key,), types=RULES)

    def decide(self, view: View) -> Decision[Contested | RefusedError]:
        """Record it. Only a claim that stands, on a number whose prefix is the caller's, can be contested."""
        given, subjects = self.contest, self.registrar.subjects
        first = view.answer(self._key)
        if first is not None and first.digest != self._digest:
            return Decision(RefusedError(Reason.ID_REUSED, "this request id was used for something else"))
        subject = subjects.find(view, given.number)
        claim = None if subject is None else view_claim(subject.state)
        if (
            subject is None
            or claim is None
            or (claim.prefix_carrier, claim.revision) != (given.carrier, given.revision)
        ):
            return Decision(RefusedError(Reason.NOT_FOUND, "no such claim, or an event has decided it"))
        if first is not None:
            return Decision(Contested(claim, first.index + 1))
        after = contest(subject.state)
        actor = policy_seen(view, self.registrar.policies, self.registrar.recorder).actor(given.carrier)
        content = {"request": given.id, "claim": given.revision, "ground": given.ground}
        written = subjects.write(view, subject, after, KIND, actor, content)
        origin = Origin(subject.label, None, written.index, view.time_ms)
        told = () if after is subject.state else (Notice("contested"),)
        return Decision(
            Contested(view_claim(after) or claim, written.index + 1),
            entries=(written.entry,),
            subjects=(written.row,),
            answers=(AnswerRow(self._key, self._digest, written.index, view.time_ms + ANSWER_LIFE_MS),),
            outbox=self.registrar.sealer.unasked_rows(origin, after, told),
        )

    @property
    def _key(self) -> bytes:
        return sha256(f"{KIND}\x00{self.contest.carrier}\x00{self.contest.id}".encode()).digest()

    @property
    def _digest(self) -> bytes:
        given = self.contest
        content = json.dumps([given.number, given.revision, given.ground]).encode()
        return self.registrar.recorder.vault.content_digest(content)
