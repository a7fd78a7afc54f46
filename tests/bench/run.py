"""Run every benchmark, or those named: ``make bench ARGS="submit cmpp"``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import (
    bench_account,
    bench_audit,
    bench_baseline,
    bench_cmpp,
    bench_grpc,
    bench_log,
    bench_orders,
    bench_submit,
)

BENCHMARKS = {
    "submit": bench_submit.run,
    "grpc": bench_grpc.run,
    "baseline": bench_baseline.run,
    "cmpp": bench_cmpp.run,
    "orders": bench_orders.run,
    "account": bench_account.run,
    "log": bench_log.run,
    "audit": bench_audit.run,
}


def main(names: list[str]) -> None:
    """Run them one after the other."""
    for name in names or BENCHMARKS:
        BENCHMARKS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
