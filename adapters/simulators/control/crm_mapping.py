"""`optout.sim.v1.CrmService`: messages to the simulator's values and back."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from adapters.simulators.control.mapping import read_enum, read_plan, write_time
from adapters.simulators.crm.entries import Booking, CrmEntry, CrmFault, CrmFilter, Event, Spoil
from adapters.wire.answer import Answer, Result
from adapters.wire.order import (
    Consent,
    Desk,
    Interception,
    Order,
    Proof,
    Scope,
    Strangers,
    Treatment,
    Verb,
    parse_window,
)
from optout.sim.v1 import crm_pb2 as pb

_Word = TypeVar("_Word", bound=StrEnum)


def read_booking(message: pb.CrmServiceBookRequest) -> Booking:
    """Read what to book; raise `ValueError` for words that the order model does not have."""
    spoil = read_enum(Spoil, pb.CrmSpoil.Name(message.spoil), "CRM_SPOIL_")
    return Booking(_read_order(message.order), message.serial, message.copies or 1, spoil or Spoil.NOTHING)


def read_fault(message: pb.CrmFault) -> CrmFault:
    """Read a fault; raise `ValueError` for one that makes no sense."""
    return CrmFault(read_plan(message.plan))


def read_filter(message: pb.CrmFilter) -> CrmFilter:
    """Read which entries are wanted; raise `ValueError` for a result that there is not."""
    return CrmFilter(
        event=read_enum(Event, pb.CrmEvent.Name(message.event), "CRM_EVENT_"),
        number=message.number,
        serial=message.serial,
        result=Result(message.result) if message.result else None,
        after_index=message.after_index,
        violating=message.violating,
        desk=_read_word(Desk, message.desk),
    )


def write_entry(entry: CrmEntry) -> pb.CrmEntry:
    """Write one thing that happened."""
    return pb.CrmEntry(
        index=entry.index,
        time=write_time(entry.time),
        event=pb.CrmEvent.Value(f"CRM_EVENT_{entry.event.name}"),
        serial=entry.serial,
        number=entry.number,
        verb=entry.verb.value,
        attempt=entry.attempt,
        answer=write_answer(entry.answer),
        detail=entry.detail,
        fault=entry.fault,
        violations=entry.violations,
        desk=entry.desk.value,
    )


def write_answer(answer: Answer | None) -> pb.CrmAnswer | None:
    """Write an answer, if there is one."""
    if answer is None:
        return None
    return pb.CrmAnswer(
        result=answer.result.value,
        retry=answer.retry.value,
        state=answer.state,
        state_text=answer.state_text,
        confirm_by=answer.confirm_by,
        items=[f"{item.item}={item.result.value}" for item in answer.items],
    )


def _read_order(message: pb.CrmOrder) -> Order:
    return Order(
        verb=Verb(message.verb),
        number=message.number,
        desk=_read_word(Desk, message.desk) or Desk.HOTLINE,
        booked_by=message.booked_by,
        mandate=message.mandate,
        proof=_read_word(Proof, message.proof) or Proof.AGENT,
        notice_version=message.notice_version,
        consent=_read_word(Consent, message.consent) or Consent.NOT_ASKED,
        refuse=tuple(message.refuse),
        accept=tuple(message.accept),
        replace=message.replace,
        add=tuple(message.add),
        remove=tuple(message.remove),
        segments=tuple(message.segments),
        treatment=_read_word(Treatment, message.treatment),
        strangers=_read_word(Strangers, message.strangers),
        interception=_read_word(Interception, message.interception),
        at_night=message.at_night,
        quiet_hours=tuple(map(parse_window, message.quiet_hours)),
        party=message.party,
        scope=_read_word(Scope, message.scope),
        preset=message.preset,
    )


def _read_word(kind: type[_Word], text: str) -> _Word | None:
    return kind(text) if text else None
