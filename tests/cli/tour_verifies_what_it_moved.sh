#!/usr/bin/env bash
# tests/cli/tour_verifies_what_it_moved.sh - every mechanism, or those of --via; a file that is not there is status 1.
source "$(dirname "$0")/room.sh"

head -c 1234567 /dev/urandom >file
"$transom" tour file >out
[ "$(grep -cE '  yes( |$)' out)" = 15 ] || fail "$(cat out)"
grep -q "15 of 15 mechanisms verified" out
grep -q "sha256 $(sha256sum file | cut -d' ' -f1)" out

"$transom" tour --via pipe,unix file >out
[ "$(grep -cE '  yes( |$)' out)" = 2 ] || fail "$(cat out)"
: >empty
"$transom" tour --via unix,udp,fd empty >out

fails_with 1 'cannot read absent' "$transom" tour absent
fails_with 1 'cannot read' "$transom" tour "$room"
! find /tmp -maxdepth 1 -name "transom-tour-*" -newer file | grep . || fail "the tour left something in /tmp"
