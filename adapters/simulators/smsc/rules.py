"""What an SP may send: each rule has a name, and every SUBMIT is held against all of them.

=====================  =======================================================================================
rule                   broken by
=====================  =======================================================================================
paid_submit            a message the subscriber would pay: CMPP FeeType other than "01", SMGP FeeType other than
                       "00", SGIP ChargeNumber other than 21 zeros or FeeType other than 1
fee_code_not_zero      a fee other than nothing or zeros
report_not_requested   no request for a status report: nobody would learn what became of it
several_destinations   more or fewer than one destination: one message, one id, one report
bad_destination        a destination that is no subscriber's number, or over SGIP one without 86
wrong_msg_src          an SP named that is not the account that logged in: Msg_src, MsgSrc, CorpId
wrong_src_id           a sender's code that does not begin with the account's service code
illegal_field          a field that holds what its specification has no meaning for
undecodable_text       content that is no text in its format
text_too_long          more bytes than one short message carries
udh_inconsistent       a broken or missing user data header, or parts of one message that contradict each other
pk_mismatch            a numbering of parts that says something else than the user data header
=====================  =======================================================================================

The rules about a link (`window_exceeded`, `sequence_reused` …) are in `adapters.simulators.smsc.link`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from adapters.simulators.smsc.messages import Breach, Submission
from adapters.simulators.smsc.settings import Account
from adapters.wire.longmessage import MESSAGE_BYTES, Segment
from adapters.wire.text import MsgFmt, is_text_format, read_text
from adapters.wire.udh import Concat, parse_udh, split_header
from optout.kit.number import NumberError, parse_subscriber

_HEADER_STARTS = (b"\x05\x00\x03", b"\x06\x08\x04")
_SMPP_TIME = re.compile(r"(\d{12}(\d{3}[-+R])?)?")

P = TypeVar("P")


def check_submission(submission: Submission, account: Account, ascii_bytes: int) -> Iterator[Breach]:
    """Yield every rule that the message breaks by itself; `ascii_bytes` is what one short message carries of those."""
    if not submission.wants_report:
        yield Breach("report_not_requested", "no status report is asked for")
    if not submission.service_code.startswith(account.service_code):
        yield Breach("wrong_src_id", "the sender's code does not begin with the service code")
    yield from _check_destinations(submission.numbers)
    yield from _check_content(submission.segment, ascii_bytes)
    yield from _check_numbering(submission)


def check_fields(pdu: P, legal: Mapping[str, Callable[[P], bool]]) -> Iterator[Breach]:
    """Yield `illegal_field` for every field whose test in the table fails."""
    for name, is_legal in legal.items():
        if not is_legal(pdu):
            yield Breach("illegal_field", name)


def is_smpp_time(text: str) -> bool:
    """Tell whether a time is one in the format of SMPP 3.3, or left out."""
    return _SMPP_TIME.fullmatch(text) is not None


def _check_destinations(numbers: tuple[str, ...]) -> Iterator[Breach]:
    if len(numbers) != 1:
        yield Breach("several_destinations", f"{len(numbers)} destinations")
    for number in numbers:
        try:
            parse_subscriber(number)
        except NumberError as error:
            yield Breach("bad_destination", error.reason.value)


def _check_content(segment: Segment, ascii_bytes: int) -> Iterator[Breach]:
    udh, payload = split_header(segment.tp_udhi, segment.content)
    if not is_text_format(segment.msg_fmt) or read_text(segment.msg_fmt, payload).damaged:
        yield Breach("undecodable_text", f"msg_fmt {segment.msg_fmt}")
    room = ascii_bytes if segment.msg_fmt == MsgFmt.ASCII and not segment.tp_udhi else MESSAGE_BYTES
    if len(segment.content) > room:
        yield Breach("text_too_long", f"{len(segment.content)} bytes")
    concat = udh.concat if udh else None
    if segment.tp_udhi and (concat is None or not concat.is_in_range):
        yield Breach("udh_inconsistent", "the header announced numbers no part")
    if not segment.tp_udhi and segment.content.startswith(_HEADER_STARTS) and parse_udh(segment.content):
        yield Breach("udh_inconsistent", "a header that is not announced")


def _check_numbering(submission: Submission) -> Iterator[Breach]:
    concat = submission.segment.concat
    place = (concat.total, concat.number) if concat else (1, 1)
    if submission.numbering is not None and submission.numbering != place:
        total, number = submission.numbering
        yield Breach("pk_mismatch", f"pk {number}/{total}, header {place[1]}/{place[0]}")


class PartChecks:
    """Holds the parts of one account's unfinished long messages against each other."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int, int], tuple[int, dict[int, bytes]]] = {}

    def check(self, submission: Submission) -> Iterator[Breach]:
        """Yield what the part contradicts. Resends of an earlier part contradict nothing."""
        segment = submission.segment
        udh, payload = split_header(segment.tp_udhi, segment.content)
        if udh is None or udh.concat is None or not udh.concat.is_in_range or not submission.numbers:
            return
        concat = udh.concat
        key = (submission.numbers[0], concat.reference_bits, concat.reference)
        total, parts = self._open.setdefault(key, (concat.total, {}))
        if total != concat.total:
            yield Breach("udh_inconsistent", f"part of {concat.total}, where the message had {total}")
            self._start_anew(key, concat, payload)
        elif parts.setdefault(concat.number, payload) != payload:
            yield Breach("udh_inconsistent", f"part {concat.number} came again with other content")
            self._start_anew(key, concat, payload)
        elif len(parts) == total:
            del self._open[key]

    def clear(self) -> None:
        """Forget the parts seen."""
        self._open.clear()

    def _start_anew(self, key: tuple[str, int, int], concat: Concat, payload: bytes) -> None:
        self._open[key] = (concat.total, {concat.number: payload})
