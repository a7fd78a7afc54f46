"""What an adapter counts. Labels are codes of ours, never anything a peer or a subscriber chose."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from adapters.carrier.sms_link import SmsLink

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics(Collector):
    """The counters of one adapter, in a registry of its own."""

    def __init__(self, carrier: str) -> None:
        self.registry = CollectorRegistry()
        self._carrier = carrier
        self._links: list[SmsLink] = []
        self._texts = self._counter("texts", "Messages of subscribers, by what they were", "reading")
        self._orders = self._counter("orders", "Orders of the CRM, by what it was told", "result")
        self._submits = self._counter("submits", "Instructions, by what the gateway made of them", "result")
        self._unacknowledged = self._counter("unacknowledged", "Messages left for the centre to repeat", "reason")
        self._reports = self._counter("reports", "Status reports, by what became of them", "match")
        self._sends = self._counter("sends", "Messages to subscribers, by what the link said", "outcome")
        self._notices = self._counter("notices", "Notices asked for, by template and answer", "template", "answer")
        self._deliveries = self._counter("deliveries", "Delivery reports to the gateway", "result")
        self._platform = self._counter(
            "platform", "What passed between the adapter and the carrier's platform", "event"
        )
        self._erasures = self._counter("erasures", "Subscribers erased here, by what became of it", "result")
        self._calls = self._counter("calls", "Calls of the gateway, by method and reason", "method", "reason")
        self.text_seconds = Histogram(
            "optout_adapter_text_seconds",
            "From a subscriber's message to its acknowledgement",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.order_seconds = Histogram(
            "optout_adapter_order_seconds", "From an order to its reply", registry=self.registry, buckets=_SECONDS
        )
        self._links_up = Gauge("optout_adapter_link_up", "1 if the link can send", ["link"], registry=self.registry)
        self._silence = Gauge(
            "optout_adapter_link_silent_seconds",
            "For how long the centre has not dialled us, on links where it does",
            ["link"],
            registry=self.registry,
        )
        self.backlog = Gauge("optout_adapter_backlog", "What waits in the journal", ["kind"], registry=self.registry)
        self.texts_waiting = Gauge("optout_adapter_texts_waiting", "Messages not answered yet", registry=self.registry)
        self.registry.register(self)

    def watch_link(self, link: SmsLink) -> None:
        """Show whether a link is up, and everything it counts itself."""
        self._links_up.labels(link.name).set_function(lambda: float(link.is_up))
        if link.silent_s is not None:
            self._silence.labels(link.name).set_function(lambda: link.silent_s or 0.0)
        self._links.append(link)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Called when metrics are read: what the links have counted."""
        family = CounterMetricFamily(
            "optout_adapter_link_events", "What happened on a link", labels=["carrier", "link", "event"]
        )
        for link in self._links:
            for event, count in sorted(link.counters().items()):
                family.add_metric([self._carrier, link.name, event], count)
        yield family

    def text(self, reading: str) -> None:
        """Count a subscriber's message."""
        self._texts.labels(self._carrier, reading).inc()

    def order(self, result: str) -> None:
        """Count an order of the CRM."""
        self._orders.labels(self._carrier, result).inc()

    def submit(self, result: str) -> None:
        """Count an instruction."""
        self._submits.labels(self._carrier, result).inc()

    def unacknowledged(self, reason: str) -> None:
        """Count a message left unanswered."""
        self._unacknowledged.labels(self._carrier, reason).inc()

    def report(self, match: str) -> None:
        """Count a status report."""
        self._reports.labels(self._carrier, match).inc()

    def send(self, outcome: str) -> None:
        """Count a message to a subscriber."""
        self._sends.labels(self._carrier, outcome).inc()

    def notice(self, template: str, answer: str) -> None:
        """Count a notice."""
        self._notices.labels(self._carrier, template, answer).inc()

    def delivery(self, result: str, count: int = 1) -> None:
        """Count delivery reports to the gateway."""
        self._deliveries.labels(self._carrier, result).inc(count)

    def platform(self, event: str, count: int = 1) -> None:
        """Count what passed between the adapter and the carrier's platform."""
        self._platform.labels(self._carrier, event).inc(count)

    def erasure(self, result: str, count: int = 1) -> None:
        """Count subscribers erased."""
        self._erasures.labels(self._carrier, result).inc(count)

    def call(self, method: str, reason: str) -> None:
        """Count a call of the gateway's."""
        self._calls.labels(self._carrier, method, reason).inc()

    def describe(self) -> Iterator[CounterMetricFamily]:
        """Called at registration: there are no links yet."""
        return iter(())

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"optout_adapter_{name}", text, ["carrier", *labels], registry=self.registry)
