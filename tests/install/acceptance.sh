#!/usr/bin/env bash
# tests/install/acceptance.sh - the programs of the API contract, unchanged, against an installed release. ACCEPTANCE is the
# directory they are in; without it there is nothing to ask. Programs whose mechanisms this release does not have are named.
set -euo pipefail
cd "$(dirname "$0")/../.."
programs=${ACCEPTANCE:-../shared/acceptance}
asked="01 02 03 04 05 09 10 11 12 13 14"
unbuilt='consume\("(file):'  # of 10, the lines whose schemes this release does not have

[ -d "$programs" ] || { echo "no acceptance programs at $programs"; exit 0; }
cmake --preset bench >/dev/null  # what users get, and the benchmarks: CI builds it anyway
cmake --build --preset bench
room=build/acceptance
rm -rf "$room/prefix"
cmake --install build/bench --prefix "$room/prefix" >/dev/null
mkdir -p "$room/programs"
cp "$programs"/* "$room/programs/"
for source in "$programs"/10_*.cpp; do grep -vE "$unbuilt" "$source" >"$room/programs/$(basename "$source")"; done
cmake -S "$room/programs" -B "$room/build" -G Ninja -DCMAKE_PREFIX_PATH="$PWD/$room/prefix" -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" >/dev/null

targets=() waiting=()
for source in "$programs"/[0-9]*.cpp; do
  name=$(basename "$source" .cpp)
  case " $asked " in *" ${name%%_*} "*) targets+=("$name") ;; *) waiting+=("$name") ;; esac
done
cmake --build "$room/build" --target "${targets[@]}"
ctest --test-dir "$room/build" -j2 --output-on-failure -R "^($(IFS='|'; echo "${targets[*]}"))\$"
echo "10 is asked without: $(grep -hoE "$unbuilt" "$programs"/10_*.cpp | sed 's/.*"//' | tr '\n' ' ')"
echo "not asked of this release: ${waiting[*]:-none}"
