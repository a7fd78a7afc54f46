"""What cannot be taken back takes two texts: the first explains, and only the second is the wish."""

import pytest

from adapters.carrier.base import Verb
from adapters.carrier.commands import Command, CommandContext, CommandTable, Help, parse_command
from adapters.mobile import CARRIER as MOBILE
from adapters.telecom import CARRIER as TELECOM


@pytest.mark.parametrize("carrier", [MOBILE, TELECOM], ids=["mobile", "telecom"])
def test_text_when_it_asks_to_erase_then_the_first_explains_and_the_second_decides(carrier):
    table = CommandTable(carrier.data.sms)
    for text in ("SCFSR", "scfsr ", "ＳＣＦＳＲ"):
        assert parse_command(table, text, CommandContext()) == Help("erase_help")
    assert parse_command(table, "qrscfsr", CommandContext()) == Command(Verb.ERASE)
    assert parse_command(table, "QRSCFSR", CommandContext(has_prompt=True)) == Command(Verb.ERASE)
    # A text that goes on is a mistake, and no mistake erases anybody.
    assert parse_command(table, "QRSCFSR 1", CommandContext()) == Help("help")
    template = carrier.data.notices.templates["erase_help"]
    assert template.local
    assert "QRSCFSR" in template.clauses[0].text
    assert len(template.clauses[0].text) <= 70
