"""Hypothesis strategies for every SMGP packet, and the vectors."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from adapters.wire import smgp
from adapters.wire.smgp import Version
from adapters.wire.tlv import Tlvs, parse_tlvs
from tests.wire.packets import contents, octets, text, uint

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "smgp-pdus.json").read_text())
VECTORS: list[dict[str, Any]] = DOCUMENT["pdus"]


def vector(vector_id: str) -> bytes:
    return next(bytes.fromhex(item["hex"]) for item in VECTORS if item["id"] == vector_id)


def small(kind: str) -> list[dict[str, Any]]:
    return [item for item in DOCUMENT["small"] if item["kind"] == kind]


def tlvs() -> st.SearchStrategy[Tlvs]:
    """Parameters as a peer may send them: any tags, any widths, junk at the end."""
    items = st.lists(st.tuples(st.integers(0, 0x20), st.binary(max_size=24)), max_size=6).map(tuple)
    junk = st.binary(max_size=12).filter(lambda raw: not parse_tlvs(raw).items)
    return st.builds(Tlvs, items, junk)


def packets(version: Version) -> st.SearchStrategy[smgp.Pdu]:
    """Any packet that ``version`` can carry."""
    sequence, msg_id = uint(4), octets(10)
    query = (sequence, text(8), uint(1), text(10))
    submit = st.builds(
        smgp.Submit,
        sequence,
        *(uint(1) for _ in range(3)),
        text(10),
        text(2),
        text(6),
        text(6) if version is Version.V30 else st.just(""),
        uint(1),
        text(17),
        text(17),
        text(21),
        text(21),
        st.lists(text(21), min_size=1, max_size=5).map(tuple),
        contents(),
        octets(8),
        tlvs(),
    )
    deliver = st.builds(
        smgp.Deliver,
        sequence,
        msg_id,
        uint(1),
        uint(1),
        text(14),
        text(21),
        text(21),
        contents(),
        octets(8),
        tlvs(),
    )
    return st.one_of(
        submit,
        deliver,
        st.builds(smgp.Login, sequence, text(8), octets(16), uint(1), uint(4), uint(1)),
        st.builds(smgp.LoginResp, sequence, uint(4), octets(16), uint(1)),
        st.builds(smgp.SubmitResp, sequence, msg_id, uint(4)),
        st.builds(smgp.DeliverResp, sequence, msg_id, uint(4)),
        st.builds(smgp.Query, *query),
        st.builds(smgp.QueryResp, *query, *(uint(4) for _ in range(8)), octets(8)),
        st.builds(smgp.ActiveTest, sequence),
        st.builds(smgp.ActiveTestResp, sequence),
        st.builds(smgp.Exit, sequence),
        st.builds(smgp.ExitResp, sequence),
        st.builds(smgp.Unknown, sequence, st.just(int(smgp.Command.FORWARD)), contents()),
    )
