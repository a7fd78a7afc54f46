"""The log that benchmarks are made of: it is as large as asked, spread over days, and holds whatever is replayed."""

from __future__ import annotations

from collections import Counter

from gateway.tlog.leaf import decode_leaf
from tests.audit.registry import replay
from tests.audit.shown_log import payload_of
from tests.bench import made_audit


def test_made_log_when_replayed_then_it_holds_and_its_kinds_are_mixed() -> None:
    log = list(made_audit.make_log(40, epoch_every=50, bits=4))
    assert replay(log) == []
    assert [entry.index for entry in log] == list(range(len(log)))
    seen = Counter(payload_of(entry)["kind"] for entry in log if entry.opening is not None)
    assert seen.keys() >= {"instruction", "applied", "interception", "delivery", "number_event"}
    assert sum(entry.opening is None for entry in log) > len(log) // 50


def test_made_log_when_it_has_several_cohorts_then_times_go_on_over_days(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(made_audit, "COHORT", 16)
    log = list(made_audit.make_log(40, epoch_every=0))
    assert replay(log) == []
    days = {decode_leaf(entry.leaf).accept_time_ms // made_audit.DAY_MS for entry in log}
    assert len(days) >= 2 * 3
