r"""Logging that cannot leak telephone numbers.

`configure_logging` installs formatters that redact what they are about to write: message, arguments, fields,
exception and stack texts alike. `NumberFilter` does the same to the record itself, for handlers that are not
ours. `find_numbers` is the judge, and tests scan captured logs with it.

What counts as a number (``[number]`` is written in its place), always as a whole run of digits:

* a mobile, ``1[3-9]`` and nine digits more, bare or after ``+86``, ``0086``, ``86``, or padding zeros;
* a landline with its area code, after ``0``, ``86``, ``+86`` or ``0086``;
* ``+`` and 7 to 15 digits; ``00``, a digit that is not 0, and 6 to 13 more;
* 400 and 800 numbers;
* these with spaces or hyphens between groups of two digits and more, or in full-width digits;
* these as hexadecimal digits of ASCII or UCS-2 (``3133…``, ``00310033…``), and as the ``\x001\x003…`` that Python
  prints for UCS-2 bytes.

What does not: Unix times in seconds (10 digits), milliseconds (13) or finer, dates and times in ISO 8601, UUIDs
and digests (16 hexadecimal digits and more with a letter among them), short codes (10086, 95588), SMS ports
(106…, a sender's code and no person's), and local numbers without area code, which no pattern tells from a count.

A decimal id of eleven digits that happens to start like a mobile is redacted too: in a log a lost id is cheaper
than a leaked person. Base64 is not looked into: do not log it.
"""

import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, TextIO

PLACEHOLDER = "[number]"

_START = r"(?:(?<!\d)|(?<=\\x[0-9a-f]{2}))"  # what precedes in printed bytes is no digit of the number
_SEP = "[ \u00a0-]?"
_GROUPED = "(?:(?:[ \u00a0-](?=\\d\\d))?\\d)"
_COUNTRY = rf"(?:\+?0*86{_SEP}|0*)"
_SHAPES = (
    rf"{_COUNTRY}1[3-9]{_GROUPED}{{9}}",
    rf"{_COUNTRY}[48]00{_GROUPED}{{7}}",
    rf"\(?(?:\+?0*86{_SEP}|0)[1-9]\d{{1,2}}[ )\u00a0-]{{0,2}}\d{{3,4}}{_SEP}\d{{4}}",
    r"\+[1-9](?:[ ()-]{0,2}\d){6,14}",
    r"00[1-9]\d{6,13}",
)
_HEX = "[0-9a-fA-F]"
_OPAQUE = (
    rf"(?<![0-9A-Za-z]){_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?![0-9A-Za-z])"
    rf"|(?<![0-9A-Za-z])(?=\d*[a-fA-F]){_HEX}{{16,}}(?![0-9A-Za-z])"
)
_PLAIN_NUMBER = re.compile(rf"(?P<opaque>{_OPAQUE})|{_START}(?:{'|'.join(_SHAPES)})(?!\d)", re.ASCII)
_ENCODED_NUMBER = re.compile(
    r"(?P<ucs2>(?:002[bB])?(?:003\d){7,})"
    r"|(?P<ascii>(?:2[bB])?(?:3\d){7,})"
    r"|(?P<printed>(?:\\x00)?\d(?:\\x00\d){6,})"
)
_SEVEN_DIGITS = re.compile(r"\d(?:\D*\d){6}", re.ASCII)
"""What holds a number, however written, holds this: nearly all that is logged does not, and is spared the search."""
_FOLD_FULL_WIDTH = {0xFF10 + digit: ord("0") + digit for digit in range(10)} | {ord("＋"): "+"}


def find_numbers(text: str) -> list[str]:
    """List the parts of `text` that give a telephone number away, as they stand there, in order."""
    return [text[start:end] for start, end in _find_spans(text)]


def redact(text: str) -> str:
    """Write `text` with `PLACEHOLDER` in place of every telephone number."""
    spans = _find_spans(text)
    if not spans:
        return text
    parts, done = [], 0
    for start, end in spans:
        parts += [text[done:start], PLACEHOLDER]
        done = end
    return "".join([*parts, text[done:]])


def _find_spans(text: str) -> list[tuple[int, int]]:
    folded = text if text.isascii() else text.translate(_FOLD_FULL_WIDTH)
    if _SEVEN_DIGITS.search(folded) is None:
        return []
    encoded = [match.span() for match in _ENCODED_NUMBER.finditer(folded) if _hides_number(match)]
    for start, end in encoded:
        folded = f"{folded[:start]}{'.' * (end - start)}{folded[end:]}"
    plain = [match.span() for match in _PLAIN_NUMBER.finditer(folded) if match["opaque"] is None]
    return sorted(encoded + plain)


