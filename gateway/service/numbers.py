"""The life of numbers: events taken in, provisional claims looked at and contested.

Who may report what: the operator everything, the baseline above all; a carrier what it gains or loses, in its own
name. The operator stands at no side of a port, so its ``counterpart`` names the carrier that serves the number after
the event: required for a baseline, a porting in and a reassignment, optional for a porting out.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.number_life import NumberEvent, NumberEventKind
from gateway.domain.policy import Policy
from gateway.service.access import Caller, require_role
from gateway.service.claims import Contest, Contested, ContestUnit, view_claim
from gateway.service.number_events import EventAnswer, NumberEventUnit
from gateway.service.registrar import Registrar
from gateway.service.subjects import claims_of
from gateway.service.views import ClaimPage
from gateway.store.base import Store
from gateway.store.rows import NumberKey, Place
from optout.kit.identity import Role

_PORTS = frozenset({NumberEventKind.PORTED_IN, NumberEventKind.PORTED_OUT})
_OPERATOR_NAMES = frozenset({NumberEventKind.BASELINE, NumberEventKind.PORTED_IN, NumberEventKind.REASSIGNED})

PLACE_BYTES = 8 + 32


class NumberService:
    """Use cases of the numbers. Every method takes the caller and refuses what it may not do."""

    def __init__(self, store: Store, registrar: Registrar) -> None:
        self._store = store
        self._registrar = registrar

    async def report_event(self, caller: Caller, event: NumberEvent) -> EventAnswer:
        """Take one event in; returns once it is durable. ``event.reporter`` is set from the caller.

        A contradiction is an answer with its reason, since it is recorded. Raises RefusedError (ROLE_NOT_ALLOWED,
        WRONG_CARRIER, MISSING_FIELD, INVALID_FIELD, ID_REUSED) and StoreError.
        """
        require_role(caller, Role.CARRIER, Role.OPERATOR)
        reporter = "" if caller.role is Role.OPERATOR else caller.party
        event = speak_for(reporter, event, self._registrar.policies.current)
        result = await self._store.commit(NumberEventUnit(event, caller.party, self._registrar))
        if isinstance(result, RefusedError):
            raise result
        return result

    async def list_claims(self, caller: Caller, *, page_token: str, page_size: int) -> ClaimPage:
        """Claims to numbers whose prefix is the caller's, newest first. Raises RefusedError (INVALID_PAGE_TOKEN)."""
        require_role(caller, Role.CARRIER)
        below = _read_page_token(page_token)
        found = await self._store.marked(claims_of(caller.party), below=below, limit=page_size)
        states = (self._registrar.recorder.read_state(subject).state for _, subject in found)
        claims = tuple(claim for state in states if (claim := view_claim(state)) is not None)
        token = _write_page_token((found[-1][0].since_ms, found[-1][0].number_key)) if len(found) == page_size else ""
        return ClaimPage(claims, token)

    async def contest(self, caller: Caller, contest: Contest) -> Contested:
        """Suspend a claim. Raises RefusedError (NOT_FOUND, ID_REUSED) and StoreError."""
        require_role(caller, Role.CARRIER)
        _require_member(caller.party, self._registrar.policies.current)
        result = await self._store.commit(ContestUnit(replace(contest, carrier=caller.party), self._registrar))
        if isinstance(result, RefusedError):
            raise result
        return result


def speak_for(reporter: str, event: NumberEvent, policy: Policy) -> NumberEvent:
    """The event as ``reporter`` may report it, a carrier or, if it is empty, the operator.

    Raises RefusedError (ROLE_NOT_ALLOWED, WRONG_CARRIER, MISSING_FIELD, INVALID_FIELD).
    """
    named = event.counterpart
    if named and not policy.knows_carrier(named):
        raise RefusedError(Reason.INVALID_FIELD, "the federation does not know this carrier", field="counterpart")
    if not reporter:
        if event.kind in _OPERATOR_NAMES and not named:
            raise RefusedError(Reason.MISSING_FIELD, "who serves the number is not said", field="counterpart")
        closed = event.kind is NumberEventKind.CLOSED
        return replace(event, reporter="", counterpart="" if closed else named)
    _require_member(reporter, policy)
    if event.kind is NumberEventKind.BASELINE:
        raise RefusedError(Reason.ROLE_NOT_ALLOWED, "the baseline is the operator's", field="kind")
    if named == reporter:
        raise RefusedError(Reason.INVALID_FIELD, "a carrier is not its own counterpart", field="counterpart")
    return replace(event, reporter=reporter, counterpart=named if event.kind in _PORTS else "")


def _require_member(carrier: str, policy: Policy) -> None:
    if not policy.knows_carrier(carrier):
        raise RefusedError(Reason.WRONG_CARRIER, "the federation does not know this carrier")


def _write_page_token(place: Place) -> str:
    return f"{place[0]:016x}{place[1].hex()}"


def _read_page_token(token: str) -> Place | None:
    if not token:
        return None
    try:
        data = bytes.fromhex(token)
    except ValueError:
        data = b""
    since_ms = int.from_bytes(data[:8], "big")
    if len(data) != PLACE_BYTES or since_ms >= 2**63:
        raise RefusedError(Reason.INVALID_PAGE_TOKEN, "not a page token of this service", field="page_token")
    return since_ms, NumberKey(data[8:])
