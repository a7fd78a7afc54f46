"""Metrics: every series the gateway exposes, with its labels. No label ever holds a number or an id.

================================  ==================================  ==============================================
series                            labels                              counts
================================  ==================================  ==============================================
optout_calls_total                method, code, reason                gRPC calls ended; code is the status's name
optout_call_seconds               method                              how long they took (histogram)
optout_calls_in_flight            method                              calls and streams open now
optout_stream_refusals_total      method, reason                      messages refused within streams that went on
optout_instructions_total         carrier, channel, disposition,      instructions recorded with an outcome
                                  reason
optout_expected_effects_total     carrier, effect                     items that instructions changed, by what the
                                                                      carrier declared of them: a forecast
optout_accepted_effects_total     carrier                             those of them whose effect the carrier has
                                                                      still to report
optout_delivery_reports_total     carrier, state                      reports about notices taken in
optout_number_events_total        party, kind, reason                 number events recorded, conflicts too
optout_switch_offs_overdue_total  carrier                             alarms that a carrier lost a number and did not
                                                                      report in time that it switched it off
optout_erasures_unconfirmed_total carrier                             alarms that a carrier did not report in time
                                                                      that it erased what it holds
optout_reported_effects_total     carrier, effect                     items of reports about effects, and of answers
                                                                      to orders, taken in
optout_effects_overdue_total      carrier                             items not reported in time: an alarm
optout_screenings_total           verdict, rule                       screening answers
optout_interceptions_total        action, rule                        reports about calls taken in
optout_interception_fates_total   fate                                what subscribers hear of calls that did not ring
optout_summarised_calls_total     fate                                calls whose summary's time came: told, unwanted
optout_replayed_orders_total                                          dead letters put back into the outbox
optout_log_size                                                       entries in the log
optout_feed_lag_entries                                               entries that screening has not seen yet
optout_outbox_rows                carrier, state                      outbox rows
optout_outbox_oldest_seconds      carrier, state                      how long the oldest of them is due
optout_log_published_size                                             entries under the published checkpoint
optout_log_checkpoint_age_seconds                                     how long ago that was signed
optout_log_alarms                 alarm                               1 for each reason why nothing may be written
optout_log_witness_size           witness                             entries under what it cosigned last
optout_log_witness_age_seconds    witness                             how long ago it did, or since the start
optout_log_witness_conflicts      witness, alarm                      times that a witness disagreed since the start
optout_housekeeping_failures                                          rounds in a row in which retention was not
                                                                      enforced or keys not copied: an alarm above 0
================================  ==================================  ==============================================

``reason`` is empty where nothing was refused. What comes again is counted once, when its entry is made. How the counts
of calls add up stands in ``docs/counters.md``.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Telemetry:
    """The gateway's metrics, in a registry of their own so that several gateways fit into one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter("optout_calls", "gRPC calls ended", ["method", "code", "reason"], registry=self.registry)
        self.call_seconds = Histogram(
            "optout_call_seconds", "Duration of gRPC calls", ["method"], registry=self.registry, buckets=_BUCKETS_S
        )
        self.in_flight = Gauge("optout_calls_in_flight", "Open gRPC calls", ["method"], registry=self.registry)
        self.stream_refusals = Counter(
            "optout_stream_refusals", "Messages refused within streams", ["method", "reason"], registry=self.registry
        )
        self.instructions = Counter(
            "optout_instructions",
            "Instructions answered",
            ["carrier", "channel", "disposition", "reason"],
            registry=self.registry,
        )
        self.expected_effects = Counter(
            "optout_expected_effects",
            "Items changed, by forecast",
            ["carrier", "effect"],
            registry=self.registry,
        )
        self.accepted_effects = Counter(
            "optout_accepted_effects", "Items changed that a report is awaited of", ["carrier"], registry=self.registry
        )
        self.delivery_reports = Counter(
            "optout_delivery_reports", "Reports about notices", ["carrier", "state"], registry=self.registry
        )
        self.number_events = Counter(
            "optout_number_events", "Number events recorded", ["party", "kind", "reason"], registry=self.registry
        )
        self.switch_offs_overdue = Counter(
            "optout_switch_offs_overdue", "Switch-offs not reported in time", ["carrier"], registry=self.registry
        )
        self.erasures_unconfirmed = Counter(
            "optout_erasures_unconfirmed", "Erasures not reported in time", ["carrier"], registry=self.registry
        )
        self.reported_effects = Counter(
            "optout_reported_effects", "Items of reports about effects", ["carrier", "effect"], registry=self.registry
        )
        self.effects_overdue = Counter(
            "optout_effects_overdue", "Items not reported in time", ["carrier"], registry=self.registry
        )
        self.screenings = Counter("optout_screenings", "Screening answers", ["verdict", "rule"], registry=self.registry)
        self.interceptions = Counter(
            "optout_interceptions", "Reports about calls taken in", ["action", "rule"], registry=self.registry
        )
        self.interception_fates = Counter(
            "optout_interception_fates", "What is told of calls that did not ring", ["fate"], registry=self.registry
        )
        self.summarised_calls = Counter(
            "optout_summarised_calls", "Calls whose summary's time came", ["fate"], registry=self.registry
        )
        self.replayed_orders = Counter(
            "optout_replayed_orders", "Dead letters put back into the outbox", registry=self.registry
        )
        self._add_gauges()

    def _add_gauges(self) -> None:
        """What is read off as it stands, beside what is counted."""
        self.log_size = Gauge("optout_log_size", "Entries in the log", registry=self.registry)
        self.feed_lag = Gauge("optout_feed_lag_entries", "Entries screening has not seen", registry=self.registry)
        self.outbox_rows = Gauge("optout_outbox_rows", "Outbox rows", ["carrier", "state"], registry=self.registry)
        self.outbox_oldest = Gauge(
            "optout_outbox_oldest_seconds", "Age of the oldest due row", ["carrier", "state"], registry=self.registry
        )
        self.published_size = Gauge("optout_log_published_size", "Entries published", registry=self.registry)
        self.checkpoint_age = Gauge(
            "optout_log_checkpoint_age_seconds", "Age of the published checkpoint", registry=self.registry
        )
        self.log_alarms = Gauge("optout_log_alarms", "Why nothing may be written", ["alarm"], registry=self.registry)
        self.witness_size = Gauge(
            "optout_log_witness_size", "Entries a witness cosigned", ["witness"], registry=self.registry
        )
        self.witness_age = Gauge(
            "optout_log_witness_age_seconds", "Age of a witness's last word", ["witness"], registry=self.registry
        )
        self.witness_conflicts = Gauge(
            "optout_log_witness_conflicts", "Witnesses' disagreements", ["witness", "alarm"], registry=self.registry
        )
        self.housekeeping_failures = Gauge(
            "optout_housekeeping_failures", "Rounds of housekeeping not done, in a row", registry=self.registry
        )

    def tell_housekeeping(self, was_done: bool) -> None:
        """Say whether a round of housekeeping was done."""
        if was_done:
            self.housekeeping_failures.set(0)
        else:
            self.housekeeping_failures.inc()

    def write(self) -> bytes:
        """All series in Prometheus' text format."""
        return generate_latest(self.registry)
