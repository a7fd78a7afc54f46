"""Erasing: E of the contract, on every engine; and what is left in the bytes of a file."""

from __future__ import annotations

from adapters.journal.account import AccountBook, AccountMessage, Binding, Callback
from adapters.journal.base import Journal
from adapters.journal.rows import Erasing, Order, Prompt, Segment
from tests.journal.engines import (
    ACCOUNT,
    HOUR,
    NUMBER,
    OTHER,
    T0,
    Engine,
    SqliteEngine,
    make_msg_id,
    make_notice,
    make_report,
    part,
)

ERASING = Erasing("a-1", NUMBER, 1, 4, T0)


async def test_erasure_when_begun_then_listed_until_dropped_and_a_newer_one_takes_its_place(engine: Engine) -> None:
    journal = engine.open()
    await journal.begin_erasure(ERASING)
    await journal.begin_erasure(Erasing("a-2", OTHER, 1, 4, T0 - 1))
    newer = Erasing("a-3", NUMBER, 1, 5, T0 + 1)
    await journal.begin_erasure(newer)
    await journal.begin_erasure(newer)
    journal = engine.kill_and_open(journal)
    assert [erasing.order_id for erasing in await journal.erasures(9)] == ["a-2", "a-3"]
    assert (await journal.erasures(9))[1] == newer
    await journal.drop_erasure("a-2")
    assert await journal.erasures(9) == [newer]


async def test_forget_when_a_notice_is_under_way_then_left_until_the_gateway_knows_of_its_end(journal: Journal) -> None:
    await journal.add_notice(make_notice("n-1"))
    assert await journal.forget(NUMBER) == 1
    (send,) = await journal.claim(ACCOUNT, 1, T0)
    assert await journal.forget(NUMBER) == 1
    await journal.accept(send.key, ACCOUNT, 1, make_msg_id(1), T0)
    await journal.take_report(make_report(make_msg_id(1)), T0 + HOUR)
    assert await journal.forget(NUMBER) == 1
    await journal.drop_deliveries([delivery.report_id for delivery in await journal.deliveries(9)])
    assert await journal.forget(NUMBER) == 0
    assert await journal.add_notice(make_notice("n-1")) == (1, True)


async def test_forget_when_the_platform_is_still_to_be_told_then_left(journal: Journal) -> None:
    await journal.take_order(Order("o-1", f"{NUMBER}/1", 1, 4), T0, b"off")
    assert await journal.forget(NUMBER) == 1
    await journal.drop_provision("o-1")
    assert await journal.forget(NUMBER) == 0


async def test_forget_when_done_then_nothing_of_the_number_is_found_and_others_are_as_they_were(journal) -> None:
    book = AccountBook(journal)
    for number, user in ((NUMBER, "user-a"), (OTHER, "user-b")):
        await journal.add_notice(make_notice(f"n-{user}", number=number), Prompt(number, T0 + HOUR, "1", b"d" * 32))
        await journal.keep_reply(f"reply-{user}", f"<to>{number[3:]}</to>".encode(), T0)
        await journal.add_segment(Segment(user.encode(), 1, f"{number[3:]} hello".encode(), T0))
        await book.bind(Binding(user, number, "sms_code", T0))
        await book.issue_code(user, number, "123456", T0)
        callback = Callback(f"c-{user}", user, None, T0)
        await book.take_callback(callback, f"<ToUserName>{user}</ToUserName>".encode())
        await book.finish_callback(callback, AccountMessage(f"m-{user}", user, "told", T0, T0 + HOUR), T0)
    for send in await journal.claim(ACCOUNT, 9, T0):
        await journal.refuse(send.key, 1, "MK:0001", T0)
    await journal.drop_deliveries([delivery.report_id for delivery in await journal.deliveries(9)])
    assert await journal.forget(NUMBER) == 0
    assert await journal.find_prompt(NUMBER, T0) is None
    assert await journal.first_reply("reply-user-a") is None
    assert [row.body for row in await journal.segments()] == [f"{OTHER[3:]} hello".encode()]
    assert await book.binding("user-a", T0) is None
    assert [message.openid for message in await book.due_messages(9, T0)] == ["user-b"]
    assert (await book.look_up("c-user-a", "user-a", T0)).first is None
    assert (await book.try_code("user-a", "123456", T0))[1] == ""
    assert (await book.look_up("c-user-b", "user-b", T0)).first is not None
    assert (await book.binding("user-b", T0)).number == OTHER
    assert await journal.find_prompt(OTHER, T0) is not None
    assert (await book.try_code("user-b", "123456", T0))[1] == OTHER
    assert (await journal.add_notice(make_notice("n-user-b", number=OTHER)))[1] is False
    assert (await journal.add_notice(make_notice("n-user-a")))[1] is True


async def test_forget_when_a_callback_waits_to_be_worked_on_then_left(journal) -> None:
    book = AccountBook(journal)
    await book.bind(Binding("user-a", NUMBER, "sms_code", T0))
    callback = Callback("c-1", "user-a", {"verb": "query"}, T0)
    await book.take_callback(callback, b"ok")
    assert await journal.forget(NUMBER) == 1


async def test_scrub_when_it_said_so_then_no_sealed_row_is_left_in_the_files(tmp_path) -> None:
    engine = SqliteEngine(tmp_path)
    journal = engine.open()
    await journal.add_notice(make_notice("n-1"))
    tables = journal._logic._tables
    sealed = (await journal.run(tables.part, part())).sealed
    assert sealed in _bytes(tmp_path)
    for send in await journal.claim(ACCOUNT, 9, T0):
        await journal.refuse(send.key, 1, "MK:0001", T0)
    await journal.drop_deliveries([delivery.report_id for delivery in await journal.deliveries(9)])
    assert await journal.forget(NUMBER) == 0
    assert sealed in _bytes(tmp_path)
    assert await journal.scrub()
    assert sealed not in _bytes(tmp_path)
    assert not (tmp_path / "journal-0.sqlite-wal").stat().st_size
    await engine.close()


def _bytes(folder) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
