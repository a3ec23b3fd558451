#!/usr/bin/env bash
# tests/soak/prove.sh quick|full - kills the parties of shared-memory lanes at random and accounts for every message, first
# on the lanes themselves, then through the public API (lane_soak.cpp). TRANSOM_PROVE_SEED repeats a run.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

form=${1:?quick or full}
case $form in
  quick) lanes=(--quick) names=(--seconds 6) ;;
  full) lanes=(--kills 100000 --messages 1000000000) names=(--seconds 300) ;;
  *) exit 2 ;;
esac
seed=()
[ -n "${TRANSOM_PROVE_SEED:-}" ] && seed=(--seed "$TRANSOM_PROVE_SEED")

mkdir -p build/proofs
dir=build/dev
[ "$form" = full ] && dir=build/soak
if [ ! -e "$dir/build.ninja" ]; then
  case $form in
    quick) cmake --preset dev ;;
    full) cmake -S . -B "$dir" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTRANSOM_STRICT=ON ;;
  esac >/dev/null || exit 1
fi
cmake --build "$dir" --target transom_lane_soak >build/proofs/build.log || { cat build/proofs/build.log; exit 1; }
program=$dir/tests/soak/transom_lane_soak
status=0
"$program" "${lanes[@]}" "${seed[@]}" --json build/proofs/soak.json || status=1
"$program" --named "${names[@]}" "${seed[@]}" --json build/proofs/soak-named.json || status=1
exit $status
