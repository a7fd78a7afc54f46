"""What is to be delivered to SPs: kept until acknowledged, whatever becomes of links."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from adapters.simulators.smsc.messages import Parcel, StatusReport


@dataclass(slots=True, eq=False)
class Delivery:
    """One parcel for an account. `link` carries it just now; 0 is none."""

    id: int
    account: str
    parcel: Parcel
    text: str = field(default="", repr=False)
    link: int = 0
    sends: int = 0

    @property
    def is_report(self) -> bool:
        """Whether it is a status report and no phone's message."""
        return isinstance(self.parcel, StatusReport)


class Mailbox:
    """Deliveries by account, in the order in which they came to be."""

    def __init__(self) -> None:
        self._deliveries: dict[int, Delivery] = {}
        self._ready: dict[str, list[tuple[int, Delivery]]] = {}
        self._next_id = 1

    def __len__(self) -> int:
        return len(self._deliveries)

    def __contains__(self, delivery: Delivery) -> bool:
        return self._deliveries.get(delivery.id) is delivery

    def add(self, account: str, parcel: Parcel, text: str = "") -> Delivery:
        """Keep a new delivery; `release` makes it ready to go."""
        return self.restore(Delivery(self._next_id, account, parcel, text))

    def restore(self, delivery: Delivery) -> Delivery:
        """Keep a delivery from an earlier life."""
        self._deliveries[delivery.id] = delivery
        self._next_id = max(self._next_id, delivery.id + 1)
        return delivery

    def release(self, delivery: Delivery) -> None:
        """Make a delivery ready to go, also once more."""
        delivery.link = 0
        heapq.heappush(self._ready.setdefault(delivery.account, []), (delivery.id, delivery))

    def take(self, account: str) -> Delivery | None:
        """Take the oldest one that is ready and not settled meanwhile."""
        if not self.has_ready(account):
            return None
        return heapq.heappop(self._ready[account])[1]

    def has_ready(self, account: str) -> bool:
        """Tell whether anything is ready to go."""
        line = self._ready.get(account, [])
        while line and line[0][1] not in self:
            heapq.heappop(line)
        return bool(line)

    def settle(self, delivery: Delivery) -> bool:
        """Forget a delivery that was answered; False if it is not there any more."""
        return delivery in self and self._deliveries.pop(delivery.id) is delivery

    def unacknowledged(self) -> list[Delivery]:
        """Return everything that was not answered, oldest first."""
        return list(self._deliveries.values())

    def clear(self) -> None:
        """Forget everything."""
        self._deliveries.clear()
        self._ready.clear()
