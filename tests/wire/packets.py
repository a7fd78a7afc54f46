"""Hypothesis strategies for every CMPP packet, and the vectors, for the tests of the wire room."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from adapters.wire import cmpp
from adapters.wire.cmpp import Version

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "cmpp-pdus.json").read_text())
VECTORS: list[dict[str, Any]] = DOCUMENT["pdus"]


def vector(vector_id: str) -> bytes:
    return next(bytes.fromhex(item["hex"]) for item in VECTORS if item["id"] == vector_id)


def small(kind: str) -> list[dict[str, Any]]:
    return [item for item in DOCUMENT["small"] if item["kind"] == kind]


def uint(width: int) -> st.SearchStrategy[int]:
    return st.integers(0, 256**width - 1)


def text(width: int) -> st.SearchStrategy[str]:
    """What a padded text field holds: no NUL, and no trailing space, which would be padding."""
    characters = st.characters(min_codepoint=1, max_codepoint=255)
    return st.text(characters, max_size=width).map(lambda value: value.rstrip(" "))


def octets(width: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=width, max_size=width)


def padded(width: int) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=width).map(lambda value: value.rstrip(b"\0"))


def contents() -> st.SearchStrategy[bytes]:
    return st.binary(max_size=255)


def packets(version: Version) -> st.SearchStrategy[cmpp.Pdu]:
    """Any packet that ``version`` can carry."""
    wide = version is Version.V30
    terminal = text(32 if wide else 21)
    flag = uint(1) if wide else st.just(0)
    status = uint(4 if wide else 1)
    link_id = padded(20 if wide else 8)
    sequence, msg_id = uint(4), octets(8)
    query_key = (sequence, text(8), uint(1), text(10))
    submit = st.builds(
        cmpp.Submit,
        sequence,
        msg_id,
        *(uint(1) for _ in range(4)),
        text(10),
        uint(1),
        terminal,
        flag,
        *(uint(1) for _ in range(3)),
        text(6),
        text(2),
        text(6),
        text(17),
        text(17),
        text(21),
        st.lists(terminal, min_size=1, max_size=99).map(tuple),
        flag,
        contents(),
        link_id,
    )
    deliver = st.builds(
        cmpp.Deliver,
        sequence,
        msg_id,
        text(21),
        text(10),
        *(uint(1) for _ in range(3)),
        terminal,
        flag,
        uint(1),
        contents(),
        link_id,
    )
    return st.one_of(
        submit,
        deliver,
        st.builds(cmpp.Connect, sequence, text(6), octets(16), uint(1), uint(4)),
        st.builds(cmpp.ConnectResp, sequence, status, octets(16), uint(1)),
        st.builds(cmpp.SubmitResp, sequence, msg_id, status),
        st.builds(cmpp.DeliverResp, sequence, msg_id, status),
        st.builds(cmpp.Query, *query_key, padded(8)),
        st.builds(cmpp.QueryResp, *query_key, *(uint(4) for _ in range(8))),
        st.builds(cmpp.Cancel, sequence, msg_id),
        st.builds(cmpp.CancelResp, sequence, status),
        st.builds(cmpp.ActiveTest, sequence),
        st.builds(cmpp.ActiveTestResp, sequence, uint(1)),
        st.builds(cmpp.Terminate, sequence),
        st.builds(cmpp.TerminateResp, sequence),
        st.builds(cmpp.Unknown, sequence, st.just(int(cmpp.Command.FWD)), contents()),
    )
