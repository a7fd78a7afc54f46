"""The log of a race, read again: the model over it, and what each entry must have told its channel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.carrier.account.words import OutcomeWords
from adapters.carrier.base import CarrierData, find_carrier
from adapters.carrier.notices import NoticeWriter
from adapters.carrier.order_answer import make_renderer, write_answer
from adapters.simulators.control.crm_mapping import write_answer as write_wire
from adapters.wire.order import Verb
from gateway.api.mapping_subscription import write_outcome
from gateway.domain.codec import name_action, read_instruction, read_subscriber, read_verdict
from gateway.domain.instruction import (
    Channel,
    Confirm,
    Instruction,
    Open,
    Proof,
    SetRefusedCategories,
    Verdict,
)
from gateway.domain.notices import choose_notices
from gateway.domain.subscription import Subscriber
from gateway.service.submission import settled
from gateway.service.views import Outcome, SubscriptionView
from optout.sim.v1 import crm_pb2
from optout.v1 import types_pb2
from tests.domain.intent_look import look
from tests.domain.intent_model import Intent, Said, hear
from tests.domain.samples import default_policy
from tests.e2e.federation import read_ledger

VERBS = {"open": "open", "confirm": "confirm", "cancel": "cancel", "undo_cancel": "undo", "query": "query"}
WORDS = {"set_categories": "set_refused_categories"}
"""Actions that the contract calls otherwise than the log."""


@dataclass(frozen=True)
class Told:
    """One instruction of the log, and what it must have told."""

    instruction: Instruction
    outcome: types_pb2.Outcome
    notices: list[str]

    def answer(self) -> crm_pb2.CrmAnswer:
        """What an agent's CRM must have heard."""
        data = data_of(self.instruction.carrier)
        name = name_action(self.instruction.action)
        told = write_wire(write_answer(self.outcome, Verb(name), make_renderer(data)))
        assert told is not None
        return told

    def chat(self) -> str:
        """What the account must have said."""
        data = data_of(self.instruction.carrier)
        assert data.account is not None
        name = name_action(self.instruction.action)
        return OutcomeWords(data, data.account).write(WORDS.get(name, name), self.outcome)


def data_of(carrier: str) -> CarrierData:
    """A carrier's data."""
    return find_carrier(carrier).data


def say(instruction: Instruction) -> Said:
    """An instruction in the model's words."""
    action, channel = instruction.action, instruction.channel
    weak = channel is Channel.APP and Proof.SMS_CODE not in instruction.evidence.proofs
    rules = default_policy().rules_for(instruction.carrier)
    wished: tuple[str, ...] = ()
    if isinstance(action, Open) and action.defaults is not None:
        wished = action.defaults.refused_categories
    if isinstance(action, SetRefusedCategories):
        wished = action.refuse
    asks = channel in (rules.confirm_open if isinstance(action, Open) else rules.confirm_cancel)
    opens = action.opens if isinstance(action, Confirm) else None
    return Said(VERBS.get(name_action(action), "refuse"), frozenset(wished), asks, weak, opens)


def explain(folder: Path) -> dict[str, list[Told]]:
    """Read the log, hold every entry against the model, and return what each must have told, by number."""
    ledger = read_ledger(folder)
    assert ledger.root_holds
    models: dict[str, Intent] = {}
    states: dict[str, Subscriber] = {}
    told: dict[str, list[Told]] = {}
    for index, (payload, time_ms) in enumerate(zip(ledger.payloads, ledger.accepted_ms, strict=True)):
        label = payload.get("label", "")
        if "after" in payload:
            states[label] = read_subscriber(payload["after"])
        if payload.get("kind") == "instruction":
            one, models[label] = _explain(payload, states[label], models.get(label, Intent()), time_ms, index)
            told.setdefault(str(one.instruction.number), []).append(one)
    return told


def _explain(
    payload: dict[str, Any], state: Subscriber, before: Intent, time_ms: int, index: int
) -> tuple[Told, Intent]:
    instruction, verdict = read_instruction(payload["instruction"]), read_verdict(payload["verdict"])
    model, answer = hear(before, say(instruction), time_ms)
    assert (verdict.reason or verdict.disposition) == answer, f"entry {index}"
    assert look(state.leg(instruction.medium), time_ms) == model.at(time_ms), f"entry {index}"
    now = settled(state, instruction.medium, time_ms)
    view = SubscriptionView(now, instruction.medium, index + 1)
    outcome = write_outcome(Outcome(instruction.id, verdict, view, index + 1))
    return Told(instruction, outcome, _texts(instruction, verdict, now)), model


def _texts(instruction: Instruction, verdict: Verdict, now: Subscriber) -> list[str]:
    """What the phone must show of it."""
    notices = choose_notices(instruction.action, verdict, now.leg(instruction.medium), instruction.channel)
    writer = NoticeWriter(data_of(instruction.carrier).notices)
    return [writer.say(notice.template, notice.parameters) for notice in notices]


def confirmed(told: list[Told]) -> int:
    """How many questions were answered by text."""
    done = types_pb2.DISPOSITION_DONE
    return sum(
        isinstance(one.instruction.action, Confirm)
        and one.instruction.channel is Channel.SMS
        and one.outcome.disposition == done
        for one in told
    )
