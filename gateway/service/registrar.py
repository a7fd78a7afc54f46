"""What every unit that writes about numbers needs at hand."""

from __future__ import annotations

from gateway.service.books import CapabilityBook, PolicyBook
from gateway.service.outbox import OutboxSealer
from gateway.service.record import Recorder
from gateway.service.subjects import Subjects


class Registrar:
    """The recorder and what stands on it, beside what is in force.

    ``subjects`` finds and writes subjects, ``sealer`` fills and opens outbox rows.
    """

    def __init__(self, recorder: Recorder, policies: PolicyBook, capabilities: CapabilityBook) -> None:
        self.recorder = recorder
        self.policies = policies
        self.capabilities = capabilities
        self.subjects = Subjects(recorder)
        self.sealer = OutboxSealer(recorder.vault)
