"""The sliding window of requests that wait for their answer, and the bounded queue of those that wait for room."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.session.errors import BacklogFullError


@dataclass(slots=True)
class Request:
    """One message on its way. `sends` counts transmissions under this number, `refusals` flow-control answers."""

    sequence: int
    token: object
    frame: bytes
    sends: int = 0
    refusals: int = 0
    deadline: float = 0.0


class Window:
    """At most `capacity` requests outstanding; each sent at most `attempts` times, `timeout_s` apart.

    All waits are equally long, so the outstanding requests stand in the order of their deadlines.
    """

    def __init__(self, capacity: int, backlog_limit: int, timeout_s: float, attempts: int) -> None:
        self._capacity = capacity
        self._backlog_limit = backlog_limit
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._outstanding: dict[int, Request] = {}
        self._refused: dict[int, Request] = {}
        self._backlog: dict[int, Request] = {}

    def __contains__(self, sequence: object) -> bool:
        return sequence in self._outstanding or sequence in self._refused or sequence in self._backlog

    @property
    def outstanding(self) -> int:
        """How many requests wait for an answer."""
        return len(self._outstanding)

    @property
    def queued(self) -> int:
        """How many requests wait for room or for the end of a pause."""
        return len(self._refused) + len(self._backlog)

    @property
    def has_room(self) -> bool:
        """Whether one more may be sent."""
        return len(self._outstanding) < self._capacity

    def queue(self, request: Request) -> None:
        """Put a new request at the end of the queue; raise `BacklogFullError` when that is full."""
        if len(self._backlog) >= self._backlog_limit:
            raise BacklogFullError
        self._backlog[request.sequence] = request

    def queue_again(self, request: Request) -> None:
        """Put a refused request before the new ones; it has left the window, so this is bounded too."""
        self._refused[request.sequence] = request

    def send_next(self, now: float) -> Request:
        """Move the first queued request into the window; there has to be one, and room."""
        source = self._refused or self._backlog
        request = source.pop(next(iter(source)))
        self._start(request, now)
        return request

    def answer(self, sequence: int) -> Request | None:
        """Take the request that this answer is for out of the window."""
        return self._outstanding.pop(sequence, None)

    def expire(self, now: float) -> tuple[list[Request], list[Request]]:
        """Return the requests to send again and those given up; both kinds were due by `now`."""
        due = []
        for request in self._outstanding.values():
            if request.deadline > now:
                break
            due.append(request)
        again: list[Request] = []
        given_up: list[Request] = []
        for request in due:
            del self._outstanding[request.sequence]
            if request.sends >= self._attempts:
                given_up.append(request)
            else:
                self._start(request, now)
                again.append(request)
        return again, given_up

    def clear_queue(self) -> list[Request]:
        """Empty the queue and return what was in it."""
        queued = [*self._refused.values(), *self._backlog.values()]
        self._refused.clear()
        self._backlog.clear()
        return queued

    def clear_outstanding(self) -> list[Request]:
        """Empty the window and return what was in it."""
        outstanding = list(self._outstanding.values())
        self._outstanding.clear()
        return outstanding

    def wake_at(self) -> float | None:
        """When the oldest outstanding request runs out of time."""
        for request in self._outstanding.values():
            return request.deadline
        return None

    def _start(self, request: Request, now: float) -> None:
        request.sends += 1
        request.deadline = now + self._timeout_s
        self._outstanding[request.sequence] = request
