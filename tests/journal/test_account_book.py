"""The sentences of the account channel's memory, held on both engines; what lies on the disk tells nobody anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.journal.account import (
    BINDING_LIFE_MS,
    CALLBACK_LIFE_MS,
    CODE_LIFE_MS,
    MAX_CODES,
    MAX_TRIES,
    AccountBook,
    AccountMessage,
    Binding,
    Callback,
    CodeCheck,
    ConsentPrompt,
)
from adapters.journal.engine import LogicJournal
from tests.journal.engines import HOUR, NUMBER, OTHER, T0, Engine, SqliteEngine

USER = "oyORnuP8q7ou2gfYjqLzSIWZf0rs"
CODE = "402117"


@pytest.fixture
def book(engine: Engine) -> AccountBook:
    return open_book(engine)


def open_book(engine: Engine) -> AccountBook:
    journal = engine.open()
    assert isinstance(journal, LogicJournal)
    return AccountBook(journal)


def read_all(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def make_callback(key: str = "msg:1", work: dict[str, str] | None = None, received_ms: int = T0) -> Callback:
    return Callback(key, USER, work if work is not None else {"do": "open"}, received_ms)


def make_message(key: str = "msg:1") -> AccountMessage:
    return AccountMessage(key, USER, "已开通", T0 + 48 * HOUR, T0 + 72 * HOUR)


async def test_callback_when_taken_twice_then_first_answer_again_and_work_once(book: AccountBook) -> None:
    first = await book.take_callback(make_callback(), b"one")
    again = await book.take_callback(make_callback(received_ms=T0 + 5_000), b"two")
    assert (first.body, first.is_new) == (b"one", True)
    assert (again.body, again.is_new, again.given_ms) == (b"one", False, T0)
    assert [callback.key for callback in await book.open_callbacks(10, T0 + 6_000)] == ["msg:1"]


async def test_callback_when_finished_then_message_is_due_and_answer_is_kept(book: AccountBook) -> None:
    await book.take_callback(make_callback(), b"one")
    await book.finish_callback(make_callback(), make_message(), T0 + 10)
    assert await book.open_callbacks(10, T0 + HOUR) == []
    assert await book.due_messages(10, T0 + 10) == [make_message()]
    kept = (await book.look_up("msg:1", USER, T0 + CALLBACK_LIFE_MS - 1)).first
    assert kept is not None
    assert kept.body == b"one"
    assert (await book.look_up("msg:1", USER, T0 + CALLBACK_LIFE_MS)).first is None


async def test_callback_when_there_is_nothing_to_do_then_only_the_answer_is_kept(book: AccountBook) -> None:
    await book.take_callback(Callback("event:1", USER, None, T0), b"success")
    assert await book.open_callbacks(10, T0 + HOUR) == []


async def test_message_when_put_off_then_due_later_and_gone_when_dropped_or_expired(book: AccountBook) -> None:
    await book.finish_callback(make_callback(), make_message(), T0)
    await book.put_off(make_message(), T0 + 1_000)
    assert await book.due_messages(10, T0 + 999) == []
    assert await book.due_messages(10, T0 + 1_000) == [make_message()]
    assert await book.due_messages(10, T0 + 72 * HOUR) == []
    await book.drop_message(make_message())
    assert await book.due_messages(10, T0 + 1_000) == []


async def test_binding_when_replaced_and_ended_then_newest_counts_and_none_is_left(book: AccountBook) -> None:
    await book.bind(Binding(USER, NUMBER, "sms_code", T0))
    await book.bind(Binding(USER, OTHER, "one_tap_login", T0 + 1))
    assert await book.binding(USER, T0) == Binding(USER, OTHER, "one_tap_login", T0 + 1)
    await book.unbind(USER)
    assert await book.binding(USER, T0) is None


async def test_code_when_right_then_proves_its_number_once(book: AccountBook) -> None:
    assert await book.issue_code(USER, NUMBER, CODE, T0)
    assert await book.try_code(USER, "000000", T0) == (CodeCheck.WRONG, "")
    assert await book.try_code(USER, CODE, T0 + CODE_LIFE_MS - 1) == (CodeCheck.RIGHT, NUMBER)
    assert await book.try_code(USER, CODE, T0 + CODE_LIFE_MS - 1) == (CodeCheck.NONE, "")


async def test_code_when_late_or_another_users_then_proves_nothing(book: AccountBook) -> None:
    assert await book.issue_code(USER, NUMBER, CODE, T0)
    assert await book.try_code("somebody", CODE, T0) == (CodeCheck.NONE, "")
    assert await book.try_code(USER, CODE, T0 + CODE_LIFE_MS) == (CodeCheck.NONE, "")


async def test_code_when_wrong_too_often_then_even_the_right_one_is_none(book: AccountBook) -> None:
    assert await book.issue_code(USER, NUMBER, CODE, T0)
    for _ in range(MAX_TRIES):
        assert await book.try_code(USER, "000000", T0) == (CodeCheck.WRONG, "")
    assert await book.try_code(USER, CODE, T0) == (CodeCheck.NONE, "")


@pytest.mark.parametrize(("user", "number"), [("u{}", NUMBER), (USER, "+861390013900{}")], ids=["number", "user"])
async def test_codes_when_asked_too_often_then_refused_for_the_hour(book: AccountBook, user: str, number: str) -> None:
    for turn in range(MAX_CODES):
        assert await book.issue_code(user.format(turn), number.format(turn), CODE, T0)
    assert not await book.issue_code(user.format(9), number.format(9), CODE, T0 + HOUR - 1)
    assert await book.issue_code(user.format(9), number.format(9), CODE, T0 + HOUR)


async def test_nonce_when_seen_again_then_refused_until_it_has_expired(book: AccountBook) -> None:
    assert await book.admit_once("n", T0 + 100, T0)
    assert not await book.admit_once("n", T0 + 200, T0 + 99)
    assert await book.admit_once("n", T0 + 200, T0 + 100)


async def test_prompt_when_it_expires_then_is_gone(book: AccountBook) -> None:
    prompt = ConsentPrompt("2026-11", "ab", T0 + 100)
    await book.put_prompt(USER, prompt)
    assert (await book.look_up("msg:1", USER, T0 + 99)).prompt == prompt
    assert (await book.look_up("msg:1", USER, T0 + 100)).prompt is None
    assert await book.purge(T0 + 100) == 1


async def test_book_when_process_is_killed_then_nothing_is_lost(engine: Engine) -> None:
    killed = engine.open()
    assert isinstance(killed, LogicJournal)
    book = AccountBook(killed)
    await book.take_callback(make_callback(), b"one")
    await book.bind(Binding(USER, NUMBER, "sms_code", T0))
    reopened = engine.kill_and_open(killed)
    assert isinstance(reopened, LogicJournal)
    after = AccountBook(reopened)
    assert len(await after.open_callbacks(10, T0)) == 1
    assert await after.binding(USER, T0) is not None


async def test_file_when_searched_then_tells_no_number_user_code_or_text(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path)
    book = open_book(engine)
    await book.bind(Binding(USER, NUMBER, "sms_code", T0))
    await book.issue_code(USER, NUMBER, CODE, T0)
    await book.finish_callback(make_callback(), make_message(), T0)
    await engine.close()
    stored = read_all(tmp_path)
    for secret in (NUMBER, NUMBER[3:], USER, CODE, "已开通"):
        assert secret.encode() not in stored


async def test_binding_when_number_could_have_a_new_holder_then_is_gone(book: AccountBook) -> None:
    await book.bind(Binding(USER, NUMBER, "sms_code", T0))
    assert await book.binding(USER, T0 + BINDING_LIFE_MS - 1) is not None
    assert await book.binding(USER, T0 + BINDING_LIFE_MS) is None
