"""Questions that were put to subscribers by text: closed once anything, over whichever channel, has settled them.

A question that was in the journal before an instruction went out was asked before that instruction in the log's order.
If nothing is pending after it, the question has been answered or dropped; a question asked meanwhile is another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adapters.carrier.contract import awaits_word
from adapters.carrier.gateway_client import Gateway
from adapters.journal.base import Journal
from optout.kit.number import PhoneNumber
from optout.v1 import types_pb2


@dataclass(frozen=True, slots=True)
class Asking:
    """Submits on behalf of one channel. `now_ms` tells the time in Unix milliseconds."""

    gateway: Gateway
    journal: Journal
    now_ms: Callable[[], int]

    async def submit(self, instruction: types_pb2.Instruction) -> types_pb2.Outcome:
        """Have an instruction carried out, and close the question that it settled.

        Raises `GatewayError`, and `JournalError`: the instruction may be committed, and repeating it tells.
        """
        prompt = await self.journal.find_prompt(instruction.number, self.now_ms())
        outcome = await self.gateway.submit(instruction)
        # A first answer given again tells how things stood then.
        if prompt is not None and not outcome.replayed and not awaits_word(outcome.subscription):
            await self.journal.close_prompt(prompt)
        return outcome

    async def find_subscription(self, number: PhoneNumber) -> types_pb2.Subscription | None:
        """Return a subscriber's state; None if there never was one. Raises `GatewayError`."""
        return await self.gateway.find_subscription(number)
