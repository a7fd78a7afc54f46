"""Callbacks after their answer: out of the journal, to the gateway, and the outcome back into the journal.

A user's callbacks are worked on one after the other, those of different users side by side. What the gateway cannot
take now stays in the journal and is tried again; what it refuses for good is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from adapters.carrier.account.flow import read_command
from adapters.carrier.account.instructions import Shown, Source, make_instruction, write_shown
from adapters.carrier.account.metrics import AccountMetrics
from adapters.carrier.account.settings import AccountConfig
from adapters.carrier.account.words import OutcomeWords, name_action
from adapters.carrier.base import AccountData, CarrierData
from adapters.carrier.contract import name_disposition, write_opening
from adapters.carrier.instruction import set_action
from adapters.carrier.lanes import Lanes
from adapters.carrier.questions import Asking
from adapters.carrier.rpc import Advice, GatewayError
from adapters.journal.account import AccountBook, AccountMessage, Callback
from adapters.journal.errors import JournalError
from optout.kit.clock import Clock
from optout.v1 import types_pb2

log = logging.getLogger(__name__)

CHAT_MS = 48 * 3_600_000
GAVE_UP = "GATEWAY_UNAVAILABLE"
_MESSAGE_LIFE_MS = 72 * 3_600_000
_BATCH = 200


class CallbackWorker:
    """Carries callbacks out. `on_message` is called when a user is to be told something."""

    def __init__(
        self,
        data: CarrierData,
        account: AccountData,
        config: AccountConfig,
        book: AccountBook,
        gateway: Asking,
        metrics: AccountMetrics,
        clock: Clock,
    ) -> None:
        self._data = data
        self._account = account
        self._config = config
        self._book = book
        self._gateway = gateway
        self._metrics = metrics
        self._clock = clock
        self._words = OutcomeWords(data, account)
        self._opening = write_opening(data.opening)
        self._lanes = Lanes(config.max_waiting)
        self._at_hand: set[str] = set()
        self.on_message: Callable[[], None] = lambda: None

    def take(self, callback: Callback) -> None:
        """Work on a callback that is in the journal already; without room it is found there later."""
        if callback.key in self._at_hand:
            return
        if self._lanes.put(callback.openid, lambda: self._work(callback)):
            self._at_hand.add(callback.key)

    async def run(self) -> None:
        """Find again, until cancelled, what is still open: of an earlier process, or not taken by the gateway."""
        while True:
            try:
                for callback in await self._book.open_callbacks(_BATCH, self._clock.now_ms()):
                    self.take(callback)
            except JournalError as error:
                log.error("journal failed", extra={"reason": error.reason})
            await self._clock.sleep(self._config.poll_s)

    async def drain(self, timeout_s: float) -> None:
        """Finish what is at hand; what does not finish is in the journal."""
        await self._lanes.drain(timeout_s)

    async def _work(self, callback: Callback) -> None:
        try:
            text = await self._carry_out(callback)
            if text is not None:
                await self._finish(callback, text)
        except JournalError as error:
            log.error("journal failed", extra={"reason": error.reason})
        except Exception as error:
            # One callback must not end its lane; the text of a foreign exception may quote it.
            log.error("a callback could not be worked on: %s", type(error).__name__)
        finally:
            self._at_hand.discard(callback.key)

    async def _carry_out(self, callback: Callback) -> str | None:
        """Return what the user is to be told; None if it is to be tried again."""
        instruction = self._make_instruction(callback)
        action = name_action(instruction)
        try:
            outcome = await self._gateway.submit(instruction)
        except GatewayError as error:
            self._metrics.count("submits", error.reason)
            if error.advice is Advice.NEVER:
                return self._words.write_refusal(action, error.reason)
            if error.advice is Advice.OPERATOR:
                log.error("the gateway refuses this adapter", extra={"reason": error.reason})
            age_ms = self._clock.now_ms() - callback.received_ms
            return self._words.write_refusal(action, GAVE_UP) if age_ms > self._config.give_up_s * 1000 else None
        self._metrics.count("submits", name_disposition(outcome.disposition))
        return self._words.write(action, outcome)

    async def _finish(self, callback: Callback, text: str) -> None:
        message = AccountMessage(
            callback.key,
            callback.openid,
            text,
            callback.received_ms + CHAT_MS,
            callback.received_ms + _MESSAGE_LIFE_MS,
        )
        await self._book.finish_callback(callback, message, self._clock.now_ms())
        self.on_message()

    def _make_instruction(self, callback: Callback) -> types_pb2.Instruction:
        work = callback.work or {}
        source = Source(
            self._data.id,
            self._config.app_id,
            callback.key,
            work["number"],
            work["proof"],
            callback.received_ms,
            bytes.fromhex(work["digest"]),
            self._read_shown(work["notice"]),
        )
        command = read_command(work)
        return make_instruction(source, lambda instruction: set_action(instruction, command, self._opening))

    def _read_shown(self, notice: list[str] | None) -> Shown | None:
        if notice is None:
            return None
        version, digest = notice
        return write_shown(self._account.consent, version, bytes.fromhex(digest), is_given=True)
