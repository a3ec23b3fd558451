# tests/cli/room.sh - sourced by every script here: a room of its own on tmpfs, gone at the end with all that was started.
# TRANSOM names the program. Whatever fails says which command it was, and where.
# shellcheck shell=bash
set -euo pipefail
# shellcheck disable=SC2034 # the scripts use it
transom=${TRANSOM:?must name the program to test}
room=$(mktemp -d /dev/shm/transom-cli-XXXXXX)
export TRANSOM_DIR=$room/records
cd "$room"
mkfifo clock
exec {clock}<>clock

leave() {
  local status=$?
  trap - EXIT TERM
  local running
  running=$(jobs -pr)
  # shellcheck disable=SC2086 # several numbers
  [ -z "$running" ] || kill -TERM $running 2>/dev/null || true
  wait
  cd /
  rm -rf "$room"
  exit "$status"
}
trap leave EXIT
trap 'exit 143' TERM
trap 'echo "failed: $BASH_COMMAND (${BASH_SOURCE[0]##*/}:$LINENO)" >&2' ERR

fail() {
  echo "$*" >&2
  exit 1
}

# until_true COMMAND... - returns once COMMAND succeeds; the watchdog of ctest ends it if that never happens.
until_true() {
  until "$@"; do read -rt 0.01 -u "$clock" || true; done
}

# heard_at FILE - the URL that a receiver at port 0 says it listens at, once it has said so.
heard_at() {
  until_true grep -q 'listening at' "$1"
  sed -n 's/.*listening at //p' "$1"
}

# listens PATH - has somebody called listen(2) on this Unix socket?
listens() { grep -q " 00010000 .* $1\$" /proc/net/unix; }

# fails_with STATUS PATTERN COMMAND... - COMMAND must end with STATUS and say on stderr what matches PATTERN. Its output
# is in the files out and err.
fails_with() {
  local expected=$1 pattern=$2 status=0
  shift 2
  "$@" >out 2>err </dev/null || status=$?
  [ "$status" = "$expected" ] || fail "status $status, not $expected: $*: $(cat err)"
  grep -qE -- "$pattern" err || fail "no \"$pattern\" in what it says: $*: $(cat err)"
}

# Nothing of a channel is left: no record, no socket, no FIFO.
nothing_left() {
  local rest
  rest=$(find "$room" \( -name '*.record' -o -name '*.next' -o -type s -o -type p ! -name clock \) -print)
  [ -z "$rest" ] || fail "left behind: $rest"
}
