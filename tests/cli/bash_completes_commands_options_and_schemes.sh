#!/usr/bin/env bash
# tests/cli/bash_completes_commands_options_and_schemes.sh - and offers no option that the command does not know.
source "$(dirname "$0")/room.sh"
# shellcheck source=tools/transom.bash
source "${SOURCE:?must name the source tree}/tools/transom.bash"

# completes WORDS... - what bash would offer for the last of WORDS, on one line.
completes() {
  COMP_WORDS=(transom "$@") COMP_CWORD=$# COMPREPLY=()
  _transom
  echo "${COMPREPLY[*]}"
}
offers() {
  local expected=$1 offered
  shift
  offered=$(completes "$@")
  [ "$offered" = "$expected" ] || fail "\"transom $*\" completes to \"$offered\", not \"$expected\""
}

offers tour to
offers 'send' se
offers '--framing' send --fr
offers 'length line' recv --framing l
offers 'fifo:///' recv 'fi'
offers 'pipe posix-mq posix-shm' tour --via p
offers 'pipe,unix+stream' tour --via pipe,unix+s
touch first second
offers 'first' send fd:1 'fi'
offers 'second' tour sec
offers "unix://$room/second" recv "unix://$room/sec"

for command in tour send recv pipe version; do
  "$transom" $command --help >help
  for option in $(completes $command --); do
    grep -qE -- "(^| |,)$option( |:|$)" help || fail "$command does not know $option"
  done
  known=$(grep -oE -- '^ +(-[a-z],)?--[a-z-]+' help | grep -oE -- '--[a-z-]+' | sort)
  offered=$(completes $command -- | tr ' ' '\n' | sort)
  [ "$known" = "$offered" ] || fail "$command knows: $known; offered: $offered"
done
