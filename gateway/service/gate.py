"""The gate before the registry's writes: shut, with the reason, when the log must not go on."""

from __future__ import annotations

import logging
from typing import Any, TypeVar

from gateway.domain.errors import Reason, RefusedError
from gateway.store.base import Store, Unit

log = logging.getLogger(__name__)

T = TypeVar("T")


class Gate:
    """Open until something shuts it. ``alarms`` are the reasons why it is shut, such as FENCE_AHEAD."""

    def __init__(self) -> None:
        self.alarms: list[str] = []

    @property
    def is_open(self) -> bool:
        """True if the registry may be written."""
        return not self.alarms

    def shut(self, alarm: str) -> None:
        """Stop all writes until an operator has looked and the gateway was started again."""
        if alarm not in self.alarms:
            self.alarms.append(alarm)
            log.critical("the registry is read-only", extra={"alarm": alarm})

    def check(self) -> None:
        """Raises RefusedError (LOG_READ_ONLY) if it is shut."""
        if self.alarms:
            raise RefusedError(Reason.LOG_READ_ONLY, f"the registry is read-only: {self.alarms[0]}")


class GatedStore:
    """A store whose commits pass a gate; everything else is the store's own."""

    def __init__(self, store: Store, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        """Whatever is not a commit goes to the store itself."""
        return getattr(self._store, name)

    async def commit(self, unit: Unit[T]) -> T:
        """Commit, if the gate is open. Raises RefusedError (LOG_READ_ONLY) and what the store raises."""
        self._gate.check()
        return await self._store.commit(unit)
