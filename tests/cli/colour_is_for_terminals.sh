#!/usr/bin/env bash
# tests/cli/colour_is_for_terminals.sh - escape sequences only where somebody looks, and NO_COLOR is respected there.
source "$(dirname "$0")/room.sh"

printf x >file
escape=$'\033'
"$transom" tour --via pipe file >out 2>&1
! grep -q "$escape" out || fail "colour in a file"

in_terminal() { script -qec "$*" /dev/null </dev/null >out; }
unset NO_COLOR
TERM=xterm in_terminal "'$transom' tour --via pipe file"
grep -q "$escape" out || fail "no colour on a terminal"
NO_COLOR=1 TERM=xterm in_terminal "'$transom' tour --via pipe file"
! grep -q "$escape" out || fail "NO_COLOR was ignored"
