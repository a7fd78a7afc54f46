"""SMGP status reports: the text of the specification, the variants of the field, and ids made of anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.errors import WireError
from adapters.wire.report import Outcome
from adapters.wire.smgp_report import SmgpReport, decode_smgp_report, encode_smgp_report

ID = bytes.fromhex("92241611240040212784")
REPORT = SmgpReport(ID, "001", "001", "2611240101", "2611240102", "DELIVRD", "000", b"")

SPECIFIED = b" sub:001 dlvrd:001 Submit date:2611240101 done date:2611240102 stat:DELIVRD err:000 Text:"
VARIANTS = [
    SPECIFIED + bytes(20),
    SPECIFIED.replace(b"Submit", b"submit") + bytes(20),
    SPECIFIED.upper().replace(b"DELIVRD:", b"DLVRD:") + bytes(20),
    b"sub:001 dlvrd:001 submit_date:2611240101 done_date:2611240102 stat:DELIVRD err:000 txt:",
    b"sSub:001sDlvrd:001sSubmit date:2611240101sDone date:2611240102sStat:DELIVRDsErr:000sText:" + bytes(20),
    b"sSub:001sDlvrd:001sSubmit_Date:2611240101sDone_Date:2611240102sStat:DELIVRDsErr:000sText:   ",
    SPECIFIED.replace(b"Text:", b"text:").replace(b" done", b"  done"),
]


@pytest.mark.parametrize("rest", VARIANTS)
def test_smgp_report_when_labels_vary_then_reads_the_same(rest: bytes) -> None:
    assert decode_smgp_report(b"id:" + ID + rest) == REPORT


@pytest.mark.parametrize(
    "raw_id",
    [
        b" sub:001 s",
        b"stat:UNDEL",
        b"text:     ",
        b"id:id:id:i",
        b"\0" * 10,
        b"          ",
        b"dlvrd:err:",
        bytes.fromhex("0000ff06121423277475"),
    ],
)
def test_smgp_report_when_the_id_looks_like_text_then_its_ten_bytes_are_taken_as_they_are(raw_id: bytes) -> None:
    report = decode_smgp_report(b"id:" + raw_id + SPECIFIED)
    assert report.msg_id == raw_id
    assert (report.sub, report.stat) == ("001", "DELIVRD")


@given(st.binary(min_size=10, max_size=10), st.sampled_from(VARIANTS))
def test_smgp_report_when_the_id_is_any_ten_bytes_then_kept(raw_id: bytes, rest: bytes) -> None:
    report = decode_smgp_report(b"id:" + raw_id + rest)
    assert report.msg_id == raw_id
    assert report.stat == "DELIVRD"


def test_smgp_report_when_encoded_then_the_122_bytes_of_the_specification() -> None:
    content = encode_smgp_report(REPORT)
    assert content == b"id:" + ID + SPECIFIED + bytes(20)
    assert len(content) == 122


words = st.text(st.characters(min_codepoint=0x30, max_codepoint=0x5A, exclude_characters=":"), min_size=1)


@given(
    st.binary(min_size=10, max_size=10),
    words.filter(lambda word: len(word) <= 3),
    words.filter(lambda word: len(word) <= 10),
    words.filter(lambda word: len(word) <= 7),
    st.binary(max_size=20).map(lambda raw: raw.rstrip(b"\0 ")),
)
def test_smgp_report_when_encoded_then_decodes_to_the_same(
    raw_id: bytes, short: str, date: str, stat: str, text: bytes
) -> None:
    report = SmgpReport(raw_id, short, short, date, date, stat, short, text)
    assert decode_smgp_report(encode_smgp_report(report)) == report


def test_smgp_report_when_values_are_shorter_than_their_fields_then_end_at_the_next_label() -> None:
    report = decode_smgp_report(b"id:" + ID + b" sub:1 dlvrd:0 submit date:26 done date: stat:MK:12 err:9 text:x")
    assert (report.sub, report.dlvrd, report.submit_date, report.done_date) == ("1", "0", "26", "")
    assert (report.stat, report.err, report.text) == ("MK:12", "9", b"x")


def test_smgp_report_when_the_text_holds_labels_then_they_are_text() -> None:
    report = decode_smgp_report(b"id:" + ID + SPECIFIED + b"stat:UNDELIV err:999")
    assert (report.stat, report.err, report.text) == ("DELIVRD", "000", b"stat:UNDELIV err:999")


@pytest.mark.parametrize(
    ("stat", "outcome"),
    [
        ("DELIVRD", Outcome.DELIVERED),
        ("ACCEPTD", Outcome.ACCEPTED),
        ("EXPIRED", Outcome.FAILED),
        ("MK:0012", Outcome.FAILED),
        ("", Outcome.FAILED),
    ],
)
def test_smgp_report_when_judged_then_only_delivrd_is_delivered(stat: str, outcome: Outcome) -> None:
    assert SmgpReport(ID, stat=stat).outcome is outcome


@pytest.mark.parametrize("content", [b"", b"id:", b"id:" + ID[:9]])
def test_smgp_report_when_it_ends_inside_its_id_then_report_length(content: bytes) -> None:
    with pytest.raises(WireError, match="report_length"):
        decode_smgp_report(content)


def test_smgp_report_when_it_has_no_stat_then_says_so() -> None:
    with pytest.raises(WireError, match="report_without_stat"):
        decode_smgp_report(b"id:" + ID + b" sub:001 text:stat:DELIVRD")


@given(st.binary(max_size=200))
def test_smgp_report_when_bytes_are_arbitrary_then_only_wire_error(content: bytes) -> None:
    try:
        report = decode_smgp_report(b"id:" + content)
    except WireError:
        return
    assert report.msg_id == content[:10]


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (SmgpReport(b"short", stat="DELIVRD"), "wrong_width"),
        (SmgpReport(ID, stat="DELIVERED"), "field_too_long"),
        (SmgpReport(ID, stat="投递"), "field_not_text"),
        (SmgpReport(ID, text=bytes(21)), "field_too_long"),
    ],
)
def test_smgp_report_when_a_value_does_not_fit_then_refused(report: SmgpReport, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        encode_smgp_report(report)


def test_smgp_report_when_printed_then_its_text_is_left_out() -> None:
    assert "13800138000" not in repr(SmgpReport(ID, stat="DELIVRD", text=b"13800138000"))
