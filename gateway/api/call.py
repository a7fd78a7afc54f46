"""The call that is being served: who asks, under which id."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass

from gateway.service.access import Caller
from optout.kit.redact import find_numbers

REQUEST_ID = "x-request-id"
"""Metadata: the caller's id for the call, 1 to 64 of ``A-Z a-z 0-9 . _ -``; echoed in the trailing metadata."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Call:
    """One call, after its caller was let in."""

    method: str
    request_id: str
    caller: Caller


_current: ContextVar[Call] = ContextVar("optout_call")


def enter_call(call: Call) -> None:
    """Make this the call of the running task. gRPC gives each call a task of its own, so nothing needs undoing."""
    _current.set(call)


def current_call() -> Call:
    """The call of the running task. LookupError outside a call."""
    return _current.get()


def choose_request_id(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The caller's id if it gave a usable one, else a new one. One that looks like a number is not usable."""
    for key, value in metadata:
        if key == REQUEST_ID and isinstance(value, str) and _REQUEST_ID.fullmatch(value) and not find_numbers(value):
            return value
    return os.urandom(16).hex()
