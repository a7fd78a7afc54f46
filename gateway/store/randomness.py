"""The operating system's random bytes, drawn many at a time.

Each draw is a system call that lets go of the interpreter's lock, and an instruction needs a salt and several nonces:
a writer that drew each of them would wait for the event loop as often.
"""

from __future__ import annotations

import os
from threading import Lock

_DRAW_BYTES = 4096


class _Pool:
    """Bytes that were drawn and not given out yet. None is given out twice, to a forked process neither."""

    def __init__(self) -> None:
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Begin anew, whoever held the lock."""
        self._lock = Lock()
        self._drawn, self._given = b"", 0

    def take(self, count: int) -> bytes:
        with self._lock:
            begin, end = self._given, self._given + count
            if end > len(self._drawn):
                self._drawn, begin, end = os.urandom(max(count, _DRAW_BYTES)), 0, count
            self._given = end
            return self._drawn[begin:end]


random_bytes = _Pool().take
"""Gives so many random bytes, for salts and nonces. Safe to use from several threads."""
