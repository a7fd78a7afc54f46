"""What every unit that writes about numbers needs at hand."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.service.books import CapabilityBook, PolicyBook
from gateway.service.outbox import OutboxSealer
from gateway.service.record import Recorder
from gateway.service.subjects import Subjects


@dataclass(frozen=True, slots=True)
class Registrar:
    """The recorder and what stands on it, beside what is in force."""

    recorder: Recorder
    policies: PolicyBook
    capabilities: CapabilityBook

    @property
    def subjects(self) -> Subjects:
        """Finds and writes subjects."""
        return Subjects(self.recorder)

    @property
    def sealer(self) -> OutboxSealer:
        """Fills and opens outbox rows."""
        return OutboxSealer(self.recorder.vault)
