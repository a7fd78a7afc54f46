"""The fence: how far this log was ever signed, kept apart from everything that may be restored from a backup.

A signer moves the fence before it signs, and only from where it thinks the fence stands. So a registry restored from
an old copy finds the fence ahead of it, and of two signers on one fence the slower one finds it moved; neither signs a
second root for a size that was signed before.

    F1  ``read`` gives what was last put; a new fence stands at size 0 with the root of nothing.
    F2  ``advance`` moves the fence from ``old`` to ``new`` if it stands at ``old``, else it raises ``FenceMovedError``
        and the fence stays. It returns only after the move is durable.
    F3  Any other failure means that nobody knows whether it moved: ``FenceUnknownError``. The signer must not go on.
    F4  A fence belongs to one log: opened for another origin it raises ``FenceForeignError``.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from gateway.store.base import StoreError
from gateway.tlog.hashing import empty_root


@dataclass(frozen=True, slots=True)
class FencePost:
    """Where the fence stands: a tree's size and root hash."""

    size: int
    root: bytes


START = FencePost(0, empty_root())


class FenceMovedError(StoreError):
    """The fence stands elsewhere than the signer thought: another signer is at work, or this one is out of date."""

    reason = "FENCE_MOVED"


class FenceUnknownError(StoreError):
    """The fence may have moved or not."""

    reason = "FENCE_UNKNOWN"


class FenceForeignError(StoreError):
    """The fence is another log's."""

    reason = "FENCE_FOREIGN"


class Fence(Protocol):
    """See the module's sentences. Both methods block for as long as one small durable write takes."""

    def read(self) -> FencePost:
        """Where the fence stands (F1)."""

    def advance(self, old: FencePost, new: FencePost) -> None:
        """Move the fence (F2, F3)."""

    def close(self) -> None:
        """Let go of it."""


class MemoryFence:
    """A fence for a registry in memory."""

    def __init__(self, post: FencePost = START) -> None:
        self._post = post
        self._lock = Lock()

    def read(self) -> FencePost:
        """Where the fence stands."""
        return self._post

    def advance(self, old: FencePost, new: FencePost) -> None:
        """Move the fence."""
        with self._lock:
            if self._post != old:
                raise FenceMovedError("the fence stands elsewhere")
            self._post = new

    def close(self) -> None:
        """Nothing is held."""
