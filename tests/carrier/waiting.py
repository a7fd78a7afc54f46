import asyncio
import logging
from collections.abc import Callable, Iterable

from optout.kit.redact import find_numbers

STANDARD = set(vars(logging.makeLogRecord({})))


async def wait_until(holds: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Return as soon as `holds` does; fail if that takes too long."""
    async with asyncio.timeout(timeout_s):
        while not holds():
            await asyncio.sleep(0.005)


def leaks(records: Iterable[logging.LogRecord]) -> list[str]:
    """Return what gives a number away in messages, arguments, exceptions and extra fields."""
    found = []
    for record in records:
        extras = {key: value for key, value in vars(record).items() if key not in STANDARD}
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        # The digits of fractions can look like anything; the message shows them rounded.
        args = [arg for arg in record.args or () if not isinstance(arg, float)]
        found += find_numbers(f"{record.getMessage()} {args} {extras} {trace}")
    return found
