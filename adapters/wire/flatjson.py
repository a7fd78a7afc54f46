"""One JSON object out of bytes: bounded, in UTF-8, no name in it twice, and no half a character."""

import json
from collections.abc import Callable
from typing import Any

from adapters.wire.errors import WireError


def load_object(body: bytes, max_bytes: int, error: Callable[[str], WireError]) -> dict[str, Any]:
    """Read an object; raises what ``error`` makes of ``too_large`` or ``not_json``."""
    if len(body) > max_bytes:
        raise error("too_large")
    try:
        fields = json.loads(body.decode(), object_pairs_hook=_unique)
        # An escape such as \ud800 is half a character: JSON lets it pass, and nothing else can carry it on.
        json.dumps(fields, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise error("not_json") from None
    if not isinstance(fields, dict):
        raise error("not_json")
    return fields


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name stands twice")
    return fields