def _hides_number(match: re.Match[str]) -> bool:
    if match["printed"]:
        digits = match[0].replace("\\x00", "")
    else:
        digits = bytes.fromhex(match[0]).decode("utf-16-be" if match["ucs2"] else "ascii")
    return _PLAIN_NUMBER.search(digits) is not None


class NumberFilter(logging.Filter):
    """Redacts a record in place, so that every handler after it, ours or not, gets the redacted one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, redacted: message and arguments, exception, stack and extra fields."""
        record.msg, record.args = _render_message(record), None
        if record.exc_info:
            record.exc_text = record.exc_text or logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        for key, value in _collect_fields(record).items():
            setattr(record, key, value)
        return True


_JSON = json.JSONEncoder(ensure_ascii=False)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (UTC, ISO 8601), ``level``, ``logger``, ``event``, ``fields``.

    ``fields`` holds what was passed as ``extra``; ``exception`` and ``stack`` appear when there are any.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write the redacted record."""
        line: dict[str, Any] = {
            "time": _write_time(record),
            "level": record.levelname,
            "logger": record.name,
            "event": _render_message(record),
            "fields": _collect_fields(record),
        }
        traces = zip(("exception", "stack"), _collect_traces(self, record), strict=True)
        line |= {key: text for key, text in traces if text}
        return _JSON.encode(line)


class ConsoleFormatter(logging.Formatter):
    """One line for people: time, level, logger, event, ``key=value`` fields; traces on lines below."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the redacted record."""
        head = f"{_write_time(record)} {record.levelname:<8} {record.name}: {_render_message(record)}"
        fields = [f"{key}={value}" for key, value in _collect_fields(record).items()]
        return "\n".join([" ".join([head, *fields]), *filter(None, _collect_traces(self, record))])


class SafeHandler(logging.StreamHandler[TextIO]):
    """A stream handler that, failing, does not print the record it failed on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """Name the logger and the error's type, nothing else."""
        kind = sys.exc_info()[0]
        sys.stderr.write(f"a record of {record.name} could not be logged: {kind and kind.__name__}\n")


def configure_logging(
    format: Literal["json", "console"] = "json",  # noqa: A002 - the setting's name
    level: int | str = logging.INFO,
    stream: TextIO | None = None,
) -> logging.Handler:
    """Log from `level` up to `stream` (standard error), redacted; calling it again replaces the handler.

    Handlers of others on the root logger stay and get redacted records. Gives the handler back. Raises
    `ValueError` for an unknown format or level.
    """
    formatters: dict[str, Callable[[], logging.Formatter]] = {"json": JsonFormatter, "console": ConsoleFormatter}
    if format not in formatters:
        raise ValueError("log format is neither json nor console")
    root = logging.getLogger()
    root.setLevel(level)
    handler = SafeHandler(stream or sys.stderr)
    handler.setFormatter(formatters[format]())
    for old in root.handlers[:]:
        if isinstance(old, SafeHandler):
            root.removeHandler(old)
        elif not any(isinstance(known, NumberFilter) for known in old.filters):
            old.addFilter(NumberFilter())
    root.addHandler(handler)
    logging.captureWarnings(capture=True)
    return handler


def log_uncaught_exceptions() -> None:
    """Send exceptions that end a thread or the process through logging, where they are redacted."""
    logger = logging.getLogger("uncaught")

    def log(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        logger.critical("uncaught exception", exc_info=(kind, error or kind(), trace))

    sys.excepthook = log
    threading.excepthook = lambda args: log(args.exc_type, args.exc_value, args.exc_traceback)


_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_MAX_FIELD_DEPTH = 6


def _render_message(record: logging.LogRecord) -> str:
    try:
        return redact(record.getMessage())
    except Exception:
        return f"{redact(str(record.msg))} (arguments do not fit)"


def _write_time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _collect_fields(record: logging.LogRecord) -> dict[str, Any]:
    extras = vars(record).items()
    return {redact(key): _redact_value(value, 0) for key, value in extras if key not in _STANDARD_ATTRIBUTES}


def _redact_value(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return PLACEHOLDER if find_numbers(str(value)) else value
    if isinstance(value, str):
        return redact(value)
    if depth < _MAX_FIELD_DEPTH and isinstance(value, dict):
        return {redact(str(key)): _redact_value(item, depth + 1) for key, item in value.items()}
    if depth < _MAX_FIELD_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(item, depth + 1) for item in value]
    return redact(str(value))


def _collect_traces(formatter: logging.Formatter, record: logging.LogRecord) -> Iterator[str]:
    exception = record.exc_text or (formatter.formatException(record.exc_info) if record.exc_info else "")
    yield redact(exception)
    yield redact(record.stack_info or "")
