#!/usr/bin/env bash
# tests/install/check.sh BUILD CXX - installs BUILD into a directory of its own, moves that tree, and builds one user's program
# against it with find_package and with pkg-config. Oracle: both run; no private header is there; DESTDIR is honoured.
set -euo pipefail
build=$1 cxx=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
room=$(mktemp -d "${TMPDIR:-/tmp}/transom-install-XXXXXX")
trap 'rm -rf "$room"' EXIT

fail() { echo "install: $*" >&2; exit 1; }

cmake --install "$build" --prefix "$room/first" >"$room/install.log"
DESTDIR=$room/stage cmake --install "$build" --prefix /opt/transom >"$room/stage.log"
[ -e "$room/stage/opt/transom/include/transom/base/error.hpp" ] || fail "DESTDIR was not honoured"
mv "$room/first" "$room/moved"
prefix=$room/moved

while read -r list; do
  layer=$(basename "$(dirname "$list")")
  while read -r header; do
    [ -z "$header" ] || [ ! -e "$prefix/include/transom/$layer/$header" ] || fail "transom/$layer/$header is private and was installed"
  done <"$list"
done < <(find "$root/transom" -name private_headers.txt)
! grep -rlE "#include <(sys|linux|asm|netinet)/" "$prefix/include/transom" || fail "a public header leaks the kernel's"
! grep -rlF "$root" "$prefix/lib" "$prefix/include" --include='*.cmake' --include='*.pc' --include='*.hpp' || fail "the tree names where it was built"

cmake -S "$here/user" -B "$room/user" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$cxx" >"$room/user.log" ||
  { cat "$room/user.log"; fail "find_package(transom) failed"; }
cmake --build "$room/user" >"$room/user.log" || { cat "$room/user.log"; fail "the program does not build with find_package"; }
"$room/user/user"

PKG_CONFIG_PATH=$(find "$prefix" -name pkgconfig -type d)
export PKG_CONFIG_PATH
# The sanitizers of the build under test, if it has any, are part of the library and must be linked.
sanitize=$(sed -n 's/^TRANSOM_SANITIZE:STRING=\(..*\)/-fsanitize=\1/p' "$build/CMakeCache.txt")
# shellcheck disable=SC2046,SC2086 # the flags are meant to be split
"$cxx" -std=c++23 -Wall -Wextra $sanitize "$here/user/main.cpp" -o "$room/by-pkg-config" $(pkg-config --cflags --libs transom)
"$room/by-pkg-config"

# The two programs of README.md are what a newcomer types first: they must build as they stand, and talk to each other.
if [ -e "$prefix/include/transom/transom.hpp" ]; then
  awk -v room="$room" '/^```cpp$/ { getline; file = ($1 == "//" && $2 ~ /\.cpp$/) ? room "/" $2 : ""; }
    /^```$/ { file = "" } file { print > file }' "$root/README.md"
  sed -i "s|unix:///tmp/readings|unix://$room/readings|" "$room/hear.cpp" "$room/speak.cpp"
  for program in hear speak; do
    # shellcheck disable=SC2046,SC2086
    "$cxx" -std=c++23 -Wall -Wextra $sanitize "$room/$program.cpp" -o "$room/$program" $(pkg-config --cflags --libs transom)
  done
  "$room/speak" &
  "$room/hear" >"$room/heard"
  wait $! || fail "speak failed"
  printf 'attic 12.25\nattic 12.5\nattic 31\n' | diff - "$room/heard" || fail "the programs of README.md misunderstood each other"
fi

if [ -e "$build/bin/transom" ]; then
  "$prefix/bin/transom" --help >/dev/null || fail "the installed command does not run"
  [ -s "$prefix/share/man/man1/transom.1" ] || fail "the manual page is missing"
  [ -s "$prefix/share/bash-completion/completions/transom" ] || fail "the completion for bash is missing"
fi
echo "installed, moved, and used twice"
