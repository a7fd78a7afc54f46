"""Status reports: both layouts inside either version's DELIVER, and statuses nobody listed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire import cmpp
from adapters.wire.cmpp import Version
from adapters.wire.errors import WireError
from adapters.wire.report import Outcome, Report, decode_cmpp_report, encode_cmpp_report
from tests.wire.packets import octets, text, uint


def reports(version: Version) -> st.SearchStrategy[Report]:
    return st.builds(
        Report,
        octets(8),
        text(7),
        text(10),
        text(10),
        text(32 if version is Version.V30 else 21),
        uint(4),
        st.just(version.label),
    )


@pytest.mark.parametrize(("version", "size"), [(Version.V20, 60), (Version.V30, 71)])
@given(data=st.data())
def test_decode_when_report_was_encoded_then_gives_it_back(version: Version, size: int, data: st.DataObject) -> None:
    report = data.draw(reports(version))
    content = encode_cmpp_report(report, version)
    assert len(content) == size
    assert decode_cmpp_report(content) == report


@pytest.mark.parametrize("inner", Version)
@pytest.mark.parametrize("outer", Version)
def test_decode_when_report_lies_in_either_deliver_then_its_own_length_decides(inner: Version, outer: Version) -> None:
    report = Report(bytes(8), "DELIVRD", "2611240015", "2611240015", "13800138000", 1, "2.0")
    content = encode_cmpp_report(report, inner)
    frame = cmpp.encode(cmpp.Deliver(1, registered_delivery=1, msg_content=content), outer)
    deliver = cmpp.decode(frame, outer)
    assert isinstance(deliver, cmpp.Deliver)
    assert decode_cmpp_report(deliver.msg_content).layout == inner.label


@given(st.binary(max_size=255).filter(lambda content: len(content) not in (60, 71)))
def test_decode_when_length_is_neither_then_report_length(content: bytes) -> None:
    with pytest.raises(WireError, match="report_length"):
        decode_cmpp_report(content)


@pytest.mark.parametrize(
    ("stat", "outcome"),
    [
        ("DELIVRD", Outcome.DELIVERED),
        ("ACCEPTD", Outcome.ACCEPTED),
        *((stat, Outcome.FAILED) for stat in ("EXPIRED", "DELETED", "UNDELIV", "UNKNOWN", "REJECTD")),
        *((stat, Outcome.FAILED) for stat in ("MA:0001", "MK:0012", "AF:4", "", "ÿþ", "delivrd")),
    ],
)
def test_outcome_when_stat_is_known_or_not_then_never_fails(stat: str, outcome: Outcome) -> None:
    content = encode_cmpp_report(Report(bytes(8), stat, "", "", "", 0, "2.0"), Version.V20)
    report = decode_cmpp_report(content)
    assert (report.stat, report.outcome) == (stat, outcome)


def test_repr_when_report_holds_a_number_then_leaves_it_out() -> None:
    assert "13800138000" not in repr(Report(bytes(8), "DELIVRD", "", "", "13800138000", 1, "2.0"))
