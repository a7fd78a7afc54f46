"""What the pages of ``optout pdu fields`` say of nested fields is what ``optout pdu decode`` prints, in that order.

The packets' own fields are held to their tables beside each codec's laws.
"""

import re
from types import ModuleType
from typing import Any

import pytest

from adapters.wire import cmpp, describe, describe_content, describe_sgip, describe_smgp, sgip, smgp
from adapters.wire.cmpp import Version
from adapters.wire.describe import describe_cmpp
from adapters.wire.describe_sgip import describe_sgip as show_sgip
from adapters.wire.describe_smgp import describe_smgp as show_smgp
from adapters.wire.report import Report, encode_cmpp_report
from adapters.wire.smgp_report import SmgpReport, encode_smgp_report
from adapters.wire.tlv import Tag, make_tlvs

BCD = bytes.fromhex("01006101161700012345")
REPORT = Report(bytes(8), "DELIVRD", "2611270740", "2611270741", "13800138000", 1, "3.0")
SEGMENT = bytes.fromhex("050003310201") + "开通".encode("utf-16-be")
SEQUENCE = sgip.Sequence(3010099999, 1124004011, 1)

CMPP = describe_cmpp(
    cmpp.encode(
        cmpp.Deliver(1, registered_delivery=1, msg_content=encode_cmpp_report(REPORT, Version.V30)), Version.V30
    )
)
SMGP = show_smgp(
    smgp.encode(
        smgp.Deliver(
            1,
            BCD,
            is_report=1,
            msg_content=encode_smgp_report(SmgpReport(BCD, stat="DELIVRD")),
            tlvs=make_tlvs({Tag.TP_UDHI: 0}),
        )
    )
)
SGIP = show_sgip(sgip.encode(sgip.Report(SEQUENCE, SEQUENCE)))
TEXT = show_smgp(smgp.encode(smgp.Deliver(1, msg_format=8, msg_content=SEGMENT, tlvs=make_tlvs({Tag.TP_UDHI: 1}))))
DATA = show_sgip(sgip.encode(sgip.Deliver(SEQUENCE, message_coding=4, message_content=b"\x00\xff")))


def documented(page: ModuleType, opening: str) -> list[str]:
    """The names listed behind ``opening``, without what is said of each."""
    listed = re.search(rf"{re.escape(opening)} (.*?)(?:[.;]|\Z)", plain(page), re.DOTALL)
    assert listed
    return [name for item in listed[1].split(",") if not (name := item.split()[0]).startswith("then")]


def plain(page: ModuleType) -> str:
    """The page without remarks in brackets, which hold punctuation of their own."""
    return re.sub(r"\s*\([^)]*\)", "", page.__doc__ or "")


def nested(shown: dict[str, Any], *path: str | int) -> list[str]:
    value: Any = shown
    for step in path:
        value = value[step]
    return list(value)


@pytest.mark.parametrize(
    ("page", "opening", "printed"),
    [
        (describe, "msg_id_parts:", nested(CMPP, "msg_id_parts")),
        (describe, "msg_id_parts:", nested(CMPP, "report", "msg_id_parts")),
        (describe, "report:", nested(CMPP, "report")),
        (describe_smgp, "msg_id_parts:", nested(SMGP, "msg_id_parts")),
        (describe_smgp, "report:", nested(SMGP, "report")),
        (describe_smgp, "list of:", nested(SMGP, "tlvs", 0)),
        (describe_smgp, "content of a message:", nested(TEXT)[nested(TEXT).index("junk") + 1 :][:2]),
    ],
)
def test_names_when_nested_then_are_documented_in_order(page: ModuleType, opening: str, printed: list[str]) -> None:
    assert documented(page, opening) == printed


def test_names_when_of_content_then_are_the_rows_of_its_page() -> None:
    rows = re.findall(r"^([a-z_]+)  ", describe_content.__doc__ or "", re.MULTILINE)
    assert [name for name in TEXT if name in rows] == rows[:-1]
    assert [name for name in DATA if name in rows] == rows
    assert rows[-1] == "data"


def test_names_when_of_a_header_then_stand_in_its_row() -> None:
    row = re.search(r"^udh .*?else: (.*?)^[a-z]", describe_content.__doc__ or "", re.MULTILINE | re.DOTALL)
    assert row
    listed = re.sub(r"null, or:|a list of:|in\s+hex", "", row[1])
    header, elements, concat = nested(TEXT, "udh"), nested(TEXT, "udh", "elements", 0), nested(TEXT, "udh", "concat")
    assert re.findall(r"[a-z_]+", listed) == [*header[:2], *elements, *header[2:], *concat]


def test_names_when_of_a_sequence_then_are_documented() -> None:
    for name in ("sequence", "submit_sequence_number"):
        listed = re.search(rf"{name}(?:``)? \(([a-z, \n]+)\)", describe_sgip.__doc__ or "")
        assert listed
        assert re.findall(r"[a-z]+", listed[1]) == nested(SGIP, name)


@pytest.mark.parametrize("shown", [CMPP, SMGP, SGIP], ids=["cmpp", "smgp", "sgip"])
def test_names_when_of_any_packet_then_begin_with_what_identifies_it(shown: dict[str, Any]) -> None:
    assert list(shown)[:5] == ["command", "command_id", "sequence", "total_length", "version"]
