"""Notices on their way into the journal: the gateway's, and the adapter's own answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from hashlib import sha256
from zlib import crc32

from adapters.carrier.base import NoticeData
from adapters.carrier.templates import Renderer, parse_minute
from adapters.journal.rows import Notice, Origin, Prompt, SmsBody
from adapters.wire.longmessage import split_message

CHINA_TIME = timezone(timedelta(hours=8))
_MINUTE_MS = 60_000
GUARDIAN_QUESTION = "guardian"
CONFIRM_OPEN, OPENING = "confirm_open", "open"
_TARGETS = {CONFIRM_OPEN: OPENING, "confirm_cancel": "closed", "guardian_asked": GUARDIAN_QUESTION}
"""What agreeing to a question leads to, by its template (`docs/notices.md`): a state, or a guardian."""


@dataclass(frozen=True, slots=True)
class NoticeRequest:
    """A notice that somebody wants sent; `number` is canonical."""

    notice_id: str
    origin: Origin
    number: str = field(repr=False)
    template: str
    parameters: Mapping[str, str] = field(repr=False)
    expire_ms: int
    account: str = ""
    link_tag: bytes = b""


class NoticeWriter:
    """Renders, signs, splits, and finds the question in it. Pure."""

    def __init__(self, data: NoticeData) -> None:
        self._data = data
        self._renderer = Renderer(data)

    def say(self, template: str, parameters: Mapping[str, str]) -> str:
        """Write a message, which alone is signed: no agent's screen, page or chat is. Raises `TemplateError`."""
        return self._data.signature + self._renderer.render(template, parameters)

    def write(self, request: NoticeRequest, now_ms: int) -> tuple[Notice, Prompt | None]:
        """Make the rows of a notice. Raises `TemplateError`, and `WireError` for a text that no message can carry."""
        text = self.say(request.template, request.parameters)
        reference = crc32(request.notice_id.encode()) % 256
        segments = split_message(text, reference, gb=self._data.gb, ascii_bytes=self._data.ascii_bytes)
        bodies = tuple(SmsBody(int(segment.msg_fmt), segment.tp_udhi, segment.content) for segment in segments)
        notice = Notice(
            request.notice_id,
            request.origin,
            request.number,
            bodies,
            now_ms,
            request.expire_ms,
            request.account,
            request.link_tag,
        )
        return notice, self._find_prompt(request, text)

    def _find_prompt(self, request: NoticeRequest, text: str) -> Prompt | None:
        parameter = self._data.templates[request.template].prompt_until
        if not parameter:
            return None
        minute = parse_minute(request.parameters[parameter]).replace(tzinfo=CHINA_TIME)
        # The parameter names the minute in which the time runs out; the gateway's clock has the last word.
        expire_ms = int(minute.timestamp() * 1000) + _MINUTE_MS
        digest = sha256(text.encode()).digest()
        target = _TARGETS.get(request.template, "")
        return Prompt(request.number, expire_ms, self._data.version, digest, request.notice_id, target)
