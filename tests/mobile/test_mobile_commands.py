"""China Mobile's table of texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.carrier.base import Verb
from adapters.carrier.commands import Command, CommandContext, CommandTable, Help, NotOurs, fold, parse_command
from adapters.mobile import CARRIER

SMS = CARRIER.data.sms
assert SMS is not None
TABLE = CommandTable(SMS)
ALL = ("loan", "insurance", "securities", "real_estate", "education")
OPEN = CommandContext(has_prompt=True)


CLOSED = CommandContext()


def read(text: str, context: CommandContext = CLOSED) -> object:
    return parse_command(TABLE, text, context)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("KTFSR", Command(Verb.OPEN)),
        ("QRFSR", Command(Verb.CONFIRM)),
        ("QXFSR", Command(Verb.CANCEL)),
        ("HFFSR", Command(Verb.UNDO)),
        ("CXFSR", Command(Verb.QUERY)),
        ("KTFSR1", Command(Verb.REFUSE_CATEGORY, ("loan",))),
        ("KTFSR2", Command(Verb.REFUSE_CATEGORY, ("insurance",))),
        ("KTFSR3", Command(Verb.REFUSE_CATEGORY, ("securities",))),
        ("KTFSR4", Command(Verb.REFUSE_CATEGORY, ("real_estate",))),
        ("KTFSR5", Command(Verb.REFUSE_CATEGORY, ("education",))),
        ("KTFSR0", Command(Verb.REFUSE_CATEGORY, ALL)),
        ("QXFSR1", Command(Verb.ACCEPT_CATEGORY, ("loan",))),
        ("QXFSR5", Command(Verb.ACCEPT_CATEGORY, ("education",))),
        ("QXFSR0", Command(Verb.ACCEPT_CATEGORY, ALL)),
        ("HMDTJ4001234567", Command(Verb.REJECT_ADD, (), "+864001234567")),
        ("HMDSC95588", Command(Verb.REJECT_REMOVE, (), "95588")),
        ("BMDTJ4001234567", Command(Verb.ALLOW_ADD, (), "+864001234567")),
        ("BMDSC 400 123 4567", Command(Verb.ALLOW_REMOVE, (), "+864001234567")),
        ("SQJH13300133000", Command(Verb.ASK_GUARDIAN, (), "+8613300133000")),
        ("JHSZ13300133000", Command(Verb.ACT_FOR_WARD, (), "+8613300133000", "elder")),
        ("QXJH", Command(Verb.END_GUARDIAN)),
        ("QXJH13300133000", Command(Verb.END_GUARDIAN, (), "+8613300133000")),
    ],
)
@pytest.mark.parametrize(
    "write",
    [
        str,
        str.lower,
        lambda text: f" \u3000{text}\r\n",
        lambda text: text.translate(FULL_WIDTH),
        lambda text: f"\ufeff{text}",
    ],
    ids=["plain", "lower", "spaces", "full-width", "byte-order-mark"],
)
def test_text_when_a_verb_is_written_any_way_then_its_command(text: str, command: Command, write) -> None:  # type: ignore[no-untyped-def]
    assert read(write(text)) == command
    assert read(write(text), OPEN) == command


FULL_WIDTH = {code: code - 0x21 + 0xFF01 for code in range(0x21, 0x7F)}


@pytest.mark.parametrize("text", ["Y", "y", "Ｙ", " 是 ", "确认"])
def test_text_when_shared_then_ours_only_while_a_question_is_open(text: str) -> None:
    assert read(text) == NotOurs()
    assert read(text, OPEN) == Command(Verb.CONFIRM)
    assert TABLE.is_shared(text)
    assert not TABLE.is_shared("QRFSR")


@pytest.mark.parametrize(
    "text",
    ["0000", "KTVOLTE", "QXGJLH", "CXXZ#1", "CXXZ#13800138000#1234", "", "   ", "KT", "FSR", "N", "YES", "是的", "余额",
     "XKTFSR", "请问KTFSR怎么用", "\ud800", "\x00"],
)  # fmt: skip
@pytest.mark.parametrize("context", [CLOSED, OPEN])
def test_text_when_it_belongs_to_others_then_not_ours(text: str, context: CommandContext) -> None:
    assert read(text, context) == NotOurs()


@pytest.mark.parametrize(
    "text", ["CSFZ", "ljdb", "KTFSR6", "KTFSR12", "KTFSR-1", "QXFSRx", "QRFSR1", "CXFSR？", "KTFSR贷款"]
)
def test_text_when_meant_for_us_but_wrong_then_help(text: str) -> None:
    assert read(text) == Help("help")


@pytest.mark.parametrize("text", ["HMDTJ", "HMDTJ12ab", "hmdtj 1380013800", "BMDSC号码", "HMDTJ" + "1" * 500])
def test_text_when_its_number_is_none_then_help_with_numbers(text: str) -> None:
    assert read(text) == Help("help_number")


@pytest.mark.parametrize("text", ["SQJH", "sqjh妈妈", "JHSZ1330013300", "QXJH全部"])
def test_text_when_it_names_no_family_member_then_help_with_guardians(text: str) -> None:
    assert read(text) == Help("help_guardian")


@given(st.text())
def test_text_when_it_is_noise_then_it_is_read_without_an_error(text: str) -> None:
    own = tuple(TABLE.prefixes) + tuple(TABLE.help_texts)
    for context in (CLOSED, OPEN):
        reading = read(text, context)
        if not fold(text).startswith(own) and not TABLE.is_shared(text):
            assert reading == NotOurs()


@given(st.sampled_from(TABLE.prefixes), st.text())
def test_text_when_it_starts_with_a_verb_then_never_taken_for_somebody_elses(verb: str, rest: str) -> None:
    assert not isinstance(read(verb + rest), NotOurs)


def test_command_when_printed_then_gives_no_number_away() -> None:
    assert "4001234567" not in repr(read("HMDTJ4001234567"))
