"""A carrier repeats what it did not hear of: whatever the store did, each instruction is booked exactly once."""

import itertools

import pytest

from gateway.domain.instruction import Channel, Confirm, EditList, Open, Query
from gateway.service.registry import RegistryService
from gateway.store.base import StoreError
from gateway.testing.faulty_store import APPLIED_NOT_HEARD, NOT_APPLIED, FaultyStore
from tests.domain.samples import NUISANCE
from tests.service.house import MOBILE, open_house

SCRIPTS = list(itertools.product((NOT_APPLIED, APPLIED_NOT_HEARD), repeat=3))


@pytest.mark.parametrize(
    "script", SCRIPTS, ids=lambda script: "".join("A" if fault.applied else "-" for fault in script)
)
async def test_instruction_when_repeated_until_heard_then_it_is_booked_once(script):
    async with open_house() as house:
        store = FaultyStore(house.store)
        registry = RegistryService(store, house.recorder, house.policies, house.capabilities)
        booked = 0
        for action in (Open(), Query(), Confirm(), EditList(allow=False, add=(NUISANCE,))):
            store.script = list(script)
            instruction = house.instruction(action, channel=Channel.SMS)
            outcome = None
            while outcome is None:
                try:
                    outcome = await registry.submit(MOBILE, instruction)
                except StoreError:
                    continue
            booked += 1
            assert outcome.replayed is any(fault.applied for fault in script)
            assert (await house.store.head()).size == booked
            assert len(await house.notices()) == booked
