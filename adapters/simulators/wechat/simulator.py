"""The WeChat simulator as a whole."""

from __future__ import annotations

import itertools
from typing import Any, Final

from adapters.simulators.faults import FaultStatus
from adapters.simulators.history import DEFAULT_WAIT_S, ViolationsError
from adapters.simulators.loopback import require_loopback
from adapters.simulators.wechat.caller import Caller
from adapters.simulators.wechat.chronicle import Chronicle
from adapters.simulators.wechat.entries import Entry, EntryFilter, Happening
from adapters.simulators.wechat.interfaces import Interfaces
from adapters.simulators.wechat.settings import WechatFault, WechatSettings
from adapters.transport.http import HttpFace
from adapters.wire import wechat
from optout.kit.clock import Clock, SystemClock

_FIRST_MSG_ID: Final = 6_054_768_590_064_713_728


class WechatSimulator:
    """WeChat for one account. `start` before anything else, `stop` at the end; for one event loop.

    Raises `NotLoopbackError` unless its host is this machine.
    """

    def __init__(self, settings: WechatSettings, clock: Clock | None = None) -> None:
        require_loopback(settings.host)
        self.settings = settings
        self._clock = clock or SystemClock()
        self._chronicle = Chronicle(self._clock, settings.history_limit)
        self._spoke: dict[str, int] = {}
        self._interfaces = Interfaces(settings, self._chronicle, self._spoke)
        self._face = HttpFace(f"{settings.host}:{settings.port}", self._interfaces.routes)
        self._ids = itertools.count(_FIRST_MSG_ID)
        self.port = settings.port

    async def start(self) -> None:
        """Serve the interfaces. Raises `OSError`."""
        self._caller = Caller(self.settings, self._chronicle)
        self.port = int((await self._face.start()).rpartition(":")[2])

    async def stop(self) -> None:
        """Stop serving and calling."""
        await self._caller.stop()
        await self._face.stop()

    # What users do

    def say(self, openid: str, text: str, msg_id: int = 0, age_s: float = 0.0) -> int:
        """Type a text; return the index of the last entry before."""
        return self.act(
            wechat.TextMessage(**self._head(openid), msg_id=str(msg_id or next(self._ids)), content=text), age_s
        )

    def click(self, openid: str, key: str, age_s: float = 0.0) -> int:
        """Tap a menu entry that answers."""
        return self.act(wechat.Click(**self._head(openid), event_key=key), age_s)

    def view(self, openid: str, url: str, age_s: float = 0.0) -> int:
        """Tap a menu entry that leads to a page."""
        return self.act(wechat.View(**self._head(openid), event_key=url), age_s)

    def subscribe(self, openid: str, scene: str = "", age_s: float = 0.0) -> int:
        """Follow the account."""
        return self.act(wechat.Subscribe(**self._head(openid), event_key=scene), age_s)

    def unsubscribe(self, openid: str, age_s: float = 0.0) -> int:
        """Leave the account."""
        before = self.act(wechat.Unsubscribe(**self._head(openid)), age_s)
        self._spoke.pop(openid, None)
        return before

    def act(self, message: wechat.Message, age_s: float = 0.0) -> int:
        """Do anything; return the index of the last entry before. Raises `WechatError` for what no XML can hold."""
        return self.send_raw(message.from_user, wechat.write_message(message), age_s)

    def send_raw(self, openid: str, xml: bytes, age_s: float = 0.0) -> int:
        """Send a callback with this inside."""
        before = self.last_index
        self._spoke[openid] = self._clock.now_ms()
        self._caller.send(openid, xml, age_s)
        return before

    def set_visitor(self, openid: str) -> None:
        """Let the next browser that comes to be authorised be this user's."""
        self._interfaces.visitor = openid

    # What was seen

    @property
    def last_index(self) -> int:
        """Index of the newest entry."""
        return self._chronicle.history.last_index

    @property
    def violations(self) -> list[tuple[int, str]]:
        """Every rule that was broken, with the index of its entry."""
        return list(self._chronicle.violations)

    @property
    def tokens(self) -> int:
        """How many access tokens were given out."""
        return self._interfaces.issued

    @property
    def faults(self) -> list[FaultStatus]:
        """How the faults have fared."""
        return self._chronicle.deck.statuses()

    def find(self, wanted: EntryFilter, limit: int = 1000) -> list[Entry]:
        """List the first entries that fit."""
        fitting = (entry for entry in self._chronicle.history.after(wanted.after_index) if wanted.fits(entry))
        return list(itertools.islice(fitting, limit))

    async def wait_for(self, wanted: EntryFilter, count: int = 1, timeout_s: float = DEFAULT_WAIT_S) -> list[Entry]:
        """Return the first entries that fit, once there are so many; raise `WaitError`."""
        return await self._chronicle.history.wait_for(
            wanted.fits, count=count, after_index=wanted.after_index, timeout_s=timeout_s
        )

    async def wait_for_message(self, openid: str, text: str = "", after_index: int = 0) -> Entry:
        """Return the first message to a user that holds `text`; raise `WaitError`."""
        return (await self.wait_for(EntryFilter(Happening.MESSAGE, openid, text, after_index=after_index)))[0]

    def set_faults(self, *faults: WechatFault) -> list[FaultStatus]:
        """Set other faults, and return how the old ones fared."""
        return self._chronicle.deck.replace(faults)

    def check(self) -> None:
        """Raise `ViolationsError` if a rule was broken."""
        if self._chronicle.violations:
            raise ViolationsError(self._chronicle.violations)

    def reset(self) -> None:
        """Forget everything."""
        self._chronicle.clear()
        self._spoke.clear()
        self._interfaces.clear()

    def _head(self, openid: str) -> dict[str, Any]:
        return {
            "to_user": self.settings.account_name,
            "from_user": openid,
            "create_time_s": self._clock.now_ms() // 1000,
        }
