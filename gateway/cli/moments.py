"""Times as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
from google.protobuf.timestamp_pb2 import Timestamp


def read_time(text: str) -> Timestamp:
    """An instant as ISO 8601, in local time if no zone is given; ``+90s`` counts from now, and nothing means now."""
    now = datetime.now().astimezone()
    try:
        if text.startswith("+"):
            moment = now + timedelta(seconds=float(text.removeprefix("+").removesuffix("s")))
        else:
            moment = datetime.fromisoformat(text).astimezone() if text else now
    except (ValueError, OverflowError):
        raise click.BadParameter("must be like 2026-12-01T08:00:00+08:00, or +90s from now") from None
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC).replace(tzinfo=None))
    return stamp
