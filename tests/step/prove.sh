#!/usr/bin/env bash
# tests/step/prove.sh quick|full step|pairs|stop - kills (stops) at every instruction, or at pairs of them.
#
# Quick: the library as released, a sample by seed. Full: every instruction with GCC at -O2, and up to 1500 of each operation with both
# compilers at -O0 to -O3 (TRANSOM_PROVE_POINTS; 0: every one there too, which takes many hours); a million pairs at -O2. Quick takes TRANSOM_PROVE_SECONDS.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

form=${1:?quick or full} name=${2:?step, pairs or stop}
presets=(bench) levels=(release)
if [ "$form" = full ]; then presets=(dev) levels=(O2); fi
if [ "$form" = full ] && [ "$name" != pairs ]; then presets=(dev clang) levels=(O0 O1 O2 O3); fi
case $name in step) which=() ;; pairs) which=(--pairs) ;; stop) which=(--stops) ;; *) exit 2 ;; esac
seed=${TRANSOM_PROVE_SEED:-$RANDOM$RANDOM}

mkdir -p build/proofs
status=0
for preset in "${presets[@]}"; do
  [ -e "build/$preset/build.ninja" ] || cmake --preset "$preset" >/dev/null || exit 1
  for level in "${levels[@]}"; do
    target=transom_prove_step_$level
    [ "$level" = release ] && target=transom_prove_step
    cmake --build "build/$preset" --target "$target" >build/proofs/build.log ||
      { cat build/proofs/build.log; status=1; continue; }
    some=()
    [ "$form" = full ] && [ "$preset-$level" != dev-O2 ] && some=(--points "${TRANSOM_PROVE_POINTS:-1500}")
    [ "$form" = quick ] && some+=(--seconds "${TRANSOM_PROVE_SECONDS:-30}")
    "build/$preset/tests/step/$target" "${which[@]}" "--$form" "${some[@]}" --seed "$seed" \
      --json "build/proofs/$name-$preset-$level.json" || status=1
  done
done
exit $status
