#!/usr/bin/env bash
# cmake/packages.sh run|test|ci|bench - installs what a Debian machine lacks for `make run`, `make test`, `make ci`, ...
#
# Says what it is about to install before it does, touches nothing when nothing is missing (one call of dpkg-query), and
# fetches the package lists only when it has to. `--check` says what is missing and installs nothing.
set -euo pipefail

run=(g++ cmake ninja-build libcli11-dev libfmt-dev nlohmann-json3-dev libssl-dev)
test=("${run[@]}" git pkg-config python3 libgtest-dev libgmock-dev librapidcheck-dev socat netcat-openbsd procps)
# shellcheck disable=SC2034 # chosen by name below
ci=("${test[@]}" clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev libbenchmark-dev ccache shellcheck spin)
# The peers of the benchmark; without them it says so.
# shellcheck disable=SC2034
bench=("${ci[@]}" iceoryx libiceoryx-posh-dev libboost-dev libzmq3-dev libnng-dev)
# shellcheck disable=SC2034
coverage=("${test[@]}" gcovr)

want=${1:?run, test, ci, bench or coverage}
declare -n wanted=$want

if ! command -v dpkg-query >/dev/null; then
  missing=()
  for tool in c++ cmake ninja; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  [ ${#missing[@]} -eq 0 ] && exit 0
  echo "This is not a Debian-like system and it lacks: ${missing[*]}. Install what these Debian packages hold: ${wanted[*]}" >&2
  exit 1
fi

present=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed //p' || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qxF "$package" <<<"$present" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "Missing for 'make $want': ${missing[*]}"
[ "${2:-}" = --check ] && exit 1
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "Installing needs root and there is no sudo: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "Installing them with apt-get."
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
