"""What the account channel counts. Labels are codes of ours, never anything a peer or a user chose."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class AccountMetrics:
    """Counters in the adapter's registry."""

    def __init__(self, registry: CollectorRegistry, carrier: str) -> None:
        self._carrier = carrier
        self._counters = {
            name: Counter(f"optout_account_{name}", text, ["carrier", "result"], registry=registry)
            for name, text in (
                ("callbacks", "Callbacks of WeChat, by kind or reason of refusal"),
                ("messages", "Messages to users, by what became of them"),
                ("logins", "Numbers asked for or proved, by result"),
                ("pages", "Pages shown and forms taken, by result"),
                ("bookings", "Bookings of the carrier's app, by result"),
                ("submits", "Instructions, by what the gateway made of them"),
            )
        }
        self.callback_seconds = Histogram(
            "optout_account_callback_seconds", "From a callback to its answer", registry=registry, buckets=_SECONDS
        )

    def count(self, name: str, result: str) -> None:
        """Count one thing."""
        self._counters[name].labels(self._carrier, result).inc()
