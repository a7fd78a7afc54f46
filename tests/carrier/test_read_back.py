"""When an order is read back, and when not: by a clock that is told the time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.carrier import read_back
from adapters.carrier.metrics import Metrics
from adapters.carrier.read_back import ReadBack
from adapters.transport.platform import PlatformClient, PlatformRefusedError, PlatformUnreachableError
from adapters.wire.platform import AppliedEvent, Taken, Wanted, read_wanted, write_wanted
from optout.kit.clock import FakeClock

ORDER = Wanted("o-1", "+8613800138000", 1, 2, on=True)
OTHER = replace(ORDER, order="o-2", number="+8613800138001")
WAIT_S = 60.0


class Platform(PlatformClient):
    """Answers as told, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__("http://platform.example", "secret")
        self.taken, self.refuses, self.is_away = Taken.NEW, False, False
        self.held: dict[str, Wanted] = {}
        self.told: list[Wanted] = []
        self.asked: list[str] = []

    async def provision(self, body: bytes) -> Taken:
        self.told.append(read_wanted(body))
        if self.refuses:
            raise PlatformRefusedError("HTTP_400")
        return self.taken

    async def read(self, number: str) -> Wanted | None:
        if self.is_away:
            raise PlatformUnreachableError("HTTP_503")
        self.asked.append(number)
        return self.held.get(number)


class House:
    def __init__(self) -> None:
        self.platform, self.clock = Platform(), FakeClock()
        self.book = ReadBack(self.platform, Metrics("mobile"), self.clock, WAIT_S)

    async def tell(self, wanted: Wanted = ORDER) -> None:
        await self.book.tell(write_wanted(wanted))

    async def look_after(self, seconds: float) -> list[str]:
        """The numbers read back when so much time has passed."""
        self.platform.asked.clear()
        self.clock.advance(seconds)
        await self.book.look()
        return list(self.platform.asked)


@pytest.fixture
def house() -> House:
    return House()


def report(wanted: Wanted) -> AppliedEvent:
    return AppliedEvent(1, wanted.order, wanted.number, wanted.epoch, wanted.version, 0, ())


async def test_order_when_its_time_is_not_over_then_not_read_back_and_afterwards_once_a_wait(house: House) -> None:
    await house.tell()
    assert await house.look_after(WAIT_S - 1) == []
    assert await house.look_after(1) == [ORDER.number]
    assert await house.look_after(WAIT_S - 1) == []
    assert await house.look_after(1) == [ORDER.number]
    assert house.platform.told == [ORDER] * 3


async def test_order_when_it_is_in_force_then_read_back_once_and_not_told_again(house: House) -> None:
    await house.tell()
    house.platform.held[ORDER.number] = ORDER
    assert await house.look_after(WAIT_S) == [ORDER.number]
    assert await house.look_after(10 * WAIT_S) == []
    assert house.platform.told == [ORDER]


@pytest.mark.parametrize(("version", "asked"), [(1, [ORDER.number]), (2, []), (3, [])])
async def test_order_when_a_version_is_reported_then_it_is_awaited_only_if_that_is_older(
    house: House, version: int, asked: list[str]
) -> None:
    await house.tell()
    house.book.hear(report(replace(ORDER, version=version)))
    assert await house.look_after(WAIT_S) == asked


async def test_order_when_a_newer_one_followed_then_only_that_is_awaited_and_from_then_on(house: House) -> None:
    await house.tell()
    house.clock.advance(WAIT_S - 1)
    newer = replace(ORDER, order="o-3", version=3)
    await house.tell(newer)
    assert await house.look_after(WAIT_S - 1) == []
    assert await house.look_after(1) == [ORDER.number]
    assert house.platform.told == [ORDER, newer, newer]


@pytest.mark.parametrize("refuses", [True, False])
async def test_order_when_refused_or_stale_then_not_awaited(house: House, refuses: bool) -> None:
    house.platform.refuses, house.platform.taken = refuses, Taken.STALE
    if refuses:
        with pytest.raises(PlatformRefusedError):
            await house.tell()
    else:
        await house.tell()
    assert await house.look_after(WAIT_S) == []


async def test_platform_when_away_then_what_is_due_is_due_still(house: House) -> None:
    await house.tell()
    await house.tell(OTHER)
    house.platform.is_away = True
    with pytest.raises(PlatformUnreachableError):
        await house.look_after(WAIT_S)
    house.platform.is_away = False
    assert await house.look_after(0) == [ORDER.number, OTHER.number]


async def test_orders_when_too_many_wait_then_the_oldest_is_forgotten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_back, "MOST_AWAITED", 1)
    await house.tell()
    await house.tell(OTHER)
    assert await house.look_after(WAIT_S) == [OTHER.number]
