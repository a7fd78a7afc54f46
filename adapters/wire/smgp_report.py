"""Status reports of SMGP: text with ten raw bytes in it, as the content of a Deliver (SMGP V3.0.3, 6.2.8).

The specification fixes 122 bytes: ``id:`` and 10 raw bytes, then `` sub:``3 `` dlvrd:``3 `` Submit date:``10
`` done date:``10 `` stat:``7 `` err:``3 `` Text:``20. Peers write the labels in other cases, with ``_`` for the
space, with ``s`` or nothing in front of them, and shorten the text. So:

1. Bytes 3 to 12 are the id, whatever they are: they may hold spaces, colons or letters of a label.
2. Labels are searched for in the rest, in any case, ``_`` and space being equal. Nothing is split on white space.
3. A value ends where its width does, or at the next label if that comes first.
4. What follows the label of the text is text, whatever it looks like.
"""

import re
from dataclasses import dataclass

from adapters.wire.errors import WireError
from adapters.wire.report import Outcome, outcome_of
from adapters.wire.smgp_pdus import MSG_ID_BYTES

_ID_END = 3 + MSG_ID_BYTES
_LABEL = re.compile(rb"(submit[ _]?date|done[ _]?date|dlvrd|sub|stat|err|te?xt)[ _]?:", re.IGNORECASE)
_WIDTHS = {"sub": 3, "dlvrd": 3, "submitdate": 10, "donedate": 10, "stat": 7, "err": 3}
_TEXT_BYTES = 20
_PADDING = b"\0 "


@dataclass(frozen=True, slots=True, repr=False)
class SmgpReport:
    """One status report; what it lacks is empty.

    ``stat`` is kept as received, known or not. Dates are YYMMDDHHMM. ``text`` is what follows its label, padding
    dropped: by the specification three digits of length and 17 bytes, in practice anything, often GBK.
    """

    msg_id: bytes
    sub: str = "001"
    dlvrd: str = "001"
    submit_date: str = ""
    done_date: str = ""
    stat: str = ""
    err: str = "000"
    text: bytes = b""

    @property
    def outcome(self) -> Outcome:
        """Whatever is neither DELIVRD nor ACCEPTD has failed."""
        return outcome_of(self.stat)

    def __repr__(self) -> str:
        """Text may hold anything, so it is left out."""
        return f"SmgpReport(msg_id={self.msg_id.hex()}, stat={self.stat!r}, err={self.err!r}, …)"


def decode_smgp_report(content: bytes) -> SmgpReport:
    """Decode the content of a Deliver whose IsReport is 1.

    Raises ``WireError``: ``report_length`` if it ends inside the id, ``report_without_stat`` if it does not say
    what became of the message.
    """
    if len(content) < _ID_END:
        raise WireError("report_length", "msg_length")
    values, text = _read_labels(content[_ID_END:])
    if "stat" not in values:
        raise WireError("report_without_stat", "stat")
    return SmgpReport(
        msg_id=content[3:_ID_END],
        sub=values.get("sub", ""),
        dlvrd=values.get("dlvrd", ""),
        submit_date=values.get("submitdate", ""),
        done_date=values.get("donedate", ""),
        stat=values["stat"],
        err=values.get("err", ""),
        text=text,
    )


def encode_smgp_report(report: SmgpReport) -> bytes:
    """Encode a report in the 122 bytes of the specification.

    Raises ``WireError``: ``wrong_width`` for the id, ``field_too_long``, ``field_not_text``.
    """
    if len(report.msg_id) != MSG_ID_BYTES:
        raise WireError("wrong_width", "msg_id")
    if len(report.text) > _TEXT_BYTES:
        raise WireError("field_too_long", "text")
    labelled = (
        (b" sub:", report.sub, 3),
        (b" dlvrd:", report.dlvrd, 3),
        (b" Submit date:", report.submit_date, 10),
        (b" done date:", report.done_date, 10),
        (b" stat:", report.stat, 7),
        (b" err:", report.err, 3),
    )
    parts = [label + _write_value(label, value, width) for label, value, width in labelled]
    return b"id:" + report.msg_id + b"".join(parts) + b" Text:" + report.text.ljust(_TEXT_BYTES, b"\0")


def _read_labels(rest: bytes) -> tuple[dict[str, str], bytes]:
    labels = []
    text = b""
    for found in _LABEL.finditer(rest):
        name = found[1].decode().lower().replace(" ", "").replace("_", "")
        labels.append((name, found))
        if name in ("text", "txt"):
            text = rest[found.end() :].rstrip(_PADDING)
            break
    values: dict[str, str] = {}
    for index, (name, found) in enumerate(labels):
        limit = labels[index + 1][1].start() if index + 1 < len(labels) else len(rest)
        if name in _WIDTHS and name not in values:
            raw = rest[found.end() : min(found.end() + _WIDTHS[name], limit)]
            values[name] = raw.strip(_PADDING).decode("latin-1")
    return values, text


def _write_value(label: bytes, value: str, width: int) -> bytes:
    name = label.decode().strip(" :").lower().replace(" ", "_")
    if not value.isascii():
        raise WireError("field_not_text", name)
    if len(value) > width:
        raise WireError("field_too_long", name)
    return value.encode().ljust(width, b" ")
