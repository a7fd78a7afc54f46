#!/usr/bin/env bash
# Fuzz one target for some seconds: tools/fuzz.sh PYTHON tests/fuzz/fuzz_x.py SECONDS SEED. Says how many inputs it tried;
# after a crash it prints the log's end, and the input lies in build/fuzz/.
set -euo pipefail
name=$(basename "$2" .py)
log=build/fuzz/$name.log
mkdir -p "build/fuzz/$name"
"$1" "$2" -max_total_time="$3" -seed="$4" -print_final_stats=1 -artifact_prefix=build/fuzz/ "build/fuzz/$name" >"$log" 2>&1 || {
	tail -60 "$log" >&2
	exit 1
}
echo "$name for $3 s: $(grep -o 'number_of_executed_units.*' "$log")"
