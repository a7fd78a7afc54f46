import asyncio
import io
import json
import logging
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout.kit.redact import (
    NumberFilter,
    SafeHandler,
    configure_logging,
    find_numbers,
    log_uncaught_exceptions,
    redact,
)

MOBILE = "13800138000"
LEAKS = [
    MOBILE,
    "+8613800138000",
    "008613800138000",
    "8613800138000",
    "013800138000",
    "0000000000" + MOBILE,
    "138 0013 8000",
    "138-0013-8000",
    "+86 138-0013-8000",
    "1380013 8000",
    "１３８００１３８０００",
    "01012345678",
    "010-12345678",
    "(010)12345678",
    "0571 1234567",
    "0571-1234-5678",
    "861012345678",
    "0086 10 1234 5678",
    "+86 (0)10 1234 5678",
    "4001234567",
    "400-123-4567",
    "+852 1234 5678",
    "+1 202-555-0100",
    "+2901234",
    "＋２９０ １２３４",
    "0085212345678",
    MOBILE.encode().hex(),
    b"+8613800138000".hex(),
    MOBILE.encode("utf-16-be").hex(),
    MOBILE.encode("utf-16-be").hex().upper(),
    str(MOBILE.encode("utf-16-be"))[2:-1],
    str(MOBILE.encode("utf-16-le"))[2:-5],
]
HARMLESS = [
    "1732420000",
    "1732420000123",
    "1732420000123456",
    "2025-11-24T13:58:01.123456Z",
    "2025-01-02-030405",
    "20251124135801",
    "0123456789abcdef0123456789abcdef",
    "f47ac10b-58cc-4372-a567-138001380000",
    "sha256:" + "13800138000a" * 5 + "abcd",
    "10086 12345 95588 110",
    "1065712345678",
    "revision 123456789, 48 bytes in 0.153123 s",
    "127.0.0.1:13800",
    "13 15 17 19 21 23 25",
    "sequences 1 3 5 7 9 11 13",
    "62345678",
    "1732420000 12 entries",
]


@pytest.mark.parametrize("leak", LEAKS, ids=range(len(LEAKS)))
@pytest.mark.parametrize("frame", ["{}", "called='{}', next", "号码{}。", "tel:{};x", "a=1 {} b=2"], ids=range(5))
def test_find_numbers_in_each_writing_finds_exactly_the_number(leak: str, frame: str) -> None:
    text = frame.format(leak)

    assert find_numbers(text) == [leak]
    assert redact(text) == frame.format("[number]")


@pytest.mark.parametrize("text", HARMLESS, ids=range(len(HARMLESS)))
def test_find_numbers_in_times_ids_and_codes_finds_nothing(text: str) -> None:
    assert find_numbers(text) == []
    assert redact(text) == text


@pytest.mark.parametrize("joint", [" ", "-", ",", "\n", "/", "、"])
def test_find_numbers_in_a_row_finds_each(joint: str) -> None:
    assert find_numbers(joint.join([MOBILE, "13900139000", "01012345678"])) == [MOBILE, "13900139000", "01012345678"]


def test_find_numbers_in_printed_bytes_finds_numbers_after_escapes() -> None:
    for before in (b"\x00", b"\x15", b"\x0b", b"\xff"):
        assert MOBILE not in redact(repr(before + MOBILE.encode() + bytes(10)))


def test_find_numbers_in_a_dumped_packet_finds_the_number_within() -> None:
    packet = bytes([0, 0, 0, 127, 0xA5]) + MOBILE.encode() + bytes(21)
    assert find_numbers(packet.hex()) == [MOBILE.encode().hex()]


@given(st.integers(13 * 10**9, 2 * 10**10 - 1), st.lists(st.sampled_from(["", "-", " "]), min_size=3, max_size=3))
def test_redact_of_any_mobile_in_usual_groups_leaves_no_trace(mobile: int, joints: list[str]) -> None:
    digits = str(mobile)
    text = f"to +86{joints[0]}{digits[:3]}{joints[1]}{digits[3:7]}{joints[2]}{digits[7:]}."
    assert redact(text) == "to [number]."


@given(st.binary(max_size=64))
def test_find_numbers_in_digests_finds_nothing(data: bytes) -> None:
    assert find_numbers(sha256(data).hexdigest()) == []


