#!/usr/bin/env bash
# tests/cli/a_reader_that_leaves_ends_recv.sh - `recv | head -c 10`: no signal, a sentence, and the name is gone.
source "$(dirname "$0")/room.sh"

head -c 20000000 /dev/zero >sent
{
  status=0
  "$transom" recv "unix://$room/channel" 2>err || status=$?
  echo "$status" >status
} | head -c 10 >got &
reader=$!
status=0
"$transom" send "unix://$room/channel" sent 2>said || status=$?
wait "$reader"
[ "$(wc -c <got)" = 10 ]
[ "$(cat status)" = 1 ] || fail "recv ended with $(cat status)"
grep -q 'stdout.*Broken pipe' err || fail "recv says: $(cat err)"
[ "$status" = 1 ] || fail "the sender thinks that all went well"
grep -q "unix://$room/channel" said || fail "send says: $(cat said)"
nothing_left
