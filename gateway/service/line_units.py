"""One declaration of a line as a unit of work: idempotent by the carrier's own request id."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256

import orjson

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.lines import Line, declare, withdraw
from gateway.service.books import PolicyBook
from gateway.service.record import Recorder
from gateway.service.rules import RULES, rules_seen, write_entries
from gateway.service.submission import ANSWER_LIFE_MS
from gateway.store.base import Decision, Reads, View
from gateway.store.rows import AnswerRow


@dataclass(frozen=True, slots=True)
class LineUnit:
    """Declares or withdraws one line. The result is the revision of its entry, or of the first one under its id."""

    request_id: str
    line: Line
    withdraw: bool
    book: PolicyBook
    recorder: Recorder

    @property
    def reads(self) -> Reads:
        """The rules, and the answer if there was one."""
        return Reads(answers=(self._key,), types=RULES)

    def decide(self, view: View) -> Decision[int]:
        """Decide and record. Raises RefusedError and LineConflictError, of which nothing is kept."""
        digest = self._digest
        first = view.answer(self._key)
        if first is not None:
            if first.digest != digest:
                raise RefusedError(Reason.ID_REUSED, "this request id was used for something else", field="request_id")
            return Decision(first.index + 1)
        rules, now_ms = rules_seen(view, self.book, self.recorder), view.time_ms
        policy = rules.policy_at(now_ms)
        if self.withdraw:
            change = withdraw(self.line, rules.directory, now_ms)
        else:
            change = declare(self.line, rules.directory, policy, now_ms)
        # A carrier may have left the federation since it declared: then the entry is the gateway's.
        actor = policy.rules_for(self.line.carrier).actor if policy.knows_carrier(self.line.carrier) else 0
        index = view.next_index
        return Decision(
            index + 1,
            entries=write_entries(view, self.recorder, (change,), actor),
            answers=(AnswerRow(self._key, digest, index, now_ms + ANSWER_LIFE_MS),),
        )

    @property
    def _key(self) -> bytes:
        return sha256(f"line\x00{self.line.carrier}\x00{self.request_id}".encode()).digest()

    @property
    def _digest(self) -> bytes:
        return sha256(orjson.dumps([asdict(self.line), self.withdraw], option=orjson.OPT_SORT_KEYS)).digest()
