#!/usr/bin/env bash
# tests/explore/prove.sh quick|full - the shipping lock-free text under every schedule, weak-memory outcome and death within
# bounds (quick: 2, a minute at most; full: 3, half an hour of processor time), and every mutant of its orders and fences.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

form=${1:?quick or full}
mkdir -p build/proofs
[ -e build/dev/build.ninja ] || cmake --preset dev >/dev/null || exit 1
cmake --build build/dev --target prove_explore >build/proofs/build.log || { cat build/proofs/build.log; exit 1; }
how=("--$form")
build/dev/tests/explore/prove_explore "${how[@]}" --json build/proofs/explore.json
