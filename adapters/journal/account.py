"""The account channel's memory, in the same journal: sealed, durable before a call returns, one call after the other.

Callbacks
    C1  ``take_callback`` stores a callback and the answer to it before either is acted on, and returns the answer. The
        same key again stores nothing and returns the first answer, and when that was given.
    C2  ``open_callbacks`` lists those still to be worked on, oldest first; ``finish_callback`` ends one and queues what
        the user is to be told, both or neither.
    C3  A callback is remembered for ``CALLBACK_LIFE_MS``, far longer than the window in which a replay could pass.

Messages
    M1  ``due_messages`` lists what is due, oldest first, until ``drop_message``; ``put_off`` stores it again, due
        later. What has expired is not listed.

Bindings
    B1  ``bind`` stores which number a user holds and how that was proved, in place of a former one; ``unbind`` ends it.
    B2  A binding ends after ``BINDING_LIFE_MS``: a number is frozen for at least as long before somebody else gets it,
        so no binding of a former holder outlives that.

Codes
    D1  ``issue_code`` stores the digest of a code, never the code, for one user; a newer one replaces it. More than
        ``MAX_CODES`` an hour, for one user or one number, are refused.
    D2  ``try_code`` counts each try. The right code within its life and ``MAX_TRIES`` is used up by being right; after
        as many wrong ones it is used up, too.

Nonces
    N1  ``admit_once`` says True the first time it sees a value, and False until it has expired.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from adapters.journal.engine import LogicJournal
from adapters.journal.records import NEVER_MS, RecordRow, Records
from adapters.journal.seal import Seal

CALLBACK_LIFE_MS: Final = 30 * 86_400_000
BINDING_LIFE_MS: Final = 90 * 86_400_000
CODE_LIFE_MS: Final = 5 * 60_000
MAX_TRIES: Final = 5
MAX_CODES: Final = 5
_HOUR_MS: Final = 3_600_000
_CALLBACK, _MESSAGE, _BINDING, _CODE, _ISSUED, _NONCE, _PROMPT = (
    "callback", "message", "binding", "code", "issued", "nonce", "prompt",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Callback:
    """What came in from a user and has to be carried out. `work` is the caller's own, as JSON would hold it."""

    key: str
    openid: str = field(repr=False)
    work: dict[str, Any] | None = field(repr=False)
    received_ms: int


@dataclass(frozen=True, slots=True)
class FirstReply:
    """The answer to a callback, when it was first given, and whether that is now."""

    body: bytes = field(repr=False)
    given_ms: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class AccountMessage:
    """Something a user is to be told. Until `chat_until_ms` it may go by chat, later by template only."""

    key: str
    openid: str = field(repr=False)
    text: str = field(repr=False)
    chat_until_ms: int
    expire_ms: int
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Binding:
    """A user's number, canonical, and the proof by which it was bound (`one_tap_login` or `sms_code`)."""

    openid: str = field(repr=False)
    number: str = field(repr=False)
    proof: str
    bound_ms: int


@dataclass(frozen=True, slots=True)
class ConsentPrompt:
    """The notice that a user was shown in the chat and may agree to, until `expire_ms`."""

    notice_version: str
    notice_digest: str
    expire_ms: int


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before a callback is taken: the first answer, if it came before; the user's binding and notice."""

    first: FirstReply | None
    binding: Binding | None
    prompt: ConsentPrompt | None


class CodeCheck(StrEnum):
    """What became of a try."""

    RIGHT = "right"
    WRONG = "wrong"
    NONE = "none"
    """There is no code: it was never asked for, it expired, or it is used up."""


