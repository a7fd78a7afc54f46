"""Hypothesis strategies for every SGIP packet, and the vectors."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from adapters.wire import sgip
from tests.wire.packets import padded, text, uint

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "sgip-pdus.json").read_text())
VECTORS: list[dict[str, Any]] = DOCUMENT["pdus"]


def vector(vector_id: str) -> bytes:
    return next(bytes.fromhex(item["hex"]) for item in VECTORS if item["id"] == vector_id)


def small(kind: str) -> list[dict[str, Any]]:
    return [item for item in DOCUMENT["small"] if item["kind"] == kind]


def sequences() -> st.SearchStrategy[sgip.Sequence]:
    return st.builds(sgip.Sequence, uint(4), uint(4), uint(4))


def contents() -> st.SearchStrategy[bytes]:
    return st.binary(max_size=400)


def packets() -> st.SearchStrategy[sgip.Pdu]:
    sequence, reserve, number = sequences(), padded(8), text(21)
    submit = st.builds(
        sgip.Submit,
        sequence,
        number,
        number,
        st.lists(number, min_size=1, max_size=5).map(tuple),
        text(5),
        text(10),
        uint(1),
        text(6),
        text(6),
        *(uint(1) for _ in range(3)),
        text(16),
        text(16),
        *(uint(1) for _ in range(5)),
        contents(),
        reserve,
    )
    deliver = st.builds(sgip.Deliver, sequence, number, number, uint(1), uint(1), uint(1), contents(), reserve)
    answers = (sgip.BindResp, sgip.SubmitResp, sgip.DeliverResp, sgip.ReportResp, sgip.UserRptResp)
    return st.one_of(
        submit,
        deliver,
        st.builds(sgip.Bind, sequence, uint(1), text(16), text(16), reserve),
        st.builds(sgip.Unbind, sequence),
        st.builds(sgip.UnbindResp, sequence, st.binary(max_size=20)),
        st.builds(sgip.Report, sequence, sequence, uint(1), number, uint(1), uint(1), reserve),
        st.builds(sgip.UserRpt, sequence, number, number, uint(1), reserve),
        st.builds(sgip.Unknown, sequence, st.just(int(sgip.Command.TRACE)), contents()),
        *(st.builds(answer, sequence, uint(1), reserve) for answer in answers),
    )
