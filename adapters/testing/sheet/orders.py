"""What a carrier's CRM and its adapter say to each other: every order and answer, as written and as read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Final

from adapters.carrier.base import Carrier, OrderData
from adapters.carrier.order_contractroot import ContractRootEnvelope
from adapters.carrier.order_envelope import OrderEnvelope, Reply
from adapters.carrier.order_instruction import find_notice
from adapters.carrier.order_interboss import InterbossEnvelope
from adapters.carrier.order_unibss import UniBssEnvelope
from adapters.simulators.crm import CrmSettings, EnvelopeKind, Spoil
from adapters.simulators.crm.tongues import choose_tongue
from adapters.testing.sheet.form import Sheet
from adapters.wire.answer import Answer, ItemAnswer, Result
from adapters.wire.errors import WireError
from adapters.wire.order import (
    Consent,
    Days,
    Desk,
    Interception,
    Medium,
    Order,
    Proof,
    Scope,
    Strangers,
    Treatment,
    Verb,
    Window,
)

ENVELOPES: Final = (
    (InterbossEnvelope, EnvelopeKind.INTERBOSS),
    (ContractRootEnvelope, EnvelopeKind.CONTRACTROOT_XML),
    (UniBssEnvelope, EnvelopeKind.UNIBSS),
)
"""Envelopes that the simulated CRM speaks."""

_SOURCE, _SECRET, _NOW_MS = "CRM1", "shared", 1_795_716_421_000
_RANDOM = re.compile(r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])")
_PIECES = re.compile(r"(?<=>)(?=<)|(?<=,)(?=\")|\r?\n")
_PARTY, _OTHER = "13300133000", "4001234567"
_PLAIN: Final = Order(
    verb=Verb.OPEN,
    number="13800138000",
    desk=Desk.HOTLINE,
    booked_by="agent-4711",
    mandate="CRM-ORDER/2026",
    notice_version="2026-11",
    consent=Consent.GIVEN,
)


def _change(verb: Verb, **wishes: object) -> Order:
    return replace(_PLAIN, verb=verb, **wishes)  # type: ignore[arg-type]


_ORDERS: Final[Mapping[str, Order]] = {
    "open": _PLAIN,
    "open at a hall, about messages": replace(
        _PLAIN, desk=Desk.HALL, medium=Medium.MESSAGE, proof=Proof.IDENTITY_DOCUMENT, consent=Consent.WITHHELD
    ),
    **{verb.value: _change(verb) for verb in (Verb.CANCEL, Verb.CONFIRM, Verb.QUERY, Verb.ERASE)},
    "set categories": _change(Verb.SET_CATEGORIES, refuse=("loan",), accept=("insurance",), replace=True),
    "edit reject list": _change(Verb.EDIT_REJECT_LIST, add=(_OTHER,), remove=(_PARTY,)),
    "edit allow list": _change(Verb.EDIT_ALLOW_LIST, add=(_OTHER,), remove=(_PARTY,)),
    "set segments": _change(Verb.SET_SEGMENTS, segments=("400", "95", "overseas", "hk_macao_taiwan", "170")),
    **{
        f"{treatment.value} and {strangers.value}": _change(
            Verb.CHOOSE_TREATMENT, treatment=treatment, strangers=strangers
        )
        for treatment, strangers in zip(Treatment, Strangers, strict=True)
    },
    **{
        f"notices: {choice.value}": _change(
            Verb.CHOOSE_NOTICES, interception=choice, at_night=choice is Interception.EACH
        )
        for choice in Interception
    },
    **{
        f"quiet hours: {days.value}": _change(Verb.SET_QUIET_HOURS, quiet_hours=(Window(days, 60, 120),))
        for days in Days
    },
    **{f"ask guardian: {scope.value}": _change(Verb.ASK_GUARDIAN, party=_PARTY, scope=scope) for scope in Scope},
    "end guardian": _change(Verb.END_GUARDIAN, party=_PARTY),
    "act for ward": _change(Verb.ACT_FOR_WARD, party=_PARTY, preset="elder"),
}


def find_kind(envelope: OrderEnvelope) -> EnvelopeKind | None:
    """Find what a CRM speaks to this envelope; None if no simulator does."""
    return next((kind for made, kind in ENVELOPES if isinstance(envelope, made)), None)


def observe_orders(carrier: Carrier) -> Sheet:
    """Have a CRM that knows the service's own codes speak to the carrier's envelope."""
    data, make = carrier.data.orders, carrier.make_order_envelope
    if data is None or make is None:
        return {}
    envelope = make(data)
    kind = find_kind(envelope)
    if kind is None:
        return {}
    tongue = choose_tongue(CrmSettings("", kind, _SOURCE, _SECRET))
    serial = tongue.make_serial(_NOW_MS, 1)
    requests = {name: tongue.write(order, serial, _NOW_MS, Spoil.NOTHING) for name, order in _ORDERS.items()}
    written = {name: _cut(body) for name, (_, body) in requests.items()}
    read = {name: _read(envelope, *request) for name, request in requests.items()}
    rows = {
        f"order: {name}": {
            "is written": _join(written[name], () if name == "open" else written["open"]),
            "is read": _join(read[name], () if name == "open" else read["open"]),
        }
        for name in requests
    }
    return {**rows, **_answer_all(envelope, data, requests["open"]), "order: consent": _describe_notices(data)}


def _answer_all(envelope: OrderEnvelope, data: OrderData, request: tuple[str, bytes]) -> Sheet:
    bodies = {result: _answer(envelope, data, request, result) for result in Result}
    plain = bodies[Result.DONE]
    rows = {f"answer: {result.value}": {"is written": _join(body, plain)} for result, body in bodies.items()}
    return {**rows, "answer: done": {"is written": _join(plain, ())}}


def _answer(envelope: OrderEnvelope, data: OrderData, request: tuple[str, bytes], result: Result) -> list[str]:
    answer = Answer(
        result=result,
        state="open",
        state_text="已开通",
        confirm_by="20261125100000",
        items=(ItemAnswer("category:loan", result),),
    )
    reply = Reply(answer, data.sentences[result.value], "0002", _NOW_MS)
    try:
        return _cut(envelope.open(*request).write_reply(reply)[1])
    except WireError as error:
        return [f"refused: {error.reason}"]


def _read(envelope: OrderEnvelope, content_type: str, body: bytes) -> list[str]:
    try:
        opened = envelope.open(content_type, body)
        order = opened.read_order()
    except WireError as error:
        return [f"refused: {error.reason}"]
    told = {name: value for name, value in asdict(order).items() if value}
    shown = [f"{name}={value}" for name, value in told.items() if name != "quiet_hours"]
    return [opened.source, opened.serial, *shown, *map(str, order.quiet_hours)]


def _cut(body: bytes) -> list[str]:
    """Cut a body where one thing ends and the next begins, without what is new each time."""
    return [piece for piece in _PIECES.split(_RANDOM.sub("…", body.decode())) if piece]


def _join(pieces: Iterable[str], plain: Iterable[str]) -> str:
    """Put together what a plain one does not have as well."""
    known = set(plain)
    return " ".join(piece.strip() for piece in pieces if piece not in known)


def _describe_notices(data: OrderData) -> Mapping[str, str]:
    lines = {}
    for version in ("2026-11", *(notice.version for notice in data.notices)):
        notice = find_notice(data, replace(_PLAIN, notice_version=version))
        told = ("not one of ours",) if notice is None else (notice.text, *notice.recipients, *notice.purposes)
        lines[version] = " | ".join(told)
    return lines
