"""A store that fails as scripted: each fault says whether the commit happened, and whether the caller heard of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.store.base import CommitUnknownError, Store, StoreUnavailableError, Unit

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CommitFault:
    """One failing commit. Heard and not applied is a plain refusal; applied and not heard leaves everybody unsure."""

    applied: bool


NOT_APPLIED = CommitFault(applied=False)
APPLIED_NOT_HEARD = CommitFault(applied=True)


class FaultyStore:
    """Another store with a script of faults for its next commits; everything else is the other store's."""

    def __init__(self, store: Store, script: Iterable[CommitFault] = ()) -> None:
        self._store = store
        self.script = list(script)

    def __getattr__(self, name: str) -> Any:
        """Whatever is not a commit goes to the store itself."""
        return getattr(self._store, name)

    async def commit(self, unit: Unit[T]) -> T:
        """Commit, unless the next fault says otherwise. Raises StoreUnavailableError and CommitUnknownError."""
        if not self.script:
            return await self._store.commit(unit)
        if self.script.pop(0).applied:
            await self._store.commit(unit)
            raise CommitUnknownError("scripted: applied, not heard")
        raise StoreUnavailableError("scripted: not applied")