@given(st.uuids(), st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - the law adds UTC
def test_find_numbers_in_uuids_and_times_finds_nothing(request_id: uuid.UUID, moment: datetime) -> None:
    stamp = moment.replace(tzinfo=UTC)
    assert find_numbers(f"{request_id} {stamp.isoformat()} {int(stamp.timestamp() * 1000)}") == []


@given(st.text(max_size=200))
def test_redact_of_any_text_leaves_nothing_to_find(text: str) -> None:
    assert find_numbers(redact(text)) == []


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    filters = {handler: handler.filters[:] for handler in handlers}
    hooks = sys.excepthook, threading.excepthook
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = handlers, level
    for handler, kept in filters.items():
        handler.filters[:] = kept
    sys.excepthook, threading.excepthook = hooks


def log_everywhere(logger: logging.Logger) -> None:
    logger.info("call from %s to %d", "138-0013-8000", 13800138000, extra={"caller": MOBILE, "revision": 7})
    logger.info("event", extra={"batch": {"to": [13800138000, MOBILE.encode()], MOBILE: None}, "ok": True})
    try:
        try:
            raise ValueError(MOBILE)
        except ValueError as error:
            raise KeyError({"n": MOBILE}) from error
    except KeyError:
        logger.exception("lookup failed", stack_info=True)
    logger.warning("arguments %d do not fit", MOBILE)


@pytest.mark.usefixtures("restored_logging")
def test_configure_logging_as_json_writes_one_redacted_object_a_line() -> None:
    stream = io.StringIO()
    configure_logging("json", level="INFO", stream=stream)

    log_everywhere(logging.getLogger("demo"))

    assert find_numbers(stream.getvalue()) == []
    first, second, third, fourth = map(json.loads, stream.getvalue().splitlines())
    assert datetime.fromisoformat(first.pop("time")).tzinfo is UTC
    assert first == {
        "level": "INFO",
        "logger": "demo",
        "event": "call from [number] to [number]",
        "fields": {"caller": "[number]", "revision": 7},
    }
    assert second["fields"] == {"batch": {"to": ["[number]", "b'[number]'"], "[number]": None}, "ok": True}
    assert "ValueError: [number]" in third["exception"]
    assert "log_everywhere" in third["stack"]
    assert fourth["event"] == "arguments %d do not fit (arguments do not fit)"


@pytest.mark.usefixtures("restored_logging")
def test_configure_logging_as_console_writes_redacted_lines() -> None:
    stream = io.StringIO()
    configure_logging("console", level=logging.INFO, stream=stream)

    log_everywhere(logging.getLogger("demo"))
    logging.getLogger("demo").debug("too detailed")

    text = stream.getvalue()
    assert find_numbers(text) == []
    assert "INFO     demo: call from [number] to [number] caller=[number] revision=7\n" in text
    assert "ValueError: [number]" in text
    assert "too detailed" not in text


@pytest.mark.usefixtures("restored_logging")
def test_configure_logging_twice_keeps_one_handler_and_filters_those_of_others() -> None:
    stream, foreign = io.StringIO(), logging.StreamHandler(io.StringIO())
    logging.getLogger().addHandler(foreign)

    configure_logging("json", stream=stream)
    configure_logging("json", stream=stream)
    log_everywhere(logging.getLogger("demo"))

    root = logging.getLogger()
    assert sum(isinstance(handler, SafeHandler) for handler in root.handlers) == 1
    assert sum(isinstance(known, NumberFilter) for known in foreign.filters) == 1
    assert "call from [number]" in foreign.stream.getvalue()
    assert find_numbers(foreign.stream.getvalue()) == []


@pytest.mark.usefixtures("restored_logging")
async def test_configure_logging_under_asyncio_redacts_what_the_loop_reports() -> None:
    stream = io.StringIO()
    configure_logging("json", stream=stream)

    asyncio.get_running_loop().call_exception_handler({"message": "boom", "exception": ValueError(MOBILE)})

    assert "boom" in stream.getvalue()
    assert find_numbers(stream.getvalue()) == []


@pytest.mark.usefixtures("restored_logging")
def test_log_uncaught_exceptions_of_a_thread_and_the_process_redacts_them() -> None:
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    log_uncaught_exceptions()

    thread = threading.Thread(target=int, args=(f"n{MOBILE}",))
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError(MOBILE), None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["uncaught exception"] * 2
    assert find_numbers(stream.getvalue()) == []


@pytest.mark.usefixtures("restored_logging")
def test_handler_whose_stream_fails_names_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    handler = configure_logging("json", stream=stream)
    stream.close()

    handler.handle(logging.makeLogRecord({"name": "demo", "msg": MOBILE}))

    assert capsys.readouterr().err == "a record of demo could not be logged: ValueError\n"


@pytest.mark.parametrize(("form", "level"), [("xml", "INFO"), ("json", "LOUD")])
@pytest.mark.usefixtures("restored_logging")
def test_configure_logging_with_unknown_setting_is_refused(form: str, level: str) -> None:
    with pytest.raises(ValueError, match=r"log format|Unknown level"):
        configure_logging(form, level=level)  # type: ignore[arg-type]
