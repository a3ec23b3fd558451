#!/usr/bin/env bash
# tests/ci.sh [STEP...] - the steps of CI in order, or only those named. `make ci` runs this and nothing else.
#
# A step that fails does not hide the ones after it; the exit status is 0 only if all passed. Prints what each took, and at
# the very end the summary of the test run that matters most: the failed one, or that of the build of record.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

steps=(laws format shell dev test headers install clang clang-tidy asan tsan fuzz bench prove acceptance)
logs=build/ci
mkdir -p "$logs"
jobs=$(nproc)
# The thread sanitizer of GCC 12 wants an address space without much randomness.
calm=()
setarch -R true 2>/dev/null && calm=(setarch -R)

sources() { git ls-files -co --exclude-standard -- "$@" | while read -r file; do [ -e "$file" ] && echo "$file"; done; }
build() { cmake --preset "$1" >"$logs/configure-$1.log" || { cat "$logs/configure-$1.log"; return 1; }; shift; cmake --build "$@"; }
tested() { ctest --preset "$1" -j"$jobs" "${@:2}" 2>&1 | tee "$logs/ctest-$1.log"; }

step_laws() {
  local failed=0
  for law in layers headers orders banned sizes dead_files changelog style_page names; do
    echo "$law: $(python3 tests/tidy/$law.py 2>&1)" | tee "$logs/law.log"
    grep -q ': obeyed; ' "$logs/law.log" || failed=1
  done
  return $failed
}
step_format() { sources '*.cpp' '*.hpp' '*.h' | xargs -r clang-format-19 --dry-run -Werror; }
step_shell() { { sources '*.sh' '*.bash'; echo .ci/run; } | xargs -r shellcheck -S warning; }
step_dev() { build dev build/dev; }
# What would outlive its makers, of ours or, without names, of anybody's.
left_in_the_kernel() {
  find /dev/shm /dev/mqueue -mindepth 1 -maxdepth 1 -name '*transom*' 2>/dev/null
  awk 'FNR > 1 { print FILENAME, "key", $1, "id", $2 }' /proc/sysvipc/{msg,sem,shm} 2>/dev/null
}
# Fails if there is more than in the file $1. Another program's objects may come and go: so it looks for ten seconds.
nothing_is_left() {
  local more until=$((SECONDS + 10))
  while [ $SECONDS -lt $until ]; do
    more=$(left_in_the_kernel | sort | comm -13 "$1" -)
    [ -z "$more" ] && return 0
  done
  echo "the tests have left behind:"; echo "$more"
  return 1
}
step_test() {
  left_in_the_kernel | sort >"$logs/kernel-before"
  tested dev -LE install && nothing_is_left "$logs/kernel-before"
}
step_prove() { TRANSOM_PROVE_SECONDS="${TRANSOM_PROVE_SECONDS:-15}" tests/prove.sh quick; }
step_headers() { cmake --build build/dev --target all_verify_interface_header_sets; }
step_install() { ctest --test-dir build/dev -L install --output-on-failure; }
step_clang() { build clang build/clang --target transom transom_tool; }
step_clang-tidy() {  # nothing is built: it reads how each file would be compiled by itself
  cmake --preset tidy >"$logs/configure-tidy.log" || { cat "$logs/configure-tidy.log"; return 1; }
  python3 tests/tidy/clang_tidy.py build/tidy --seconds "${TRANSOM_LINT_SECONDS:-90}"
}
# Targets and labels of the layers named, and of the one suite.
targets_of() { printf 'transom_%s_test\n' "$@"; echo transom_conformance; }
labels_of() { echo "^($(IFS='|'; echo "$*")|conformance)\$"; }
step_asan() {
  local layers=(base os sync shm meter transport channel process) targets
  mapfile -t targets < <(targets_of "${layers[@]}")
  build asan build/asan --target "${targets[@]}" transom_hostile && tested asan -L "$(labels_of "${layers[@]}" hostile)"
}
step_tsan() {  # where threads share memory: the layers that do
  local layers=(sync shm meter transport channel) targets
  mapfile -t targets < <(targets_of "${layers[@]}")
  "${calm[@]}" cmake --preset tsan >"$logs/configure-tsan.log" || return 1
  "${calm[@]}" cmake --build build/tsan --target "${targets[@]}" || return 1
  "${calm[@]}" ctest --preset tsan -j"$jobs" -L "$(labels_of "${layers[@]}")" 2>&1 | tee "$logs/ctest-tsan.log"
}
step_fuzz() { build fuzz build/fuzz --target transom_fuzzers && tests/fuzz/run.sh "${TRANSOM_FUZZ_SECONDS:-10}"; }
step_acceptance() { tests/install/acceptance.sh; }
step_bench() { build bench build/bench && bench/run.sh build/bench --smoke; }

[ $# -gt 0 ] && steps=("$@")
report=() failed=()
began=$SECONDS
for step in "${steps[@]}"; do
  printf '\n=== %s\n' "$step"
  start=$SECONDS
  if "step_$step"; then verdict=passed; else verdict=FAILED; failed+=("$step"); fi
  report+=("$(printf '%-12s %-7s %5d s' "$step" "$verdict" $((SECONDS - start)))")
  printf '=== %s\n' "${report[-1]}"
done

printf '\n'
printf '%s\n' "${report[@]}"
printf '%-12s %-7s %5d s\n' total "" $((SECONDS - began))
for name in asan tsan dev; do
  case " ${steps[*]} " in *" $name "*) ;; *) continue ;; esac
  [ -e "$logs/ctest-$name.log" ] && echo "$name: $(grep -E 'tests passed' "$logs/ctest-$name.log")"
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}"
fi
last=$logs/ctest-dev.log
for name in asan tsan; do
  case " ${failed[*]:-} " in *" $name "*) last=$logs/ctest-$name.log ;; esac
done
[ -e "$last" ] && grep -E 'tests passed' "$last"
[ ${#failed[@]} -eq 0 ]
