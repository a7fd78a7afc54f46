"""Number events for tests, and a look at what they give rise to."""

from __future__ import annotations

import itertools
from typing import Any

from gateway.domain.effects import SERVICE, EffectState
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.number_life import NumberEvent, NumberEventKind
from gateway.domain.preferences import Medium
from gateway.domain.subscription import Subscriber
from gateway.service.outbox import ApplyOrder, OutboxSealer
from gateway.service.views import AppliedReport
from gateway.store.rows import OutboxKind, OutboxRow
from optout.kit.identity import Identity, Role
from optout.kit.number import PhoneNumber
from tests.domain.samples import OWN
from tests.service.house import OPERATOR, House

K = NumberEventKind
DAY_S = 86_400
APPLIED = (ReportedEffect(SERVICE, EffectState.APPLIED),)
_ids = itertools.count(1)


def event(house: House, kind: NumberEventKind, **fields: Any) -> NumberEvent:
    """An event that holds from now on, unless told otherwise."""
    given = {"id": f"e{next(_ids)}", "number": OWN, "effective_ms": house.clock.now_ms(), "counterpart": ""} | fields
    return NumberEvent(kind=kind, **given)


async def report(house: House, kind: NumberEventKind, by: str = "", **fields: Any) -> Any:
    """Report an event as a carrier, or as the operator."""
    caller = Identity(Role.CARRIER, by) if by else OPERATOR
    return await house.numbers.report_event(caller, event(house, kind, **fields))


async def tell(house: House, carrier: str, version: int, *, epoch: int = 0, off: bool = True, done_ms: int = 0) -> int:
    """A carrier's platform reports that it carried out a version; returns the revision."""
    done_ms = done_ms or house.clock.now_ms()
    told = AppliedReport(
        f"r{next(house.ids)}", OWN, Medium.VOICE, version, APPLIED, done_ms, switched_off=off, epoch=epoch
    )
    return await house.registry.report_applied(Identity(Role.CARRIER, carrier), told)


async def state_of(house: House, number: PhoneNumber = OWN) -> Subscriber:
    """The number's present holder."""
    found = await house.store.number(house.recorder.vault.number_key(number))
    assert found is not None
    return house.recorder.read_state(found[1]).state


async def rows_of(house: House, carrier: str) -> list[OutboxRow]:
    """What waits for a carrier."""
    return list(await house.store.due(carrier, 2**62, 10_000))


async def orders_of(house: House, carrier: str) -> list[ApplyOrder]:
    """The orders that wait for a carrier's platform."""
    sealer = OutboxSealer(house.recorder.vault)
    return [sealer.open_apply(row) for row in await rows_of(house, carrier) if row.kind is OutboxKind.APPLY]
