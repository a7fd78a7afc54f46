"""The carrier's own app books: a signed JSON request each (`adapters.wire.app_order`), answered with the outcome.

The same serial may be sent again, freshly signed, as often as no answer is heard: it is booked once, and the first
outcome comes again. Answers are JSON: `{"disposition", "reason", "state", "text", "confirm_by_ms"}`, and for somebody
who asked to be erased `{"restrict_ms", "erase_by_ms"}` with it; or `{"reason"}` with 400 (malformed), 401 (not
proved), 409 (replayed, or another order under a known serial), 422 (refused for good) or 503 (later).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from aiohttp import web

from adapters.carrier.account.actions import ActionError, read_action
from adapters.carrier.account.instructions import SetAction, Shown, Source, make_instruction, write_shown
from adapters.carrier.account.metrics import AccountMetrics
from adapters.carrier.account.words import OutcomeWords, name_action, name_state
from adapters.carrier.base import AccountData, CarrierData
from adapters.carrier.contract import name_disposition, name_reason, read_time, write_opening
from adapters.carrier.questions import Asking
from adapters.carrier.rpc import Advice, GatewayError
from adapters.journal.account import AccountBook
from adapters.journal.errors import JournalError
from adapters.wire.app_order import WINDOW_MS, AppHeaders, AppOrder, AppOrderError, check_request, read_order
from optout.kit.clock import Clock
from optout.kit.number import NumberError, parse_subscriber
from optout.v1 import types_pb2

log = logging.getLogger(__name__)

_UNPROVED = frozenset({"bad_header", "bad_signature", "stale_timestamp", "unknown_key"})


@dataclass(frozen=True, slots=True)
class AppParts:
    """What bookings work with; `keys` are the app's secrets by key id."""

    data: CarrierData
    account: AccountData
    keys: Mapping[str, str] = field(repr=False)
    book: AccountBook
    gateway: Asking
    metrics: AccountMetrics
    clock: Clock


class AppFace:
    """The one route that the app calls."""

    def __init__(self, parts: AppParts) -> None:
        self._parts = parts
        self._words = OutcomeWords(parts.data, parts.account)
        self._opening = write_opening(parts.data.opening)

    async def book(self, request: web.Request) -> web.Response:
        """Take one booking."""
        try:
            return await self._book(request)
        except AppOrderError as error:
            return self._answer(401 if error.reason in _UNPROVED else 400, error.reason)
        except (ActionError, NumberError) as error:
            return self._answer(400, error.reason if isinstance(error, ActionError) else error.reason.value)
        except JournalError as error:
            log.error("journal failed", extra={"reason": error.reason})
            return self._answer(503, error.reason)

    async def _book(self, request: web.Request) -> web.Response:
        parts, body, now_ms = self._parts, await request.read(), self._parts.clock.now_ms()
        names = ("X-Optout-Key", "X-Optout-Timestamp", "X-Optout-Nonce", "X-Optout-Signature")
        headers = AppHeaders(*(request.headers.get(name, "") for name in names))
        secret = parts.keys.get(headers.key)
        if secret is None:
            raise AppOrderError("unknown_key")
        check_request(headers, body, secret, now_ms)
        order = read_order(body)
        if order.action == "open" and not (order.consent and order.notice_version and order.notice_digest):
            raise ActionError("consent_required")
        set_action = read_action(order.action, order.values, self._opening)
        source = self._make_source(order, headers.key, body, now_ms)
        # Two windows long: a timestamp may lie one ahead.
        if not await parts.book.admit_once(f"{headers.key}/{headers.nonce}", now_ms + 2 * WINDOW_MS, now_ms):
            return self._answer(409, "replayed_nonce")
        return await self._submit(source, set_action)

    def _make_source(self, order: AppOrder, key: str, body: bytes, now_ms: int) -> Source:
        number = parse_subscriber(order.number)
        digest = sha256(body).digest()
        return Source(
            self._parts.data.id, key, f"app:{order.serial}", number, order.proof, now_ms, digest, self._shown(order)
        )

    def _shown(self, order: AppOrder) -> Shown | None:
        """The notice that the app showed: one of ours, word for word, or there is no telling what was agreed to."""
        if order.consent is None:
            return None
        account, named = self._parts.account, (order.notice_version, order.notice_digest)
        for notice in (account.consent, *account.former_consents):
            if named == (notice.version, notice.digest.hex()):
                return write_shown(notice, notice.version, notice.digest, is_given=order.consent)
        raise ActionError("unknown_notice")

    async def _submit(self, source: Source, set_action: SetAction) -> web.Response:
        instruction = make_instruction(source, set_action)
        try:
            outcome = await self._parts.gateway.submit(instruction)
        except GatewayError as error:
            if error.advice is not Advice.NEVER:
                return self._answer(503, error.reason)
            return self._answer(409 if error.reason == "ID_REUSED" else 422, error.reason)
        self._parts.metrics.count("bookings", name_disposition(outcome.disposition))
        return web.json_response(self._write(outcome, name_action(instruction)))

    def _write(self, outcome: types_pb2.Outcome, action: str) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "disposition": name_disposition(outcome.disposition),
            "state": name_state(outcome.subscription.state),
            "text": self._words.write(action, outcome),
            "replayed": outcome.replayed,
        }
        if outcome.reason:
            answer["reason"] = name_reason(outcome.reason)
        if outcome.HasField("confirm_by"):
            answer["confirm_by_ms"] = read_time(outcome.confirm_by)
        if outcome.subscription.HasField("erasure"):
            erasure = outcome.subscription.erasure
            answer |= {"restrict_ms": read_time(erasure.restrict_time), "erase_by_ms": read_time(erasure.erase_by)}
        return answer

    def _answer(self, status: int, reason: str) -> web.Response:
        self._parts.metrics.count("bookings", reason)
        return web.json_response({"reason": reason}, status=status)
