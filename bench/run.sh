#!/usr/bin/env bash
# bench/run.sh BUILD [--smoke] - runs every benchmark of BUILD. Prints the machine first: a number without one means
# nothing. --smoke: one short round each, so that none can rot unseen.
set -euo pipefail
build=${1:?a build directory}
options=(--benchmark_repetitions=5 --benchmark_report_aggregates_only=true)
[ "${2:-}" = --smoke ] && options=(--benchmark_min_time=0.01)

echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors, Linux $(uname -r)"
found=0
for program in "$build"/bench/*_bench; do
  [ -x "$program" ] || continue
  found=1
  "$program" "${options[@]}"
done
[ $found -eq 1 ] || { echo "there are no benchmarks in $build" >&2; exit 1; }
