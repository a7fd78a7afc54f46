"""What outlives the simulator's process: one JSON object a line, written before what it tells is answered.

A line cut short by a kill is the last one and is ignored. The file holds numbers and texts (of synthetic subscribers):
it is created for its owner alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.simulators.smsc.dialect import MsgIds
from adapters.simulators.smsc.mailbox import Delivery, Mailbox
from adapters.simulators.smsc.messages import Mo, Parcel, StatusReport
from adapters.simulators.smsc.phones import Part, Phones
from adapters.wire.longmessage import Segment


@dataclass(frozen=True, slots=True)
class State:
    """What there is to outlive: deliveries, phones, and the counter of ids."""

    mailbox: Mailbox
    phones: Phones
    msg_ids: MsgIds


class StateFile:
    """An append-only file; with `path` None nothing is written and nothing read."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: int | None = None

    def load(self, state: State) -> None:
        """Read an earlier life into `state`, and begin to write. Raises `OSError`."""
        if self._path is None:
            return
        deliveries: dict[int, Delivery] = {}
        for line in self._read_lines(self._path):
            match line:
                case {"delivery": identity}:
                    deliveries[identity] = _load_delivery(line)
                    state.msg_ids.continue_after(deliveries[identity].parcel.msg_id)
                case {"settled": identity}:
                    deliveries.pop(identity, None)
                case {"part": _}:
                    part = _load_part(line)
                    state.phones.receive(part)
                    state.msg_ids.continue_after(part.msg_id)
        for delivery in deliveries.values():
            state.mailbox.release(state.mailbox.restore(delivery))
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add_delivery(self, delivery: Delivery) -> None:
        """Write down what is to be delivered."""
        self._write(
            {
                "delivery": delivery.id,
                "account": delivery.account,
                "text": delivery.text,
                **_write_parcel(delivery.parcel),
            }
        )

    def settle(self, delivery: Delivery) -> None:
        """Write down that it was answered."""
        self._write({"settled": delivery.id})

    def add_part(self, part: Part) -> None:
        """Write down what reached a phone."""
        self._write(
            {
                "part": part.msg_id.hex(),
                "number": part.number,
                "sender": part.sender,
                "time": part.time.isoformat(),
                **_write_segment(part.segment),
            }
        )

    def clear(self) -> None:
        """Forget everything."""
        if self._file is not None:
            os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            os.write(self._file, json.dumps(line, ensure_ascii=False).encode() + b"\n")

    @staticmethod
    def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
        """Yield the whole lines, and cut off a piece of one, so that the next begins on a line of its own."""
        if not path.exists():
            return
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(path, len(whole))
        for line in whole.splitlines():
            yield json.loads(line)


def _load_delivery(line: dict[str, Any]) -> Delivery:
    return Delivery(line["delivery"], line["account"], _load_parcel(line), line["text"])


def _write_parcel(parcel: Parcel) -> dict[str, Any]:
    line = {
        "msg_id": parcel.msg_id.hex(),
        "number": parcel.number,
        "service_code": parcel.service_code,
        "service_id": parcel.service_id,
        "stamp": parcel.stamp,
    }
    if isinstance(parcel, Mo):
        return line | _write_segment(parcel.segment) | {"link_id": parcel.link_id.hex()}
    return line | {
        "subject": parcel.subject.hex(),
        "stat": parcel.stat,
        "old_layout": parcel.old_layout,
    }


def _load_parcel(line: dict[str, Any]) -> Parcel:
    shared: dict[str, Any] = {name: line[name] for name in ("number", "service_code", "service_id", "stamp")}
    shared["msg_id"] = bytes.fromhex(line["msg_id"])
    if "subject" not in line:
        return Mo(segment=_load_segment(line), link_id=bytes.fromhex(line["link_id"]), **shared)
    subject = bytes.fromhex(line["subject"])
    return StatusReport(subject=subject, stat=line["stat"], old_layout=line["old_layout"], **shared)


def _write_segment(segment: Segment) -> dict[str, Any]:
    return {
        "tp_udhi": segment.tp_udhi,
        "msg_fmt": segment.msg_fmt,
        "content": segment.content.hex(),
        "pk": [segment.pk_total, segment.pk_number],
    }


def _load_segment(line: dict[str, Any]) -> Segment:
    return Segment(line["tp_udhi"], line["msg_fmt"], bytes.fromhex(line["content"]), *line["pk"])


def _load_part(line: dict[str, Any]) -> Part:
    time = datetime.fromisoformat(line["time"])
    return Part(line["number"], line["sender"], _load_segment(line), bytes.fromhex(line["part"]), time)
