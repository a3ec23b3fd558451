#!/usr/bin/env bash
# tests/prove.sh quick|full [NAME...] - runs the proofs that exist, in the order of trust, or only those named.
#
# A later proof never excuses an earlier one. Each prints what, N, bad, seed, seconds, machine and its controls, and
# leaves build/proofs/NAME*.json (transom.proof/1). A proof is tests/FOLDER/prove.sh, called with quick|full and its name;
# a folder may hold several. TRANSOM_PROVE_SEED repeats a run.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

form=${1:-quick}
case $form in quick | full) shift ;; *) echo "prove.sh quick|full [NAME...]" >&2 && exit 2 ;; esac
names=(model explore step pairs stop race soak)
[ $# -gt 0 ] && names=("$@")
declare -A folder=([pairs]=step [stop]=step)

mkdir -p build/proofs
failed=() report=()
for name in "${names[@]}"; do
  script=tests/${folder[$name]:-$name}/prove.sh
  [ -x "$script" ] || { [ $# -gt 0 ] && { echo "there is no proof called $name" >&2; failed+=("$name"); }; continue; }
  printf '\n=== prove %s (%s)\n' "$name" "$form"
  start=$SECONDS
  if "$script" "$form" "$name"; then verdict=passed; else verdict=FAILED; failed+=("$name"); fi
  report+=("$(printf 'prove-%-10s %-7s %5d s' "$name" "$verdict" $((SECONDS - start)))")
done
printf '\n'
[ ${#report[@]} -eq 0 ] || printf '%s\n' "${report[@]}"
[ ${#failed[@]} -eq 0 ]
