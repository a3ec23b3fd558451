#!/usr/bin/env bash
# bench/run.sh BUILD [--smoke] - runs every benchmark of BUILD; each prints the machine with its numbers.
# --smoke: one short round each, so that none can rot unseen.
set -euo pipefail
build=${1:?a build directory}
micro=(--benchmark_repetitions=5 --benchmark_report_aggregates_only=true)
overhead=(--json "$build/overhead.json")
goals=(--json "$build/goals.json")
locks=(--json "$build/sync.json")
[ "${2:-}" = --smoke ] && micro=(--benchmark_min_time=0.01) && overhead=(--once) && goals=(--smoke) && locks=(--rounds 1)

"$build/bench/pipe_bench" "${micro[@]}"
"$build/bench/overhead_bench" "${overhead[@]}"
"$build/bench/sync_bench" "${locks[@]}"
"$build/bench/goals_bench" "${goals[@]}"
