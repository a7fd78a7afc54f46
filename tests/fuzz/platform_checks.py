"""What must hold for any bytes that reach the codec of interception platforms; shared by the fuzz target and the tests.

The first byte of an input chooses the check, the rest is what a peer sent.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from adapters.wire import platform
from adapters.wire.platform import (
    Act,
    AppliedEvent,
    EventPage,
    Force,
    ItemForce,
    PlatformError,
    StoppedEvent,
    Taken,
    Wanted,
)

T = TypeVar("T")

NUMBER, CALLER = "+8613800138000", "+861059990000"
REASONS = {"too_large", "not_json", "missing_field", "malformed_field", "unknown_field"}
WANTED = Wanted(
    "o-1", NUMBER, 1, 2, on=True, categories=("loan",), reject=(CALLER,), allow=("10086",), segments=("400", "+86170"),
    quiet=("every_day 22:00-08:00",),
)  # fmt: skip
PAGE = EventPage(
    "log-a",
    (
        AppliedEvent(1, "o-1", NUMBER, 1, 2, 3, (ItemForce("service", Force.DEGRADED, "VOLTE_OFF"),)),
        StoppedEvent(2, NUMBER, CALLER, 4, Act.REFUSED, "category", "loan", withheld=True),
    ),
)


def check(data: bytes) -> None:
    """Run the check that ``data`` chooses; raises whatever it finds wrong."""
    if len(data) < 2:
        return
    CHECKS[data[0] % len(CHECKS)](data[1:])


def read_or_none(read: Callable[[bytes], T], body: bytes) -> T | None:
    """What was read; None if it was refused, with a reason and without its content."""
    try:
        return read(body)
    except PlatformError as error:
        assert error.reason in REASONS  # noqa: PT017
        assert not {NUMBER, CALLER} & set(str(error).split())  # noqa: PT017
        return None


def check_wanted(body: bytes) -> None:
    """An order that was read survives writing, and its bounds hold."""
    wanted = read_or_none(platform.read_wanted, body)
    if wanted is not None:
        assert platform.read_wanted(platform.write_wanted(wanted)) == wanted
        assert min(wanted.epoch, wanted.version) >= 0


def check_page(body: bytes) -> None:
    """A page that was read survives writing, and is no longer than was agreed."""
    page = read_or_none(platform.read_page, body)
    if page is not None:
        assert platform.read_page(platform.write_page(page)) == page
        assert len(page.events) <= platform.MAX_EVENTS


def check_questions(body: bytes) -> None:
    """The small ones: an answer to an order, a look-up, a question for events, whose limit is held to its bounds."""
    taken = read_or_none(platform.read_taken, body)
    assert taken is None or platform.read_taken(platform.write_taken(taken)) is taken
    number = read_or_none(platform.read_lookup, body)
    assert number is None or platform.read_lookup(platform.write_lookup(number)) == number
    asked = read_or_none(platform.read_events_request, body)
    if asked is not None:
        assert platform.read_events_request(platform.write_events_request(*asked)) == asked
        assert 1 <= asked[2] <= platform.MAX_EVENTS


CHECKS: tuple[Callable[[bytes], None], ...] = (check_wanted, check_page, check_questions)


def make_seeds() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of at least one input per check."""
    inputs: list[tuple[str, Callable[[bytes], None], bytes]] = [
        ("wanted", check_wanted, platform.write_wanted(WANTED)),
        ("off", check_wanted, platform.write_wanted(Wanted("o-2", NUMBER, 1, 3, on=False))),
        ("page", check_page, platform.write_page(PAGE)),
        ("taken", check_questions, platform.write_taken(Taken.STALE)),
        ("lookup", check_questions, platform.write_lookup(NUMBER)),
        ("events", check_questions, platform.write_events_request("log-a", 7, 100)),
    ]
    for name, check_it, data in inputs:
        yield name, bytes((CHECKS.index(check_it),)) + data
