#!/usr/bin/env bash
# tests/fuzz/run.sh SECONDS - runs every fuzz target of build/fuzz for SECONDS, two at a time, starting from its corpus.
# New inputs stay in build/fuzz/corpus/NAME; an input that breaks a target is left in build/fuzz and named.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
seconds=${1:?seconds for each target}
root=$PWD

one() {
  local program=$1 name
  name=$(basename "$program" _fuzz)
  local learnt=$root/build/fuzz/corpus/$name kept=$root/tests/fuzz/corpus/$name log=$root/build/fuzz/$name.log
  mkdir -p "$learnt"
  [ -d "$kept" ] || kept=
  if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -artifact_prefix="$root/build/fuzz/$name-" \
    -print_final_stats=1 "$learnt" ${kept:+"$kept"} >"$log" 2>&1; then
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, none broke it"
  else
    tail -n 40 "$log"
    echo "$name: broken; see build/fuzz/$name.log"
    return 1
  fi
}
export -f one
export seconds root

mapfile -t programs < <(find build/fuzz/tests/fuzz -maxdepth 1 -type f -name '*_fuzz' -perm -u+x 2>/dev/null | sort)
[ ${#programs[@]} -gt 0 ] || { echo "there are no fuzz targets"; exit 0; }
printf '%s\0' "${programs[@]}" | xargs -0 -P2 -I{} bash -c 'one {}'
