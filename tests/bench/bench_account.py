"""WeChat callback → proved, decrypted, durable → sealed reply: callbacks per second against a bare aiohttp echo.

Channel, journal (SQLite, synchronous) and caller run in one process over loopback; the registry answers at once, since
a callback is answered before it is carried out. The echo is an aiohttp server that sends the same requests back, called
by the same client from the same number of callers.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import aiohttp

from adapters.carrier.account_channel import AccountChannel, AccountParts
from adapters.carrier.metrics import Metrics
from adapters.carrier.notices import NoticeWriter
from adapters.journal.account import AccountBook, Binding
from adapters.journal.rows import Delivery, Waits
from adapters.journal.sqlite import open_journal
from adapters.mobile import CARRIER
from adapters.wire import wechat
from optout.kit.clock import SystemClock
from optout.kit.number import PhoneNumber
from optout.kit.ports import pick_port
from optout.v1 import types_pb2
from tests.bench.bench_orders import serve_echo
from tests.bench.report import Figure, publish
from tests.carrier.account_rig import make_account_config
from tests.wire.wechat_samples import ACCOUNT, RANDOM, TO_USER

CALLERS = (1, 16, 64)
USERS = 1000


class AgreeableGateway:
    """Does everything, at once."""

    async def submit(self, instruction: types_pb2.Instruction) -> types_pb2.Outcome:
        """Say that it is done."""
        return types_pb2.Outcome(disposition=types_pb2.DISPOSITION_DONE)

    async def find_subscription(self, number: PhoneNumber) -> None:
        """Know nobody."""

    async def report_deliveries(self, deliveries: Sequence[Delivery]) -> list[str]:
        """Take everything."""
        return [delivery.report_id for delivery in deliveries]


def make_callbacks(count: int) -> list[tuple[dict[str, str], bytes]]:
    """Texts that are to be carried out, each a message of its own."""
    now_s = SystemClock().now_ms() // 1000
    made = []
    for index in range(count):
        openid = f"oUser-{index % USERS}"
        text = wechat.TextMessage(
            to_user=TO_USER, from_user=openid, create_time_s=now_s, msg_id=str(10**12 + index), content="拒接1"
        )
        query, body = wechat.seal_callback(
            ACCOUNT,
            wechat.write_message(text),
            to_user=TO_USER,
            openid=openid,
            timestamp=str(now_s),
            nonce=f"n{index}",
            random=RANDOM,
        )
        made.append((asdict(query), body))
    return made


async def post_all(
    url: str, callbacks: list[tuple[dict[str, str], bytes]], callers: int
) -> tuple[float, list[tuple[int, bytes]]]:
    """Send every callback, ``callers`` of them at a time; return callbacks per second, and the answers."""
    answers: list[tuple[int, bytes]] = []
    waiting = iter(callbacks)

    async def call(session: aiohttp.ClientSession) -> None:
        for query, body in waiting:
            async with session.post(url, params=query, data=body) as answer:
                answers.append((answer.status, await answer.read()))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        begin = time.perf_counter()
        await asyncio.gather(*(call(session) for _ in range(callers)))
        return len(callbacks) / (time.perf_counter() - begin), answers


@asynccontextmanager
async def open_channel(folder: Path) -> AsyncIterator[str]:
    """A channel over a journal on disk, with its users bound; yields the URL for callbacks."""
    clock = SystemClock()
    journal = open_journal(folder / "journal.sqlite", bytes(32), Waits(), clock.now_ms())
    book = AccountBook(journal)
    numbers = [f"+86138{tail:08}" for tail in range(USERS)]
    bindings = [Binding(f"oUser-{i}", number, "sms_code", clock.now_ms()) for i, number in enumerate(numbers)]
    await asyncio.gather(*map(book.bind, bindings))
    parts = AccountParts(
        CARRIER,
        make_account_config(folder, pick_port(), pick_port(), None),
        journal,
        AgreeableGateway(),  # type: ignore[arg-type]
        NoticeWriter(CARRIER.data.notices),
        Metrics("mobile"),
        clock,
        lambda: None,
    )
    channel = AccountChannel(parts)
    await channel.start()
    yield f"http://{channel.address}/wechat"
    await channel.stop(5.0)
    await journal.close()


async def measure_echo(callers: int, count: int) -> float:
    """Callbacks per second through the echo."""
    async with serve_echo() as url:
        rate, _ = await post_all(url, make_callbacks(count), callers)
    return rate


async def measure_channel(callers: int, count: int) -> float:
    """Callbacks per second, each durable before its answer."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_channel(Path(folder)) as url:
            rate, answers = await post_all(url, make_callbacks(count), callers)
    for status, body in answers:
        if status != 200 or not wechat.parse_reply(wechat.open_reply(ACCOUNT, body)).content.startswith("已收到"):
            raise AssertionError("not every callback was taken")
    return rate


def run(seconds: float = 2.0) -> None:
    """Measure and publish."""
    figures = []
    for callers in CALLERS:
        count = round((100 if callers == 1 else 500) * seconds)
        echo = asyncio.run(measure_echo(callers, 2 * count))
        rate = asyncio.run(measure_channel(callers, count))
        figures += [
            Figure(f"bare aiohttp echo, {callers} callers", echo, "/s", {"to echo": 1.0}, note="the limit"),
            Figure(f"callback → durable → sealed reply, {callers} callers", rate, "/s", {"to echo": rate / echo}),
        ]
    publish("account", "WeChat callbacks, proved, decrypted and journalled before the answer", figures)


if __name__ == "__main__":
    run()
