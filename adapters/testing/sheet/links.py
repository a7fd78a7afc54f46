"""What a carrier's SMS gateways get to see: every field of a message, written by the carrier's own link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from adapters.carrier.base import Carrier
from adapters.carrier.settings import LinkConfig, SgipConfig
from adapters.carrier.sms_link import LinkEvent, LinkParts, OutgoingSms, SmsLink
from adapters.carrier.stream_link import StreamLink
from adapters.journal.rows import PartKey, SmsBody
from adapters.testing.sheet.form import Sheet
from optout.kit.clock import SystemClock


def observe_links(carrier: Carrier) -> Sheet:
    """Write one message without sending it."""
    make = carrier.make_sms_link
    if make is None:
        return {}
    config = LinkConfig("main", "127.0.0.1", 1, "901234", Path("none"), sgip=SgipConfig(node=1, listen="127.0.0.1:0"))
    link = make(LinkParts(carrier.data, config, "secret", _ignore, SystemClock()))
    if not isinstance(link, StreamLink):
        return {}
    body = SmsBody(8, 0, "拒".encode("utf-16-be"))
    message = OutgoingSms(PartKey("n-1", 1), 1, 1, "+8613800138000", body)
    lines = {"protocol": type(link).__name__, "service code": link.service_code}
    return {"sends: one message": {**lines, **_list_fields(link.make_submit(message))}}


def _list_fields(packet: Any) -> Mapping[str, str]:
    return {field.name: repr(getattr(packet, field.name)) for field in fields(packet) if field.name != "sequence"}


async def _ignore(link: SmsLink, events: Sequence[LinkEvent]) -> None:
    """Nothing arrives where nothing is dialled."""