class AccountBook:
    """The sentences above, on a journal's engine. Every call may raise `JournalError`."""

    def __init__(self, journal: LogicJournal) -> None:
        self._run = journal.run
        self._logic = _AccountLogic(journal.records, journal.seal)

    async def take_callback(self, callback: Callback, reply: bytes) -> FirstReply:
        """C1."""
        return await self._run(self._logic.take_callback, callback, reply)

    async def look_up(self, key: str, openid: str, now_ms: int) -> Known:
        """Return everything that is known before a callback is taken, in one go: somebody waits for the answer."""
        return await self._run(self._logic.look_up, key, openid, now_ms)

    async def open_callbacks(self, limit: int, now_ms: int) -> list[Callback]:
        """C2."""
        return await self._run(self._logic.open_callbacks, limit, now_ms)

    async def finish_callback(self, callback: Callback, message: AccountMessage | None, now_ms: int) -> None:
        """C2."""
        await self._run(self._logic.finish_callback, callback, message, now_ms)

    async def due_messages(self, limit: int, now_ms: int) -> list[AccountMessage]:
        """M1."""
        return await self._run(self._logic.due_messages, limit, now_ms)

    async def put_off(self, message: AccountMessage, due_ms: int) -> None:
        """M1."""
        await self._run(self._logic.put_off, message, due_ms)

    async def drop_message(self, message: AccountMessage) -> None:
        """M1."""
        await self._run(self._logic.drop, _MESSAGE, message.key)

    async def bind(self, binding: Binding) -> None:
        """B1."""
        expire_ms = binding.bound_ms + BINDING_LIFE_MS
        await self._run(self._logic.put, _BINDING, binding.openid, asdict(binding), expire_ms)

    async def unbind(self, openid: str) -> None:
        """B1."""
        await self._run(self._logic.drop, _BINDING, openid)

    async def binding(self, openid: str, now_ms: int) -> Binding | None:
        """B1."""
        found = await self._run(self._logic.get, _BINDING, openid, now_ms)
        return None if found is None else Binding(**found)

    async def issue_code(self, openid: str, number: str, code: str, now_ms: int) -> bool:
        """D1; False if there were too many."""
        return await self._run(self._logic.issue_code, openid, number, code, now_ms)

    async def try_code(self, openid: str, code: str, now_ms: int) -> tuple[CodeCheck, str]:
        """D2; with RIGHT comes the number it proves."""
        return await self._run(self._logic.try_code, openid, code, now_ms)

    async def admit_once(self, value: str, expire_ms: int, now_ms: int) -> bool:
        """N1."""
        return await self._run(self._logic.admit_once, value, expire_ms, now_ms)

    async def put_prompt(self, openid: str, prompt: ConsentPrompt) -> None:
        """Remember the notice a user was shown."""
        await self._run(self._logic.put, _PROMPT, openid, asdict(prompt), prompt.expire_ms)

    async def purge(self, now_ms: int) -> int:
        """Remove what has expired; return how many rows."""
        return await self._run(self._logic.purge, now_ms)


