"""The platform as a server: three paths, a clock that makes orders take effect, and hands to steer it by."""

from __future__ import annotations

import asyncio
import hmac
import itertools
from typing import Any

from aiohttp import web

from adapters.simulators.faults import FaultDeck, FaultStatus
from adapters.simulators.history import DEFAULT_WAIT_S, History, ViolationsError, read_wall
from adapters.simulators.platform.book import PlatformBook
from adapters.simulators.platform.entries import PlatformEntry, PlatformFault, PlatformFilter, PlatformPath
from adapters.simulators.platform.settings import PlatformSettings
from adapters.simulators.spelling import spell_number
from adapters.wire.platform import (
    MAX_BODY_BYTES,
    PlatformError,
    StoppedEvent,
    Wanted,
    read_events_request,
    read_lookup,
    read_wanted,
    write_page,
    write_taken,
    write_wanted,
)
from optout.kit.clock import Clock, SystemClock


class PlatformSimulator:
    """One platform. `history` holds what it was asked and did, `violations` what its caller did wrong."""

    def __init__(self, settings: PlatformSettings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.port = settings.port
        self.apply_delay_s = settings.apply_delay_s
        self.deck: FaultDeck[PlatformFault] = FaultDeck()
        self.book = PlatformBook(settings)
        self._clock = clock or SystemClock()
        self._history: History[PlatformEntry] = History(settings.history_limit)
        self._violating: list[PlatformEntry] = []
        self._runner: web.AppRunner | None = None
        self._works: set[asyncio.Task[None]] = set()

    # Life

    async def start(self) -> None:
        """Take up an earlier life and listen. Raises `OSError`."""
        self.book.open(self.settings.state_file)
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.add_routes([web.post("/{path}", self._answer)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.settings.host, self.settings.port).start()
        self.port = self._runner.addresses[0][1]
        for wanted in self.book.waiting():
            self._carry_out_later(wanted)

    async def stop(self) -> None:
        """Stop at once; with a state file the next life goes on where this one ends."""
        for work in self._works:
            work.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
        self.book.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.settings.host}:{self.port}"

    # Steering

    def set_faults(self, *faults: PlatformFault) -> list[FaultStatus]:
        """Set other faults; return how the old ones fared."""
        return self.deck.replace(faults)

    def set_delay(self, delay_s: float) -> None:
        """Choose how late orders take effect; those that wait begin to wait anew."""
        self.apply_delay_s = delay_s
        for work in self._works:
            work.cancel()
        for wanted in self.book.waiting():
            self._carry_out_later(wanted)

    def set_volte(self, number: str, *, on: bool) -> None:
        """Switch a line's VoLTE on or off; what it holds is carried out anew, since the condition changed."""
        spelled = spell_number(number)
        self.book.set_volte(spelled, on=on)
        event = self.book.carry_out_again(spelled, self._clock.now_ms())
        if event is not None:
            self._record(PlatformPath.APPLIED, **_describe(self.book.in_force[spelled]))

    def call(self, called: str, caller: str, *, withheld: bool = False) -> StoppedEvent | None:
        """Have a call arrive in the carrier's network; None if it rings."""
        event = self.book.decide(spell_number(called), spell_number(caller), self._clock.now_ms(), withheld=withheld)
        if event is not None:
            self._record(PlatformPath.STOPPED, number=event.called, result=event.act.value)
        return event

    def reset(self) -> None:
        """Forget everything, as after a disaster: another log begins."""
        self.deck.replace(())
        for work in self._works:
            work.cancel()
        self.book.forget()
        self._violating.clear()
        self._history.clear()

    # Looking

    @property
    def last_index(self) -> int:
        """Index of the newest entry; 0 before the first."""
        return self._history.last_index

    @property
    def violations(self) -> list[tuple[int, str]]:
        """Every rule that was broken since the last reset, with the entry's index."""
        return [(entry.index, rule) for entry in self._violating for rule in entry.violations]

    def find(self, wanted: PlatformFilter, limit: int | None = None) -> list[PlatformEntry]:
        """Return the entries that fit, the earliest `limit` of them."""
        return list(itertools.islice(filter(wanted.fits, self._history.after(wanted.after_index)), limit))

    async def wait_for(
        self, wanted: PlatformFilter, *, count: int = 1, timeout_s: float = DEFAULT_WAIT_S
    ) -> list[PlatformEntry]:
        """Return the first `count` entries that fit, as soon as they are there; raise `WaitError`."""
        return await self._history.wait_for(
            wanted.fits, count=count, after_index=wanted.after_index, timeout_s=timeout_s
        )

    def assert_clean(self) -> None:
        """Raise `ViolationsError` if a rule was broken."""
        if self._violating:
            raise ViolationsError(self.violations)

    # Answering

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {self.settings.secret}"):
            return web.Response(status=401)
        try:
            path = PlatformPath(request.match_info["path"])
            body = await request.read()
        except ValueError:
            return web.Response(status=404)
        fault = self.deck.draw(lambda fault: fault.path in (None, path), _number_of(path, body))
        if fault is None:
            return self._do(path, body)
        if fault.plan.refused:
            self._record(path, status=503, fault=fault.plan.name)
            return web.Response(status=503)
        answer = self._do(path, body, fault.plan.name) if fault.plan.applied else None
        await self._clock.sleep(fault.plan.delay_s)
        if answer is None or not fault.plan.heard:
            if answer is None:
                self._record(path, fault=fault.plan.name)
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        return answer

    def _do(self, path: PlatformPath, body: bytes, fault: str = "") -> web.Response:
        try:
            match path:
                case PlatformPath.PROVISION:
                    return self._provision(read_wanted(body), fault)
                case PlatformPath.READ:
                    return self._read(read_lookup(body), fault)
                case PlatformPath.EVENTS:
                    # Asked all the time: only what else happens is worth a place in the history.
                    return _json(write_page(self.book.page(*read_events_request(body))))
                case _:
                    return web.Response(status=404)
        except PlatformError as error:
            self._record(path, status=400, result=error.reason, fault=fault)
            return web.Response(status=400)

    def _provision(self, wanted: Wanted, fault: str) -> web.Response:
        violations = tuple(self.book.check(wanted))
        if "order_reused" in violations:
            self._record(PlatformPath.PROVISION, **_describe(wanted), status=400, violations=violations, fault=fault)
            return web.Response(status=400)
        taken = self.book.take(wanted)
        self._record(
            PlatformPath.PROVISION,
            **_describe(wanted),
            result=taken.value,
            status=200,
            violations=violations,
            fault=fault,
        )
        if taken == "new":
            self._carry_out_later(wanted)
        return _json(write_taken(taken))

    def _read(self, number: str, fault: str) -> web.Response:
        held = self.book.in_force.get(number)
        self._record(PlatformPath.READ, number=number, status=404 if held is None else 200, fault=fault)
        return web.Response(status=404) if held is None else _json(write_wanted(held))

    def _carry_out_later(self, wanted: Wanted) -> None:
        work = asyncio.get_running_loop().create_task(self._carry_out(wanted))
        self._works.add(work)
        work.add_done_callback(self._works.discard)

    async def _carry_out(self, wanted: Wanted) -> None:
        await self._clock.sleep(self.apply_delay_s)
        if self.book.carry_out(wanted, self._clock.now_ms()) is not None:
            self._record(PlatformPath.APPLIED, **_describe(wanted))

    def _record(self, path: PlatformPath, **details: Any) -> None:
        entry = self._history.append(lambda index: PlatformEntry(index, read_wall(self._clock), path, **details))
        if entry.violations:
            self._violating.append(entry)


def _describe(wanted: Wanted) -> dict[str, Any]:
    return {"number": wanted.number, "order": wanted.order, "version": wanted.version, "on": wanted.on}


def _number_of(path: PlatformPath, body: bytes) -> str:
    """Whom a request is about, for faults that strike one subscriber alone."""
    try:
        match path:
            case PlatformPath.PROVISION:
                return read_wanted(body).number
            case PlatformPath.READ:
                return read_lookup(body)
            case _:
                return ""
    except PlatformError:
        return ""


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")
