"""The number-login simulator as a whole."""

from __future__ import annotations

import itertools

from adapters.simulators.faults import FaultStatus
from adapters.simulators.history import DEFAULT_WAIT_S, ViolationsError
from adapters.simulators.login.entries import Entry, EntryFilter, Happening
from adapters.simulators.login.exchanges import Exchanges
from adapters.simulators.login.settings import DEFAULT_LIFE_S, LIFETIMES_S, LoginFault, LoginSettings
from adapters.simulators.loopback import require_loopback
from adapters.transport.http import HttpFace
from optout.kit.clock import Clock, SystemClock
from optout.kit.number import parse_subscriber


class LoginSimulator:
    """Carriers' number authentication. `start` before anything else, `stop` at the end; for one event loop.

    Raises `NotLoopbackError` unless its host is this machine.
    """

    def __init__(self, settings: LoginSettings, clock: Clock | None = None) -> None:
        require_loopback(settings.host)
        self.settings = settings
        self._exchanges = Exchanges(settings, clock or SystemClock())
        self._face = HttpFace(f"{settings.host}:{settings.port}", self._exchanges.routes)
        self.port = settings.port

    async def start(self) -> None:
        """Serve the exchanges. Raises `OSError`."""
        self.port = int((await self._face.start()).rpartition(":")[2])

    async def stop(self) -> None:
        """Stop serving."""
        await self._face.stop()

    @property
    def url(self) -> str:
        """Where China Mobile's exchange is; another carrier's is under `/<carrier>`."""
        return f"http://{self.settings.host}:{self.port}"

    def issue_token(self, carrier: str, app_id: str, number: str, life_s: float = 0.0) -> str:
        """Issue a token for a SIM. Raises `ValueError` for an unknown application, `NumberError` for no subscriber."""
        if self.settings.find_app(carrier, app_id) is None:
            raise ValueError("unknown application")
        subscriber = parse_subscriber(number)
        life_s = life_s or LIFETIMES_S.get(carrier, DEFAULT_LIFE_S)
        self._exchanges.note(Happening.ISSUED, carrier=carrier, number=subscriber)
        return self._exchanges.tokens.issue(carrier, app_id, subscriber, life_s)

    @property
    def last_index(self) -> int:
        """Index of the newest entry."""
        return self._exchanges.history.last_index

    @property
    def violations(self) -> list[tuple[int, str]]:
        """Every rule that was broken, with the index of its entry."""
        return list(self._exchanges.violations)

    @property
    def good_tokens(self) -> int:
        """How many tokens are still good."""
        return self._exchanges.tokens.good_count

    @property
    def faults(self) -> list[FaultStatus]:
        """How the faults have fared."""
        return self._exchanges.deck.statuses()

    def find(self, wanted: EntryFilter, limit: int = 1000) -> list[Entry]:
        """List the first entries that fit."""
        fitting = (entry for entry in self._exchanges.history.after(wanted.after_index) if wanted.fits(entry))
        return list(itertools.islice(fitting, limit))

    async def wait_for(self, wanted: EntryFilter, count: int = 1, timeout_s: float = DEFAULT_WAIT_S) -> list[Entry]:
        """Return the first entries that fit, once there are so many; raise `WaitError`."""
        return await self._exchanges.history.wait_for(
            wanted.fits, count=count, after_index=wanted.after_index, timeout_s=timeout_s
        )

    def set_faults(self, *faults: LoginFault) -> list[FaultStatus]:
        """Set other faults, and return how the old ones fared."""
        return self._exchanges.deck.replace(faults)

    def check(self) -> None:
        """Raise `ViolationsError` if a rule was broken."""
        if self._exchanges.violations:
            raise ViolationsError(self._exchanges.violations)

    def reset(self) -> None:
        """Forget everything."""
        self._exchanges.clear()
