"""What a caller of a session did wrong. What a peer does wrong is an event and a counter, never an exception."""

from __future__ import annotations


class SessionError(Exception):
    """A call that the session cannot carry out now; `reason` is a stable snake_case code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LinkStateError(SessionError):
    """The link is in a state that forbids the call, for example `not_bound` or `link_draining`."""


class BacklogFullError(SessionError):
    """The bounded queue of requests that wait for room in the window is full (`backlog_full`)."""

    def __init__(self) -> None:
        super().__init__("backlog_full")
