#!/usr/bin/env bash
# tests/install/acceptance.sh - the programs of the API contract, unchanged, against an installed release. ACCEPTANCE is the
# directory they are in; without it there is nothing to ask. Programs whose mechanisms this release does not have are named.
set -euo pipefail
cd "$(dirname "$0")/../.."
programs=${ACCEPTANCE:-../shared/acceptance}
asked="01 02 03 05 09 13 14"

[ -d "$programs" ] || { echo "no acceptance programs at $programs"; exit 0; }
cmake --preset release >/dev/null
cmake --build --preset release
room=build/acceptance
rm -rf "$room/prefix"
cmake --install build/release --prefix "$room/prefix" >/dev/null
cmake -S "$programs" -B "$room/build" -G Ninja -DCMAKE_PREFIX_PATH="$PWD/$room/prefix" -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" >/dev/null

targets=() waiting=()
for source in "$programs"/[0-9]*.cpp; do
  name=$(basename "$source" .cpp)
  case " $asked " in *" ${name%%_*} "*) targets+=("$name") ;; *) waiting+=("$name") ;; esac
done
cmake --build "$room/build" --target "${targets[@]}"
ctest --test-dir "$room/build" -j2 --output-on-failure -R "^($(IFS='|'; echo "${targets[*]}"))\$"
echo "not asked of this release: ${waiting[*]:-none}"
