"""What metrics make of outcomes and reports. What is repeated is not counted again."""

from __future__ import annotations

from gateway.domain.effects import EffectState
from gateway.domain.instruction import Disposition, Instruction
from gateway.service.hearing import Hearing
from gateway.service.views import AppliedReport, DeliveryReport, Outcome
from gateway.telemetry import Telemetry


def count_outcome(telemetry: Telemetry, instruction: Instruction, outcome: Outcome) -> None:
    """Count an instruction's first outcome, and of each item that it changed what is expected and what is known."""
    if outcome.replayed:
        return
    carrier, verdict = instruction.carrier, outcome.verdict
    telemetry.instructions.labels(
        carrier, instruction.channel.value, verdict.disposition.value, verdict.reason or ""
    ).inc()
    effects = outcome.view.subscriber.leg(outcome.view.medium).effects
    for item in verdict.items:
        if item.disposition is Disposition.DONE:
            telemetry.expected_effects.labels(carrier, item.expected.value).inc()
            if effects.of(item.item).state is EffectState.ACCEPTED:
                telemetry.accepted_effects.labels(carrier).inc()


def listen(telemetry: Telemetry) -> Hearing:
    """Count reports as they are taken in."""

    def count_applied(carrier: str, report: AppliedReport) -> None:
        for effect in report.effects:
            telemetry.reported_effects.labels(carrier, effect.state.value).inc()

    def count_delivery(carrier: str, report: DeliveryReport) -> None:
        telemetry.delivery_reports.labels(carrier, report.state.value).inc()

    return Hearing(count_applied, count_delivery)