class _AccountLogic:
    """One method per call; each runs as one transaction."""

    def __init__(self, records: Records, seal: Seal) -> None:
        self._records = records
        self._seal = seal

    def take_callback(self, callback: Callback, reply: bytes) -> FirstReply:
        first = self.first_reply(callback.key, callback.received_ms)
        if first is not None:
            return first
        value = asdict(callback) | {"reply": reply.hex()}
        due_ms = NEVER_MS if callback.work is None else callback.received_ms
        self.put(_CALLBACK, callback.key, value, callback.received_ms + CALLBACK_LIFE_MS, due_ms)
        return FirstReply(reply, callback.received_ms, is_new=True)

    def first_reply(self, key: str, now_ms: int) -> FirstReply | None:
        found = self.get(_CALLBACK, key, now_ms)
        if found is None:
            return None
        return FirstReply(bytes.fromhex(found["reply"]), found["received_ms"], is_new=False)

    def look_up(self, key: str, openid: str, now_ms: int) -> Known:
        first = self.first_reply(key, now_ms)
        binding = self.get(_BINDING, openid, now_ms)
        prompt = self.get(_PROMPT, openid, now_ms)
        return Known(first, Binding(**binding) if binding else None, ConsentPrompt(**prompt) if prompt else None)

    def open_callbacks(self, limit: int, now_ms: int) -> list[Callback]:
        found = [self._open(row) for row in self._records.due_records(_CALLBACK, now_ms, limit)]
        return [Callback(value["key"], value["openid"], value["work"], value["received_ms"]) for value in found]

    def finish_callback(self, callback: Callback, message: AccountMessage | None, now_ms: int) -> None:
        found = self.get(_CALLBACK, callback.key, now_ms)
        if found is not None:
            # What was asked is done with; only the answer is still wanted, for one who asks again.
            value = {"received_ms": found["received_ms"], "reply": found["reply"]}
            self.put(_CALLBACK, callback.key, value, callback.received_ms + CALLBACK_LIFE_MS)
        if message is not None:
            self.put_off(message, now_ms)

    def due_messages(self, limit: int, now_ms: int) -> list[AccountMessage]:
        return [AccountMessage(**self._open(row)) for row in self._records.due_records(_MESSAGE, now_ms, limit)]

    def put_off(self, message: AccountMessage, due_ms: int) -> None:
        self.put(_MESSAGE, message.key, asdict(message), message.expire_ms, due_ms)

    def issue_code(self, openid: str, number: str, code: str, now_ms: int) -> bool:
        counted = [(f"user/{openid}", self._issued(f"user/{openid}", now_ms)),
                   (f"number/{number}", self._issued(f"number/{number}", now_ms))]  # fmt: skip
        if any(len(times) >= MAX_CODES for _, times in counted):
            return False
        for key, times in counted:
            self.put(_ISSUED, key, {"times": [*times, now_ms]}, now_ms + _HOUR_MS)
        value = {"number": number, "digest": self._digest(openid, code), "tries": 0, "expire_ms": now_ms + CODE_LIFE_MS}
        self.put(_CODE, openid, value, now_ms + CODE_LIFE_MS)
        return True

    def try_code(self, openid: str, code: str, now_ms: int) -> tuple[CodeCheck, str]:
        found = self.get(_CODE, openid, now_ms)
        if found is None:
            return CodeCheck.NONE, ""
        is_right = hmac.compare_digest(found["digest"], self._digest(openid, code))
        found["tries"] += 1
        if is_right or found["tries"] >= MAX_TRIES:
            self.drop(_CODE, openid)
        else:
            self.put(_CODE, openid, found, found["expire_ms"])
        return (CodeCheck.RIGHT, found["number"]) if is_right else (CodeCheck.WRONG, "")

    def admit_once(self, value: str, expire_ms: int, now_ms: int) -> bool:
        if self.get(_NONCE, value, now_ms) is not None:
            return False
        self.put(_NONCE, value, {}, expire_ms)
        return True

    def put(self, kind: str, key: str, value: dict[str, Any], expire_ms: int, due_ms: int = NEVER_MS) -> None:
        lookup = self._seal.lookup(kind, key)
        sealed = self._seal.seal(json.dumps(value).encode(), _place(kind, lookup))
        self._records.put_record(RecordRow(kind, lookup, sealed, due_ms, expire_ms))

    def get(self, kind: str, key: str, now_ms: int) -> dict[str, Any] | None:
        row = self._records.record(kind, self._seal.lookup(kind, key), now_ms)
        return None if row is None else self._open(row)

    def drop(self, kind: str, key: str) -> None:
        self._records.drop_record(kind, self._seal.lookup(kind, key))

    def purge(self, now_ms: int) -> int:
        return self._records.purge_records(now_ms)

    def _open(self, row: RecordRow) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self._seal.open(row.sealed, _place(row.kind, row.key)))
        return value

    def _issued(self, key: str, now_ms: int) -> list[int]:
        found = self.get(_ISSUED, key, now_ms)
        return [] if found is None else [time_ms for time_ms in found["times"] if time_ms > now_ms - _HOUR_MS]

    def _digest(self, openid: str, code: str) -> str:
        # Six digits are guessed at once from a plain hash; this one needs the journal's key.
        return self._seal.lookup("code digest", f"{openid}/{code}").hex()


def _place(kind: str, key: bytes) -> str:
    return f"record/{kind}/{key.hex()}"
